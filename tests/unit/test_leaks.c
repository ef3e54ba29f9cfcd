/*
 * The leak finders against shapes of known truth: each is simulated with many seeds, with every
 * allocation recorded and sampled. Healthy shapes must never be called a leak; leaks with enough
 * samples must be found, and measured.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <string.h>

#include "common/capture_analysis.h"
#include "common/capture_builder.h"
#include "find/growth.h"
#include "model/heap.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__) /* ten times slower */
#define SEEDS 3
#else
#define SEEDS 20
#endif
#define SECONDS  30.0
#define RATE     100.0 /* requests a second */
#define REQUESTS ((unsigned)(SECONDS * RATE))
#define KIB      1024ull

#define assert_near(a, b, within) assert_true(fabs((double)(a) - (double)(b)) <= (within))

/* ---- A service that allocates ---- */

struct block {
    uint64_t address, size;
};

struct service {
    struct builder *builder;
    GRand *random;
    uint64_t sample_bytes, next_address;
    uint32_t site, startup_site;
    double now;     /* seconds */
    GQueue kept[2]; /* of struct block *: two structures that shapes keep blocks in */
    double leaked_bytes;
};

typedef void shape(struct service *service, unsigned request);

static uint64_t now_ns(const struct service *service)
{
    return (uint64_t)(service->now * 1e9);
}

/* Allocates at the site under test, or at `site`; recorded with the chance that the shim would. */
static struct block *allocate_at(struct service *service, uint32_t site, uint64_t size)
{
    struct block *block = g_new(struct block, 1);
    bool sampled = g_rand_double(service->random) < sample_chance(size, service->sample_bytes);
    service->next_address += 0x100000;
    *block = (struct block){sampled ? service->next_address : 0, size};
    if (sampled)
        builder_alloc(service->builder, now_ns(service), block->address, size, site, 0);
    return block;
}

static struct block *allocate(struct service *service, uint64_t size)
{
    return allocate_at(service, service->site, size);
}

static void release(struct service *service, struct block *block)
{
    if (block->address != 0)
        assert_true(builder_release(service->builder, now_ns(service), block->address));
    g_free(block);
}

static void leak(struct service *service, uint64_t size)
{
    service->leaked_bytes += (double)size;
    g_free(allocate(service, size));
}

static bool chance(struct service *service, double share)
{
    return g_rand_double(service->random) < share;
}

static void keep(struct service *service, uint64_t size)
{
    g_queue_push_tail(&service->kept[0], allocate(service, size));
}

static void release_oldest(struct service *service, unsigned most)
{
    while (service->kept[0].length > most)
        release(service, g_queue_pop_head(&service->kept[0]));
}

/* What every request does beside: allocations that live for as long as it does. */
static void serve(struct service *service, unsigned request)
{
    struct block *body = allocate(service, 64 * KIB), *answer = allocate(service, 16 * KIB);
    (void)request;
    release(service, body);
    release(service, answer);
}

/* ---- Shapes ---- */

static void table_at_startup(struct service *s, unsigned request)
{
    if (request < REQUESTS / 10)
        keep(s, 128 * KIB);
    serve(s, request);
}

static void first_in_first_out(struct service *s, unsigned request)
{
    keep(s, 64 * KIB);
    release_oldest(s, REQUESTS / 4);
    serve(s, request);
}

static void random_replacement(struct service *s, unsigned request)
{
    keep(s, 64 * KIB);
    if (s->kept[0].length > REQUESTS / 10)
        release(s, g_queue_pop_nth(&s->kept[0], (guint)g_rand_int_range(
                                                    s->random, 0, (gint32)s->kept[0].length)));
    serve(s, request);
}

/* The first entries are the popular ones and stay for ever; the others come and go. */
static void cache_with_favourites(struct service *s, unsigned request)
{
    if (request < 200)
        g_queue_push_tail(&s->kept[1], allocate(s, 64 * KIB));
    first_in_first_out(s, request);
}

/* Each of 400 keys is cached when it is first asked for. */
static void bounded_cache(struct service *s, unsigned request)
{
    double distinct = 0.15 * REQUESTS;
    double filled = (double)s->kept[0].length / distinct;
    if (chance(s, 1 - filled))
        keep(s, 256 * KIB);
    serve(s, request);
}

static void pool_to_high_water(struct service *s, unsigned request)
{
    unsigned wanted = 100 + (unsigned)g_rand_int_range(s->random, 0, 100);
    while (s->kept[0].length < wanted)
        keep(s, 256 * KIB);
    serve(s, request);
}

static void refilled_at_once(struct service *s, unsigned request)
{
    if (request % (REQUESTS / 6) == 0) {
        release_oldest(s, 0);
        for (int i = 0; i < 500; i++)
            keep(s, 128 * KIB);
    }
    serve(s, request);
}

