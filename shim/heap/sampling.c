/* Poisson sampling: gaps and weights, without libm. */
#include "heap/sampling.h"

#include <string.h>

#define LN2 0.693147180559945309417

/* Natural logarithm of x > 0, by the series of atanh around the mantissa: error below 1e-9. */
static double logarithm(double x)
{
    uint64_t bits;
    memcpy(&bits, &x, sizeof bits);
    int exponent = (int)(bits >> 52) - 1023;
    bits = (bits & 0xfffffffffffffu) | 0x3ff0000000000000u;
    double m;
    memcpy(&m, &bits, sizeof m);
    if (m > 1.41421356237309504880) {
        m /= 2;
        exponent++;
    }
    double y = (m - 1) / (m + 1), s = y * y;
    double sum =
        1 + s * (1.0 / 3 + s * (1.0 / 5 + s * (1.0 / 7 + s * (1.0 / 9 + s * (1.0 / 11 + s / 13)))));
    return 2 * y * sum + exponent * LN2;
}

/* 1 / (1 - exp(-x)) for x > 0: the Bernoulli series for x <= 0.5, error below 1e-10; for larger x
 * by 1 - e^-2x = (1 - e^-x)(2 - (1 - e^-x)) from there. */
static double inverse_chance(double x)
{
    int doublings = 0;
    if (x > 40)
        return 1;
    for (; x > 0.5; x /= 2)
        doublings++;
    double s = x * x;
    double inverse =
        1 / x + 0.5 + x * (1.0 / 12 - s * (1.0 / 720 - s * (1.0 / 30240 - s * (1.0 / 1209600))));
    while (doublings--) /* 1 / (p (2 - p)), p = 1 / inverse */
        inverse = inverse * inverse / (2 * inverse - 1);
    return inverse;
}

uint64_t lk_sampling_gap(uint64_t random, uint64_t mean)
{
    double uniform = ((double)(random >> 11) + 1) * 0x1p-53; /* in (0, 1] */
    double gap = -logarithm(uniform) * (double)mean;
    return gap < 0x1p62 ? (uint64_t)gap : (uint64_t)1 << 62;
}

uint64_t lk_sampling_random(uint64_t *state)
{
    uint64_t z = *state += 0x9e3779b97f4a7c15u;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

struct lk_weight lk_sampling_weight(uint64_t size, uint64_t mean)
{
    struct lk_weight weight = {size, 1u << 16, 0};
    if (mean <= 1 || size == 0)
        return weight;
    double s = (double)(int64_t)size; /* signed: that is one instruction */
    double count = inverse_chance(s / (double)(int64_t)mean), bytes = s * count;
    weight.bytes = (uint64_t)(int64_t)(bytes + 0.5);
    weight.count_q16 = (uint64_t)(int64_t)(0x1p16 * count + 0.5);
    weight.variance = bytes * (bytes - s);
    return weight;
}
