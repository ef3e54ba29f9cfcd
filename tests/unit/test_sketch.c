/* The estimate of distinct keys stays within its error from none to a million, and the union counts
 * equals once. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <glib.h>
#include <math.h>

#include "model/map.h"
#include "model/sketch.h"

static uint64_t hash_of(uint64_t number)
{
    return hash_mix(hash_mix(number, 11), 12);
}

static void fill(uint8_t *sketch, uint64_t first, uint64_t end)
{
    for (uint64_t i = first; i < end; i++)
        sketch_add(sketch, hash_of(i));
}

static void test_estimate(void **state)
{
    static const uint64_t counts[] = {1, 2, 10, 100, 1000, 10000, 40000, 100000, 1000000};

    (void)state;
    for (size_t i = 0; i < G_N_ELEMENTS(counts); i++) {
        uint8_t *sketch = g_malloc0(LK_SKETCH_BYTES);
        double estimate;

        fill(sketch, 0, counts[i]);
        fill(sketch, 0, counts[i] / 2); /* again: nothing new */
        estimate = sketch_estimate(sketch);
        assert_true(fabs(estimate / (double)counts[i] - 1) < 1.5 * SKETCH_ERROR_RATIO);
        g_free(sketch);
    }
}

/* Of ten sets of 10 M keys: the error is 1 % (root mean square), and leans to neither side. */
static void test_ten_million(void **state)
{
    const uint64_t keys = 10000000;
    double square = 0, mean = 0;

    (void)state;
    for (uint64_t set = 0; set < 10; set++) {
        uint8_t *sketch = g_malloc0(LK_SKETCH_BYTES);
        double error;

        fill(sketch, set << 32, (set << 32) + keys);
        error = sketch_estimate(sketch) / (double)keys - 1;
        assert_true(fabs(error) < 1.5 * SKETCH_ERROR_RATIO);
        square += error * error / 10;
        mean += error / 10;
        g_free(sketch);
    }
    assert_true(sqrt(square) < 0.01);
    assert_true(fabs(mean) < 0.008); /* three standard errors */
}

static void test_empty(void **state)
{
    uint8_t *sketch = g_malloc0(LK_SKETCH_BYTES);

    (void)state;
    assert_true(fabs(sketch_estimate(sketch)) < 1e-9);
    g_free(sketch);
}

static void test_full(void **state)
{
    uint8_t *sketch = g_malloc(LK_SKETCH_BYTES);

    (void)state;
    for (uint32_t i = 0; i < LK_SKETCH_BYTES; i++)
        sketch[i] = 0xff; /* damaged: more than a register can hold */
    assert_true(sketch_estimate(sketch) > 1e15);
    g_free(sketch);
}

static void test_union(void **state)
{
    uint8_t *a = g_malloc0(LK_SKETCH_BYTES), *b = g_malloc0(LK_SKETCH_BYTES);

    (void)state;
    fill(a, 0, 60000);
    fill(b, 40000, 100000);
    sketch_merge(a, b);
    assert_true(fabs(sketch_estimate(a) / 100000 - 1) < 1.5 * SKETCH_ERROR_RATIO);
    g_free(a);
    g_free(b);
}

static void test_register(void **state)
{
    uint8_t *sketch = g_malloc0(LK_SKETCH_BYTES);

    (void)state;
    sketch_add(sketch, 5ull << 50 | 1ull << 49); /* no leading zero */
    assert_int_equal(sketch[5], 1);
    sketch_add(sketch, 5ull << 50 | 1ull << 40);
    assert_int_equal(sketch[5], 10);
    sketch_add(sketch, 5ull << 50);
    assert_int_equal(sketch[5], 51);
    g_free(sketch);
}

static void test_map(void **state)
{
    struct map map = {0};
    bool added;

    (void)state;
    assert_null(map_find(&map, 7));
    for (uint32_t i = 0; i < 10000; i++)
        *map_put(&map, i, NULL) = i * 3; /* 0 is a key, too; neighbours collide */
    for (uint32_t i = 0; i < 10000; i += 2)
        assert_true(map_remove(&map, i));
    assert_false(map_remove(&map, 4));
    assert_int_equal(map.used, 5000);
    for (uint32_t i = 0; i < 10000; i++) {
        uint32_t *found = map_find(&map, i);

        assert_true((found != NULL) == (i % 2 == 1));
        assert_true(!found || *found == i * 3);
    }
    map_put(&map, 1, &added);
    assert_false(added);
    map_put(&map, 2, &added);
    assert_true(added);
    map_clear(&map);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_estimate), cmocka_unit_test(test_ten_million),
        cmocka_unit_test(test_empty),    cmocka_unit_test(test_full),
        cmocka_unit_test(test_union),    cmocka_unit_test(test_register),
        cmocka_unit_test(test_map),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
