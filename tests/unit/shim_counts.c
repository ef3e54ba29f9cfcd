/* Counts in lanes, the gauge and its peak, histories: each against a model that looks at every
 * event. */
// links: shim/heap/counts.c shim/heap/gauge.c shim/heap/history.c shim/heap/timeline.c
// links: shim/capture/ring.c
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "clock.h"
#include "common/played_capture.h"
#include "heap/counts.h"
#include "heap/history.h"

#define SITES  600u /* more than an extent of either kind has */
#define ONE    65536u
#define BLOCKS 3000u

static uint64_t told_ns; /* what the clock says */

uint64_t lk_clock_ask(void)
{
    return told_ns;
}

static int begin(void **state)
{
    (void)state;
    told_ns = 0;
    played_begin(1024);
    lk_lane_take(&lk_self, true);
    return 0;
}

static int end(void **state)
{
    (void)state;
    played_end();
    return 0;
}

static void allocate(uint32_t site, uint64_t bytes, uint64_t now)
{
    struct lk_counts *counts = lk_counts_mine(&lk_self, site);
    assert_non_null(counts);
    lk_counts_allocated(&lk_self, counts, site, bytes, ONE, now);
}

static void release(uint32_t site, uint64_t bytes, bool temporary, uint64_t now)
{
    struct lk_counts *counts = lk_counts_mine(&lk_self, site);
    assert_non_null(counts);
    lk_counts_freed(&lk_self, counts, site, bytes, ONE, temporary, now);
}

/* ---- Lanes ---- */

static void lanes_are_one_thread_s_while_there_are_some(void **state)
{
    static struct lk_thread threads[100];
    uint64_t seen = 0;
    (void)state;
    lk_lane_give(&lk_self);
    assert_true(lk_self.lane_shared);
    for (uint32_t i = 0; i < 100; i++) {
        threads[i].index = i;
        lk_lane_take(&threads[i], true);
        assert_int_equal(threads[i].lane_shared, i >= LK_LANES - LK_SHARED_LANES);
        assert_true(threads[i].lane_shared ? threads[i].lane < LK_SHARED_LANES
                                           : threads[i].lane >= LK_SHARED_LANES);
        if (!threads[i].lane_shared)
            assert_false(seen >> threads[i].lane & 1);
        seen |= (uint64_t)1 << threads[i].lane;
    }
    assert_int_equal(seen, UINT64_MAX);
    uint32_t given = threads[7].lane;
    lk_lane_give(&threads[7]);
    lk_lane_give(&threads[99]); /* a shared one is nobody's to give */
    lk_lane_take(&threads[98], true);
    assert_int_equal(threads[98].lane, given);
    lk_lane_take(&threads[7], true);
    assert_true(threads[7].lane_shared);
    lk_lane_take(&threads[1], false);
    assert_true(threads[1].lane_shared);
}

#define THREADS 12u
#define EACH    20000u

static void *count_many(void *index)
{
    lk_lane_take(&lk_self, (uintptr_t)index < THREADS / 3);
    for (uint32_t i = 1; i <= EACH; i++) {
        uint32_t site = i % SITES;
        struct lk_counts *counts = lk_counts_mine(&lk_self, site);
        lk_counts_allocated(&lk_self, counts, site, i, ONE, i);
        lk_counts_sampled(&lk_self, counts, 2);
        if (i % 3)
            lk_counts_freed(&lk_self, counts, site, i - 1, ONE, i % 3 == 1, i);
    }
    lk_gauge_flush(&lk_self, EACH);
    lk_lane_give(&lk_self);
    return NULL;
}

