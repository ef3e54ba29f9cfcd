/*
 * Whose a file descriptor is: the table of descriptors that the socket wrappers look at first. A
 * descriptor that is not a server's of the protocol costs one load and one compare.
 */
#ifndef LK_WIRE_OWNED_H
#define LK_WIRE_OWNED_H

#include <stdint.h>

#define LK_FDS 262144u /* those above are not followed */

enum lk_fd {
    LK_FD_UNKNOWN = 0, /* nothing was written yet, as far as we know */
    LK_FD_IGNORED = 1, /* not this protocol */
    LK_FD_OWNED = 2,   /* hiredis' own, whose wrappers see what goes through it */
    LK_FD_LOST = 3,    /* a server's, whose stream cannot be followed any more */
    LK_FD_STREAM = 4,  /* and above: a stream's place */
};

/* LK_FDS of enum lk_fd, in wiped memory; NULL: the wire is not followed. */
extern uint32_t *lk_fds __attribute__((visibility("hidden")));

static inline uint32_t lk_fd_get(int fd)
{
    return lk_fds && (unsigned)fd < LK_FDS ? __atomic_load_n(&lk_fds[fd], __ATOMIC_RELAXED)
                                           : LK_FD_IGNORED;
}

/* The descriptor belongs to hiredis from now on. At any depth. */
void lk_wire_disown(int fd);
static inline void lk_wire_not(int fd)
{
    if (__builtin_expect(lk_fd_get(fd) != LK_FD_OWNED, 0))
        lk_wire_disown(fd);
}

#endif
