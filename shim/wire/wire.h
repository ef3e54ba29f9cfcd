/*
 * The wire: clients that speak to a server of the protocol without a hiredis that we see, at their
 * sockets (sockets.c) and at their TLS connections (tls.c).
 */
#ifndef LK_WIRE_WIRE_H
#define LK_WIRE_WIRE_H

#include <stddef.h>

/* Reserves memory; from lk_init, once, when the cache side is on. */
void lk_wire_init(void);

/* "unix:PATH" or "HOST:PORT" of a socket's other end; 0: unknown. */
size_t lk_wire_peer(int fd, char *out, size_t room);

#endif
