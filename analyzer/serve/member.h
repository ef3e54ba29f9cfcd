/* One capture that `serve` watches: its tables, its ring, and what has been measured of it. */
#ifndef LEAKEY_SERVE_MEMBER_H
#define LEAKEY_SERVE_MEMBER_H

#include <sys/types.h>

#include "serve/fleet.h"
#include "watch/follow.h"
#include "watch/recompute.h"
#include "watch/watch.h"

struct member {
    struct watch *watch;
    struct follow *follow;
    struct recompute *recompute;
    struct measure_bounds bounds;
    struct measured *measured; /* NULL: not yet */
    double ended_seconds;      /* by the monotonic clock; NAN: it runs */
    ino_t inode;
    guint scan; /* the fleet's, in which it was seen last */
};

/* NULL: no process writes it, or (*unreadable) it cannot be read as a capture. */
struct member *member_new(const char *path, const struct fleet_options *options, bool *unreadable);
void member_free(struct member *member);

/* Takes what is new in the ring. */
void member_follow(struct member *member);
/* Reads the tables; false: that cannot be done any more. `now` is of the monotonic clock. */
bool member_read(struct member *member, double now);
/* Measures what was read: `index` is the capture's in the model. */
void member_measure(struct member *member, guint index, const struct cache_model *model);

#endif
