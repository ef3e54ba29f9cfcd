/* The heap model: totals, estimates and their intervals, sites merged over captures, the timeline.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <string.h>

#include "common/capture_builder.h"
#include "model/heap.h"

#define assert_near(a, b, within) assert_true(fabs((double)(a) - (double)(b)) <= (within))

static void free_capture(gpointer capture)
{
    capture_free(capture);
}

static GPtrArray *open_all(struct builder *const *builders, size_t count)
{
    GPtrArray *captures = g_ptr_array_new_with_free_func(free_capture);
    for (size_t i = 0; i < count; i++) {
        size_t bytes;
        uint8_t *image = builder_bytes(builders[i], &bytes);
        struct capture *capture = capture_open_memory(image, bytes, "memory", NULL);
        assert_non_null(capture);
        g_ptr_array_add(captures, capture);
        g_free(image);
        builder_free(builders[i]);
    }
    return captures;
}

static struct report *model_of(struct builder *const *builders, size_t count)
{
    struct report *report = report_new();
    struct symbols *symbols = symbols_new(report);
    GPtrArray *captures = open_all(builders, count);
    heap_model(report, symbols, captures);
    symbols_free(symbols);
    g_ptr_array_free(captures, TRUE);
    return report;
}

static const struct site_report *site_at(const struct report *report, guint i)
{
    assert_true(i < report->heap.sites->len);
    return g_ptr_array_index(report->heap.sites, i);
}

static void exact_captures_give_exact_numbers(void **state)
{
    (void)state;
    struct builder *b = builder_new();
    uint32_t small = builder_site(b, (uint64_t[]){0x1000, 0x3000}, 2);
    uint32_t large = builder_site(b, (uint64_t[]){0x2000, 0x3000}, 2);
    builder_site(b, (uint64_t[]){0x4000}, 1); /* of a command: allocates nothing */
    for (unsigned i = 0; i < 100; i++)
        builder_alloc(b, i * BUILDER_MS, 0x10000 + i * 64, 10, small, 0);
    builder_alloc(b, 200 * BUILDER_MS, 0x90000, 5000, large, 0);
    for (unsigned i = 0; i < 60; i++)
        builder_release(b, (300 + i) * BUILDER_MS, 0x10000 + i * 64);
    builder_counts_at(b, small, 0)->temporary_count_q16 = 7 << 16;
    builder_live(b, LK_LIVE_REPLY, 0x7777, 4096, BUILDER_MS, small, 0); /* not heap memory */
    struct report *report = model_of(&b, 1);
    const struct heap_report *heap = &report->heap;
    assert_true(heap->present && heap->exact);
    assert_near(heap->allocated_bytes, 6000, 0);
    assert_near(heap->allocated_count, 101, 0);
    assert_near(heap->freed_bytes, 600, 0);
    assert_near(heap->live_bytes, 5400, 0);
    assert_near(heap->live_count, 41, 0);
    assert_near(heap->peak_live_bytes, 6000, 0);
    assert_near(heap->live_bytes_interval[0], 5400, 0);
    assert_near(heap->live_bytes_interval[1], 5400, 0);
    assert_int_equal(heap->sites->len, 2);
    assert_near(site_at(report, 0)->allocated_bytes, 5000, 0);
    assert_near(site_at(report, 1)->live_bytes, 400, 0);
    assert_near(site_at(report, 1)->live_count, 40, 0);
    assert_near(site_at(report, 1)->temporary_count, 7, 0);
    assert_near(site_at(report, 1)->temporary_bytes, 70, 1e-9);
    assert_ptr_equal(heap_site(report, site_at(report, 1)->id), site_at(report, 1));
    assert_null(heap_site(report, "no such site"));
    report_free(report);
}

static void drops_end_exactness(void **state)
{
    (void)state;
    struct builder *b = builder_new();
    builder_header(b)->dropped[LK_DROP_NO_SPACE] = 1;
    struct report *report = model_of(&b, 1);
    assert_false(report->heap.exact);
    report_free(report);
    b = builder_new();
    builder_header(b)->flags = LK_FLAG_CACHE;
    report = model_of(&b, 1);
    assert_false(report->heap.present);
    report_free(report);
}

