/* The cache model: several processes, servers and databases, and the numbers of the report. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <math.h>
#include <string.h>

#include "common/cache_script.h"

/* ---- Several captures, servers, databases ---- */

/* One process writes, the other reads: the key is the same, and its life is one. */
static void test_two_processes(void **state)
{
    struct script script = {0};
    struct builder *writer = builder_new(), *reader = builder_new();

    (void)state;
    builder_header(reader)->start_monotonic_ns =
        builder_header(writer)->start_monotonic_ns + 1000000000;
    builder_header(reader)->start_realtime_ns =
        builder_header(writer)->start_realtime_ns + 7; /* the clock was set back */
    script_set(writer, 100, "k:1", 2000);
    script_hit(reader, 500, "k:1");   /* at 1.5 s */
    script_miss(reader, 1500, "k:1"); /* at 2.5 s */
    script_miss(reader, 1600, "k:2");
    script_save(&script, reader);
    script_save(&script, writer);
    script_analyse(&script);
    assert_int_equal(script.report->cache.causes.expired, 1);
    assert_int_equal(script.report->cache.causes.first_seen, 1);
    assert_int_equal(script.report->cache.templates->len, 1);
    assert_true(script.report->cache.distinct_keys == 2);
    script_clear(&script);
}

static void test_databases_and_servers(void **state)
{
    struct script script = {0};
    struct builder *b = builder_new();

    (void)state;
    builder_connect(b, 0, 1, "unix:/run/a.sock");
    builder_connect(b, 0, 2, "unix:/run/b.sock");
    script_set_on(b, 1, 1, "k:1", 0.1);
    script_miss_on(b, 2, 2, "k:1");
    builder_command(b, &(struct builder_command){.time_ns = 3 * BUILDER_MS,
                                                 .verb = "GET",
                                                 .key = "k:1",
                                                 .database = 5,
                                                 .template_name = "k:<number>",
                                                 .flags = LK_COMMAND_READ,
                                                 .connection = 1,
                                                 .outcome = LK_OUTCOME_MISS});
    script_miss_on(b, 4, 1, "k:1");
    script_save(&script, b);
    script_analyse(&script);
    assert_int_equal(script.report->cache.causes.first_seen, 2);
    assert_int_equal(script.report->cache.causes.evicted, 1);
    assert_true(script.report->cache.distinct_keys == 3);
    script_clear(&script);
}

/* ---- Numbers ---- */

static void test_numbers(void **state)
{
    struct script script = {0};
    struct builder *b = builder_new();
    const struct template_report *template;
    const struct command_count *top;

    (void)state;
    for (int i = 0; i < 10; i++) {
        char key[16];

        g_snprintf(key, sizeof(key), "k:%d", i);
        script_miss(b, i * 100, key);
        script_set(b, i * 100 + 10 + i, key, i < 5 ? 1000 * (i + 1) : 0);
        if (i % 2)
            script_hit(b, i * 100 + 50, key);
    }
    script_command(b, (struct at){1500, 1}, "EXPIRE", "k:9", LK_COMMAND_EXPIRE, LK_OUTCOME_OTHER,
                   60000, 0.1);
    script_command(b, (struct at){1600, 1}, "PING", NULL, 0, LK_OUTCOME_OTHER, 0, 0.1);
    script_save(&script, b);
    script_analyse(&script);
    template = g_ptr_array_index(script.report->cache.templates, 0);
    assert_string_equal(template->name, "k:<number>");
    assert_int_equal(template->reads, 15);
    assert_int_equal(template->hits, 5);
    assert_int_equal(template->misses, 10);
    assert_int_equal(template->writes, 10);
    assert_int_equal(template->written_bytes, 50);
    assert_true(template->distinct_keys == 10 && template->distinct_keys_error_ratio == 0);
    assert_true(template->distinct_inputs == 10);
    assert_true(template->never_read_keys == 5);
    assert_int_equal(template->ttl_none_count, 4); /* k:9 was given one later */
    assert_true(template->ttl_min == 1 && template->ttl_median == 3 && template->ttl_max == 60);
    assert_true(fabs(template->recompute_p50 - 0.014) < 1e-9);
    assert_true(fabs(template->recompute_p99 - 0.019) < 1e-9);
    assert_true(fabs(template->recompute_total - 0.145) < 1e-9);
    assert_true(template->latency_p50 > 50e-6 && template->latency_p50 < 200e-6);
    top = &g_array_index(script.report->cache.commands, struct command_count, 0);
    assert_string_equal(top->verb, "GET");
    assert_int_equal(top->count, 15);
    assert_true(script.report->cache.present);
    script_clear(&script);
}

