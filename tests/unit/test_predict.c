/* The replay of cured keys: who would have hit, what would not have been computed and written. Keys
 * with the same first letter stand for the same input. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/capture_builder.h"
#include "find/predict.h"

struct fixture {
    GPtrArray *captures;
    struct report *report;
    struct cache_model *model;
    struct prediction *prediction;
};

static void step(struct builder *b, double ms, uint32_t thread, const char *key, uint16_t flags,
                 uint32_t outcome, int64_t ttl_ms)
{
    builder_thread(b, thread);
    builder_command(
        b, &(struct builder_command){.time_ns = (uint64_t)(ms * 1e6),
                                     .reply_ns = (uint64_t)(ms * 1e6) + 1000,
                                     .verb = "X",
                                     .key = key,
                                     .template_name = "k:<text>",
                                     .flags = flags,
                                     .value = flags & LK_COMMAND_WRITE ? "ten bytes!" : NULL,
                                     .connection = thread,
                                     .ttl_ms = ttl_ms,
                                     .outcome = outcome});
}

static void miss(struct builder *b, double ms, uint32_t thread, const char *key)
{
    step(b, ms, thread, key, LK_COMMAND_READ, LK_OUTCOME_MISS, 0);
}

static void hit(struct builder *b, double ms, const char *key)
{
    step(b, ms, 1, key, LK_COMMAND_READ, LK_OUTCOME_HIT, 0);
}

static void set(struct builder *b, double ms, uint32_t thread, const char *key, int64_t ttl_ms)
{
    step(b, ms, thread, key, LK_COMMAND_WRITE, LK_OUTCOME_WRITE, ttl_ms);
}

static void predict(struct fixture *fixture, struct builder *b)
{
    char path[] = "/tmp/leakey-test-XXXXXX";
    int file = mkstemp(path);
    uint32_t *identities, t = 0;

    assert_true(file >= 0 && close(file) == 0 && builder_save(b, path));
    fixture->captures = g_ptr_array_new();
    g_ptr_array_add(fixture->captures, capture_open(path, NULL));
    unlink(path);
    builder_free(b);
    fixture->report = report_new();
    fixture->model = cache_model_new(fixture->report, NULL, fixture->captures);
    identities = g_new0(uint32_t, fixture->model->keys->len);
    for (guint i = 0; i < fixture->model->keys->len; i++)
        identities[i] = (uint32_t)(model_key(fixture->model, i)->text[0] - 'a');
    while (strcmp(model_template(fixture->model, t)->report->name, "k:<text>") != 0)
        t++;
    fixture->prediction = predict_cured(fixture->model, identities, 26, t);
    g_free(identities);
}

static void clear(struct fixture *fixture)
{
    cache_model_free(fixture->model);
    report_free(fixture->report);
    capture_free(g_ptr_array_index(fixture->captures, 0));
    g_ptr_array_free(fixture->captures, TRUE);
}

static void check(struct fixture *fixture, double hit_ratio, double keys, double seconds,
                  double bytes)
{
    const struct prediction *p = fixture->prediction;

    assert_true(fabs(p->hit_ratio - hit_ratio) < 1e-9);
    assert_true(fabs(p->distinct_keys - keys) < 1e-9);
    assert_true(fabs(p->saved_recompute_seconds - seconds) < 1e-9);
    assert_true(fabs(p->saved_redis_bytes - bytes) < 1e-9);
    assert_true(p->hit_ratio_interval[0] <= hit_ratio && hit_ratio <= p->hit_ratio_interval[1]);
    assert_true(p->hit_ratio_interval[0] >= 0 && p->hit_ratio_interval[1] <= 1);
}

static void test_plain(void **state)
{
    struct builder *b = builder_new();
    struct fixture fixture;

    (void)state;
    miss(b, 10, 1, "a1");
    set(b, 15, 1, "a1", 0);
    miss(b, 20, 1, "a2");
    set(b, 26, 1, "a2", 0);
    miss(b, 30, 1, "a3");
    set(b, 37, 1, "a3", 0);
    miss(b, 40, 1, "b1");
    set(b, 48, 1, "b1", 0);
    predict(&fixture, b);
    check(&fixture, 0.5, 2, 0.013, 20);
    clear(&fixture);
}

/* The second asks before the first has written: it misses still, and writes still. */
static void test_concurrent(void **state)
{
    struct builder *b = builder_new();
    struct fixture fixture;

    (void)state;
    miss(b, 10, 1, "a1");
    miss(b, 12, 2, "a2");
    set(b, 15, 1, "a1", 0);
    miss(b, 16, 3, "a3");
    set(b, 17, 2, "a2", 0);
    set(b, 21, 3, "a3", 0);
    predict(&fixture, b);
    check(&fixture, 1.0 / 3, 1, 0.005, 10);
    clear(&fixture);
}

