/* HyperLogLog: adding, union, and Ertl's estimate. */
#include "model/sketch.h"

#include <math.h>

#define LARGEST (64 - LK_SKETCH_PRECISION + 1) /* a register's largest value */

void sketch_add(uint8_t *sketch, uint64_t hash)
{
    uint32_t index = (uint32_t)(hash >> (64 - LK_SKETCH_PRECISION));
    uint64_t rest = hash << LK_SKETCH_PRECISION | 1ull << (LK_SKETCH_PRECISION - 1);
    uint8_t value = (uint8_t)(1 + __builtin_clzll(rest));

    if (sketch[index] < value)
        sketch[index] = value;
}

void sketch_merge(uint8_t *sketch, const uint8_t *other)
{
    for (uint32_t i = 0; i < LK_SKETCH_BYTES; i++)
        if (sketch[i] < other[i])
            sketch[i] = other[i];
}

static double tau(double x)
{
    double y = 1, z = 1 - x, previous;

    if (x <= 0 || x >= 1)
        return 0;
    do {
        x = sqrt(x);
        previous = z;
        y *= 0.5;
        z -= (1 - x) * (1 - x) * y;
    } while (z < previous);
    return z / 3;
}

static double sigma(double x)
{
    double y = 1, z = x, previous;

    if (x >= 1)
        return INFINITY;
    do {
        x *= x;
        previous = z;
        z += x * y;
        y += y;
    } while (z > previous);
    return z;
}

double sketch_estimate(const uint8_t *sketch)
{
    const double registers = LK_SKETCH_BYTES;
    uint32_t counts[LARGEST + 1] = {0};
    double z;

    for (uint32_t i = 0; i < LK_SKETCH_BYTES; i++)
        counts[sketch[i] < LARGEST ? sketch[i] : LARGEST]++;
    z = registers * tau(1 - counts[LARGEST] / registers);
    for (int k = LARGEST - 1; k >= 1; k--)
        z = 0.5 * (z + counts[k]);
    z += registers * sigma(counts[0] / registers);
    return registers * registers / (2 * log(2) * z);
}
