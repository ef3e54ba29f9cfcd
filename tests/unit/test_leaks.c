/*
 * The leak finders against shapes of known truth: each is simulated with many seeds, with every allocation recorded and
 * sampled. Healthy shapes must never be called a leak; leaks with enough samples must be found, and measured.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <string.h>

#include "common/capture_builder.h"
#include "find/growth.h"
#include "model/heap.h"

#if defined(__SANITIZE_ADDRESS__) /* ten times slower */
#define SEEDS 10
#else
#define SEEDS 50
#endif
#define SECONDS  30.0
#define RATE     100.0 /* requests a second */
#define REQUESTS ((unsigned)(SECONDS * RATE))
#define KIB      1024u

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
    double now; /* seconds */
    GQueue kept[2]; /* of struct block *: two structures that shapes keep blocks in */
    double leaked_bytes;
};

typedef void shape(struct service *service, unsigned request);

static uint64_t now_ns(const struct service *service) {
    return (uint64_t)(service->now * 1e9);
}

/* Allocates at the site under test, or at `site`; recorded with the chance that the shim would. */
static struct block *allocate_at(struct service *service, uint32_t site, uint64_t size) {
    struct block *block = g_new(struct block, 1);
    bool sampled = g_rand_double(service->random) < sample_chance(size, service->sample_bytes);
    service->next_address += 0x100000;
    *block = (struct block){sampled ? service->next_address : 0, size};
    if (sampled)
        builder_alloc(service->builder, now_ns(service), block->address, size, site, 0);
    return block;
}

static struct block *allocate(struct service *service, uint64_t size) {
    return allocate_at(service, service->site, size);
}

static void release(struct service *service, struct block *block) {
    if (block->address != 0)
        assert_true(builder_release(service->builder, now_ns(service), block->address));
    g_free(block);
}

static void leak(struct service *service, uint64_t size) {
    service->leaked_bytes += (double)size;
    g_free(allocate(service, size));
}

static bool chance(struct service *service, double share) {
    return g_rand_double(service->random) < share;
}

static void keep(struct service *service, uint64_t size) {
    g_queue_push_tail(&service->kept[0], allocate(service, size));
}

static void release_oldest(struct service *service, unsigned most) {
    while (service->kept[0].length > most)
        release(service, g_queue_pop_head(&service->kept[0]));
}

/* What every request does beside: allocations that live for as long as it does. */
static void serve(struct service *service, unsigned request) {
    struct block *body = allocate(service, 64 * KIB), *answer = allocate(service, 16 * KIB);
    (void)request;
    release(service, body);
    release(service, answer);
}

/* ---- Shapes ---- */

static void table_at_startup(struct service *s, unsigned request) {
    if (request < REQUESTS / 10)
        keep(s, 128 * KIB);
    serve(s, request);
}

static void first_in_first_out(struct service *s, unsigned request) {
    keep(s, 64 * KIB);
    release_oldest(s, REQUESTS / 4);
    serve(s, request);
}

static void random_replacement(struct service *s, unsigned request) {
    keep(s, 64 * KIB);
    if (s->kept[0].length > REQUESTS / 10)
        release(s, g_queue_pop_nth(&s->kept[0], (guint)g_rand_int_range(s->random, 0, (gint32)s->kept[0].length)));
    serve(s, request);
}

/* The first entries are the popular ones and stay for ever; the others come and go. */
static void cache_with_favourites(struct service *s, unsigned request) {
    if (request < 200)
        g_queue_push_tail(&s->kept[1], allocate(s, 64 * KIB));
    first_in_first_out(s, request);
}

/* Each of 400 keys is cached when it is first asked for. */
static void bounded_cache(struct service *s, unsigned request) {
    double distinct = 0.15 * REQUESTS;
    double filled = (double)s->kept[0].length / distinct;
    if (chance(s, 1 - filled))
        keep(s, 256 * KIB);
    serve(s, request);
}

static void pool_to_high_water(struct service *s, unsigned request) {
    unsigned wanted = 100 + (unsigned)g_rand_int_range(s->random, 0, 100);
    while (s->kept[0].length < wanted)
        keep(s, 256 * KIB);
    serve(s, request);
}

