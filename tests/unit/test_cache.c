/* The cache model: every miss has its one cause, whatever the connections, processes and rings it comes from. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/capture_builder.h"
#include "model/cache.h"

struct fixture {
    GPtrArray *captures;
    struct report *report;
    struct cache_model *model;
};

static void free_capture(gpointer capture) {
    capture_free(capture);
}

static void add_capture(struct fixture *fixture, struct builder *builder) {
    char path[] = "/tmp/leakey-test-XXXXXX";
    int file = mkstemp(path);
    struct capture *capture;

    if (!fixture->captures)
        fixture->captures = g_ptr_array_new_with_free_func(free_capture);
    assert_true(file >= 0 && close(file) == 0);
    assert_true(builder_save(builder, path));
    capture = capture_open(path, NULL);
    assert_non_null(capture);
    g_ptr_array_add(fixture->captures, capture);
    unlink(path);
    builder_free(builder);
}

static void build_model(struct fixture *fixture) {
    fixture->report = report_new();
    fixture->model = cache_model_new(fixture->report, NULL, fixture->captures);
    find_duplicates(fixture->report, fixture->model);
}

static void clear(struct fixture *fixture) {
    cache_model_free(fixture->model);
    report_free(fixture->report);
    g_ptr_array_free(fixture->captures, TRUE);
}

/* ---- A few words for what services do ---- */

struct at { /* milliseconds, thread, connection */
    double ms;
    uint32_t connection;
};

static void command(struct builder *builder, struct at at, const char *verb, const char *key, uint16_t flags,
                    uint32_t outcome, int64_t ttl_ms, double reply_ms) {
    builder_thread(builder, at.connection);
    builder_command(builder, &(struct builder_command){.time_ns = (uint64_t)(at.ms * 1e6),
                                                       .reply_ns = (uint64_t)((at.ms + reply_ms) * 1e6),
                                                       .verb = verb,
                                                       .key = key,
                                                       .template_name = key ? "k:<number>" : NULL,
                                                       .value = flags & LK_COMMAND_WRITE ? "value" : NULL,
                                                       .flags = flags,
                                                       .connection = at.connection,
                                                       .ttl_ms = ttl_ms,
                                                       .outcome = outcome});
}

static void hit(struct builder *builder, double ms, const char *key) {
    command(builder, (struct at){ms, 1}, "GET", key, LK_COMMAND_READ, LK_OUTCOME_HIT, 0, 0.1);
}

static void miss(struct builder *builder, double ms, const char *key) {
    command(builder, (struct at){ms, 1}, "GET", key, LK_COMMAND_READ, LK_OUTCOME_MISS, 0, 0.1);
}

static void miss_on(struct builder *builder, double ms, uint32_t connection, const char *key) {
    command(builder, (struct at){ms, connection}, "GET", key, LK_COMMAND_READ, LK_OUTCOME_MISS, 0, 0.1);
}

static void set(struct builder *builder, double ms, const char *key, int64_t ttl_ms) {
    command(builder, (struct at){ms, 1}, "SET", key, LK_COMMAND_WRITE, LK_OUTCOME_WRITE, ttl_ms, 0.1);
}

static void set_on(struct builder *builder, double ms, uint32_t connection, const char *key, double reply_ms) {
    command(builder, (struct at){ms, connection}, "SET", key, LK_COMMAND_WRITE, LK_OUTCOME_WRITE, 0, reply_ms);
}

/* ---- One scenario a row: first-seen, expired, evicted, deleted, concurrent, not-stored ---- */

static void first_then_hit(struct builder *b) {
    miss(b, 1, "k:1");
    set(b, 2, "k:1", 0);
    hit(b, 3, "k:1");
}

static void ttl_passed(struct builder *b) {
    miss(b, 1, "k:1");
    set(b, 2, "k:1", 100);
    hit(b, 50, "k:1");
    miss(b, 150, "k:1");
}

static void ttl_just_passing(struct builder *b) { /* 0.05 ms before it by issue, but gone when it arrived */
    set(b, 2, "k:1", 100);
    miss(b, 101.95, "k:1");
}

static void ttl_renewed(struct builder *b) {
    set(b, 2, "k:1", 100);
    command(b, (struct at){50, 1}, "EXPIRE", "k:1", LK_COMMAND_EXPIRE, LK_OUTCOME_OTHER, 1000, 0.1);
    miss(b, 150, "k:1");
}