static void test_expiry(void **state)
{
    struct builder *b = builder_new();
    struct fixture fixture;

    (void)state;
    miss(b, 10, 1, "a1");
    set(b, 15, 1, "a1", 100);
    miss(b, 60, 1, "a2"); /* a hit now; not renewed */
    set(b, 65, 1, "a2", 100);
    miss(b, 120, 1, "a3"); /* 105 ms after the write */
    set(b, 125, 1, "a3", 100);
    hit(b, 150, "a2"); /* of the renewal at 125 */
    predict(&fixture, b);
    check(&fixture, 0.5, 1, 0.005, 10);
    clear(&fixture);
}

static void test_delete(void **state)
{
    struct builder *b = builder_new();
    struct fixture fixture;

    (void)state;
    miss(b, 10, 1, "a1");
    set(b, 15, 1, "a1", 0);
    step(b, 20, 1, "a1", LK_COMMAND_DELETE, LK_OUTCOME_OTHER, 0);
    miss(b, 30, 1, "a2");
    set(b, 35, 1, "a2", 0);
    miss(b, 40, 1, "a3");
    predict(&fixture, b);
    check(&fixture, 1.0 / 3, 1, 0, 0);
    clear(&fixture);
}

/* A flush of another database leaves the entry. */
static void test_flush(void **state)
{
    (void)state;
    for (uint32_t database = 0; database < 2; database++) {
        struct builder *b = builder_new();
        struct fixture fixture;

        miss(b, 10, 1, "a1");
        set(b, 15, 1, "a1", 0);
        builder_command(b, &(struct builder_command){.time_ns = 20 * BUILDER_MS,
                                                     .verb = "FLUSHDB",
                                                     .database = database,
                                                     .flags = LK_COMMAND_FLUSH,
                                                     .outcome = LK_OUTCOME_OTHER});
        miss(b, 30, 1, "a2");
        set(b, 35, 1, "a2", 0);
        predict(&fixture, b);
        check(&fixture, database ? 0.5 : 0, 1, database ? 0.005 : 0, database ? 10 : 0);
        clear(&fixture);
    }
}

/* Entries that are there without a miss: warmed up, or written before the capture. */
static void test_written_otherwise(void **state)
{
    struct builder *b = builder_new();
    struct fixture fixture;

    (void)state;
    set(b, 5, 1, "a1", 0);
    miss(b, 10, 1, "a2");
    hit(b, 20, "b1");
    miss(b, 30, 1, "b2");
    miss(b, 40, 1, "c1"); /* never stored */
    miss(b, 50, 1, "c2");
    predict(&fixture, b);
    check(&fixture, 0.6, 3, 0, 0);
    clear(&fixture);
}

/* What was seen to be evicted is not there after the cure either. */
static void test_evicted(void **state)
{
    struct builder *b = builder_new();
    struct fixture fixture;

    (void)state;
    set(b, 5, 1, "a1", 0);
    miss(b, 10, 1, "a1");
    set(b, 15, 1, "a1", 0);
    hit(b, 20, "a1");
    predict(&fixture, b);
    check(&fixture, 0.5, 1, 0, 0);
    clear(&fixture);
}

/* Half of 2000 reads hit, in two long stretches: the blocks feel it, a binomial would not. */
static void test_interval(void **state)
{
    struct builder *b = builder_new();
    struct fixture fixture;
    double width;

    (void)state;
    set(b, 0.5, 1, "a1", 0);
    for (int i = 0; i < 2000; i++)
        miss(b, 1 + i, 1, i / 500 % 2 ? "a2" : "z2");
    predict(&fixture, b);
    width = fixture.prediction->hit_ratio_interval[1] - fixture.prediction->hit_ratio_interval[0];
    assert_true(fabs(fixture.prediction->hit_ratio - 0.5) < 1e-9);
    assert_true(width > 0.15 && width < 0.5);
    clear(&fixture);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_plain),   cmocka_unit_test(test_concurrent),
        cmocka_unit_test(test_expiry),  cmocka_unit_test(test_delete),
        cmocka_unit_test(test_flush),   cmocka_unit_test(test_written_otherwise),
        cmocka_unit_test(test_evicted), cmocka_unit_test(test_interval),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