static void refilled_bit_by_bit(struct service *s, unsigned request)
{
    if (request % (REQUESTS / 5) == 0)
        release_oldest(s, 0);
    keep(s, 128 * KIB);
    serve(s, request);
}

static void two_long_periods(struct service *s, unsigned request)
{
    if (request == REQUESTS / 2)
        release_oldest(s, 0);
    keep(s, 128 * KIB);
    serve(s, request);
}

static void only_requests(struct service *s, unsigned request)
{
    keep(s, 256 * KIB); /* in flight */
    release_oldest(s, (unsigned)g_rand_int_range(s->random, 5, 60));
    serve(s, request);
}

/* More and more sessions at a time, each soon over. */
static void sessions_under_rising_load(struct service *s, unsigned request)
{
    keep(s, 128 * KIB);
    while (s->kept[0].length > 20 + 300 * request / REQUESTS)
        release(s, g_queue_pop_nth(&s->kept[0], (guint)g_rand_int_range(
                                                    s->random, 0, (gint32)s->kept[0].length)));
    serve(s, request);
}

static void leak_under_rising_load(struct service *s, unsigned request)
{
    if (chance(s, 0.2 * request / REQUESTS))
        leak(s, 128 * KIB);
    sessions_under_rising_load(s, request);
}

static void steady_leak(struct service *s, unsigned request)
{
    if (request % 10 == 0)
        leak(s, 128 * KIB);
    serve(s, request);
}

static void leak_in_a_busy_site(struct service *s, unsigned request)
{
    table_at_startup(s, request);
    only_requests(s, request);
    steady_leak(s, request);
}

static void leak_in_bursts(struct service *s, unsigned request)
{
    if (request % (REQUESTS / 15) < 20)
        leak(s, 128 * KIB);
    serve(s, request);
}

static void leak_beside_a_sawtooth(struct service *s, unsigned request)
{
    refilled_at_once(s, request);
    steady_leak(s, request);
}

static const struct {
    const char *name;
    shape *step;
    double
        lost_most; /* how much of the ring may be lost for the leak to be seen; below 0: healthy */
} shapes[] = {
    {"table at startup", table_at_startup, -1},
    {"first in, first out", first_in_first_out, -1},
    {"random replacement", random_replacement, -1},
    {"cache with favourites", cache_with_favourites, -1},
    {"bounded cache", bounded_cache, -1},
    {"pool to high water", pool_to_high_water, -1},
    {"refilled at once", refilled_at_once, -1},
    {"refilled bit by bit", refilled_bit_by_bit, -1},
    {"two long periods", two_long_periods, -1},
    {"only requests", only_requests, -1},
    {"sessions under rising load", sessions_under_rising_load, -1},
    {"leak under rising load", leak_under_rising_load, 0},
    {"steady leak", steady_leak, 1},
    {"leak in a busy site", leak_in_a_busy_site, 0.6},
    {"leak in bursts", leak_in_bursts, 1},
    {"leak beside a sawtooth", leak_beside_a_sawtooth, 0.6},
};

/* ---- Running a shape ---- */

struct result {
    struct report *report;
    double leaked_bytes;
};

static void free_blocks(GQueue *queue)
{
    g_queue_clear_full(queue, g_free);
}

/* `lost_share` of the run's events is overwritten in the ring: its first part. */
static struct result run_shape(shape *step, guint32 seed, uint64_t sample_bytes, double lost_share)
{
    struct service service = {.builder = builder_new(),
                              .random = g_rand_new_with_seed(seed),
                              .sample_bytes = sample_bytes,
                              .next_address = 0x10000000};
    builder_header(service.builder)->sample_bytes = sample_bytes;
    service.site = builder_site(service.builder, (uint64_t[]){0x401000, 0x402000}, 2);
    for (unsigned request = 0; request < REQUESTS; request++) {
        service.now = (request + g_rand_double(service.random)) / RATE;
        step(&service, request);
    }
    if (lost_share > 0)
        builder_lose(service.builder, lost_share);
    struct result result = {analyse_built(service.builder), service.leaked_bytes};
    builder_free(service.builder);
    g_rand_free(service.random);
    free_blocks(&service.kept[0]);
    free_blocks(&service.kept[1]);
    return result;
}

/* Runs every shape with every seed; prints and counts what went wrong. */
static void try_shapes(uint64_t sample_bytes, double lost_share, double detected_least)
{
    unsigned wrong = 0;
    for (size_t i = 0; i < G_N_ELEMENTS(shapes); i++) {
        unsigned found = 0;
        for (guint32 seed = 1; seed <= SEEDS; seed++) {
            struct result result = run_shape(shapes[i].step, seed, sample_bytes, lost_share);
            found += result.report->leaks->len != 0;
            report_free(result.report);
        }
        bool leaks = shapes[i].lost_most >= 0, must = shapes[i].lost_most >= lost_share;
        bool right = leaks ? !must || found >= detected_least * SEEDS : found == 0;
        if (!right)
            print_error("%s, a sample each %u bytes, %.0f %% lost: %u of %d called a leak\n",
                        shapes[i].name, (unsigned)sample_bytes, 100 * lost_share, found, SEEDS);
        wrong += !right;
    }
    assert_int_equal(wrong, 0);
}

