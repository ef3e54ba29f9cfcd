/*
 * Who counts where. A lane is a set of counters for all sites: a thread that has one to itself adds
 * to it without atomic operations; threads that share one do with. In the capture (struct
 * lk_counts); a reader adds the lanes up.
 */
#ifndef LK_HEAP_COUNTS_H
#define LK_HEAP_COUNTS_H

#include <stdbool.h>
#include <stdint.h>

#include "capture/state.h"
#include "heap/gauge.h"
#include "heap/history.h"
#include "heap/sampling.h"

/* Gives the thread a lane, its own if `own` is wanted and there is one. Takes it back. */
void lk_lane_take(struct lk_thread *t, bool own);
void lk_lane_give(struct lk_thread *t);

/* A lane's counters of a site; NULL: no space. lk_counts_peek: NULL as well where nothing was ever
 * counted. */
struct lk_counts *lk_counts_at(uint32_t lane, uint32_t site);
struct lk_counts *lk_counts_peek(uint32_t lane, uint32_t site);

#define LK_COUNTS_PER_EXTENT \
    ((uint32_t)((LK_GRANULE - sizeof(struct lk_extent)) / sizeof(struct lk_counts)))

/* The thread's counters of a site; NULL: no space. */
static inline struct lk_counts *lk_counts_mine(const struct lk_thread *t, uint32_t site)
{
    struct lk_extent *extent =
        __atomic_load_n(&t->counts[site / LK_COUNTS_PER_EXTENT], __ATOMIC_ACQUIRE);
    if (__builtin_expect(!extent, 0))
        return lk_counts_at(t->lane, site);
    return (struct lk_counts *)(void *)(extent + 1) + site % LK_COUNTS_PER_EXTENT;
}

/* Allocated and not freed at a site, over all lanes. */
int64_t lk_counts_live(uint32_t site);

/* ---- Counting, in the thread's lane ---- */

static inline void lk_count(const struct lk_thread *t, uint64_t *counter, uint64_t n)
{
    if (__builtin_expect(t->lane_shared, 0))
        __atomic_fetch_add(counter, n, __ATOMIC_RELAXED);
    else /* no other writer, but a reader may come at any time */
        __atomic_store_n(counter, *counter + n, __ATOMIC_RELAXED);
}

/* Before anything is counted: what was true at the last peak, and at the end of past windows, is
 * put down. */
static inline void lk_counts_look_back(struct lk_counts *counts, uint32_t site, uint64_t now)
{
    const struct lk_header *header = lk_state_header();
    uint32_t peak = __atomic_load_n(&header->peak_number, __ATOMIC_RELAXED);
    if (__atomic_load_n(&counts->peak_number, __ATOMIC_RELAXED) != peak) {
        int64_t live = (int64_t)(__atomic_load_n(&counts->allocated_bytes, __ATOMIC_RELAXED) -
                                 __atomic_load_n(&counts->freed_bytes, __ATOMIC_RELAXED));
        __atomic_store_n(&counts->peak_bytes, live, __ATOMIC_RELAXED);
        __atomic_store_n(&counts->peak_number, peak, __ATOMIC_RELEASE);
    }
    if (__builtin_expect(__atomic_load_n(&counts->window, __ATOMIC_RELAXED) !=
                             lk_history_window(header, now),
                         0))
        lk_history_note(counts, site, now);
}

static inline void lk_counts_allocated(struct lk_thread *t, struct lk_counts *counts, uint32_t site,
                                       uint64_t bytes, uint64_t count_q16, uint64_t now)
{
    lk_counts_look_back(counts, site, now);
    lk_count(t, &counts->allocated_bytes, bytes);
    lk_count(t, &counts->allocated_count_q16, count_q16);
    lk_gauge_allocated(t, bytes, count_q16, now);
    t->tag_allocated += bytes;
}

static inline void lk_counts_freed(struct lk_thread *t, struct lk_counts *counts, uint32_t site,
                                   uint64_t bytes, uint64_t count_q16, bool temporary, uint64_t now)
{
    lk_counts_look_back(counts, site, now);
    lk_count(t, &counts->freed_bytes, bytes);
    lk_count(t, &counts->freed_count_q16, count_q16);
    if (temporary)
        lk_count(t, &counts->temporary_count_q16, count_q16);
    lk_gauge_freed(t, bytes, count_q16, now);
}

/* What only sampled captures count. */
void lk_counts_sampled(struct lk_thread *t, struct lk_counts *counts, double variance);

#endif
