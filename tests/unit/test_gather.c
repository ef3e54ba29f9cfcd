/* What the model takes when there is more than it may hold, and how accesses pack what they hold.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "common/cache_script.h"

#define COMMANDS 40000
#define KEYS     1000

/* Two services, each COMMANDS commands: a miss and its write, then hits; a key comes every KEYS / 2
 * milliseconds. */
static void build(struct script *script)
{
    for (unsigned process = 0; process < 2; process++) {
        struct builder *builder = builder_new();

        for (unsigned i = 0; i < COMMANDS; i++) {
            char key[32];
            unsigned turn = i / 2;
            double ms = 1 + turn + 0.25 * process;
            bool second = i % 2;

            snprintf(key, sizeof key, "key:%u", i / 2 % KEYS);
            if (second && i / 2 < KEYS && process == 0)
                script_command(builder, (struct at){ms + 0.5, 1}, "SET", key, LK_COMMAND_WRITE,
                               LK_OUTCOME_WRITE, LK_TTL_NONE, 0.1);
            else
                script_command(builder, (struct at){ms + 0.5 * second, 1}, "GET", key,
                               LK_COMMAND_READ, i / 2 < KEYS ? LK_OUTCOME_MISS : LK_OUTCOME_HIT,
                               LK_TTL_NONE, 0.1);
        }
        script_save(script, builder);
    }
}

static struct cache_model *model_within(struct script *script, guint accesses, guint keys)
{
    const struct cache_limits limits = {accesses, keys};

    script->report = report_new();
    script->model = cache_model_new_within(script->report, NULL, script->captures, &limits);
    find_cache_faults(script->model);
    return script->model;
}

static void the_latest_are_kept(void **state)
{
    struct script script = {0};
    const struct cache_model *model;
    const struct cache_access *first;

    (void)state;
    build(&script);
    model = model_within(&script, 10000, 1000000);
    assert_in_range(model->accesses->len, 9000, 10000);
    assert_false(model->complete);
    first = model_access(model, 0);
    assert_true(first->time_ns >= model->start_ns);
    /* The last quarter of each process, and no gap. */
    assert_true(model->start_ns > 17000 * (int64_t)BUILDER_MS);
    assert_int_equal(model->report->notes->len, 1);
    assert_non_null(strstr(g_ptr_array_index(model->report->notes, 0), "80,000 commands"));
    script_clear(&script);
}

static void totals_are_of_all(void **state)
{
    struct script script = {0}, whole = {0};
    const struct cache_report *part, *all;

    (void)state;
    build(&script);
    build(&whole);
    part = &model_within(&script, 10000, 1000000)->report->cache;
    all = &model_within(&whole, 1000000, 1000000)->report->cache;
    assert_int_equal(part->reads, all->reads);
    assert_int_equal(part->misses, all->misses);
    assert_int_equal(part->writes, all->writes);
    assert_true(fabs(part->distinct_keys - KEYS) < 0.05 * KEYS);
    assert_int_equal(whole.report->notes->len, 0);
    assert_true(all->causes_exact && !part->causes_exact);
    script_clear(&script);
    script_clear(&whole);
}

/* A thousand keys come within any thousand milliseconds: with fewer allowed, fewer commands are. */
static void too_many_keys_cut_further(void **state)
{
    struct script script = {0};
    const struct cache_model *model;

    (void)state;
    build(&script);
    model = model_within(&script, 100000, 600);
    assert_in_range(model->keys->len, 100, 601);
    assert_in_range(model->accesses->len, 400, 5000);
    assert_false(model->complete);
    script_clear(&script);
}

static void ttls_come_back(void **state)
{
    static const int64_t exact[] = {LK_TTL_SOURCE, LK_TTL_UNKNOWN, LK_TTL_NONE,  0, 1,
                                    999,           86400000,       (1 << 30) - 1};
    struct cache_access access = {0};

    (void)state;
    for (unsigned i = 0; i < G_N_ELEMENTS(exact); i++) {
        access_set_ttl(&access, exact[i]);
        assert_int_equal(access_ttl_ms(&access), exact[i]);
    }
    access_set_ttl(&access, 2592000500);
    assert_int_equal(access_ttl_ms(&access), 2592000000);
    access_set_ttl(&access, INT64_MAX);
    assert_true(access_ttl_ms(&access) > 30ll * 365 * 86400 * 1000);
    access_set_ttl(&access, INT64_MIN);
    assert_true(access_ttl_ms(&access) < 0);
}

static void answers_come_back(void **state)
{
    struct cache_access access = {.time_ns = 5000, .latency_code = UINT32_MAX};

    (void)state;
    assert_true(access_reply_ns(&access) == INT64_MAX);
    for (int64_t latency = 0; latency < 1ll << 31; latency = 3 * latency + 1) {
        access_set_reply(&access, access.time_ns + latency);
        assert_true(access_reply_ns(&access) == access.time_ns + latency);
    }
    for (int64_t latency = 1ll << 31; latency < 4000000000000; latency *= 3) {
        access_set_reply(&access, access.time_ns + latency);
        assert_true(access.time_ns + latency - access_reply_ns(&access) < 2048);
        assert_true(access.time_ns + latency >= access_reply_ns(&access));
    }
    access_set_reply(&access, INT64_MAX - 1);
    assert_true(access_reply_ns(&access) > 4000000000000);
    assert_true(access_reply_ns(&access) != INT64_MAX);
    access_set_reply(&access, 0); /* before it was asked */
    assert_true(access_reply_ns(&access) == access.time_ns);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_latest_are_kept),       cmocka_unit_test(totals_are_of_all),
        cmocka_unit_test(too_many_keys_cut_further), cmocka_unit_test(ttls_come_back),
        cmocka_unit_test(answers_come_back),
    };

    return cmocka_run_group_tests_name("gather", tests, NULL, NULL);
}
