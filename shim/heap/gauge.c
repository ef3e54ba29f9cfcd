/* Where threads' changes of live memory come together. */
#include "heap/gauge.h"

#include "capture/capture.h"
#include "clock.h"
#include "heap/timeline.h"

#define PLOT_NS 1000000u /* the timeline hears at least so often of a thread that allocates */

static void raise_peak(struct lk_header *header, int64_t live, uint64_t now)
{
    uint64_t peak = __atomic_load_n(&header->peak_live_bytes, __ATOMIC_RELAXED);
    while (live > 0 && (uint64_t)live > peak)
        if (__atomic_compare_exchange_n(&header->peak_live_bytes, &peak, (uint64_t)live, true,
                                        __ATOMIC_RELAXED, __ATOMIC_RELAXED)) {
            __atomic_store_n(&header->peak_ns, now, __ATOMIC_RELAXED);
            __atomic_add_fetch(&header->peak_number, 1, __ATOMIC_RELAXED);
            return;
        }
}

/* At the time of now: an event's own may be from before the thread last waited, and what is live
 * now would then be told as having been live in an earlier bucket. */
static void plot(struct lk_gauge *gauge, int64_t live)
{
    uint64_t now = lk_clock_now();
    lk_timeline_update(now, live > 0 ? (uint64_t)live : 0, gauge->allocated_bytes);
    gauge->allocated_bytes = 0;
    gauge->unplotted = 0;
    gauge->due_ns = now + PLOT_NS;
}

void lk_gauge_flush(struct lk_thread *t, uint64_t now)
{
    struct lk_header *header = lk_capture_header();
    struct lk_gauge *gauge = &t->gauge;
    int64_t live = __atomic_add_fetch(&header->live_bytes, gauge->live_bytes, __ATOMIC_RELAXED);
    __atomic_add_fetch(&header->live_count_q16, gauge->live_count_q16, __ATOMIC_RELAXED);
    raise_peak(header, live, now);
    gauge->unplotted += gauge->live_bytes;
    gauge->live_bytes = 0;
    gauge->live_count_q16 = 0;
    gauge->headroom = (int64_t)__atomic_load_n(&header->peak_live_bytes, __ATOMIC_RELAXED) - live;
    if (gauge->unplotted > LK_GAUGE_STEP || gauge->unplotted < -LK_GAUGE_STEP ||
        now >= gauge->due_ns)
        plot(gauge, live);
}
