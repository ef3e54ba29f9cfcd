/*
 * Commands and answers of a connection, as the wrappers see them: recorded, paired, counted.
 * Whoever reads the answers (hiredis' replies, the wire) gives them value by value. Between
 * lk_enter and lk_leave, or, with `recording` false (paused), between lk_enter_existing and
 * lk_leave: then pairing goes on and nothing is written.
 */
#ifndef LK_CACHE_TRAFFIC_H
#define LK_CACHE_TRAFFIC_H

#include "cache/seen.h"

struct lk_connection;

struct lk_traffic {             /* one call of a wrapper */
    const void *context;        /* what the connection is known by: an address that is its own */
    struct lk_library *library; /* hiredis: the context's; NULL: the wire */
    /* "unix:PATH" or "HOST:PORT" of the other end, at most `room` bytes of it; 0: unknown. */
    size_t (*peer)(const struct lk_traffic *traffic, char *out, size_t room);
    uint64_t issued_ns; /* of commands that were issued before they are told; 0: now */
    bool recording;
    bool elsewhere; /* another thread's: this one's stack and allocations have nothing to do with it
                     */
    bool sync;      /* the call waits for the answer: what is allocated until then belongs to it */
    bool asynchronous; /* the context is: known of one that has just been connected */
};

/* The context has just been connected, or connected again. */
void lk_traffic_connected(const struct lk_traffic *traffic);
/* The context is about to be freed. */
void lk_traffic_closing(const struct lk_traffic *traffic);

/* Commands in bytes[0..count) are about to be sent. */
void lk_traffic_issued(const struct lk_traffic *traffic, const char *bytes, size_t count);
/* The connection failed: no more answers will come. */
void lk_traffic_broken(const struct lk_traffic *traffic);
/* It is about to fail, it seems, and the host's callbacks hear of that before we do: what is
 * allocated in them belongs to a command that failed. */
void lk_traffic_failing(const struct lk_traffic *traffic);

struct lk_settling { /* what answers settle, one after the other */
    const struct lk_traffic *traffic;
    struct lk_connection *connection;
    uint64_t time_ns;
    enum lk_outcome forced;  /* whatever the answer says; NONE: by the answer */
    uint16_t forced_flags;   /* enum lk_reply_flag, with it */
    bool any;                /* it settled a recorded key: */
    uint64_t sequence;       /* of the latest one, */
    uint32_t template_id;    /* of the first one, */
    enum lk_outcome outcome; /* and of all keys' outcomes the one that says most */
};

/* False: the connection cannot be had, and is not held. */
bool lk_answer_open(struct lk_settling *answer, const struct lk_traffic *traffic);
/* The next value of an answer, at that depth (0: the answer itself). True: what lies in it matters;
 * it may be left out otherwise. */
bool lk_answer_value(struct lk_settling *answer, uint32_t depth, const struct lk_value *value);
/* The answer that the latest value of depth 0 began is complete. */
void lk_answer_end(struct lk_settling *answer);
/* There is an answer that cannot be read. */
void lk_answer_opaque(struct lk_settling *answer);
void lk_answer_close(struct lk_settling *answer);

#endif
