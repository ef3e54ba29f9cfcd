// Queues of awaited answers, numbers for names, sketches and histograms.
// links: shim/cache/pending.c shim/cache/names.c shim/cache/sketch.c
// libs: -lm
#include <math.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cache/names.h"
#include "cache/pending.h"
#include "cache/sketch.h"

#define CHUNK  4096ul
#define CHUNKS 8u
#define ITEMS  85u /* in a chunk */

static void *memory;

static int set_up(void **state)
{
    (void)state;
    memory = aligned_alloc(CHUNK, CHUNKS * CHUNK);
    if (!memory)
        return -1;
    memset(memory, 0, CHUNKS * CHUNK);
    lk_pending_init(memory, CHUNKS * CHUNK);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    free(memory);
    return 0;
}

static size_t fill(struct lk_queue *queue, uint64_t first)
{
    size_t count = 0;
    for (struct lk_pending *item; (item = lk_queue_push(queue)); count++)
        item->sequence = first + count;
    return count;
}

static void keeps_order(void **state)
{
    struct lk_queue queue = {0};
    (void)state;
    assert_null(lk_queue_first(&queue));
    lk_queue_pop(&queue);
    for (uint64_t i = 0, out = 0; i < 1000; i++) {
        struct lk_pending *item = lk_queue_push(&queue);
        assert_non_null(item);
        assert_int_equal(item->sequence, 0);
        item->sequence = i + 1;
        if (i % 3) { /* two out for three in */
            assert_int_equal(lk_queue_first(&queue)->sequence, ++out);
            lk_queue_pop(&queue);
        }
    }
    lk_queue_clear(&queue);
    assert_null(lk_queue_first(&queue));
}

/* One chunk is the pool's own. */
static void is_bounded_and_gives_back(void **state)
{
    struct lk_queue queue = {0}, other = {0};
    (void)state;
    for (int round = 0; round < 3; round++) {
        assert_int_equal(fill(&queue, 0), (CHUNKS - 1) * ITEMS);
        assert_null(lk_queue_push(&other));
        for (uint64_t i = 0; i < ITEMS; i++) {
            assert_int_equal(lk_queue_first(&queue)->sequence, i);
            lk_queue_pop(&queue);
        }
        assert_int_equal(fill(&other, 0), ITEMS);
        lk_queue_clear(&other);
        lk_queue_clear(&queue);
    }
}

static void *churn(void *unused)
{
    struct lk_queue queue = {0};
    (void)unused;
    for (uint64_t round = 0; round < 3000; round++) {
        size_t pushed = 0;
        for (struct lk_pending *item; pushed < 200 && (item = lk_queue_push(&queue)); pushed++)
            item->sequence = round + pushed;
        for (size_t i = 0; i < pushed; i++) {
            if (lk_queue_first(&queue)->sequence != round + i)
                return &memory;
            lk_queue_pop(&queue);
        }
        lk_queue_clear(&queue);
    }
    return NULL;
}

static void is_shared_by_threads(void **state)
{
    pthread_t threads[4];
    struct lk_queue queue = {0};
    void *wrong;
    (void)state;
    for (int i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, churn, NULL), 0);
    for (int i = 0; i < 4; i++) {
        pthread_join(threads[i], &wrong);
        assert_null(wrong);
    }
    assert_int_equal(fill(&queue, 0), (CHUNKS - 1) * ITEMS);
}

static void numbers_names_once(void **state)
{
    struct lk_names *names = calloc(1, sizeof *names);
    uint64_t hash = 0x123456789abcdef0u;
    (void)state;
    assert_non_null(names);
    assert_int_equal(lk_names_find(names, hash), 0);
    uint32_t first = lk_names_take(names, 3), second = lk_names_take(names, 3);
    assert_int_equal(lk_names_tie(names, hash, first), first);
    assert_int_equal(lk_names_tie(names, hash, second), first); /* it came too late */
    lk_names_give_back(names, second);
    assert_int_equal(lk_names_find(names, hash), first);
    assert_int_equal(lk_names_find(names, hash ^ 1ull << 40), 0);
    assert_int_equal(lk_names_take(names, 3), second);
    assert_int_not_equal(lk_names_take(names, 3), 0);
    assert_int_equal(lk_names_take(names, 3), 0);
    free(names);
}

static uint64_t mix(uint64_t x)
{
    x += 0x9e3779b97f4a7c15u; /* SplitMix64 */
    x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9u;
    x = (x ^ x >> 27) * 0x94d049bb133111ebu;
    return x ^ x >> 31;
}

static double estimate(const uint8_t *registers)
{
    double m = LK_SKETCH_BYTES, sum = 0, zeros = 0;
    for (uint32_t i = 0; i < LK_SKETCH_BYTES; i++) {
        sum += pow(2, -registers[i]);
        zeros += registers[i] == 0;
    }
    double raw = 0.7213 / (1 + 1.079 / m) * m * m / sum;
    return raw < 2.5 * m && zeros > 0 ? m * log(m / zeros) : raw;
}

static void estimates_cardinality(void **state)
{
    static const uint64_t counts[] = {10, 1000, 100000, 1000000};
    uint8_t *registers = malloc(LK_SKETCH_BYTES);
    (void)state;
    assert_non_null(registers);
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
        memset(registers, 0, LK_SKETCH_BYTES);
        for (uint64_t n = 0; n < 2 * counts[i]; n++)
            lk_sketch_add(registers, mix(n % counts[i]));
        double error = estimate(registers) / (double)counts[i] - 1;
        assert_true(fabs(error) < 0.03); /* more than three standard errors */
    }
    memset(registers, 0, LK_SKETCH_BYTES);
    lk_sketch_add(registers, 0);
    assert_int_equal(registers[0], 64 - LK_SKETCH_PRECISION + 1);
    free(registers);
}

static void finds_buckets(void **state)
{
    (void)state;
    assert_int_equal(lk_histogram_bucket(0), 0);
    assert_int_equal(lk_histogram_bucket(999), 0);
    assert_int_equal(lk_histogram_bucket(1000), 0);
    assert_int_equal(lk_histogram_bucket(2000), 4);
    assert_int_equal(lk_histogram_bucket(1000000), 39);
    assert_int_equal(lk_histogram_bucket(UINT64_MAX), LK_HISTOGRAM_BUCKETS - 1);
    for (uint64_t ns = 1100; ns < 100000000000u; ns += ns / 7) {
        double exact = 4 * log2((double)ns / 1000);
        uint32_t bucket = lk_histogram_bucket(ns);
        /* Microseconds are cut to 1/256: right at a bound it may be the bucket below. */
        assert_true(bucket <= exact && bucket > exact - 1.03);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(keeps_order, set_up, tear_down),
        cmocka_unit_test_setup_teardown(is_bounded_and_gives_back, set_up, tear_down),
        cmocka_unit_test_setup_teardown(is_shared_by_threads, set_up, tear_down),
        cmocka_unit_test(numbers_names_once),
        cmocka_unit_test(estimates_cardinality),
        cmocka_unit_test(finds_buckets),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
