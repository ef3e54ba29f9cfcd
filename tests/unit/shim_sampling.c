/* Poisson sampling: gaps are exponential, weights are unbiased. */
// links: shim/heap/sampling.c
// libs: -lm
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "heap/sampling.h"

static void gaps_have_the_mean_and_the_tail_of_an_exponential(void **state)
{
    (void)state;
    const double mean = 512 * 1024;
    uint64_t random = 7;
    double sum = 0;
    int beyond_two = 0;
    const int n = 200000;
    for (int i = 0; i < n; i++) {
        double gap = (double)lk_sampling_gap(lk_sampling_random(&random), (uint64_t)mean);
        sum += gap;
        beyond_two += gap > 2 * mean;
    }
    assert_true(fabs(sum / n / mean - 1) < 0.01);                /* 4.5 standard errors */
    assert_true(fabs((double)beyond_two / n - exp(-2)) < 0.004); /* 5 */
}

static void weights_are_the_inverse_probability(void **state)
{
    (void)state;
    const uint64_t mean = 512 * 1024;
    static const uint64_t sizes[] = {1, 16, 1000, 65536, 131072, 262144, 524288, 5000000, 50000000};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        double p = -expm1(-(double)sizes[i] / (double)mean);
        struct lk_weight weight = lk_sampling_weight(sizes[i], mean);
        double bytes = (double)sizes[i] / p;
        assert_true(fabs((double)weight.bytes - bytes) <= 0.5 + bytes * 1e-9);
        assert_true(fabs((double)weight.count_q16 / 65536 * p - 1) < 1e-4);
        assert_true(fabs(weight.variance - bytes * bytes * (1 - p)) <=
                    bytes * bytes * (1 - p) * 1e-6 + 1);
    }
}

/* Against libm, over all magnitudes: what is written as a series here is right to 1e-9. */
static void series_agree_with_libm(void **state)
{
    (void)state;
    uint64_t random = 3;
    for (int i = 0; i < 300000; i++) {
        uint64_t bits = lk_sampling_random(&random) >> i % 60;
        double uniform = ((double)(bits >> 11) + 1) * 0x1p-53, gap = -log(uniform) * 0x1p50;
        assert_true(fabs((double)lk_sampling_gap(bits, (uint64_t)1 << 50) - gap) <= 1 + gap * 1e-9);
        uint64_t size = 1 + (lk_sampling_random(&random) >> (24 + i % 38));
        uint64_t mean = 2 + (lk_sampling_random(&random) >> (30 + i % 33));
        double x = (double)size / (double)mean, bytes = (double)size / -expm1(-x);
        struct lk_weight weight = lk_sampling_weight(size, mean);
        assert_true(fabs((double)weight.bytes - bytes) <= 0.5 + bytes * 1e-9);
        assert_true(fabs((double)weight.count_q16 - 65536 / -expm1(-x)) <=
                    0.5 + 65536 / -expm1(-x) * 1e-9);
    }
}

static void every_allocation_counts_as_itself(void **state)
{
    (void)state;
    struct lk_weight weight = lk_sampling_weight(1234, 1);
    assert_int_equal(weight.bytes, 1234);
    assert_int_equal(weight.count_q16, 65536);
    assert_true(weight.variance <= 0);
}

/* The whole estimator: allocations of mixed sizes, sampled as the wrappers do it, give the true
 * total. */
static void estimates_are_unbiased(void **state)
{
    (void)state;
    const uint64_t mean = 4096;
    uint64_t random = 99, sizes = 5;
    double truth = 0, estimate = 0, variance = 0, count = 0, counted = 0;
    uint64_t remaining = lk_sampling_gap(lk_sampling_random(&random), mean) + 1;
    for (int i = 0; i < 2000000; i++) {
        uint64_t size = lk_sampling_random(&sizes) % 3000;
        truth += (double)size;
        count += size > 0;
        if (size < remaining) {
            remaining -= size;
            continue;
        }
        struct lk_weight weight = lk_sampling_weight(size, mean);
        estimate += (double)weight.bytes;
        counted += (double)weight.count_q16 / 65536;
        variance += weight.variance;
        remaining = lk_sampling_gap(lk_sampling_random(&random), mean) + 1;
    }
    assert_true(fabs(estimate - truth) < 4 * sqrt(variance));
    assert_true(sqrt(variance) / truth < 0.002);
    assert_true(fabs(counted / count - 1) < 0.02);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gaps_have_the_mean_and_the_tail_of_an_exponential),
        cmocka_unit_test(weights_are_the_inverse_probability),
        cmocka_unit_test(series_agree_with_libm),
        cmocka_unit_test(every_allocation_counts_as_itself),
        cmocka_unit_test(estimates_are_unbiased),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
