/* Lanes and their extents. */
#include "heap/counts.h"

#include <stddef.h>

#include "stack/site.h"
#include "sys.h"
#include "thread.h"

#define PER_EXTENT LK_COUNTS_PER_EXTENT
#define EXTENTS    (LK_SITES_MAX / PER_EXTENT + 1)

/* For a thread of a process that has no memory for its lanes. */
static struct lk_extent *no_extents[EXTENTS];

static struct lanes {
    uint64_t taken; /* bits of the lanes that a thread has to itself */
    struct lk_extent *extents[LK_LANES][EXTENTS];
} * lanes;

static struct lanes *get_lanes(void)
{
    return lk_sys_once_wiped((void **)&lanes, sizeof *lanes);
}

static void set_lane(struct lk_thread *t, uint32_t lane, bool shared)
{
    struct lanes *all = get_lanes();
    t->lane = lane;
    t->lane_shared = shared;
    t->counts = all ? all->extents[lane] : no_extents;
}

void lk_lane_take(struct lk_thread *t, bool own)
{
    struct lanes *all = own ? get_lanes() : NULL;
    uint64_t taken = all ? __atomic_load_n(&all->taken, __ATOMIC_RELAXED) : 0;
    for (uint32_t lane = LK_SHARED_LANES; all && lane < LK_LANES; lane++) {
        uint64_t bit = (uint64_t)1 << lane;
        if (taken & bit)
            continue;
        taken = __atomic_fetch_or(&all->taken, bit, __ATOMIC_ACQUIRE);
        if (taken & bit)
            continue;
        set_lane(t, lane, false);
        return;
    }
    set_lane(t, t->index % LK_SHARED_LANES, true);
}

void lk_lane_give(struct lk_thread *t)
{
    if (!t->lane_shared && lanes)
        __atomic_fetch_and(&lanes->taken, ~((uint64_t)1 << t->lane), __ATOMIC_RELEASE);
    set_lane(t, t->index % LK_SHARED_LANES, true);
}

struct lk_counts *lk_counts_at(uint32_t lane, uint32_t site)
{
    struct lanes *all = get_lanes();
    uint64_t first = site - site % PER_EXTENT;
    if (!all)
        lk_drop(LK_DROP_NO_STATE);
    struct lk_extent *extent = all ? lk_extent_at(&all->extents[lane][site / PER_EXTENT],
                                                  LK_EXTENT_COUNTS, 1, first, PER_EXTENT, lane)
                                   : NULL;
    return extent ? (struct lk_counts *)(extent + 1) + (site - first) : NULL;
}

struct lk_counts *lk_counts_peek(uint32_t lane, uint32_t site)
{
    struct lk_extent *extent =
        lanes ? __atomic_load_n(&lanes->extents[lane][site / PER_EXTENT], __ATOMIC_ACQUIRE) : NULL;
    return extent ? (struct lk_counts *)(extent + 1) + site % PER_EXTENT : NULL;
}

int64_t lk_counts_live(uint32_t site)
{
    uint64_t live = 0;
    for (uint32_t lane = 0; lane < LK_LANES; lane++) {
        const struct lk_counts *counts = lk_counts_peek(lane, site);
        if (counts)
            live += __atomic_load_n(&counts->allocated_bytes, __ATOMIC_RELAXED) -
                    __atomic_load_n(&counts->freed_bytes, __ATOMIC_RELAXED);
    }
    return (int64_t)live;
}

static void add_shared(double *sum, double more)
{
    double old, wanted;
    __atomic_load(sum, &old, __ATOMIC_RELAXED);
    do
        wanted = old + more;
    while (
        !__atomic_compare_exchange(sum, &old, &wanted, true, __ATOMIC_RELAXED, __ATOMIC_RELAXED));
}

void lk_counts_sampled(struct lk_thread *t, struct lk_counts *counts, double variance)
{
    lk_count(t, &counts->samples, 1);
    if (variance <= 0)
        return;
    if (t->lane_shared) {
        add_shared(&counts->allocated_variance, variance);
    } else {
        double sum = counts->allocated_variance + variance;
        __atomic_store(&counts->allocated_variance, &sum, __ATOMIC_RELAXED);
    }
}
