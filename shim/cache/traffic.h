/*
 * Commands and answers of a context, as the wrappers see them: recorded, paired, counted. Between
 * lk_enter and lk_leave, or, with `recording` false (paused), between lk_enter_existing and
 * lk_leave: then pairing goes on and nothing is written.
 */
#ifndef LK_CACHE_TRAFFIC_H
#define LK_CACHE_TRAFFIC_H

#include "cache/abi.h"

struct lk_traffic { /* one call of a wrapper */
    struct lk_library *library;
    const void *context;
    bool recording;
    bool sync; /* the call waits for the answer: what is allocated until then belongs to it */
    bool asynchronous; /* the context is: known of one that has just been connected */
};

/* The context has just been connected, or connected again. */
void lk_traffic_connected(const struct lk_traffic *traffic, bool is_new);
/* The context is about to be freed. */
void lk_traffic_closing(const struct lk_traffic *traffic);

/* Commands in bytes[0..count) were put into the output buffer. */
void lk_traffic_issued(const struct lk_traffic *traffic, const char *bytes, size_t count);

/* The reply has come. */
void lk_traffic_answered(const struct lk_traffic *traffic, const void *reply);
/* The connection failed: no more answers will come. */
void lk_traffic_broken(const struct lk_traffic *traffic);
/* It is about to fail, it seems, and the host's callbacks hear of that before we do: what is
 * allocated in them belongs to a command that failed. */
void lk_traffic_failing(const struct lk_traffic *traffic);

#endif
