/* The replay against the truth: a simulated service runs with one cache, which is captured, and
 * again with another, which is what the replay of the capture must predict. The caches here are too
 * simple to be wrong. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <math.h>
#include <string.h>

#include "common/cache_script.h"
#include "common/cached_services.h"
#include "find/normalise.h"
#include "find/what_if.h"

enum { KEYS = 50, REQUESTS = 1500, STEP_MS = 10 };

/* ---- A service with a cache ---- */

struct kept {
    bool in, spared;
    uint64_t bytes, last, born, uses;
    double expires_ms;
};

struct cached_service {
    enum policy policy;
    uint64_t capacity;       /* CACHE_UNLIMITED */
    int64_t ttl_ms;          /* 0 none */
    struct builder *builder; /* NULL: not captured */
    struct kept entries[KEYS];
    uint64_t clock;
    unsigned reads, hits;
};

static uint64_t value_bytes(unsigned key)
{
    return 20 + key * 37 % 200;
}

static void name_key(unsigned key, char name[16])
{
    g_snprintf(name, 16, "k:%u", 1000 + key);
}

static void record(struct cached_service *service, double ms, unsigned key, uint16_t flags,
                   uint32_t outcome)
{
    char name[16];

    if (service->builder == NULL)
        return;
    name_key(key, name);
    builder_command(service->builder,
                    &(struct builder_command){
                        .time_ns = (uint64_t)(ms * 1e6),
                        .reply_ns = (uint64_t)(ms * 1e6) + 1000,
                        .verb = "X",
                        .key = flags == LK_COMMAND_FLUSH ? NULL : name,
                        .template_name = "k:<number>",
                        .flags = flags,
                        .value_bytes = outcome == LK_OUTCOME_HIT || outcome == LK_OUTCOME_WRITE
                                           ? value_bytes(key)
                                           : 0,
                        .ttl_ms = flags == LK_COMMAND_WRITE ? service->ttl_ms : 0,
                        .outcome = outcome});
}

static uint64_t filled(const struct cached_service *service)
{
    uint64_t sum = 0;

    for (unsigned i = 0; i < KEYS; i++)
        sum += service->entries[i].in ? service->entries[i].bytes : 0;
    return sum;
}

static bool goes_before(const struct cached_service *service, unsigned a, unsigned b)
{
    const struct kept *x = &service->entries[a], *y = &service->entries[b];

    if (service->policy == POLICY_LFU && x->uses != y->uses)
        return x->uses < y->uses;
    return service->policy == POLICY_FIFO_REINSERTION ? x->born < y->born : x->last < y->last;
}

static void evict_one(struct cached_service *service)
{
    for (;;) {
        unsigned first = KEYS;

        for (unsigned i = 0; i < KEYS; i++)
            if (service->entries[i].in && (first == KEYS || goes_before(service, i, first)))
                first = i;
        if (service->policy != POLICY_FIFO_REINSERTION || !service->entries[first].spared) {
            service->entries[first].in = false;
            return;
        }
        service->entries[first].spared = false;
        service->entries[first].born = ++service->clock;
    }
}

static void use(struct cached_service *service, unsigned key)
{
    service->entries[key].last = ++service->clock;
    service->entries[key].uses++;
    service->entries[key].spared = true;
}

static void expire(struct cached_service *service, double ms)
{
    for (unsigned i = 0; i < KEYS; i++)
        service->entries[i].in = service->entries[i].in && service->entries[i].expires_ms > ms;
}

static void store(struct cached_service *service, double ms, unsigned key)
{
    struct kept *kept = &service->entries[key];
    char name[16];

    expire(service, ms);
    name_key(key, name);
    kept->bytes = strlen(name) + value_bytes(key) + ENTRY_OVERHEAD_BYTES;
    if (kept->in) {
        use(service, key);
    } else if (kept->bytes <= service->capacity) {
        while (filled(service) + kept->bytes > service->capacity)
            evict_one(service);
        kept->last = kept->born = ++service->clock;
        kept->uses = 1;
        kept->spared = false;
        kept->in = true;
    }
    kept->expires_ms = service->ttl_ms > 0 ? ms + (double)service->ttl_ms : INFINITY;
    record(service, ms, key, LK_COMMAND_WRITE, LK_OUTCOME_WRITE);
}