static void ttl_kept(struct builder *b) {
    set(b, 2, "k:1", 100);
    set(b, 50, "k:1", LK_TTL_UNKNOWN);
    miss(b, 150, "k:1");
}

static void no_ttl(struct builder *b) {
    set(b, 2, "k:1", 0);
    miss(b, 50, "k:1");
}

static void deleted(struct builder *b) {
    set(b, 2, "k:1", 100);
    command(b, (struct at){50, 1}, "DEL", "k:1", LK_COMMAND_DELETE, LK_OUTCOME_OTHER, 0, 0.1);
    miss(b, 150, "k:1");
}

static void deleted_and_written(struct builder *b) {
    set(b, 2, "k:1", 100);
    command(b, (struct at){50, 1}, "DEL", "k:1", LK_COMMAND_DELETE, LK_OUTCOME_OTHER, 0, 0.1);
    set(b, 60, "k:1", 20);
    miss(b, 150, "k:1");
}

static void flushed(struct builder *b) {
    set(b, 2, "k:1", 0);
    command(b, (struct at){50, 1}, "FLUSHALL", NULL, LK_COMMAND_FLUSH, LK_OUTCOME_OTHER, 0, 0.1);
    miss(b, 60, "k:1");
    miss(b, 61, "k:2");
}

static void not_stored(struct builder *b) {
    miss(b, 1, "k:1");
    miss(b, 10, "k:1");
    miss(b, 20, "k:1");
}

static void stampede(struct builder *b) {
    miss_on(b, 1, 1, "k:1");
    miss_on(b, 2, 2, "k:1");
    miss_on(b, 3, 3, "k:1");
    set_on(b, 10, 1, "k:1", 0.1);
    set_on(b, 11, 2, "k:1", 0.1);
    set_on(b, 12, 3, "k:1", 0.1);
}

static void stored_at_the_second_try(struct builder *b) { /* the first miss led to nothing */
    miss(b, 1, "k:1");
    miss(b, 10, "k:1");
    set(b, 15, "k:1", 0);
    hit(b, 20, "k:1");
}

static void written_elsewhere(struct builder *b) { /* a worker on another connection writes */
    miss_on(b, 1, 1, "k:1");
    miss_on(b, 5, 1, "k:1");
    set_on(b, 10, 2, "k:1", 0.1);
}

static void write_on_its_way(struct builder *b) { /* issued before, executed after */
    miss_on(b, 1, 1, "k:1");
    set_on(b, 10, 1, "k:1", 1);
    miss_on(b, 10.5, 2, "k:1");
}

static void refused_write(struct builder *b) {
    miss(b, 1, "k:1");
    command(b, (struct at){2, 1}, "SETNX", "k:1", LK_COMMAND_WRITE | LK_COMMAND_CONDITIONAL, LK_OUTCOME_OTHER, 0, 0.1);
    miss(b, 3, "k:1");
}

static void failed_write(struct builder *b) {
    miss(b, 1, "k:1");
    command(b, (struct at){2, 1}, "SET", "k:1", LK_COMMAND_WRITE, LK_OUTCOME_ERROR, 0, 0.1);
    miss(b, 3, "k:1");
}

static void written_before_the_capture(struct builder *b) {
    hit(b, 1, "k:1");
    miss(b, 3, "k:1");
}

static void expires_as_others_do(struct builder *b) {
    set(b, 0.5, "k:2", 5000);
    hit(b, 1, "k:1");
    miss(b, 3, "k:1");
}

static void pipelined(struct builder *b) { /* the write is first on the connection, its answer is read last */
    command(b, (struct at){1, 1}, "SET", "k:1", LK_COMMAND_WRITE, LK_OUTCOME_WRITE, 1, 20);
    command(b, (struct at){10, 1}, "GET", "k:1", LK_COMMAND_READ, LK_OUTCOME_MISS, 0, 12);
}

static void twice_gone(struct builder *b) { /* each renewal starts the life anew */
    set(b, 1, "k:1", 10);
    miss(b, 20, "k:1");
    set(b, 25, "k:1", 10);
    hit(b, 30, "k:1");
    miss(b, 50, "k:1");
}

