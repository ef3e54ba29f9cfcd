/* The rules about traffic and entries: for each, a service with the fault and a near twin that is
 * healthy, both small simulations that count their own truth. A new one is a function and a row. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <math.h>
#include <string.h>

#include "common/cache_script.h"
#include "common/simulated_service.h"

#define KEYS_MOST 16384

struct entry {
    bool there;
    double expires_ms; /* INFINITY never */
};

struct world { /* a service, its cache, and what is true of it */
    struct builder *builder;
    double ms;         /* now */
    double ttl_ms;     /* of writes; 0 none */
    double compute_ms; /* from a miss's answer to the write */
    double hit_ms;     /* a hit takes */
    uint64_t value_bytes, random;
    struct entry entries[KEYS_MOST];
    double truth; /* what the rule's first metric must be */
};

static void command(struct world *world, const char *verb, unsigned key, uint16_t flags,
                    enum lk_outcome outcome, uint32_t connection, double takes_ms)
{
    char name[32];

    g_snprintf(name, sizeof(name), "k:%u", key);
    builder_thread(world->builder, connection);
    builder_command(
        world->builder,
        &(struct builder_command){.time_ns = (uint64_t)(world->ms * 1e6),
                                  .reply_ns = (uint64_t)((world->ms + takes_ms) * 1e6),
                                  .verb = verb,
                                  .key = name,
                                  .template_name = "k:<number>",
                                  .value_bytes = world->value_bytes,
                                  .flags = flags,
                                  .connection = connection,
                                  .ttl_ms = flags & LK_COMMAND_WRITE ? (int64_t)world->ttl_ms : 0,
                                  .outcome = outcome});
    world->ms += takes_ms;
}

static void store(struct world *world, unsigned key)
{
    command(world, "SET", key, LK_COMMAND_WRITE, LK_OUTCOME_WRITE, 1, 0.1);
    world->entries[key].there = true;
    world->entries[key].expires_ms = world->ttl_ms > 0 ? world->ms + world->ttl_ms : INFINITY;
}

static bool there(const struct world *world, unsigned key)
{
    return world->entries[key].there && world->entries[key].expires_ms > world->ms;
}

/* A read; a miss is computed and stored. */
static bool ask(struct world *world, unsigned key)
{
    bool hit = there(world, key);

    command(world, "GET", key, LK_COMMAND_READ, hit ? LK_OUTCOME_HIT : LK_OUTCOME_MISS, 1,
            hit ? world->hit_ms : 0.1);
    if (!hit) {
        world->ms += world->compute_ms;
        store(world, key);
    }
    return hit;
}

static unsigned below(struct world *world, unsigned limit)
{
    return random_below(&world->random, limit);
}

/* Small numbers much more often. */
static unsigned popular(struct world *world, unsigned limit)
{
    double u = (double)below(world, 1u << 20) / (1u << 20);

    return (unsigned)(limit * u * u * u);
}

/* ---- unbounded-cardinality ---- */

static void new_key_each_time(struct world *world)
{
    world->ttl_ms = 60000;
    for (unsigned i = 0; i < 600; i++)
        ask(world, i);
    world->truth = 600;
}

static void long_tail(struct world *world)
{
    world->ttl_ms = 60000;
    for (unsigned i = 0; i < 3000; i++)
        ask(world, popular(world, 2000));
}

static void new_in_the_beginning(struct world *world)
{
    world->ttl_ms = 60000;
    for (unsigned i = 0; i < 600; i++)
        ask(world, i < 300 ? i : below(world, 300));
}

/* ---- never-read ---- */

static void written_alone(struct world *world)
{
    for (unsigned i = 0; i < 400; i++) {
        world->ms += 10;
        store(world, i);
    }
    world->truth = 200; /* those of the later half may still be read */
}

static void written_ahead(struct world *world)
{
    for (unsigned i = 0; i < 400; i++) {
        world->ms += 10;
        store(world, i);
        if (i >= 100)
            ask(world, i - 100);
    }
}

static void one_hit_wonders(struct world *world)
{
    world->ttl_ms = 60000;
    for (unsigned i = 0; i < 2000; i++)
        ask(world, i % 2 ? 10 + i / 2 : i % 10);
}

/* ---- missing-ttl ---- */

static void sessions_for_ever(struct world *world)
{
    for (unsigned session = 0; session < 500; session++)
        for (unsigned i = 0; i < 6; i++)
            ask(world, session);
    world->truth = 500;
}

static void sessions_that_expire(struct world *world)
{
    world->ttl_ms = 1000;
    sessions_for_ever(world);
}

static void bounded_without_ttl(struct world *world)
{
    for (unsigned i = 0; i < 4000; i++)
        ask(world, below(world, 500));
}

static void filling_without_ttl(struct world *world)
{
    for (unsigned i = 0; i < 1000; i++)
        ask(world, below(world, 4000));
}