static void ask(struct cached_service *service, double ms, unsigned key)
{
    bool hit;

    expire(service, ms);
    hit = service->entries[key].in;
    service->reads++;
    service->hits += hit;
    record(service, ms, key, LK_COMMAND_READ, hit ? LK_OUTCOME_HIT : LK_OUTCOME_MISS);
    if (hit)
        use(service, key);
    else
        store(service, ms + 1, key);
}

/* The same requests whatever the cache: reads, some deletes, few writes without a miss, and one
 * flush. */
static void run(struct cached_service *service, guint32 seed, unsigned requests)
{
    GRand *random = g_rand_new_with_seed(seed);

    for (unsigned n = 1; n <= requests; n++) {
        unsigned key = (unsigned)g_rand_int_range(random, 0, 1 + g_rand_int_range(random, 0, KEYS));
        gint32 choice = g_rand_int_range(random, 0, 100);
        double ms = n * (double)STEP_MS;

        if (n == requests / 2) {
            memset(service->entries, 0, sizeof(service->entries));
            record(service, ms, 0, LK_COMMAND_FLUSH, LK_OUTCOME_OTHER);
        } else if (choice < 5) {
            expire(service, ms);
            service->entries[key].in = false;
            record(service, ms, key, LK_COMMAND_DELETE, LK_OUTCOME_OTHER);
        } else if (choice < 9) {
            store(service, ms, key);
        } else {
            ask(service, ms, key);
        }
    }
    g_rand_free(random);
}

static double true_ratio(enum policy policy, uint64_t capacity, int64_t ttl_ms, guint32 seed)
{
    struct cached_service service = {.policy = policy, .capacity = capacity, .ttl_ms = ttl_ms};

    run(&service, seed, REQUESTS);
    return (double)service.hits / service.reads;
}

/* The capture of it, with an unlimited cache and that TTL. */
static void capture(struct script *script, int64_t ttl_ms, guint32 seed, unsigned requests)
{
    struct cached_service service = {
        .capacity = CACHE_UNLIMITED, .ttl_ms = ttl_ms, .builder = builder_new()};

    *script = (struct script){0};
    run(&service, seed, requests);
    script_save(script, service.builder);
    script_analyse(script);
}

static struct what_if *predict(const struct script *script, struct what_if_settings settings)
{
    struct what_if *what_if = what_if_new(script->model, &settings);

    assert_non_null(what_if);
    return what_if;
}

static const struct what_if_settings unchanged = {.ttl_ms = TTL_AS_CAPTURED,
                                                  .cache_bytes = CACHE_UNLIMITED};

/* ---- Tests ---- */

static void check_change(const struct script *script, struct what_if_settings settings,
                         int64_t captured_ttl_ms, guint32 seed)
{
    struct what_if *what_if = predict(script, settings);
    int64_t ttl_ms = settings.ttl_ms == TTL_AS_CAPTURED ? captured_ttl_ms
                     : settings.ttl_ms == LK_TTL_NONE   ? 0
                                                        : settings.ttl_ms;
    double truth = true_ratio(settings.policy, settings.cache_bytes, ttl_ms, seed);

    assert_true(fabs(what_if->predicted.hit_ratio - truth) < 1e-12);
    assert_true(what_if->predicted.hit_ratio_interval[0] <= truth);
    assert_true(what_if->predicted.hit_ratio_interval[1] >= truth);
    assert_true(what_if->predicted.peak_bytes <= settings.cache_bytes);
    what_if_free(what_if);
}