static const struct row {
    const char *name;
    void (*build)(struct builder *builder);
    unsigned first_seen, expired, evicted, deleted, concurrent, not_stored;
} rows[] = {
    {"first, then hit", first_then_hit, 1, 0, 0, 0, 0, 0},
    {"TTL passed", ttl_passed, 1, 1, 0, 0, 0, 0},
    {"TTL just passing", ttl_just_passing, 0, 1, 0, 0, 0, 0},
    {"TTL renewed", ttl_renewed, 0, 0, 1, 0, 0, 0},
    {"TTL kept", ttl_kept, 0, 1, 0, 0, 0, 0},
    {"no TTL", no_ttl, 0, 0, 1, 0, 0, 0},
    {"deleted", deleted, 0, 0, 0, 1, 0, 0},
    {"deleted and written", deleted_and_written, 0, 1, 0, 0, 0, 0},
    {"flushed", flushed, 1, 0, 0, 1, 0, 0},
    {"not stored", not_stored, 1, 0, 0, 0, 0, 2},
    {"stampede", stampede, 1, 0, 0, 0, 2, 0},
    {"stored at the second try", stored_at_the_second_try, 1, 0, 0, 0, 0, 1},
    {"written elsewhere", written_elsewhere, 1, 0, 0, 0, 1, 0},
    {"write on its way", write_on_its_way, 1, 0, 0, 0, 1, 0},
    {"refused write", refused_write, 1, 0, 0, 0, 0, 1},
    {"failed write", failed_write, 1, 0, 0, 0, 0, 1},
    {"written before the capture", written_before_the_capture, 0, 0, 1, 0, 0, 0},
    {"expires as others do", expires_as_others_do, 0, 1, 0, 0, 0, 0},
    {"pipelined", pipelined, 0, 1, 0, 0, 0, 0},
    {"twice gone", twice_gone, 0, 2, 0, 0, 0, 0},
};

static void check_row(void **state) {
    const struct row *row = *state;
    struct builder *builder = builder_new();
    struct fixture fixture = {0};
    const struct miss_causes *causes;

    row->build(builder);
    add_capture(&fixture, builder);
    build_model(&fixture);
    causes = &fixture.report->cache.causes;
    assert_int_equal(causes->first_seen, row->first_seen);
    assert_int_equal(causes->expired, row->expired);
    assert_int_equal(causes->evicted, row->evicted);
    assert_int_equal(causes->deleted, row->deleted);
    assert_int_equal(causes->concurrent, row->concurrent);
    assert_int_equal(causes->not_stored, row->not_stored);
    assert_int_equal(causes->duplicate_input, 0);
    assert_true(fixture.report->cache.causes_exact);
    clear(&fixture);
}

/* ---- Several captures, servers, databases ---- */

/* One process writes, the other reads: the key is the same, and its life is one. */
static void test_two_processes(void **state) {
    struct fixture fixture = {0};
    struct builder *writer = builder_new(), *reader = builder_new();

    (void)state;
    builder_header(reader)->start_monotonic_ns = builder_header(writer)->start_monotonic_ns + 1000000000;
    builder_header(reader)->start_realtime_ns = builder_header(writer)->start_realtime_ns + 7; /* the clock was set back */
    set(writer, 100, "k:1", 2000);
    hit(reader, 500, "k:1");   /* at 1.5 s */
    miss(reader, 1500, "k:1"); /* at 2.5 s */
    miss(reader, 1600, "k:2");
    add_capture(&fixture, reader);
    add_capture(&fixture, writer);
    build_model(&fixture);
    assert_int_equal(fixture.report->cache.causes.expired, 1);
    assert_int_equal(fixture.report->cache.causes.first_seen, 1);
    assert_int_equal(fixture.report->cache.templates->len, 1);
    assert_true(fixture.report->cache.distinct_keys == 2);
    clear(&fixture);
}

static void test_databases_and_servers(void **state) {
    struct fixture fixture = {0};
    struct builder *b = builder_new();

    (void)state;
    builder_connect(b, 0, 1, "unix:/run/a.sock");
    builder_connect(b, 0, 2, "unix:/run/b.sock");
    set_on(b, 1, 1, "k:1", 0.1);
    miss_on(b, 2, 2, "k:1");
    builder_command(b, &(struct builder_command){.time_ns = 3 * BUILDER_MS, .verb = "GET", .key = "k:1", .database = 5,
                                                 .template_name = "k:<number>", .flags = LK_COMMAND_READ,
                                                 .connection = 1, .outcome = LK_OUTCOME_MISS});
    miss_on(b, 4, 1, "k:1");
    add_capture(&fixture, b);
    build_model(&fixture);
    assert_int_equal(fixture.report->cache.causes.first_seen, 2);
    assert_int_equal(fixture.report->cache.causes.evicted, 1);
    assert_true(fixture.report->cache.distinct_keys == 3);
    clear(&fixture);
}