/* Some in lanes of their own, some in shared ones, all at once: nothing is lost. */
static void lanes_add_up(void **state)
{
    uint64_t allocated = 0, count = 0, freed = 0, temporary = 0, samples = 0;
    double variance = 0;
    (void)state;
    lk_lane_give(&lk_self);
    played_run_threads(THREADS, count_many);
    for (uint32_t site = 0; site < SITES; site++)
        for (uint32_t lane = 0; lane < LK_LANES; lane++) {
            const struct lk_counts *counts = lk_counts_peek(lane, site);
            allocated += counts ? counts->allocated_bytes : 0;
            count += counts ? counts->allocated_count_q16 : 0;
            freed += counts ? counts->freed_bytes : 0;
            temporary += counts ? counts->temporary_count_q16 : 0;
            samples += counts ? counts->samples : 0;
            variance += counts ? counts->allocated_variance : 0;
        }
    uint64_t frees = 0;
    for (uint64_t i = 1; i <= EACH; i++)
        frees += i % 3 ? i - 1 : 0;
    assert_int_equal(allocated, THREADS * (uint64_t)EACH * (EACH + 1) / 2);
    assert_int_equal(count, (uint64_t)THREADS * EACH * ONE);
    assert_int_equal(freed, THREADS * frees);
    assert_int_equal(temporary, (uint64_t)THREADS * ((EACH + 2) / 3) * ONE);
    assert_int_equal(samples, THREADS * EACH);
    assert_true(variance > 2.0 * THREADS * EACH - 1 && variance < 2.0 * THREADS * EACH + 1);
    assert_int_equal(lk_capture_header()->live_bytes, allocated - freed);
}

static void a_site_s_extents_say_what_they_are(void **state)
{
    (void)state;
    allocate(SITES - 1, 5, 1);
    const struct lk_counts *counts = lk_counts_peek(lk_self.lane, SITES - 1);
    const struct lk_extent *extent =
        (const void *)((uintptr_t)counts & ~(uintptr_t)(LK_GRANULE - 1));
    assert_int_equal(extent->kind, LK_EXTENT_COUNTS);
    assert_int_equal(extent->thread, lk_self.lane);
    assert_int_equal(extent->first_id % LK_COUNTS_PER_EXTENT, 0);
    assert_ptr_equal((const struct lk_counts *)(const void *)(extent + 1) +
                         (SITES - 1 - extent->first_id),
                     counts);
    assert_null(lk_counts_peek(lk_self.lane, 0));
    assert_null(lk_counts_peek(0, SITES - 1));
    assert_int_equal(lk_counts_live(SITES - 1), 5);
}

/* ---- Peak ---- */

struct block {
    uint64_t bytes;
    uint32_t site;
};

struct model {
    struct block blocks[BLOCKS];
    uint64_t live, peak;
    int64_t site_live[SITES], site_at_peak[SITES];
};

/* Sizes and the share of frees change now and then: ramps up, down and up again. */
static void trace(struct model *m, uint64_t steps, uint64_t step_ns)
{
    uint64_t upwards = 50, largest = 1000, now = 0;
    for (uint64_t i = 0; i < steps; i++) {
        if (i % 2000 == 0) {
            upwards = 10 + played_random() % 80;
            largest = 1 + played_random() % 100000;
        }
        struct block *block = &m->blocks[played_random() % BLOCKS];
        now += step_ns ? played_random() % step_ns : 0;
        if (block->bytes == 0 && played_random() % 100 < upwards) {
            *block = (struct block){1 + played_random() % largest, played_random() % SITES};
            allocate(block->site, block->bytes, now);
            m->live += block->bytes;
            m->site_live[block->site] += (int64_t)block->bytes;
        } else if (block->bytes && played_random() % 100 >= upwards) {
            release(block->site, block->bytes, false, now);
            m->live -= block->bytes;
            m->site_live[block->site] -= (int64_t)block->bytes;
            block->bytes = 0;
        }
        if (m->live <= m->peak)
            continue;
        m->peak = m->live;
        memcpy(m->site_at_peak, m->site_live, sizeof m->site_live);
    }
}

/* What a reader makes of a lane's counts. */
static int64_t peak_of(uint32_t site)
{
    const struct lk_counts *counts = lk_counts_peek(lk_self.lane, site);
    if (!counts)
        return 0;
    return counts->peak_number == lk_capture_header()->peak_number
               ? counts->peak_bytes
               : (int64_t)(counts->allocated_bytes - counts->freed_bytes);
}