/* TTLs end between two requests: what happens while one is answered is told apart in no order. */
static void test_changes(void **state)
{
    static const int64_t captured_ttls[] = {0, 705, 3005};
    static const int64_t ttls[] = {TTL_AS_CAPTURED, LK_TTL_NONE, 355, 2005};
    static const uint64_t sizes[] = {CACHE_UNLIMITED, 150, 1000, 3000, 6000};

    (void)state;
    for (guint32 seed = 1; seed <= 3; seed++) {
        struct script script;

        capture(&script, captured_ttls[seed - 1], seed, REQUESTS);
        for (size_t t = 0; t < G_N_ELEMENTS(ttls); t++)
            for (size_t s = 0; s < G_N_ELEMENTS(sizes); s++)
                for (unsigned policy = 0; policy < POLICIES; policy++)
                    check_change(&script,
                                 (struct what_if_settings){.ttl_ms = ttls[t],
                                                           .cache_bytes = sizes[s],
                                                           .policy = (enum policy)policy},
                                 captured_ttls[seed - 1], seed);
        script_clear(&script);
    }
}

/* Nothing changed: what was measured. */
static void test_unchanged(void **state)
{
    struct script script;
    struct what_if *what_if;

    (void)state;
    capture(&script, 700, 9, REQUESTS);
    what_if = predict(&script, unchanged);
    assert_true(what_if->predicted.hit_ratio == what_if->measured.hit_ratio);
    assert_true(what_if->predicted.hit_ratio == true_ratio(POLICY_LRU, CACHE_UNLIMITED, 700, 9));
    assert_int_equal(what_if->predicted.writes, what_if->measured.writes);
    assert_int_equal(what_if->predicted.written_bytes, what_if->measured.written_bytes);
    assert_int_equal(what_if->predicted.peak_bytes, what_if->measured.peak_bytes);
    assert_true(what_if->predicted.distinct_keys == what_if->measured.distinct_keys);
    assert_true(what_if->whole_run_reads == (double)what_if->measured.reads);
    what_if_free(what_if);
    script_clear(&script);
}

/* Without TTLs the curve is the hit ratio that each cache size gives. */
static void test_curve(void **state)
{
    struct script script;
    struct what_if *what_if;

    (void)state;
    capture(&script, 0, 4, REQUESTS);
    what_if = predict(&script, unchanged);
    assert_true(what_if->curve_exact && what_if->curve->len > 10);
    for (guint i = 0; i < what_if->curve->len; i++) {
        const struct miss_curve_point *point =
            &g_array_index(what_if->curve, struct miss_curve_point, i);

        if (point->cache_bytes >= what_if->largest_entry_bytes)
            assert_true(fabs(1 - point->miss_ratio -
                             true_ratio(POLICY_LRU, point->cache_bytes, 0, 4)) < 1e-12);
    }
    assert_true(what_if_enough_bytes(what_if) <= what_if->predicted.peak_bytes);
    what_if_free(what_if);
    script_clear(&script);
}

/* 60 captures of one service: nearly all intervals hold what it has in the long run. */
static void test_interval_covers(void **state)
{
    struct what_if_settings small = {.ttl_ms = TTL_AS_CAPTURED, .cache_bytes = 3000};
    struct cached_service lasting = {.capacity = 3000};
    unsigned covered = 0;
    double truth;

    (void)state;
    run(&lasting, 1000, 40000);
    truth = (double)lasting.hits / lasting.reads;
    for (guint32 seed = 1; seed <= 60; seed++) {
        struct script script;
        struct what_if *what_if;

        capture(&script, 0, seed, 1000);
        what_if = predict(&script, small);
        covered += what_if->predicted.hit_ratio_interval[0] <= truth &&
                   truth <= what_if->predicted.hit_ratio_interval[1];
        what_if_free(what_if);
        script_clear(&script);
    }
    assert_in_range(covered, 54, 60);
}