/* ---- Numbers ---- */

static void test_numbers(void **state) {
    struct fixture fixture = {0};
    struct builder *b = builder_new();
    const struct template_report *template;
    const struct command_count *top;

    (void)state;
    for (int i = 0; i < 10; i++) {
        char key[16];

        g_snprintf(key, sizeof(key), "k:%d", i);
        miss(b, i * 100, key);
        set(b, i * 100 + 10 + i, key, i < 5 ? 1000 * (i + 1) : 0);
        if (i % 2)
            hit(b, i * 100 + 50, key);
    }
    command(b, (struct at){1500, 1}, "EXPIRE", "k:9", LK_COMMAND_EXPIRE, LK_OUTCOME_OTHER, 60000, 0.1);
    command(b, (struct at){1600, 1}, "PING", NULL, 0, LK_OUTCOME_OTHER, 0, 0.1);
    add_capture(&fixture, b);
    build_model(&fixture);
    template = g_ptr_array_index(fixture.report->cache.templates, 0);
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
    top = &g_array_index(fixture.report->cache.commands, struct command_count, 0);
    assert_string_equal(top->verb, "GET");
    assert_int_equal(top->count, 15);
    assert_true(fixture.report->cache.present);
    clear(&fixture);
}

/* MGET asks for three keys with one command. */
static void test_many_keys(void **state) {
    struct fixture fixture = {0};
    struct builder *b = builder_new();
    static const char *const keys[] = {"k:1", "k:2", "k:3"};

    (void)state;
    set(b, 1, "k:2", 0);
    for (uint16_t i = 0; i < 3; i++)
        builder_command(b, &(struct builder_command){.time_ns = 2 * BUILDER_MS, .reply_ns = 3 * BUILDER_MS, .verb = "MGET",
                                                     .key = keys[i], .template_name = "k:<number>", .key_index = i,
                                                     .key_count = 3, .flags = LK_COMMAND_READ,
                                                     .outcome = i == 1 ? LK_OUTCOME_HIT : LK_OUTCOME_MISS});
    add_capture(&fixture, b);
    build_model(&fixture);
    assert_int_equal(fixture.report->cache.reads, 3);
    assert_int_equal(fixture.report->cache.hits, 1);
    assert_int_equal(fixture.report->cache.causes.first_seen, 2);
    clear(&fixture);
}

static void sum_up(const struct cache_command *command, void *context) {
    double *sums = context;

    sums[0] += command->read;
    sums[1] += command->hit;
    sums[2] += command->miss;
    sums[3] += command->write;
    sums[4] += isnan(command->recompute_seconds) ? 0 : command->recompute_seconds;
    assert_true(command->seconds >= sums[5]);
    sums[5] = command->seconds;
}

static void test_each_command(void **state) {
    struct fixture fixture = {0};
    struct builder *b = builder_new();
    double sums[6] = {0};

    (void)state;
    miss_on(b, 1, 1, "k:1");
    set_on(b, 11, 1, "k:1", 0.1);
    command(b, (struct at){5, 2}, "GET", "k:1", LK_COMMAND_READ, LK_OUTCOME_ERROR, 0, 0.1);
    command(b, (struct at){20, 2}, "GET", "k:1", LK_COMMAND_READ, LK_OUTCOME_HIT, 0, 0.1);
    add_capture(&fixture, b);
    build_model(&fixture);
    cache_model_each_command(fixture.model, sum_up, sums);
    assert_true(sums[0] == 2 && sums[1] == 1 && sums[2] == 1 && sums[3] == 1);
    assert_true(fabs(sums[4] - 0.01) < 1e-9);
    clear(&fixture);
}