static void one_thread_s_peak_is_exact_and_so_is_each_site_s_part(void **state)
{
    struct model *m = calloc(1, sizeof *m);
    (void)state;
    assert_non_null(m);
    for (int round = 0; round < 30; round++) {
        trace(m, 3000, 100000);
        assert_int_equal(lk_capture_header()->peak_live_bytes, m->peak);
        for (uint32_t site = 0; site < SITES; site++)
            assert_int_equal(peak_of(site), m->site_at_peak[site]);
    }
    lk_gauge_flush(&lk_self, UINT64_MAX / 4);
    assert_int_equal(lk_capture_header()->live_bytes, m->live);
    assert_int_equal(lk_capture_header()->peak_live_bytes, m->peak);
    assert_true(m->peak > m->live);
    free(m);
}

#define GAUGED 5u
static uint64_t turn; /* threads take turns, so that the true peak is known */

/* Each has its blocks to itself: all live at once, at the end of the ramp. */
static void *ramp(void *index)
{
    uint64_t held = 0;
    lk_lane_take(&lk_self, true);
    for (int i = 0; i < 4000; i++) {
        uint64_t bytes = 1 + (uint64_t)i * 7919 % 900;
        allocate((uint32_t)(uintptr_t)index, bytes, 5);
        held += bytes;
    }
    __atomic_add_fetch(&turn, 1, __ATOMIC_SEQ_CST);
    while (__atomic_load_n(&turn, __ATOMIC_SEQ_CST) < GAUGED)
        ;
    release((uint32_t)(uintptr_t)index, held, false, 5);
    lk_gauge_flush(&lk_self, 5);
    lk_lane_give(&lk_self);
    return NULL;
}

static void each_further_thread_makes_the_peak_less_certain_by_a_step(void **state)
{
    uint64_t truth = 0;
    (void)state;
    turn = 0;
    for (uint64_t i = 0; i < 4000; i++)
        truth += GAUGED * (1 + i * 7919 % 900);
    played_run_threads(GAUGED, ramp);
    uint64_t peak = lk_capture_header()->peak_live_bytes;
    assert_true(peak <= truth && peak + (GAUGED - 1) * LK_GAUGE_STEP >= truth);
    assert_int_equal(lk_capture_header()->live_bytes, 0);
    assert_int_equal(lk_capture_header()->live_count_q16, (GAUGED * 4000 - GAUGED) * (int64_t)ONE);
}

static void add_bucket(struct lk_extent *extent, void *bytes_at)
{
    const struct lk_bucket *bucket = (const void *)(extent + 1);
    uint64_t *at = bytes_at;
    if (extent->first_id != 0)
        return;
    for (uint32_t i = 0; i < 4; i++)
        at[i] = bucket[i].last_live_bytes;
}

/* A free is told the time from before its thread last waited. What is live then is live now. */
static void the_timeline_goes_by_the_time_of_now(void **state)
{
    uint64_t at[4] = {0};
    (void)state;
    allocate(1, 1 << 20, 1);
    told_ns = 3 * LK_TIMELINE_NS(0);
    release(1, 1 << 19, false, 2);
    played_each(LK_EXTENT_TIMELINE, add_bucket, at);
    assert_int_equal(at[0], 1 << 20);
    assert_int_equal(at[3], 1 << 19);
}

/* ---- Histories ---- */

#define TIMED  7u /* sites */
#define EVENTS 4000u

struct timed {
    uint64_t time_ns;
    uint32_t site;
    int64_t bytes;
};

static int64_t live_before(const struct timed *events, uint32_t site, uint64_t time_ns)
{
    int64_t live = 0;
    for (size_t i = 0; i < EVENTS && events[i].time_ns < time_ns; i++)
        live += events[i].site == site ? events[i].bytes : 0;
    return live;
}

static const struct lk_history *history_of(uint32_t site)
{
    const struct lk_history *histories = NULL;
    uint64_t at = LK_GRANULE;
    for (; at < lk_capture_header()->used_bytes; at += LK_GRANULE) {
        const struct lk_extent *extent = (const void *)(lk_state->base + at);
        if (extent->kind == LK_EXTENT_HISTORY && extent->first_id == 0)
            histories = (const void *)(extent + 1);
    }
    return histories ? &histories[site] : NULL;
}