/* A SETEX that is done as SET and EXPIRE; the EXPIRE of a write that is spared goes with it. */
static void test_expire_after_write(void **state)
{
    struct script script = {0};
    struct builder *builder = builder_new();
    struct what_if_settings merged = unchanged;
    struct what_if *what_if;

    (void)state;
    for (int i = 0; i < 4; i++) {
        char key[64];

        g_snprintf(key, sizeof(key), "q:%d:answer", 1790000000 + 7 * i);
        script_miss(builder, 10 + 60 * i, key);
        script_set(builder, 15 + 60 * i, key, 0);
        script_command(builder, (struct at){16 + 60 * i, 1}, "PEXPIRE", key, LK_COMMAND_EXPIRE,
                       LK_OUTCOME_OTHER, 100, 0.1);
    }
    script_save(&script, builder);
    script_analyse(&script);
    merged.normaliser_bits = 1u << NORMALISER_TIMESTAMP;
    what_if = predict(&script, merged);
    assert_true(what_if->measured.hits == 0);
    /* Written at 15, gone at 116: the second hits at 70, the third writes anew, the fourth hits. */
    assert_int_equal(what_if->predicted.hits, 2);
    assert_true(what_if->predicted.distinct_keys == 1);
    what_if_free(what_if);
    script_clear(&script);
}

/* A fuzzer's find: a damaged capture's values whose lengths have no sum. */
static void test_lengths_without_a_sum(void **state)
{
    const struct what_if_settings settings = {.ttl_ms = TTL_AS_CAPTURED,
                                              .cache_bytes = CACHE_UNLIMITED};
    struct builder *builder = builder_new();
    struct script script = {0};
    struct what_if *what_if;

    (void)state;
    for (unsigned i = 0; i < 4; i++)
        builder_command(builder,
                        &(struct builder_command){.time_ns = (i + 1) * BUILDER_MS,
                                                  .verb = "SET",
                                                  .key = (const char *[]){"a", "b", "c", "d"}[i],
                                                  .template_name = "<text>",
                                                  .value_bytes = 1ull << 62,
                                                  .flags = LK_COMMAND_WRITE,
                                                  .outcome = LK_OUTCOME_WRITE});
    script_save(&script, builder);
    script_analyse(&script);
    what_if = what_if_new(script.model, &settings);
    assert_non_null(what_if);
    what_if_free(what_if);
    script_clear(&script);
}

static void test_templates(void **state)
{
    struct script script;
    struct what_if_settings settings = unchanged;
    struct what_if *all, *one;

    (void)state;
    capture(&script, 0, 2, 300);
    all = predict(&script, settings);
    settings.template_name = model_template(script.model, 1)->report->name;
    one = predict(&script, settings);
    assert_int_equal(one->measured.reads, all->measured.reads);
    assert_true(one->predicted.hit_ratio == all->predicted.hit_ratio);
    settings.template_name = "another:<number>";
    assert_null(what_if_new(script.model, &settings));
    what_if_free(all);
    what_if_free(one);
    script_clear(&script);
}

/* ---- Normalisers ---- */

static const struct {
    make_request *make;
    const char *classes;
} planted[] = {
    {clock_and_uuid, "timestamp uuid whitespace case order"},
    {spelling_alone, "whitespace case order"},
    {query_order_and_signature, "order signed-url"},
    {temporary_path, "temp-path"},
    {number_spelling, "number-format"},
    {unicode_form, "unicode"},
    {counter, "counter"},
    {idle_version, "version"},
    {idle_user, "identifier"},
    {idle_seed, "random"},
    {object_address, "address"},
    {nonce_in_key, "random"},
    {uuid_in_key, "uuid"},
    {clock_in_key, "timestamp"},
};

static uint32_t bits_of(const char *classes)
{
    char **names = g_strsplit(classes, " ", -1);
    uint32_t bits = 0;

    for (char **name = names; *name != NULL; name++) {
        assert_int_not_equal(normaliser_named(*name), NORMALISER_NONE);
        bits |= 1u << normaliser_named(*name);
    }
    g_strfreev(names);
    return bits;
}

/* Each planted service, with the normalisers that cure it: as if the question were the key. Without
 * them: as it is. */
