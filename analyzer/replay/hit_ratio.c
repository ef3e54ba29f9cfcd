/* The hit ratio's interval: a bootstrap over blocks, and Wilson's. */
#include "replay/hit_ratio.h"

#include <math.h>
#include <stdint.h>
#include <stdlib.h>

#define BLOCKS    50
#define RESAMPLES 1000

static uint64_t next_random(uint64_t *state)
{ /* splitmix64; the same seed always: reports do not change by chance */
    uint64_t z = *state += 0x9e3779b97f4a7c15ull;

    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
    return z ^ (z >> 31);
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

static void bootstrap(const GArray *outcomes, double interval[2])
{
    uint32_t blocks = MIN(BLOCKS, outcomes->len), hits[BLOCKS] = {0}, reads[BLOCKS] = {0};
    double ratios[RESAMPLES];
    uint64_t state = 1;

    for (guint i = 0; i < outcomes->len; i++) {
        uint32_t block = (uint32_t)((uint64_t)i * blocks / outcomes->len);

        reads[block]++;
        hits[block] += g_array_index(outcomes, uint8_t, i);
    }
    for (int r = 0; r < RESAMPLES; r++) {
        double hit = 0, read = 0;

        for (uint32_t k = 0; k < blocks; k++) {
            uint32_t block = (uint32_t)(next_random(&state) % blocks);

            hit += hits[block];
            read += reads[block];
        }
        ratios[r] = hit / read;
    }
    qsort(ratios, RESAMPLES, sizeof(*ratios), by_value);
    interval[0] = ratios[RESAMPLES / 40];
    interval[1] = ratios[RESAMPLES - 1 - RESAMPLES / 40];
}

static void wilson(double ratio, double count, double interval[2])
{
    double z2 = 1.96 * 1.96, centre = (ratio + z2 / (2 * count)) / (1 + z2 / count);
    double half =
        1.96 * sqrt(ratio * (1 - ratio) / count + z2 / (4 * count * count)) / (1 + z2 / count);

    interval[0] = MAX(0, centre - half);
    interval[1] = MIN(1, centre + half);
}

double hit_ratio_of(const GArray *outcomes, double interval[2])
{
    double booted[2], plain[2], hits = 0, reads = outcomes->len, ratio;

    if (outcomes->len == 0)
        return interval[0] = interval[1] = NAN;
    for (guint i = 0; i < outcomes->len; i++)
        hits += g_array_index(outcomes, uint8_t, i);
    ratio = hits / reads;
    bootstrap(outcomes, booted);
    wilson(ratio, reads, plain);
    interval[0] = MIN(MIN(booted[0], plain[0]), ratio);
    interval[1] = MAX(MAX(booted[1], plain[1]), ratio);
    return ratio;
}
