/*
 * A connection as its bytes go by: a candidate from the first command on, a server's once its first
 * answer proves it, and given up when it is neither or cannot be followed any more.
 *
 * Commands are told before they are handed to the system, so that no other thread can read their
 * answer first; what the system then does not take, the host sends again, and it is passed by.
 * Commands and answers may be two threads', so a stream is locked for the moment that it takes to
 * read what went by. Who finds it locked does not wait: a copy is left as mail, and whoever has the
 * stream reads it. A signal handler that interrupts the shim's own code cannot even do that: then
 * the stream is lost. A stream is only one while its owner says so: a place is used again.
 */
#ifndef LK_WIRE_STREAM_H
#define LK_WIRE_STREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include "cache/traffic.h"

#define LK_STREAMS 4096u

/* Reserves memory; once. False: there is none. */
bool lk_streams_init(void);

struct lk_stream_kind { /* of a stream's owner */
    /* As lk_traffic.peer; the owner is lk_stream_owner(traffic->context). */
    size_t (*peer)(const struct lk_traffic *traffic, char *out, size_t room);
    /* What the owner stands for, to know whether it is still the same; NULL: it always is. */
    uint64_t (*identity)(uint64_t owner);
};

/* A new candidate for `owner` (not 0); its place, LK_STREAMS: there is no room. At depth 0. */
uint32_t lk_stream_begin(uint64_t owner, const struct lk_stream_kind *kind);
uint64_t lk_stream_owner(const void *stream); /* of traffic.context */

/* One has begun above depth 0, where none can be followed: counts it. */
void lk_stream_missed(void);

/* errno is kept by all of these. Above depth 0 the stream is lost. False: it is lost, or another
 * owner's by now: end it. */
/* The host is about to send this. */
bool lk_stream_sending(uint32_t place, uint64_t owner, const struct iovec *parts, size_t count);
/* The system took less of it than all: so many bytes. */
bool lk_stream_sent(uint32_t place, uint64_t owner, const struct iovec *parts, size_t count,
                    size_t accepted);
/* The host was given this; `bytes` in all. */
bool lk_stream_received(uint32_t place, uint64_t owner, const struct iovec *parts, size_t count,
                        size_t bytes);
/* No answers will come any more. */
bool lk_stream_broken(uint32_t place, uint64_t owner);
/* The place is free again; only at depth 0. */
void lk_stream_end(uint32_t place, uint64_t owner);

#endif
