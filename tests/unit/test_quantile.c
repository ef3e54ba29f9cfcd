/* Quantiles against sorting, in every order that trips a selection up. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>
#include <math.h>

#include "model/quantile.h"

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

enum order { RISING, FALLING, EQUAL, FEW, RANDOM, ORGAN_PIPES, ORDERS };

static double sample(enum order order, unsigned i, unsigned count, GRand *random)
{
    switch (order) {
    case RISING:
        return i;
    case FALLING:
        return count - i;
    case EQUAL:
        return 7;
    case FEW:
        return g_rand_int_range(random, 0, 3);
    case ORGAN_PIPES:
        return i < count / 2 ? i : count - i;
    default:
        return g_rand_double(random);
    }
}

static void is_what_sorting_says(void **state)
{
    static const unsigned counts[] = {1, 2, 3, 4, 5, 10, 99, 1000};
    static const double ratios[] = {0, 0.01, 0.5, 0.9, 0.99, 1};
    GRand *random = g_rand_new_with_seed(5);

    (void)state;
    for (enum order order = RISING; order < ORDERS; order++)
        for (unsigned c = 0; c < G_N_ELEMENTS(counts); c++)
            for (unsigned r = 0; r < G_N_ELEMENTS(ratios); r++) {
                GArray *samples = g_array_new(FALSE, FALSE, sizeof(double));

                for (unsigned i = 0; i < counts[c]; i++) {
                    double value = sample(order, i, counts[c], random);
                    g_array_append_val(samples, value);
                }
                double *sorted = g_memdup2(samples->data, counts[c] * sizeof(double));
                qsort(sorted, counts[c], sizeof(double), compare);
                unsigned rank = (unsigned)ceil(ratios[r] * counts[c]);
                assert_true(quantile(samples, ratios[r]) == sorted[rank ? rank - 1 : 0]);
                qsort(samples->data, counts[c], sizeof(double), compare); /* none got lost */
                assert_memory_equal(samples->data, sorted, counts[c] * sizeof(double));
                g_free(sorted);
                g_array_free(samples, TRUE);
            }
    g_rand_free(random);
}

static void of_nothing_is_unknown(void **state)
{
    GArray *none = g_array_new(FALSE, FALSE, sizeof(double));

    (void)state;
    assert_true(isnan(quantile(none, 0.5)));
    g_array_free(none, TRUE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(is_what_sorting_says),
        cmocka_unit_test(of_nothing_is_unknown),
    };

    return cmocka_run_group_tests_name("quantile", tests, NULL, NULL);
}