/* MGET asks for three keys with one command. */
static void test_many_keys(void **state)
{
    struct script script = {0};
    struct builder *b = builder_new();
    static const char *const keys[] = {"k:1", "k:2", "k:3"};

    (void)state;
    script_set(b, 1, "k:2", 0);
    for (uint16_t i = 0; i < 3; i++)
        builder_command(
            b, &(struct builder_command){.time_ns = 2 * BUILDER_MS,
                                         .reply_ns = 3 * BUILDER_MS,
                                         .verb = "MGET",
                                         .key = keys[i],
                                         .template_name = "k:<number>",
                                         .key_index = i,
                                         .key_count = 3,
                                         .flags = LK_COMMAND_READ,
                                         .outcome = i == 1 ? LK_OUTCOME_HIT : LK_OUTCOME_MISS});
    script_save(&script, b);
    script_analyse(&script);
    assert_int_equal(script.report->cache.reads, 3);
    assert_int_equal(script.report->cache.hits, 1);
    assert_int_equal(script.report->cache.causes.first_seen, 2);
    script_clear(&script);
}

static void sum_up(const struct cache_command *command, void *context)
{
    double *sums = context;

    sums[0] += command->read;
    sums[1] += command->hit;
    sums[2] += command->miss;
    sums[3] += command->write;
    sums[4] += isnan(command->recompute_seconds) ? 0 : command->recompute_seconds;
    assert_true(command->seconds >= sums[5]);
    sums[5] = command->seconds;
}

static void test_each_command(void **state)
{
    struct script script = {0};
    struct builder *b = builder_new();
    double sums[6] = {0};

    (void)state;
    script_miss_on(b, 1, 1, "k:1");
    script_set_on(b, 11, 1, "k:1", 0.1);
    script_command(b, (struct at){5, 2}, "GET", "k:1", LK_COMMAND_READ, LK_OUTCOME_ERROR, 0, 0.1);
    script_command(b, (struct at){20, 2}, "GET", "k:1", LK_COMMAND_READ, LK_OUTCOME_HIT, 0, 0.1);
    script_save(&script, b);
    script_analyse(&script);
    cache_model_each_command(script.model, sum_up, sums);
    assert_true(sums[0] == 2 && sums[1] == 1 && sums[2] == 1 && sums[3] == 1);
    assert_true(fabs(sums[4] - 0.01) < 1e-9);
    script_clear(&script);
}

/* The ring has lost nine tenths of the events: counts stay those of the whole run, causes still add
 * up to the misses. */
static void test_overwritten(void **state)
{
    struct script script = {0};
    struct builder *b = builder_new();
    const struct miss_causes *causes;
    struct lk_template *raw;

    (void)state;
    script_set(b, 0.5, "k:0", 5);
    for (int i = 0; i < 3; i++)
        script_miss(b, 10 + i, i < 2 ? "k:0" : "k:7");
    raw = builder_template_at(b, builder_template(b, "k:<number>"));
    raw->misses = raw->reads = 100;
    raw->writes = 40;
    builder_header(b)->overwritten_count = 1000;
    script_save(&script, b);
    script_analyse(&script);
    causes = &script.report->cache.causes;
    assert_int_equal(script.report->cache.misses, 100);
    assert_int_equal(script.report->cache.writes, 40);
    assert_int_equal(causes->expired, 67);
    assert_int_equal(causes->first_seen, 33);
    assert_int_equal(causes->evicted + causes->deleted + causes->concurrent + causes->not_stored,
                     0);
    assert_false(script.report->cache.causes_exact);
    assert_true(script.report->cache.distinct_keys_error_ratio > 0);
    assert_true(
        isnan(((struct template_report *)g_ptr_array_index(script.report->cache.templates, 0))
                  ->never_read_keys));
    script_clear(&script);
}

static void ask(struct builder *b, uint64_t ms, const char *key, const char *template_name)
{
    builder_command(b, &(struct builder_command){.time_ns = ms * BUILDER_MS,
                                                 .verb = "GET",
                                                 .key = key,
                                                 .template_name = template_name,
                                                 .flags = LK_COMMAND_READ,
                                                 .outcome = LK_OUTCOME_MISS});
}

/* Words that are too many become one template; kinds of keys that are few stay apart. */
static void test_templates_merge(void **state)
{
    struct script script = {0};
    struct builder *b = builder_new();
    unsigned found = 0;

    (void)state;
    for (unsigned i = 0; i < 60; i++) {
        char key[64];

        g_snprintf(key, sizeof(key), "user:name%c%c:profile", 'a' + i % 26, 'a' + i / 26);
        ask(b, i, key, key);
    }
    for (unsigned i = 0; i < 300; i++) { /* a dozen settings, asked for again and again */
        char key[64];

        g_snprintf(key, sizeof(key), "setting:%c", 'a' + i % 12);
        ask(b, 100 + i, key, key);
    }
    script_save(&script, b);
    script_analyse(&script);
    for (guint i = 0; i < script.report->cache.templates->len; i++) {
        const struct template_report *template =
            g_ptr_array_index(script.report->cache.templates, i);

        found += strcmp(template->name, "user:<text>:profile") == 0 && template->misses == 60 &&
                 template->distinct_keys == 60;
        found += strcmp(template->name, "setting:c") == 0 && template->misses == 25;
    }
    assert_int_equal(found, 2);
    assert_int_equal(script.report->cache.templates->len, 13);
    script_clear(&script);
}

/* Words that end in a number are alike but for it; versions are not, and where the shim itself has
 * begun <text> the rest joins that. */