/* ---- short-ttl ---- */

/* Each key is asked for again 5 s after it was stored. */
static void round_and_round(struct world *world)
{
    for (unsigned round = 0; round < 6; round++) {
        for (unsigned key = 0; key < 50; key++) {
            ask(world, key);
            world->ms += 100 - 6;
        }
    }
}

static void expires_before_reuse(struct world *world)
{
    world->ttl_ms = 2000;
    round_and_round(world);
    world->truth = 250; /* all but the last round's */
}

static void expires_after_reuse(struct world *world)
{
    world->ttl_ms = 20000;
    round_and_round(world);
}

static void expires_after_many_reads(struct world *world)
{
    world->ttl_ms = 2000;
    for (unsigned i = 0; i < 4000; i++) {
        ask(world, below(world, 40));
        world->ms += 5;
    }
}

/* ---- evicted-early ---- */

static void run_with_evictions(struct world *world, unsigned one_in)
{
    for (unsigned key = 0; key < 100; key++)
        ask(world, key);
    for (unsigned i = 0; i < 2000; i++) {
        unsigned key = below(world, 100);

        if (one_in && i % one_in == 0) {
            world->truth += there(world, key);
            world->entries[key].there = false;
        }
        ask(world, key);
    }
}

static void evicts(struct world *world)
{
    world->ttl_ms = 600000;
    run_with_evictions(world, 10);
}

static void evicts_seldom(struct world *world)
{
    world->ttl_ms = 600000;
    run_with_evictions(world, 200);
}

/* ---- stampede ---- */

static void crowd(struct world *world, unsigned key, uint32_t size)
{
    for (uint32_t connection = 1; connection <= size; connection++)
        command(world, "GET", key, LK_COMMAND_READ, LK_OUTCOME_MISS, connection, 0.1);
    world->ms += world->compute_ms;
    store(world, key);
    for (unsigned i = 0; i < 40; i++)
        ask(world, key);
}

static void crowds(struct world *world)
{
    world->ttl_ms = 600000;
    for (unsigned key = 0; key < 10; key++)
        crowd(world, key, 8);
    world->truth = 70;
}

static void pairs_now_and_then(struct world *world)
{
    world->ttl_ms = 600000;
    for (unsigned key = 0; key < 200; key++)
        crowd(world, key, key % 25 == 0 ? 2 : 1);
}

/* ---- oversized-value, not-worth-caching ---- */

static void read_often(struct world *world)
{
    world->ttl_ms = 600000;
    for (unsigned i = 0; i < 1000; i++)
        ask(world, below(world, 50));
}

static void slow_to_read(struct world *world)
{
    world->value_bytes = 4 << 20;
    world->hit_ms = 9;
    world->compute_ms = 2;
    read_often(world);
    world->truth = 0.009;
}

static void large_but_costly(struct world *world)
{
    world->value_bytes = 4 << 20;
    world->hit_ms = 9;
    world->compute_ms = 500;
    read_often(world);
}

static void quick_to_compute(struct world *world)
{
    world->hit_ms = 4;
    world->compute_ms = 0.05;
    read_often(world);
    world->truth = 0.004;
}

static void worth_it(struct world *world)
{
    world->hit_ms = 0.4;
    world->compute_ms = 5;
    read_often(world);
}

/* ---- */

static const struct row {
    const char *name;
    void (*run)(struct world *world);
    const char *rule;   /* that speaks; others may note. NULL: healthy, and nothing is said */
    const char *metric; /* that must be the truth */
} rows[] = {
    {"a new key each time", new_key_each_time, "unbounded-cardinality", "distinct_keys_count"},
    {"a long tail", long_tail, NULL, NULL},
    {"new keys in the beginning", new_in_the_beginning, NULL, NULL},
    {"written and not read", written_alone, "never-read", "never_read_keys_count"},
    {"written ahead of its reads", written_ahead, NULL, NULL},
    {"one-hit wonders beside popular keys", one_hit_wonders, NULL, NULL},
    {"sessions for ever", sessions_for_ever, "missing-ttl", "lasting_entries_count"},
    {"sessions that expire", sessions_that_expire, NULL, NULL},
    {"no TTL, but bounded", bounded_without_ttl, NULL, NULL},
    {"no TTL, and still filling", filling_without_ttl, NULL, NULL},
    {"expires before its reuse", expires_before_reuse, "short-ttl", "expired_before_reuse_count"},
    {"expires after its reuse", expires_after_reuse, NULL, NULL},
    {"expires after many reads", expires_after_many_reads, NULL, NULL},
    {"evicted", evicts, "evicted-early", "evicted_miss_count"},
    {"evicted seldom", evicts_seldom, NULL, NULL},
    {"crowds", crowds, "stampede", "concurrent_miss_count"},
    {"pairs now and then", pairs_now_and_then, NULL, NULL},
    {"slow to read", slow_to_read, "oversized-value", "hit_seconds"},
    {"large, but costly to compute", large_but_costly, NULL, NULL},
    {"quick to compute", quick_to_compute, "not-worth-caching", "hit_seconds"},
    {"worth it", worth_it, NULL, NULL},
};

