/*
 * What the wrappers of hiredis' functions share: hiredis.c has the synchronous ones,
 * hiredis_async.c the asynchronous ones. libvalkey's are the same under other names, so each set is
 * written once (hiredis_sync.h, hiredis_async.h) and included for both.
 *
 * Each wrapper calls the original with what it was given and returns what that returns; traffic.h
 * is told what went through. The guard of thread.h is held only while that is recorded: what the
 * original allocates is the host's.
 */
#ifndef LK_CACHE_HIREDIS_H
#define LK_CACHE_HIREDIS_H

#include "cache/traffic.h"
#include "real.h"
#include "thread.h"

/* LK_REAL_FOUND of a name that is itself made by a macro. */
#define LK_REAL_NAMED(name) LK_REAL_FOUND(name)

enum lk_inner { /* lk_self.cache_seen: what inner calls have recorded, for the outer one */
                LK_SEEN_APPEND = 1u << 0,
                LK_SEEN_REPLY = 1u << 1,
                LK_SEEN_SYNC = 1u << 2, /* an outer call waits for the answer of what is appended */
};

/* The library of an original that is called with this context; NULL: nothing is to be recorded.
 * The second one is for calls whose commands or answers are recorded: who reads sockets leaves the
 * context's alone (wire/owned.h). */
struct lk_library *lk_hiredis_known(const void *original, const void *context);
struct lk_library *lk_hiredis_library(const void *original, const void *context);

/* Between lk_enter and lk_leave, recording or (false: paused) only following; false: neither. */
bool lk_hiredis_enter(struct lk_traffic *traffic);

/* The context has just been connected, or connected again. A call that comes from within the
 * library (`caller`, or a jump at its end) is a part of another connect, or of an asynchronous one,
 * which moves the context to another address afterwards. */
void lk_hiredis_connected(const struct lk_traffic *connected, const void *caller, bool is_new);

/* All that was awaited on the context ends in an error. */
void lk_hiredis_broken(struct lk_library *library, const void *context);

/* An original is about to be called, and has returned (real.h, lk_real_find). */
static inline const void *lk_hiredis_call(const void *original)
{
    const void *outer = lk_self.original;
    lk_self.original = original;
    return outer;
}
static inline void lk_hiredis_called(const void *outer)
{
    lk_self.original = outer;
}

struct lk_append { /* a call that puts commands into the output buffer */
    struct lk_library *library;
    const void *context;
    const void *outer, *outer_context; /* of the wrapper that this one is called within */
    uint64_t outer_before;
};

/* Before and after the original; `result` is 0 when it took the command. A library of NULL records
 * nothing. What was appended is what the buffer has more than before. The original may call the
 * host (an event loop's adapter), which may write the buffer out or free the context: the wrappers
 * of those functions say so by the next two. */
void lk_append_begin(struct lk_append *append, struct lk_library *library, const void *original,
                     const void *context);
void lk_append_end(const struct lk_append *append, int result);
void lk_append_written(struct lk_library *library, const void *context);
void lk_append_lost(const void *context);

#endif