static void test_normalisers(void **state)
{
    (void)state;
    for (size_t i = 0; i < G_N_ELEMENTS(planted); i++) {
        const struct service service = {planted[i].make, 1000, 0, false};
        struct simulation simulation = simulate(&service);
        struct what_if_settings settings = unchanged;
        struct what_if *what_if = what_if_new(simulation.model, &settings);

        assert_true(what_if->predicted.hit_ratio == what_if->measured.hit_ratio);
        what_if_free(what_if);
        settings.normaliser_bits = bits_of(planted[i].classes);
        what_if = what_if_new(simulation.model, &settings);
        assert_true(fabs(what_if->predicted.hit_ratio - simulation.truth.cured_hit_ratio) < 0.005);
        assert_true(what_if->predicted.distinct_keys == simulation.truth.distinct_questions);
        assert_true(what_if->predicted.hit_ratio_interval[0] <= simulation.truth.cured_hit_ratio &&
                    simulation.truth.cured_hit_ratio <= what_if->predicted.hit_ratio_interval[1]);
        what_if_free(what_if);
        simulation_clear(&simulation);
    }
}

/* With hashed keys the capture holds hashes of tokens in place of texts. */
static void test_hashed_keys(void **state)
{
    const struct service service = {clock_and_uuid_hidden, 1000, 0, true};
    struct simulation simulation = simulate(&service);
    struct what_if_settings settings = unchanged;
    struct what_if *what_if;

    (void)state;
    settings.normaliser_bits = bits_of("timestamp uuid whitespace case order");
    what_if = what_if_new(simulation.model, &settings);
    assert_true(fabs(what_if->predicted.hit_ratio - simulation.truth.cured_hit_ratio) < 0.005);
    what_if_free(what_if);
    simulation_clear(&simulation);
}

/* Two processes, one after the other, digest the same inputs, each with a seed of its own. */
static void test_salt(void **state)
{
    struct script script = {0};
    struct what_if_settings settings = unchanged;
    static const struct {
        const char *classes;
        unsigned hits, keys;
    } expected[] = {{"whitespace", 0, 20}, {"salt", 10, 10}, {"whitespace salt", 10, 10}};

    (void)state;
    for (unsigned process = 0; process < 2; process++) {
        struct builder *builder = builder_new();

        for (unsigned i = 0; i < 10; i++) {
            char key[64], input[64];
            struct builder_command command = {.time_ns = (process * 1000 + i * 10) * BUILDER_MS,
                                              .verb = "GET",
                                              .key = key,
                                              .template_name = "llm:<sha256>",
                                              .input = input,
                                              .flags = LK_COMMAND_READ,
                                              .outcome = LK_OUTCOME_MISS};

            g_snprintf(input, sizeof(input), "How do I return order number %c?", 'a' + i);
            g_snprintf(key, sizeof(key), "llm:%016llx", process * 977ull + i * 7919ull);
            builder_command(builder, &command);
            command.time_ns += 5 * BUILDER_MS;
            command.verb = "SET";
            command.flags = LK_COMMAND_WRITE;
            command.outcome = LK_OUTCOME_WRITE;
            command.value = "an answer";
            builder_command(builder, &command);
        }
        script_save(&script, builder);
    }
    script_analyse(&script);
    for (size_t i = 0; i < G_N_ELEMENTS(expected); i++) {
        struct what_if *what_if;

        settings.normaliser_bits = bits_of(expected[i].classes);
        what_if = predict(&script, settings);
        assert_int_equal(what_if->predicted.hits, expected[i].hits);
        assert_true(what_if->predicted.distinct_keys == expected[i].keys);
        what_if_free(what_if);
    }
    script_clear(&script);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_changes),     cmocka_unit_test(test_unchanged),
        cmocka_unit_test(test_curve),       cmocka_unit_test(test_interval_covers),
        cmocka_unit_test(test_templates),   cmocka_unit_test(test_lengths_without_a_sum),
        cmocka_unit_test(test_normalisers), cmocka_unit_test(test_expire_after_write),
        cmocka_unit_test(test_hashed_keys), cmocka_unit_test(test_salt),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