static double metric_named(const struct finding *finding, const char *name)
{
    for (guint i = 0; i < finding->metrics->len; i++) {
        const struct metric *metric = &g_array_index(finding->metrics, struct metric, i);

        if (strcmp(metric->name, name) == 0)
            return metric->value;
    }
    fail_msg("no metric %s", name);
    return NAN;
}

static void check_finding(const struct row *row, const struct world *world,
                          const struct finding *finding)
{
    assert_string_equal(finding->rule, row->rule);
    assert_string_equal(finding->template_name, "k:<number>");
    assert_non_null(strstr(finding->message, "k:<number>"));
    assert_true(strlen(finding->remedy) > 20);
    assert_true(fabs(metric_named(finding, row->metric) - world->truth) < 1e-6);
}

static void check_row(void **state)
{
    const struct row *row = *state;
    struct world *world = g_new0(struct world, 1);
    struct script script = {0};
    unsigned warned = 0;

    *world = (struct world){.builder = builder_new(),
                            .ms = 1,
                            .compute_ms = 5,
                            .hit_ms = 0.1,
                            .value_bytes = 2048,
                            .random = 7};
    row->run(world);
    script_save(&script, world->builder);
    script_analyse(&script);
    for (guint i = 0; i < script.report->findings->len; i++) {
        const struct finding *finding = g_ptr_array_index(script.report->findings, i);

        if (!row->rule)
            fail_msg("%s: %s", finding->rule, finding->message);
        if (finding->severity == SEVERITY_NOTE && g_strcmp0(finding->rule, row->rule) != 0)
            continue;
        check_finding(row, world, finding);
        warned++;
    }
    assert_int_equal(warned, row->rule ? 1 : 0);
    script_clear(&script);
    g_free(world);
}

/* The suggested TTL gives the hit ratio that it is said to. */
static void predicts_a_longer_ttl(void **state)
{
    struct world *world = g_new0(struct world, 1);
    struct script script = {0};
    const struct finding *finding;

    (void)state;
    *world = (struct world){.builder = builder_new(), .ms = 1, .compute_ms = 5, .hit_ms = 0.1};
    expires_before_reuse(world);
    script_save(&script, world->builder);
    script_analyse(&script);
    finding = g_ptr_array_index(script.report->findings, 0);
    assert_string_equal(finding->rule, "short-ttl");
    assert_true(fabs(metric_named(finding, "ttl_seconds") - 2) < 1e-6);
    assert_in_range((unsigned)(metric_named(finding, "suggested_ttl_seconds") * 10), 49, 55);
    /* An entry then lives to its first reuse, and not to the second: every other round hits. */
    assert_true(fabs(finding->predicted->hit_ratio - 0.5) < 0.001);
    script_clear(&script);
    g_free(world);
}

/* What is a note in a run of hundreds of requests is a warning where it goes on. */
static void warns_where_much_is_lost(void **state)
{
    static const struct {
        const char *rule;
        enum severity severity;
    } expected[] = {{"unbounded-cardinality", SEVERITY_WARNING},
                    {"never-read", SEVERITY_NOTE}, /* as it follows */
                    {"missing-ttl", SEVERITY_WARNING}};
    struct world *world = g_new0(struct world, 1);
    struct script script = {0};

    (void)state;
    *world = (struct world){.builder = builder_new(), .ms = 1, .value_bytes = 2048};
    for (unsigned i = 0; i < 12000; i++)
        ask(world, i);
    script_save(&script, world->builder);
    script_analyse(&script);
    assert_int_equal(script.report->findings->len, G_N_ELEMENTS(expected));
    for (size_t i = 0; i < G_N_ELEMENTS(expected); i++) {
        const struct finding *finding = g_ptr_array_index(script.report->findings, i);

        assert_string_equal(finding->rule, expected[i].rule);
        assert_int_equal(finding->severity, expected[i].severity);
    }
    script_clear(&script);
    g_free(world);
}

int main(void)
{
    struct CMUnitTest tests[G_N_ELEMENTS(rows) + 2];

    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++)
        tests[i] =
            (struct CMUnitTest){rows[i].name, check_row, NULL, NULL, (void *)(uintptr_t)&rows[i]};
    tests[G_N_ELEMENTS(rows)] =
        (struct CMUnitTest){"a longer TTL", predicts_a_longer_ttl, NULL, NULL, NULL};
    tests[G_N_ELEMENTS(rows) + 1] =
        (struct CMUnitTest){"a warning", warns_where_much_is_lost, NULL, NULL, NULL};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
