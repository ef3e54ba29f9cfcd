/* Windows are closed by whoever counts at a site first in a later one. */
#include "heap/history.h"

#include <stddef.h>

#include "heap/counts.h"
#include "stack/site.h"
#include "sys.h"

#define PER_EXTENT ((LK_GRANULE - sizeof(struct lk_extent)) / sizeof(struct lk_history))
#define EXTENTS    (LK_SITES_MAX / PER_EXTENT + 1)

static struct histories {
    struct lk_extent *extents[EXTENTS];
} * histories;

static struct lk_history *history_at(uint32_t site)
{
    struct histories *all = lk_sys_once_wiped((void **)&histories, sizeof *histories);
    uint64_t first = site - site % PER_EXTENT;
    struct lk_extent *extent = all ? lk_extent_at(&all->extents[site / PER_EXTENT],
                                                  LK_EXTENT_HISTORY, 1, first, PER_EXTENT, 0)
                                   : NULL;
    return extent ? (struct lk_history *)(extent + 1) + (site - first) : NULL;
}

/* The shift at which the time has a window. */
static uint32_t widen(struct lk_header *header, uint64_t time_ns)
{
    uint32_t shift = __atomic_load_n(&header->history_shift, __ATOMIC_RELAXED);
    while ((time_ns / LK_HISTORY_NS(0)) >> shift >= LK_HISTORY_WINDOWS)
        if (__atomic_compare_exchange_n(&header->history_shift, &shift, shift + 1, false,
                                        __ATOMIC_RELAXED, __ATOMIC_RELAXED))
            shift++;
    return shift;
}

static void join_pairs(struct lk_history *history)
{
    for (uint32_t i = 0; i < LK_HISTORY_WINDOWS / 2; i++)
        history->live_bytes[i] = history->live_bytes[2 * i + 1];
    history->last /= 2;
    history->shift++;
}

void lk_history_note(struct lk_counts *counts, uint32_t site, uint64_t time_ns)
{
    struct lk_header *header = lk_capture_header();
    struct lk_history *history = history_at(site);
    uint32_t shift = widen(header, time_ns);
    uint32_t window = (uint32_t)((time_ns / LK_HISTORY_NS(0)) >> shift);
    if (!history || !lk_try_lock(&history->lock))
        return; /* the next one that is counted comes here again */
    while (history->shift < shift)
        join_pairs(history);
    if (history->shift == shift && history->last < window) {
        int64_t live = lk_counts_live(site);
        for (; history->last < window; history->last++)
            history->live_bytes[history->last] = live;
    }
    lk_unlock(&history->lock);
    __atomic_store_n(&counts->window, shift << 24 | window, __ATOMIC_RELAXED);
}
