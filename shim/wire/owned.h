/*
 * Sockets whose commands the client library's wrappers see: what passes over them is not read a
 * second time.
 */
#ifndef LK_WIRE_OWNED_H
#define LK_WIRE_OWNED_H

/* Every wrapper that records says so of its context's file descriptor, each time, for it may have
 * been connected anew. -1: the context has none. */
static inline void lk_wire_not(int fd)
{
    (void)fd;
}

#endif
