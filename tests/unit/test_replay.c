/* Eviction policies, reuse distances and the miss-ratio curve against simulators that are too
 * simple to be wrong: every entry is looked at in every step. Traces are random, with sizes,
 * rewrites, removals and expiries. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <math.h>
#include <string.h>

#include "replay/miss_curve.h"
#include "replay/policies.h"
#include "replay/ranking.h"
#include "replay/reuse.h"

enum { ENTRIES = 60, STEPS = 3000, TRACES = 12 };

enum kind { READ, WRITE, REMOVE };

struct operation {
    enum kind kind;
    uint32_t entry;
    uint64_t bytes; /* of a write */
};

static uint32_t draw(GRand *random, uint32_t limit)
{
    return (uint32_t)g_rand_int_range(random, 0, (gint32)limit);
}

static void append(GArray *trace, enum kind kind, uint32_t entry, uint64_t bytes)
{
    struct operation operation = {kind, entry, bytes};

    g_array_append_val(trace, operation);
}

/* Entries of a skewed popularity. A write may have an expiry, which comes as a removal some steps
 * later, unless another write is in between. `resized`: a rewrite may have another size. */
static GArray *random_trace(guint32 seed, bool resized)
{
    GRand *random = g_rand_new_with_seed(seed);
    GArray *trace = g_array_new(FALSE, FALSE, sizeof(struct operation));
    uint32_t expires[ENTRIES] = {0};

    for (uint32_t step = 1; step <= STEPS; step++) {
        uint32_t entry = draw(random, 1 + draw(random, ENTRIES)), choice = draw(random, 100);

        for (uint32_t i = 0; i < ENTRIES; i++)
            if (expires[i] == step)
                append(trace, REMOVE, i, 0);
        if (choice < 70) {
            append(trace, READ, entry, 0);
        } else if (choice < 94) {
            append(trace, WRITE, entry, 1 + (entry * 7 + (resized ? draw(random, 90) : 0)) % 100);
            expires[entry] = choice % 2 ? step + 1 + draw(random, 200) : 0;
        } else {
            append(trace, REMOVE, entry, 0);
        }
    }
    g_rand_free(random);
    return trace;
}

/* ---- A cache, the simple way ---- */

struct simple {
    enum policy policy;
    uint64_t capacity, clock;
    struct {
        bool in, spared;
        uint64_t bytes, last, born, uses;
    } entries[ENTRIES];
};

static uint64_t filled(const struct simple *simple)
{
    uint64_t sum = 0;

    for (uint32_t i = 0; i < ENTRIES; i++)
        sum += simple->entries[i].in ? simple->entries[i].bytes : 0;
    return sum;
}

static bool goes_before(const struct simple *simple, uint32_t a, uint32_t b)
{
    if (simple->policy == POLICY_LFU && simple->entries[a].uses != simple->entries[b].uses)
        return simple->entries[a].uses < simple->entries[b].uses;
    if (simple->policy == POLICY_FIFO_REINSERTION)
        return simple->entries[a].born < simple->entries[b].born;
    return simple->entries[a].last < simple->entries[b].last;
}

static uint32_t first_to_go(const struct simple *simple, uint32_t kept)
{
    uint32_t first = ENTRIES;

    for (uint32_t i = 0; i < ENTRIES; i++)
        if (simple->entries[i].in && (i != kept || simple->policy == POLICY_FIFO_REINSERTION) &&
            (first == ENTRIES || goes_before(simple, i, first)))
            first = i;
    return first;
}

static void evict_one(struct simple *simple, uint32_t kept)
{
    for (;;) {
        uint32_t first = first_to_go(simple, kept);

        if (simple->policy == POLICY_FIFO_REINSERTION &&
            (simple->entries[first].spared || first == kept)) {
            simple->entries[first].spared = first == kept && simple->entries[first].spared;
            simple->entries[first].born = ++simple->clock;
            continue;
        }
        simple->entries[first].in = false;
        return;
    }
}

static void simple_use(struct simple *simple, uint32_t entry)
{
    simple->entries[entry].last = ++simple->clock;
    simple->entries[entry].uses++;
    simple->entries[entry].spared = true;
}

static void simple_put(struct simple *simple, uint32_t entry, uint64_t bytes)
{
    bool was_in = simple->entries[entry].in;

    if (bytes > simple->capacity) {
        simple->entries[entry].in = false;
        return;
    }
    if (was_in) {
        simple_use(simple, entry);
        simple->entries[entry].bytes = bytes;
        while (filled(simple) > simple->capacity)
            evict_one(simple, entry);
        return;
    }
    while (filled(simple) + bytes > simple->capacity)
        evict_one(simple, ENTRIES);
    simple->entries[entry].in = true;
    simple->entries[entry].bytes = bytes;
    simple->entries[entry].last = simple->entries[entry].born = ++simple->clock;
    simple->entries[entry].uses = 1;
    simple->entries[entry].spared = false;
}

/* ---- Policies ---- */