/* 95 % intervals hold the truth about that often; estimates are right in the mean. */
static void estimates_hold_what_they_promise(void **state)
{
    (void)state;
    const unsigned runs = 200, blocks = 4000;
    const uint64_t mean = 64 << 10;
    unsigned live_covered = 0, allocated_covered = 0;
    double live = 0, truth_live = 0, count = 0;
    for (guint32 seed = 1; seed <= runs; seed++) {
        struct builder *b = builder_new();
        GRand *random = g_rand_new_with_seed(seed);
        double allocated = 0, kept = 0;
        builder_header(b)->sample_bytes = mean;
        uint32_t site = builder_site(b, (uint64_t[]){0x1000}, 1);
        for (unsigned i = 0; i < blocks; i++) {
            uint64_t size = 1u << g_rand_int_range(random, 5, 17),
                     address = 0x100000 + i * 0x100000ull;
            bool frees = g_rand_boolean(random);
            allocated += (double)size;
            kept += frees ? 0 : (double)size;
            count += frees ? 0 : 1;
            if (g_rand_double(random) >= sample_chance(size, mean))
                continue;
            builder_alloc(b, i * BUILDER_MS, address, size, site, 0);
            if (frees)
                builder_release(b, i * BUILDER_MS + 1, address);
        }
        struct report *report = model_of(&b, 1);
        const struct heap_report *heap = &report->heap;
        assert_false(heap->exact);
        live += heap->live_bytes;
        truth_live += kept;
        count -= heap->live_count;
        live_covered +=
            heap->live_bytes_interval[0] <= kept && kept <= heap->live_bytes_interval[1];
        allocated_covered += heap->allocated_bytes_interval[0] <= allocated &&
                             allocated <= heap->allocated_bytes_interval[1];
        assert_near(site_at(report, 0)->live_bytes, heap->live_bytes, 1e-6 * heap->live_bytes);
        report_free(report);
        g_rand_free(random);
    }
    assert_true(live_covered >= 0.9 * runs && live_covered < runs);
    assert_true(allocated_covered >= 0.9 * runs && allocated_covered < runs);
    assert_near(live / truth_live, 1, 0.01);
    assert_near(count / runs / blocks, 0, 0.05);
}

static struct builder *worker(uint64_t start_seconds, uint64_t slide, unsigned blocks)
{
    struct builder *b = builder_new();
    builder_header(b)->start_realtime_ns += start_seconds * BUILDER_S;
    builder_header(b)->end_ns = 10 * BUILDER_S;
    builder_module(b, "/no/such/service", slide, slide + 0x10000, slide, (const uint8_t *)"abcd",
                   4);
    uint32_t site = builder_site(b, (uint64_t[]){slide + 0x1000, slide + 0x2000}, 2);
    for (unsigned i = 0; i < blocks; i++)
        builder_alloc(b, BUILDER_S, 0x10000 + i * 64ull, 100, site, 0);
    uint64_t bytes = (uint64_t)blocks * 100;
    *builder_bucket(b, 0, 100) = (struct lk_bucket){bytes, bytes, bytes, blocks};
    return b;
}

static void sites_of_all_processes_are_one(void **state)
{
    (void)state;
    struct builder *workers[] = {worker(0, 0x5550000, 3), worker(0, 0x7770000, 5)};
    struct report *report = model_of(workers, 2);
    assert_int_equal(report->heap.sites->len, 1);
    assert_near(site_at(report, 0)->allocated_count, 8, 0);
    assert_near(site_at(report, 0)->live_bytes, 800, 0);
    assert_near(report->heap.peak_live_bytes, 800, 0);
    report_free(report);
}

static double live_at(const struct report *report, double seconds)
{
    double live = NAN;
    for (guint i = 0; i < report->heap.timeline->len; i++) {
        const struct timeline_report *point =
            &g_array_index(report->heap.timeline, struct timeline_report, i);
        if (point->seconds <= seconds)
            live = point->live_bytes;
    }
    return live;
}

/* One process after the other: their memory was never there together. */
static void a_restart_is_not_a_sum(void **state)
{
    (void)state;
    struct builder *workers[] = {worker(0, 0x5550000, 3), worker(20, 0x5550000, 5)};
    struct report *report = model_of(workers, 2);
    assert_near(report->heap.peak_live_bytes, 500, 0);
    assert_true(report->heap.timeline->len > 100 && report->heap.timeline->len <= 500);
    assert_near(live_at(report, 0.5), 0, 0);
    assert_near(live_at(report, 9), 300, 0);
    assert_near(live_at(report, 15), 0, 0);
    assert_near(live_at(report, 29), 500, 0);
    double allocated = 0;
    for (guint i = 0; i < report->heap.timeline->len; i++)
        allocated +=
            g_array_index(report->heap.timeline, struct timeline_report, i).allocated_bytes;
    assert_near(allocated, 800, 0);
    report_free(report);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(exact_captures_give_exact_numbers),
        cmocka_unit_test(drops_end_exactness),
        cmocka_unit_test(estimates_hold_what_they_promise),
        cmocka_unit_test(sites_of_all_processes_are_one),
        cmocka_unit_test(a_restart_is_not_a_sum),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
