/* The timeline's levels: each event goes to the finest one that still covers its time. */
#include "heap/timeline.h"

#include "capture/state.h"
#include "sys.h"

#define LEVEL_GRANULES 2u
static_assert(sizeof(struct lk_extent) + LK_TIMELINE_BUCKETS * sizeof(struct lk_bucket) <=
                  LEVEL_GRANULES * LK_GRANULE,
              "a level fits its extent");

static struct timeline {
    struct lk_extent *levels[LK_TIMELINE_LEVELS];
} * timeline;

static struct lk_extent *get_level(uint32_t level)
{
    struct timeline *all = lk_sys_once_wiped((void **)&timeline, sizeof *all);
    return all ? lk_extent_at(&all->levels[level], LK_EXTENT_TIMELINE, LEVEL_GRANULES, level,
                              LK_TIMELINE_BUCKETS, 0)
               : NULL;
}

void lk_timeline_update(uint64_t time_ns, uint64_t live_bytes, uint64_t allocated_bytes)
{
    uint32_t level = 0;
    while (time_ns / LK_TIMELINE_NS(level) >= LK_TIMELINE_BUCKETS)
        if (++level == LK_TIMELINE_LEVELS)
            return;
    struct lk_extent *extent = get_level(level);
    if (!extent)
        return;
    struct lk_bucket *bucket = (struct lk_bucket *)(extent + 1) + time_ns / LK_TIMELINE_NS(level);
    uint64_t most = __atomic_load_n(&bucket->max_live_bytes, __ATOMIC_RELAXED);
    while (most < live_bytes &&
           !__atomic_compare_exchange_n(&bucket->max_live_bytes, &most, live_bytes, true,
                                        __ATOMIC_RELAXED, __ATOMIC_RELAXED))
        ;
    __atomic_store_n(&bucket->last_live_bytes, live_bytes, __ATOMIC_RELAXED);
    if (allocated_bytes)
        lk_add(&bucket->allocated_bytes, allocated_bytes);
    lk_add(&bucket->updates, 1);
}