/* The ring has lost nine tenths of the events: counts stay those of the whole run, causes still add up to the misses. */
static void test_overwritten(void **state) {
    struct fixture fixture = {0};
    struct builder *b = builder_new();
    const struct miss_causes *causes;
    struct lk_template *raw;

    (void)state;
    set(b, 0.5, "k:0", 5);
    for (int i = 0; i < 3; i++)
        miss(b, 10 + i, i < 2 ? "k:0" : "k:7");
    raw = builder_template_at(b, builder_template(b, "k:<number>"));
    raw->misses = raw->reads = 100;
    raw->writes = 40;
    builder_header(b)->overwritten_count = 1000;
    add_capture(&fixture, b);
    build_model(&fixture);
    causes = &fixture.report->cache.causes;
    assert_int_equal(fixture.report->cache.misses, 100);
    assert_int_equal(fixture.report->cache.writes, 40);
    assert_int_equal(causes->expired, 67);
    assert_int_equal(causes->first_seen, 33);
    assert_int_equal(causes->evicted + causes->deleted + causes->concurrent + causes->not_stored, 0);
    assert_false(fixture.report->cache.causes_exact);
    assert_true(fixture.report->cache.distinct_keys_error_ratio > 0);
    assert_true(isnan(((struct template_report *)g_ptr_array_index(fixture.report->cache.templates, 0))->never_read_keys));
    clear(&fixture);
}

static void ask(struct builder *b, uint64_t ms, const char *key, const char *template_name) {
    builder_command(b, &(struct builder_command){.time_ns = ms * BUILDER_MS, .verb = "GET", .key = key,
                                                 .template_name = template_name, .flags = LK_COMMAND_READ,
                                                 .outcome = LK_OUTCOME_MISS});
}

/* Words that are too many become one template; kinds of keys that are few stay apart. */
static void test_templates_merge(void **state) {
    struct fixture fixture = {0};
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
    add_capture(&fixture, b);
    build_model(&fixture);
    for (guint i = 0; i < fixture.report->cache.templates->len; i++) {
        const struct template_report *template = g_ptr_array_index(fixture.report->cache.templates, i);

        found += strcmp(template->name, "user:<text>:profile") == 0 && template->misses == 60 &&
                 template->distinct_keys == 60;
        found += strcmp(template->name, "setting:c") == 0 && template->misses == 25;
    }
    assert_int_equal(found, 2);
    assert_int_equal(fixture.report->cache.templates->len, 13);
    clear(&fixture);
}

static void test_nothing(void **state) {
    struct fixture fixture = {0};
    struct builder *b = builder_new();

    (void)state;
    builder_alloc(b, 1, 0x1000, 10, builder_site(b, (uint64_t[]){1}, 1), 0);
    add_capture(&fixture, b);
    build_model(&fixture);
    find_cost(fixture.report, fixture.model, &(struct analysis_options){.price_gpu_hour = NAN, .price_gib_month = NAN});
    assert_false(fixture.report->cache.present);
    assert_int_equal(fixture.report->findings->len, 0);
    assert_true(isnan(fixture.report->cost.wasted_money));
    clear(&fixture);
}

/* 20 values of 5 bytes are written and 10 of them read; a GPU hour costs nothing without a finding. */
static void test_cost(void **state) {
    struct fixture fixture = {0};
    struct builder *b = builder_new();

    (void)state;
    for (int i = 0; i < 20; i++) {
        char key[16];

        g_snprintf(key, sizeof(key), "k:%d", i);
        set(b, i, key, 0);
        if (i % 2)
            hit(b, i + 0.5, key);
    }
    add_capture(&fixture, b);
    build_model(&fixture);
    find_cost(fixture.report, fixture.model, &(struct analysis_options){.price_gpu_hour = 2, .price_gib_month = NAN});
    assert_true(fixture.report->cost.wasted_redis_bytes == 50);
    assert_true(fixture.report->cost.wasted_recompute_seconds == 0);
    assert_true(fixture.report->cost.wasted_money == 0);
    clear(&fixture);
}

int main(void) {
    const struct CMUnitTest others[] = {
        cmocka_unit_test(test_two_processes), cmocka_unit_test(test_databases_and_servers),
        cmocka_unit_test(test_numbers),       cmocka_unit_test(test_many_keys),
        cmocka_unit_test(test_each_command),  cmocka_unit_test(test_overwritten),
        cmocka_unit_test(test_templates_merge), cmocka_unit_test(test_nothing),
        cmocka_unit_test(test_cost),
    };
    struct CMUnitTest tests[G_N_ELEMENTS(rows) + G_N_ELEMENTS(others)];

    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++)
        tests[i] = (struct CMUnitTest){rows[i].name, check_row, NULL, NULL, (void *)(uintptr_t)&rows[i]};
    memcpy(tests + G_N_ELEMENTS(rows), others, sizeof(others));
    return cmocka_run_group_tests(tests, NULL, NULL);
}