static void refilled_at_once(struct service *s, unsigned request) {
    if (request % (REQUESTS / 6) == 0) {
        release_oldest(s, 0);
        for (int i = 0; i < 500; i++)
            keep(s, 128 * KIB);
    }
    serve(s, request);
}

static void refilled_bit_by_bit(struct service *s, unsigned request) {
    if (request % (REQUESTS / 5) == 0)
        release_oldest(s, 0);
    keep(s, 128 * KIB);
    serve(s, request);
}

static void two_long_periods(struct service *s, unsigned request) {
    if (request == REQUESTS / 2)
        release_oldest(s, 0);
    keep(s, 128 * KIB);
    serve(s, request);
}

static void only_requests(struct service *s, unsigned request) {
    keep(s, 256 * KIB); /* in flight */
    release_oldest(s, (unsigned)g_rand_int_range(s->random, 5, 60));
    serve(s, request);
}

/* More and more sessions at a time, each soon over. */
static void sessions_under_rising_load(struct service *s, unsigned request) {
    keep(s, 128 * KIB);
    while (s->kept[0].length > 20 + 300 * request / REQUESTS)
        release(s, g_queue_pop_nth(&s->kept[0], (guint)g_rand_int_range(s->random, 0, (gint32)s->kept[0].length)));
    serve(s, request);
}

static void leak_under_rising_load(struct service *s, unsigned request) {
    if (chance(s, 0.2 * request / REQUESTS))
        leak(s, 128 * KIB);
    sessions_under_rising_load(s, request);
}

static void steady_leak(struct service *s, unsigned request) {
    if (request % 10 == 0)
        leak(s, 128 * KIB);
    serve(s, request);
}

static void leak_in_a_busy_site(struct service *s, unsigned request) {
    table_at_startup(s, request);
    only_requests(s, request);
    steady_leak(s, request);
}

static void leak_in_bursts(struct service *s, unsigned request) {
    if (request % (REQUESTS / 15) < 20)
        leak(s, 128 * KIB);
    serve(s, request);
}

static void leak_beside_a_sawtooth(struct service *s, unsigned request) {
    refilled_at_once(s, request);
    steady_leak(s, request);
}