static void check_policy(const GArray *trace, enum policy policy, uint64_t capacity)
{
    struct simple simple = {.policy = policy, .capacity = capacity};
    struct bounded_cache *cache = bounded_cache_new(policy, capacity, ENTRIES);
    uint64_t peak = 0;

    for (guint i = 0; i < trace->len; i++) {
        const struct operation *operation = &g_array_index(trace, struct operation, i);
        uint32_t entry = operation->entry;

        assert_int_equal(bounded_cache_holds(cache, entry), simple.entries[entry].in);
        if (operation->kind == READ && simple.entries[entry].in) {
            bounded_cache_use(cache, entry);
            simple_use(&simple, entry);
        } else if (operation->kind == WRITE) {
            simple_put(&simple, entry, operation->bytes);
            assert_int_equal(bounded_cache_put(cache, entry, operation->bytes),
                             operation->bytes <= capacity);
        } else if (operation->kind == REMOVE) {
            bounded_cache_remove(cache, entry);
            simple.entries[entry].in = false;
        }
        peak = MAX(peak, filled(&simple));
        assert_int_equal(bounded_cache_peak_bytes(cache), peak);
    }
    assert_true(peak <= capacity);
    bounded_cache_free(cache);
}

static void test_policies(void **state)
{
    static const uint64_t capacities[] = {1, 60, 100, 333, 1000, 100000};

    (void)state;
    for (guint32 seed = 1; seed <= TRACES; seed++) {
        GArray *trace = random_trace(seed, true);

        for (unsigned policy = 0; policy < POLICIES; policy++)
            for (size_t i = 0; i < G_N_ELEMENTS(capacities); i++)
                check_policy(trace, (enum policy)policy, capacities[i]);
        g_array_free(trace, TRUE);
    }
}

static void test_policy_names(void **state)
{
    enum policy policy;

    (void)state;
    for (unsigned i = 0; i < POLICIES; i++) {
        assert_true(policy_named(policy_name((enum policy)i), &policy));
        assert_int_equal(policy, i);
    }
    assert_false(policy_named("arc", &policy));
}

/* ---- Reuse distances ---- */

/* Whether each read hits an LRU cache of that size; what it has not got and an unlimited one has is
 * written again at once. */
static GArray *simple_hits(const GArray *trace, uint64_t capacity)
{
    struct simple limited = {.policy = POLICY_LRU, .capacity = capacity};
    struct simple unlimited = {.policy = POLICY_LRU, .capacity = UINT64_MAX / 2};
    GArray *hits = g_array_new(FALSE, FALSE, sizeof(uint8_t));

    for (guint i = 0; i < trace->len; i++) {
        const struct operation *operation = &g_array_index(trace, struct operation, i);
        uint32_t entry = operation->entry;
        uint8_t hit = limited.entries[entry].in;

        if (operation->kind == WRITE) {
            simple_put(&limited, entry, operation->bytes);
            simple_put(&unlimited, entry, operation->bytes);
        } else if (operation->kind == REMOVE) {
            limited.entries[entry].in = unlimited.entries[entry].in = false;
        } else {
            g_array_append_val(hits, hit);
            if (hit)
                simple_use(&limited, entry);
            else if (unlimited.entries[entry].in)
                simple_put(&limited, entry, unlimited.entries[entry].bytes);
        }
    }
    return hits;
}

static GArray *distances_of(const GArray *trace)
{
    struct reuse *reuse = reuse_new(ENTRIES);
    GArray *distances = g_array_new(FALSE, FALSE, sizeof(uint64_t));

    for (guint i = 0; i < trace->len; i++) {
        const struct operation *operation = &g_array_index(trace, struct operation, i);

        if (operation->kind == WRITE) {
            reuse_write(reuse, operation->entry, operation->bytes);
        } else if (operation->kind == REMOVE) {
            reuse_remove(reuse, operation->entry);
        } else {
            uint64_t distance = reuse_read(reuse, operation->entry);

            g_array_append_val(distances, distance);
        }
    }
    reuse_free(reuse);
    return distances;
}

/* Every single read, at every size from the largest entry's on. */
static void test_distances(void **state)
{
    (void)state;
    for (guint32 seed = 1; seed <= TRACES; seed++) {
        GArray *trace = random_trace(seed, seed % 2), *distances = distances_of(trace);

        for (uint64_t capacity = 100; capacity < 3300; capacity += 97) {
            GArray *hits = simple_hits(trace, capacity);

            assert_int_equal(hits->len, distances->len);
            for (guint i = 0; i < hits->len; i++)
                assert_int_equal(g_array_index(hits, uint8_t, i),
                                 g_array_index(distances, uint64_t, i) <= capacity);
            g_array_free(hits, TRUE);
        }
        g_array_free(distances, TRUE);
        g_array_free(trace, TRUE);
    }
}

/* ---- The curve ---- */

