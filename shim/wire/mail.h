/*
 * What a thread leaves to another one that is busy with the same stream: pieces of what went by, in
 * order. Any thread posts, whoever has the stream takes all. No lock; a piece is copied.
 */
#ifndef LK_WIRE_MAIL_H
#define LK_WIRE_MAIL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

struct lk_mail {
    struct lk_mail *next;
    uint64_t owner;   /* of the stream */
    uint64_t time_ns; /* when it was posted, by the system's clock */
    uint64_t number;  /* the poster's, as is the kind */
    uint32_t kind;
    uint32_t count; /* bytes in `bytes` */
    char bytes[];
};

/* `mail` tells all but next and time_ns. False: there is no room. */
bool lk_mail_post(struct lk_mail **box, const struct lk_mail *mail, const struct iovec *parts,
                  size_t count);
static inline bool lk_mail_waits(struct lk_mail *const *box)
{
    return __atomic_load_n(box, __ATOMIC_ACQUIRE) != NULL;
}
/* All of it, the oldest first; each is given back. */
struct lk_mail *lk_mail_take(struct lk_mail **box);
/* The next one; `mail` is given back. */
struct lk_mail *lk_mail_next(struct lk_mail *mail);

#endif