static void test_numbered_templates_merge(void **state)
{
    static const struct {
        const char *before, *after, *template_name, *merged;
        unsigned words;
    } rows[] = {
        {"shard", ":user", NULL, "shard<number>:user", 4},
        {"few", ":user", NULL, NULL, 3},
        {"v", ":user", NULL, NULL, 9},
        {"answer:q", "", NULL, "answer:<text>", 20},
        {"answer:q9", "", "answer:<text>", "answer:<text>", 5},
    };
    struct script script = {0};
    struct builder *b = builder_new();
    unsigned merged[G_N_ELEMENTS(rows)] = {0};

    (void)state;
    for (guint row = 0; row < G_N_ELEMENTS(rows); row++) {
        for (unsigned i = 1; i <= rows[row].words; i++) {
            char *key = g_strdup_printf("%s%u%s", rows[row].before, i, rows[row].after);

            ask(b, row * 100 + i, key, rows[row].template_name ? rows[row].template_name : key);
            g_free(key);
        }
    }
    script_save(&script, b);
    script_analyse(&script);
    for (guint i = 0; i < script.report->cache.templates->len; i++) {
        const struct template_report *template =
            g_ptr_array_index(script.report->cache.templates, i);

        for (guint row = 0; row < G_N_ELEMENTS(rows); row++)
            if (rows[row].merged && strcmp(template->name, rows[row].merged) == 0)
                merged[row] = (unsigned)template->misses;
    }
    assert_int_equal(merged[0], 4);
    assert_int_equal(merged[3], 25);
    assert_int_equal(script.report->cache.templates->len, 1 + 3 + 9 + 1);
    script_clear(&script);
}

static void test_nothing(void **state)
{
    struct script script = {0};
    struct builder *b = builder_new();

    (void)state;
    builder_alloc(b, 1, 0x1000, 10, builder_site(b, (uint64_t[]){1}, 1), 0);
    script_save(&script, b);
    script_analyse(&script);
    find_cost(script.report, script.model,
              &(struct analysis_options){.price_gpu_hour = NAN, .price_gib_month = NAN});
    assert_false(script.report->cache.present);
    assert_int_equal(script.report->findings->len, 0);
    assert_true(isnan(script.report->cost.wasted_money));
    script_clear(&script);
}

/* 20 values of 5 bytes are written and 10 of them read; a GPU hour costs nothing without a finding.
 */
static void test_cost(void **state)
{
    struct script script = {0};
    struct builder *b = builder_new();

    (void)state;
    for (int i = 0; i < 20; i++) {
        char key[16];

        g_snprintf(key, sizeof(key), "k:%d", i);
        script_set(b, i, key, 0);
        if (i % 2)
            script_hit(b, i + 0.5, key);
    }
    script_save(&script, b);
    script_analyse(&script);
    find_cost(script.report, script.model,
              &(struct analysis_options){.price_gpu_hour = 2, .price_gib_month = NAN});
    assert_true(script.report->cost.wasted_redis_bytes == 50);
    assert_true(script.report->cost.wasted_recompute_seconds == 0);
    assert_true(script.report->cost.wasted_money == 0);
    script_clear(&script);
}

/* A value that nobody reads costs until a flush of its database takes it along. */
static void test_cost_until_flushed(void **state)
{
    static const struct {
        const char *verb;
        uint32_t database;
        double seconds;
    } flushes[] = {{"FLUSHDB", 0, 1}, {"FLUSHDB", 3, 4}, {"FLUSHALL", 3, 1}};
    struct analysis_options prices = {.price_gpu_hour = 0,
                                      .price_gib_month = 1073741824.0 * 365.25 / 12 * 86400};

    (void)state;
    for (size_t i = 0; i < G_N_ELEMENTS(flushes); i++) {
        struct script script = {0};
        struct builder *b = builder_new();

        script_set(b, 0, "k:1", 0);
        builder_command(b, &(struct builder_command){.time_ns = BUILDER_S,
                                                     .verb = flushes[i].verb,
                                                     .database = flushes[i].database,
                                                     .flags = LK_COMMAND_FLUSH,
                                                     .outcome = LK_OUTCOME_OTHER});
        script_hit(b, 3999.9, "k:2");
        script_save(&script, b);
        script_analyse(&script);
        find_cost(script.report, script.model, &prices);
        assert_true(script.report->cost.wasted_redis_bytes == 5);
        /* value, key, and what Redis keeps beside them */
        assert_true(fabs(script.report->cost.wasted_money - (5 + 3 + 64) * flushes[i].seconds) <
                    0.2);
        script_clear(&script);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_two_processes),
        cmocka_unit_test(test_databases_and_servers),
        cmocka_unit_test(test_numbers),
        cmocka_unit_test(test_many_keys),
        cmocka_unit_test(test_each_command),
        cmocka_unit_test(test_overwritten),
        cmocka_unit_test(test_templates_merge),
        cmocka_unit_test(test_numbered_templates_merge),
        cmocka_unit_test(test_nothing),
        cmocka_unit_test(test_cost),
        cmocka_unit_test(test_cost_until_flushed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
