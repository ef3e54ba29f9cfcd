/*
 * The process's live bytes, its peak and the timeline. A thread keeps changes to itself while they
 * are small and can make no new peak as far as it knows, so that threads seldom meet at the same
 * counter: what the header says is right to 32 KiB for each thread.
 */
#ifndef LK_HEAP_GAUGE_H
#define LK_HEAP_GAUGE_H

#include "thread.h"

#define LK_GAUGE_STEP 32768 /* bytes */

/* Adds what the thread has kept to the process's. */
void lk_gauge_flush(struct lk_thread *t, uint64_t now);

static inline void lk_gauge_settle(struct lk_thread *t, uint64_t now)
{
    if (__builtin_expect(t->gauge.live_bytes > t->gauge.headroom ||
                             t->gauge.live_bytes > LK_GAUGE_STEP ||
                             t->gauge.live_bytes < -LK_GAUGE_STEP || now >= t->gauge.due_ns,
                         0))
        lk_gauge_flush(t, now);
}

static inline void lk_gauge_allocated(struct lk_thread *t, uint64_t bytes, uint64_t count_q16,
                                      uint64_t now)
{
    t->gauge.live_bytes += (int64_t)bytes;
    t->gauge.live_count_q16 += (int64_t)count_q16;
    t->gauge.allocated_bytes += bytes;
    lk_gauge_settle(t, now);
}

static inline void lk_gauge_freed(struct lk_thread *t, uint64_t bytes, uint64_t count_q16,
                                  uint64_t now)
{
    t->gauge.live_bytes -= (int64_t)bytes;
    t->gauge.live_count_q16 -= (int64_t)count_q16;
    lk_gauge_settle(t, now);
}

#endif