static void follow(struct miss_curve *curve, const GArray *trace)
{
    for (guint i = 0; i < trace->len; i++) {
        const struct operation *operation = &g_array_index(trace, struct operation, i);

        if (operation->kind == WRITE)
            miss_curve_write(curve, operation->entry, operation->bytes);
        else if (operation->kind == REMOVE)
            miss_curve_remove(curve, operation->entry);
        else
            miss_curve_read(curve, operation->entry);
    }
}

static double simple_miss_ratio(const GArray *trace, uint64_t capacity)
{
    GArray *hits = simple_hits(trace, capacity);
    double misses = 0;

    for (guint i = 0; i < hits->len; i++)
        misses += !g_array_index(hits, uint8_t, i);
    misses /= hits->len;
    g_array_free(hits, TRUE);
    return misses;
}

static void test_exact_curve(void **state)
{
    (void)state;
    for (guint32 seed = 1; seed <= TRACES; seed++) {
        GArray *trace = random_trace(seed, seed % 2), *points;
        struct miss_curve *curve = miss_curve_new(ENTRIES, MISS_CURVE_EXACT_ENTRIES);

        follow(curve, trace);
        points = miss_curve_points(curve);
        assert_true(miss_curve_is_exact(curve) && points->len > 10 &&
                    points->len <= MISS_CURVE_POINTS);
        for (guint i = 0; i < points->len; i++) {
            const struct miss_curve_point *point =
                &g_array_index(points, struct miss_curve_point, i);
            double truth = simple_miss_ratio(trace, point->cache_bytes);

            /* Below the largest entry's size the curve is a bound. */
            if (point->cache_bytes >= miss_curve_largest_entry_bytes(curve))
                assert_true(fabs(point->miss_ratio - truth) < 1e-12);
            else
                assert_true(point->miss_ratio > truth - 1e-12);
            assert_true(i == 0 || (point->miss_ratio <= point[-1].miss_ratio &&
                                   point->cache_bytes > point[-1].cache_bytes));
        }
        g_array_free(points, TRUE);
        miss_curve_free(curve);
        g_array_free(trace, TRUE);
    }
}

static void test_curve_without_reads(void **state)
{
    struct miss_curve *curve = miss_curve_new(0, MISS_CURVE_EXACT_ENTRIES);
    GArray *points = miss_curve_points(curve);

    (void)state;
    assert_int_equal(points->len, 0);
    g_array_free(points, TRUE);
    miss_curve_free(curve);
}

/* Zipf's law with exponent 0.9 over many entries: a miss writes, some reads delete. */
static void zipf_curves(struct miss_curve *exact, struct miss_curve *sampled, uint32_t entries)
{
    GRand *random = g_rand_new_with_seed(5);
    double *sums = g_new(double, entries + 1);
    struct miss_curve *both[] = {exact, sampled};
    uint8_t *in = g_new0(uint8_t, entries);

    sums[0] = 0;
    for (uint32_t i = 0; i < entries; i++)
        sums[i + 1] = sums[i] + pow(i + 1, -0.9);
    for (uint32_t step = 0; step < 6 * entries; step++) {
        double at = g_rand_double(random) * sums[entries];
        uint32_t low = 0, high = entries - 1;
        bool deleted = g_rand_int_range(random, 0, 100) == 0;

        while (low < high) {
            uint32_t middle = (low + high) / 2;

            if (sums[middle + 1] > at)
                high = middle;
            else
                low = middle + 1;
        }
        for (size_t i = 0; i < G_N_ELEMENTS(both); i++) {
            miss_curve_read(both[i], low);
            if (!in[low])
                miss_curve_write(both[i], low, 100 + low % 1000);
            if (deleted)
                miss_curve_remove(both[i], low);
        }
        in[low] = !deleted;
    }
    g_free(in);
    g_free(sums);
    g_rand_free(random);
}

static void test_sampled_curve(void **state)
{
    enum { MANY = 120000 };
    struct miss_curve *exact = miss_curve_new(MANY, MANY), *sampled = miss_curve_new(MANY, 1000);
    GArray *points;
    guint within = 0;

    (void)state;
    zipf_curves(exact, sampled, MANY);
    points = miss_curve_points(sampled);
    assert_true(miss_curve_is_exact(exact) && !miss_curve_is_exact(sampled));
    assert_true(points->len > 20);
    for (guint i = 0; i < points->len; i++) {
        const struct miss_curve_point *point = &g_array_index(points, struct miss_curve_point, i);
        double truth = miss_curve_at(exact, point->cache_bytes).miss_ratio;

        within += point->interval[0] <= truth + 1e-9 && truth - 1e-9 <= point->interval[1];
        assert_true(fabs(point->miss_ratio - truth) < 0.01);
        assert_true(point->interval[1] - point->interval[0] < 0.02);
    }
    assert_true(within >= points->len * 9 / 10);
    g_array_free(points, TRUE);
    miss_curve_free(exact);
    miss_curve_free(sampled);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_policies),      cmocka_unit_test(test_policy_names),
        cmocka_unit_test(test_distances),     cmocka_unit_test(test_exact_curve),
        cmocka_unit_test(test_sampled_curve), cmocka_unit_test(test_curve_without_reads),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