static void shapes_with_every_allocation(void **state)
{
    (void)state;
    try_shapes(1, 0, 1.0);
}

static void shapes_sampled_at_the_default(void **state)
{
    (void)state;
    try_shapes(512 * KIB, 0, 0.95);
}

static void shapes_sampled_finely(void **state)
{
    (void)state;
    try_shapes(64 * KIB, 0, 0.95);
}

static void shapes_in_a_ring_that_wrapped(void **state)
{
    (void)state;
    try_shapes(64 * KIB, 0.6, 0.9);
    try_shapes(64 * KIB, 0.95, 0.9);
}

/* Over the seeds, the interval holds the truth, and the growth is right. */
static void leaks_are_measured(void **state)
{
    (void)state;
    static const uint64_t means[] = {1, 64 * KIB, 512 * KIB};
    for (size_t m = 0; m < G_N_ELEMENTS(means); m++) {
        unsigned covered = 0, found = 0;
        double growth = 0, expected = 0;
        for (guint32 seed = 1; seed <= SEEDS; seed++) {
            struct result result = run_shape(steady_leak, seed, means[m], 0);
            const struct leak_report *leak =
                result.report->leaks->len == 0 ? NULL : g_ptr_array_index(result.report->leaks, 0);
            if (leak != NULL) {
                assert_string_equal(leak->rule, "heap-leak");
                assert_true(leak->confidence_ratio > 0 && leak->confidence_ratio < 1);
                assert_true(leak->growth_interval[0] <= leak->growth_bytes_per_second &&
                            leak->growth_bytes_per_second <= leak->growth_interval[1]);
                covered += leak->live_bytes_interval[0] <= result.leaked_bytes &&
                           result.leaked_bytes <= leak->live_bytes_interval[1];
                growth += leak->growth_bytes_per_second;
                expected += result.leaked_bytes / SECONDS;
                if (means[m] == 1) {
                    assert_true(leak->exact);
                    assert_near(leak->live_bytes, result.leaked_bytes, 0.5);
                }
                found++;
            }
            report_free(result.report);
        }
        assert_true(covered >= 0.85 * found);
        assert_true(fabs(growth / expected - 1) < 0.1);
    }
}

/* ---- Statistics ---- */

static void statistics_agree_with_tables(void **state)
{
    (void)state;
    assert_near(binomial_tail(9, 4, 0.15), 0.033927, 1e-5);
    assert_near(binomial_tail(100, 50, 0.5), 0.539795, 1e-5);
    assert_near(binomial_tail(20, 0, 0.1), 1, 0);
    assert_near(binomial_tail(20, 21, 0.1), 0, 0);
    double x[] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9};
    double line[] = {0, 2, 4, 6, 8, 10, 12, 14, 16, 1000}, interval[2];
    assert_near(theil_sen(x, line, 10, interval), 2, 0);
    assert_true(interval[0] <= 2 && interval[1] >= 2);
    assert_true(isnan(theil_sen(x, line, 1, NULL)));
    assert_near(kendall_trend(line, 10), 1, 0);
    assert_near(kendall_trend((double[]){3, 2, 1}, 3), -1, 0);
    assert_near(expected_windows(5, 7), 7 * (1 - pow(6.0 / 7, 5)), 1e-9);
    struct work_clock clock = {.start_ns = 100, .end_ns = 200};
    assert_near(work_share(&clock, 150), 0.5, 1e-9);
    struct capture_pause pause = {120, 180};
    struct capture paused = {.pauses = g_array_new(FALSE, FALSE, sizeof(pause))};
    g_array_append_val(paused.pauses, pause);
    clock.capture = &paused;
    assert_near(work_share(&clock, 150), 0.5, 1e-9);
    assert_near(work_share(&clock, 190), 0.75, 1e-9);
    assert_int_equal(work_time(&clock, 0.75), 190);
    g_array_free(paused.pauses, TRUE);
    uint64_t ticks[] = {100, 101, 102, 190};
    clock.ticks = ticks;
    clock.count = 4;
    assert_near(work_share(&clock, 150), 0.75, 1e-9);
    assert_int_equal(work_time(&clock, 0.5), 102);
    assert_int_equal(work_time(&clock, 1), 200);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(statistics_agree_with_tables),
        cmocka_unit_test(shapes_with_every_allocation),
        cmocka_unit_test(shapes_sampled_at_the_default),
        cmocka_unit_test(shapes_sampled_finely),
        cmocka_unit_test(shapes_in_a_ring_that_wrapped),
        cmocka_unit_test(leaks_are_measured),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
