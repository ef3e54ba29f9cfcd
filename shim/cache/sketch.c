/* Distinct keys and durations, summarised. */
#include "cache/sketch.h"

#include <stdbool.h>

void lk_sketch_add(uint8_t *registers, uint64_t hash)
{
    uint8_t *place = &registers[hash >> (64 - LK_SKETCH_PRECISION)];
    uint64_t rest = hash << LK_SKETCH_PRECISION | 1ull << (LK_SKETCH_PRECISION - 1);
    uint8_t rank = (uint8_t)(1 + __builtin_clzll(rest));
    uint8_t held = __atomic_load_n(place, __ATOMIC_RELAXED);
    while (held < rank && !__atomic_compare_exchange_n(place, &held, rank, false, __ATOMIC_RELAXED,
                                                       __ATOMIC_RELAXED)) {}
}

/* floor(4 * log2(microseconds)): the exponent by the highest bit, the quarters by comparing with
 * 2^(1/4), 2^(1/2) and 2^(3/4), here times 2^31. */
uint32_t lk_histogram_bucket(uint64_t nanoseconds)
{
    static const uint32_t quarters[] = {2553802834u, 3037000500u, 3611622603u};
    uint32_t bucket;
    if (nanoseconds < 1000)
        return 0;
    if (nanoseconds > UINT64_MAX >> 8)
        return LK_HISTOGRAM_BUCKETS - 1;
    uint64_t fixed = (nanoseconds << 8) / 1000; /* microseconds times 256 */
    uint32_t shift = (uint32_t)__builtin_clzll(fixed);
    uint32_t mantissa = (uint32_t)(fixed << shift >> 32);
    bucket = 4 * (63 - 8 - shift);
    for (uint32_t i = 0; i < 3; i++)
        bucket += mantissa >= quarters[i];
    return bucket < LK_HISTOGRAM_BUCKETS ? bucket : LK_HISTOGRAM_BUCKETS - 1;
}
