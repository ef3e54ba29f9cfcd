/*
 * The connections of this process: what a context is to us. Bounded, and without a lock that is
 * waited for: a context is one thread's at a time, so a connection that is busy is a host's
 * mistake, and what it does then is dropped and counted. The table lies in wiped memory: a child by
 * fork registers at first sight what it goes on using.
 */
#ifndef LK_CACHE_CONNECTION_H
#define LK_CACHE_CONNECTION_H

#include <stdbool.h>
#include <stdint.h>

#include "cache/pending.h"
#include "cache/traffic.h"

#define LK_CONNECTIONS_MAX 4096u
#define LK_ANNOUNCE_EVERY  1024u

struct lk_answering {  /* an answer of which not all may have come yet: answer.c */
    uint64_t sequence; /* of the command that it answers */
    struct lk_seen seen;
    struct lk_value top; /* of what may be a message: itself */
    uint8_t mode;
    bool none_left; /* no subscription is */
};

enum lk_streaming {
    LK_STREAMING_NOW = 1u << 0,  /* subscribed, as RESP2 has it, or MONITOR */
    LK_STREAMING_ONCE = 1u << 1, /* was subscribed before: confirmations may still come */
};

struct lk_connection {
    uint64_t context;       /* its address; 0: never used, 1: given up */
    uint64_t next_sequence; /* of commands */
    uint64_t announce_next; /* from this sequence on its CONNECT is due (again) */
    uint32_t lock;
    uint32_t id;             /* from 1, in order of first sight */
    uint32_t database;       /* as selected by the commands issued */
    uint32_t database_kept;  /* as it was when the transaction began */
    uint32_t unnoted;        /* commands after the pending ones for which there was no room */
    uint8_t announced;       /* its CONNECT is written */
    uint8_t streaming;       /* enum lk_streaming: not all that comes answers a command */
    uint8_t muted;           /* CLIENT REPLY OFF: no answers come */
    uint8_t mute_next;       /* CLIENT REPLY SKIP */
    uint8_t in_transaction;  /* after MULTI, before EXEC and DISCARD, as issued */
    struct lk_queue pending; /* issued, in order */
    struct lk_queue queued;  /* answered with QUEUED; EXEC settles them */
    struct lk_answering answering;
} __attribute__((aligned(64)));

/* Reserves memory; once. */
void lk_connections_init(void);

/* The context's connection, registered if it was not known, and held; NULL: no room or busy
 * (counted). */
struct lk_connection *lk_connection_hold(const void *context);
/* The same as a connection that has just begun, with a new id. */
struct lk_connection *lk_connection_begin(const void *context);
void lk_connection_let_go(struct lk_connection *connection);

/* The context is about to be freed. Its id, 0: it was not known or never announced. */
uint32_t lk_connection_end(const void *context);

/* Writes its CONNECT record when it is due: at first, and every LK_ANNOUNCE_EVERY commands, for the
 * ring forgets. */
void lk_connection_announce(struct lk_connection *connection, const struct lk_traffic *traffic,
                            uint64_t time_ns);

#endif