static const struct {
    const char *name;
    shape *step;
    double lost_most; /* how much of the ring may be lost for the leak to be seen; below 0: healthy */
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

static struct report *analyse_built(struct builder *builder) {
    size_t size;
    uint8_t *bytes = builder_bytes(builder, &size);
    struct capture *capture = capture_open_memory(bytes, size, "memory", NULL);
    struct report *report = report_new();
    struct symbols *symbols = symbols_new(report);
    GPtrArray *captures = g_ptr_array_new();
    assert_non_null(capture);
    assert_int_equal(capture->damage, 0);
    g_ptr_array_add(captures, capture);
    heap_model(report, symbols, captures);
    find_leaks(report, symbols, captures, NULL);
    symbols_free(symbols);
    g_ptr_array_free(captures, TRUE);
    capture_free(capture);
    g_free(bytes);
    return report;
}

static void free_blocks(GQueue *queue) {
    g_queue_clear_full(queue, g_free);
}

/* `lost_share` of the run's events is overwritten in the ring: its first part. */
static struct result run_shape(shape *step, guint32 seed, uint64_t sample_bytes, double lost_share) {
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
static void try_shapes(uint64_t sample_bytes, double lost_share, double detected_least) {
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

static void shapes_with_every_allocation(void **state) {
    (void)state;
    try_shapes(1, 0, 1.0);
}

static void shapes_sampled_at_the_default(void **state) {
    (void)state;
    try_shapes(512 * KIB, 0, 0.95);
}

static void shapes_sampled_finely(void **state) {
    (void)state;
    try_shapes(64 * KIB, 0, 0.95);
}

static void shapes_in_a_ring_that_wrapped(void **state) {
    (void)state;
    try_shapes(64 * KIB, 0.6, 0.9);
    try_shapes(64 * KIB, 0.95, 0.9);
}

/* Over the seeds, the interval holds the truth, and the growth is right. */
static void leaks_are_measured(void **state) {
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

/* ---- Replies and connections ---- */

/* A cache client: some commands' replies are never freed. */
struct client {
    struct builder *builder;
    GRand *random;
    uint64_t next_reply;
    uint32_t site;
    double now;
    unsigned misses, leaked;
};

static void command(struct client *client, bool hit, bool leaked) {
    uint64_t now = (uint64_t)(client->now * 1e9);
    uint32_t outcome = hit ? LK_OUTCOME_HIT : LK_OUTCOME_MISS;
    builder_command(client->builder,
                    &(struct builder_command){.time_ns = now,
                                              .verb = "GET",
                                              .key = hit ? "llm:1" : "llm:2",
                                              .template_name = "llm:<number>",
                                              .flags = LK_COMMAND_READ,
                                              .outcome = outcome,
                                              .site = client->site});
    client->misses += !hit;
    if (!leaked)
        return;
    client->leaked++;
    client->next_reply += 64;
    builder_live(client->builder, LK_LIVE_REPLY, client->next_reply, 64, now, client->site,
                 LK_TAG(outcome, builder_template(client->builder, "llm:<number>")));
}

typedef bool reply_shape(struct client *client, unsigned i, unsigned commands, bool hit);

static bool every_miss(struct client *client, unsigned i, unsigned commands, bool hit) {
    (void)client, (void)i, (void)commands;
    return !hit;
}

static bool now_and_then(struct client *client, unsigned i, unsigned commands, bool hit) {
    (void)i, (void)commands;
    return !hit && g_rand_double(client->random) < 0.05;
}

static bool never(struct client *client, unsigned i, unsigned commands, bool hit) {
    (void)client, (void)i, (void)commands, (void)hit;
    return false;
}

static bool held_from_startup(struct client *client, unsigned i, unsigned commands, bool hit) {
    (void)client, (void)hit;
    return i < commands / 20;
}

static bool still_in_flight(struct client *client, unsigned i, unsigned commands, bool hit) {
    (void)client, (void)hit;
    return i + 30 > commands;
}

static bool cache_of_replies(struct client *client, unsigned i, unsigned commands, bool hit) {
    (void)client, (void)hit;
    return i + commands / 4 > commands;
}

static bool favourites_and_the_latest(struct client *client, unsigned i, unsigned commands, bool hit) {
    (void)hit;
    return i < commands / 50 || i + commands / 20 > commands || g_rand_double(client->random) < 0.002;
}

static const struct {
    const char *name;
    reply_shape *is_leaked;
    bool leaks;
} reply_shapes[] = {
    {"every miss", every_miss, true},
    {"now and then", now_and_then, true},
    {"never", never, false},
    {"held from startup", held_from_startup, false},
    {"still in flight", still_in_flight, false},
    {"cache of replies", cache_of_replies, false},
    {"favourites and the latest", favourites_and_the_latest, false},
};

/* Idle for the first second; then commands come at an uneven pace. */
static struct report *run_client(reply_shape *is_leaked, guint32 seed, unsigned commands,
                                 double seconds, struct client *client) {
    *client = (struct client){
        .builder = builder_new(), .random = g_rand_new_with_seed(seed), .next_reply = 0x5000, .now = 1};
    client->site = builder_site(client->builder, (uint64_t[]){0x401100, 0x402000}, 2);
    for (unsigned i = 0; i < commands; i++) {
        double pace = i < commands / 2 ? 0.5 : 1.5;
        bool hit = g_rand_double(client->random) < 0.4;
        client->now += pace * seconds / commands;
        command(client, hit, is_leaked(client, i, commands, hit));
    }
    struct report *report = analyse_built(client->builder);
    builder_free(client->builder);
    g_rand_free(client->random);
    return report;
}

static void replies_that_leak_are_found_and_others_not(void **state) {
    (void)state;
    static const struct {
        unsigned commands;
        double seconds;
    } runs[] = {{2000, 20}, {1000, 0.3}, {20000, 600}};
    unsigned wrong = 0;
    for (size_t r = 0; r < G_N_ELEMENTS(runs); r++)
        for (size_t i = 0; i < G_N_ELEMENTS(reply_shapes); i++) {
            unsigned found = 0;
            for (guint32 seed = 1; seed <= SEEDS / 5; seed++) {
                struct client client;
                struct report *report = run_client(reply_shapes[i].is_leaked, seed, runs[r].commands,
                                                   runs[r].seconds, &client);
                found += report->leaks->len != 0;
                report_free(report);
            }
            if (found != (reply_shapes[i].leaks ? SEEDS / 5 : 0)) {
                print_error("%s in %u commands: %u of %d called a leak\n", reply_shapes[i].name,
                            runs[r].commands, found, SEEDS / 5);
                wrong++;
            }
        }
    assert_int_equal(wrong, 0);
}

static void a_reply_for_each_miss_is_counted_exactly(void **state) {
    (void)state;
    struct client client;
    struct report *report = run_client(every_miss, 7, 2000, 20, &client);
    assert_int_equal(report->leaks->len, 1);
    const struct leak_report *leak = g_ptr_array_index(report->leaks, 0);
    assert_string_equal(leak->rule, "reply-leak");
    assert_string_equal(leak->template_name, "llm:<number>");
    assert_string_equal(leak->outcome, "miss");
    assert_true(leak->exact);
    assert_near(leak->live_count, client.misses, 0);
    assert_near(leak->live_bytes_interval[0], client.misses * 64.0, 0);
    assert_near(leak->live_bytes_interval[1], client.misses * 64.0, 0);
    assert_near(leak->count_per_command, 1, 0);
    assert_near(leak->bytes_per_command, 64, 0);
    assert_true(fabs(leak->growth_bytes_per_second / (client.misses * 64.0 / 20) - 1) < 0.3);
    assert_true(leak->confidence_ratio >= 0.99 && leak->confidence_ratio < 1);
    assert_int_equal(report->findings->len, 1);
    const struct finding *finding = g_ptr_array_index(report->findings, 0);
    assert_int_equal(finding->severity, SEVERITY_ERROR);
    assert_string_equal(finding->remedy, "call freeReplyObject on the nil branch too");
    assert_non_null(strstr(finding->message, "leaks one reply per miss of llm:<number>: 1,"));
    assert_ptr_equal(finding->leak, leak);
    assert_int_equal(finding->call_sites->len, 1);
    report_free(report);
}

/* The reply's blocks, allocated within the client library's call, grow too: that is the same leak. */
static void a_reply_leak_is_not_said_twice(void **state) {
    (void)state;
    struct client client = {.builder = builder_new(), .next_reply = 0x5000};
    client.site = builder_site(client.builder, (uint64_t[]){0x401100, 0x402000}, 2);
    uint32_t inside =
        builder_site(client.builder, (uint64_t[]){0x900010, 0x900020, 0x401100, 0x402000}, 4);
    uint32_t elsewhere =
        builder_site(client.builder, (uint64_t[]){0x900010, 0x900020, 0x401200, 0x402000}, 4);
    for (unsigned i = 0; i < 2000; i++) {
        client.now = i / 100.0;
        uint64_t now = (uint64_t)(client.now * 1e9);
        builder_alloc(client.builder, now, 0x1000000 + i * 64, 48, inside, 0);
        if (i % 2 == 0)
            builder_alloc(client.builder, now, 0x2000000 + i * 64, 10, elsewhere, 0);
        command(&client, false, true);
    }
    struct report *report = analyse_built(client.builder);
    builder_free(client.builder);
    assert_int_equal(report->leaks->len, 2);
    const struct leak_report *first = g_ptr_array_index(report->leaks, 0);
    const struct leak_report *second = g_ptr_array_index(report->leaks, 1);
    assert_string_equal(first->rule, "reply-leak");
    assert_string_equal(second->rule, "heap-leak");
    assert_near(second->live_bytes, 10000, 0);
    report_free(report);
}

static void connections_that_are_never_closed(void **state) {
    (void)state;
    for (int leaks = 0; leaks <= 1; leaks++) {
        struct client client = {.builder = builder_new()};
        uint32_t site = builder_site(client.builder, (uint64_t[]){0x401300, 0x402000}, 2);
        for (unsigned i = 0; i < 1000; i++) {
            client.now = 0.1 + i / 50.0;
            command(&client, i % 2 == 0, false);
            if (leaks ? i % 40 == 0 : i < 25) /* one now and then; or a pool at startup */
                builder_live(client.builder, LK_LIVE_CONTEXT, 0x7000 + i * 512, 256,
                             (uint64_t)(client.now * 1e9), site, 0);
        }
        struct report *report = analyse_built(client.builder);
        builder_free(client.builder);
        assert_int_equal(report->leaks->len, leaks);
        if (leaks) {
            const struct leak_report *leak = g_ptr_array_index(report->leaks, 0);
            assert_string_equal(leak->rule, "context-leak");
            assert_near(leak->live_count, 25, 0);
            assert_null(leak->template_name);
            assert_true(isnan(leak->bytes_per_command));
        }
        report_free(report);
    }
}

/* Blocks that are left behind after misses alone are told per miss. */
static void heap_leaks_are_tied_to_outcomes(void **state) {
    (void)state;
    struct client client = {.builder = builder_new()};
    uint32_t site = builder_site(client.builder, (uint64_t[]){0x401400, 0x402000}, 2);
    for (unsigned i = 0; i < 2000; i++) {
        client.now = i / 100.0;
        bool hit = i % 4 != 0;
        command(&client, hit, false);
        if (!hit)
            builder_alloc(client.builder, (uint64_t)(client.now * 1e9), 0x1000000 + i * 4096, 3000,
                          site, LK_TAG(LK_OUTCOME_MISS, 1));
    }
    struct report *report = analyse_built(client.builder);
    builder_free(client.builder);
    assert_int_equal(report->leaks->len, 1);
    const struct leak_report *leak = g_ptr_array_index(report->leaks, 0);
    assert_string_equal(leak->template_name, "llm:<number>");
    assert_string_equal(leak->outcome, "miss");
    assert_near(leak->bytes_per_command, 3000, 0);
    assert_near(leak->count_per_command, 1, 0);
    report_free(report);
}

/* Hostile keys do not act on the terminal. */
static void messages_hold_no_control_characters(void **state) {
    (void)state;
    struct builder *b = builder_new();
    uint32_t site = builder_site(b, (uint64_t[]){0x401100}, 1);
    uint32_t template_id = builder_template(b, "k\x1b[31m\n:<number>");
    builder_template_at(b, template_id)->misses = 500;
    builder_template_at(b, template_id)->last_ns = 20 * BUILDER_S;
    for (unsigned i = 0; i < 500; i++)
        builder_live(b, LK_LIVE_REPLY, 0x5000 + i * 64, 64, i * 40 * BUILDER_MS, site,
                     LK_TAG(LK_OUTCOME_MISS, template_id));
    struct report *report = analyse_built(b);
    builder_free(b);
    assert_int_equal(report->findings->len, 1);
    const struct finding *finding = g_ptr_array_index(report->findings, 0);
    for (const char *at = finding->message; *at != '\0'; at++)
        assert_true((unsigned char)*at >= 0x20);
    report_free(report);
}

/* ---- Statistics ---- */

static void statistics_agree_with_tables(void **state) {
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
    uint64_t ticks[] = {100, 101, 102, 190};
    clock.ticks = ticks;
    clock.count = 4;
    assert_near(work_share(&clock, 150), 0.75, 1e-9);
    assert_int_equal(work_time(&clock, 0.5), 102);
    assert_int_equal(work_time(&clock, 1), 200);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(statistics_agree_with_tables),
        cmocka_unit_test(replies_that_leak_are_found_and_others_not),
        cmocka_unit_test(a_reply_for_each_miss_is_counted_exactly),
        cmocka_unit_test(a_reply_leak_is_not_said_twice),
        cmocka_unit_test(connections_that_are_never_closed),
        cmocka_unit_test(heap_leaks_are_tied_to_outcomes),
        cmocka_unit_test(messages_hold_no_control_characters),
        cmocka_unit_test(shapes_with_every_allocation),
        cmocka_unit_test(shapes_sampled_at_the_default),
        cmocka_unit_test(shapes_sampled_finely),
        cmocka_unit_test(shapes_in_a_ring_that_wrapped),
        cmocka_unit_test(leaks_are_measured),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
