/*
 * A connection as its bytes go by: a candidate from the first command on, a server's once its first
 * answer proves it (or 128 KiB of commands without a fault, of which the client read no answer
 * yet), and given up when it is neither or cannot be followed any more.
 *
 * Commands are told before they are handed to the system, so that no other thread can read their
 * answer first; what the system then does not take, the host sends again, and it is passed by.
 * Commands and answers may be two threads', so a stream is locked for the moment that it takes to
 * read what went by. Who finds it locked spins, and yields some times; the stream is given up if
 * that does not help (its holder was interrupted by a signal whose handler uses the connection).
 * A stream is only one while its owner says so: a place is used again.
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

/* A new candidate for `owner` (not 0), whose other end `peer` tells; its place, LK_STREAMS: there
 * is no room. At depth 0. */
uint32_t lk_stream_begin(uint64_t owner,
                         size_t (*peer)(const struct lk_traffic *traffic, char *out, size_t room));
uint64_t lk_stream_owner(const void *stream); /* of traffic.context */

/* All of these at depth 0, or the stream is given up; errno is kept. False: it is given up, or
 * another owner's by now. */
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
/* The place is free again. */
void lk_stream_end(uint32_t place, uint64_t owner);

#endif