static void check_history(const struct timed *events, uint32_t site)
{
    const struct lk_history *history = history_of(site);
    assert_true(history->shift <= lk_capture_header()->history_shift);
    assert_true(history->last < LK_HISTORY_WINDOWS);
    assert_int_equal(history->lock, 0);
    for (uint64_t i = 0; i < history->last; i++)
        assert_int_equal(history->live_bytes[i],
                         live_before(events, site, (i + 1) * LK_HISTORY_NS(history->shift)));
    /* and since its last window began, only what that window itself has seen */
    uint64_t begin_ns = (uint64_t)(history->last + 1) * LK_HISTORY_NS(history->shift);
    assert_int_equal(live_before(events, site, begin_ns), lk_counts_live(site));
}

/* Quick at first, then ever slower: runs of a second, of minutes, of days. */
static void histories_are_what_each_event_says(void **state)
{
    static struct timed events[EVENTS];
    (void)state;
    for (unsigned round = 0; round < 12; round++) {
        int64_t live[TIMED] = {0};
        uint64_t now = 0, step = 1000u << 3 * (round % 6);
        played_end();
        played_begin(64);
        lk_lane_take(&lk_self, true);
        for (size_t i = 0; i < EVENTS; i++) {
            uint32_t site = (uint32_t)(played_random() % TIMED);
            bool frees = live[site] && played_random() % 2;
            uint64_t bytes = 1 + played_random() % (frees ? (uint64_t)live[site] : 5000);
            now += played_random() % step << (played_random() % 500 ? 0 : 8);
            events[i] = (struct timed){now, site, frees ? -(int64_t)bytes : (int64_t)bytes};
            live[site] += events[i].bytes;
            if (frees)
                release(site, bytes, false, now);
            else
                allocate(site, bytes, now);
        }
        assert_true(now / LK_HISTORY_NS(lk_capture_header()->history_shift) < LK_HISTORY_WINDOWS);
        for (uint32_t site = 0; site < TIMED && history_of(0); site++)
            check_history(events, site);
        if (now > LK_HISTORY_NS(0))
            assert_non_null(history_of(0));
    }
    assert_true(lk_capture_header()->history_shift > 3);
}

static void *count_in_time(void *index)
{
    lk_lane_take(&lk_self, (uintptr_t)index % 2);
    for (uint64_t i = 1; i <= 20000; i++)
        allocate(3, 1, i * 20000);
    lk_lane_give(&lk_self);
    return NULL;
}

/* Threads at once at one site: what is closed never says less than the window before it. */
static void threads_close_windows_together(void **state)
{
    (void)state;
    played_run_threads(6, count_in_time);
    const struct lk_history *history = history_of(3);
    assert_int_equal(lk_counts_live(3), 120000);
    assert_int_equal(lk_capture_header()->history_shift, 2);
    assert_int_equal(history->last, 400000000 / LK_HISTORY_NS(2));
    for (uint32_t i = 0; i < history->last; i++)
        assert_true(history->live_bytes[i] >= (i ? history->live_bytes[i - 1] : 1) &&
                    history->live_bytes[i] <= 120000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(lanes_are_one_thread_s_while_there_are_some, begin, end),
        cmocka_unit_test_setup_teardown(lanes_add_up, begin, end),
        cmocka_unit_test_setup_teardown(a_site_s_extents_say_what_they_are, begin, end),
        cmocka_unit_test_setup_teardown(one_thread_s_peak_is_exact_and_so_is_each_site_s_part,
                                        begin, end),
        cmocka_unit_test_setup_teardown(each_further_thread_makes_the_peak_less_certain_by_a_step,
                                        begin, end),
        cmocka_unit_test_setup_teardown(the_timeline_goes_by_the_time_of_now, begin, end),
        cmocka_unit_test_setup_teardown(histories_are_what_each_event_says, begin, end),
        cmocka_unit_test_setup_teardown(threads_close_windows_together, begin, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
