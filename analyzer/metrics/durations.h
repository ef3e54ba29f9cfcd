/*
 * Cumulative histograms of durations as OpenMetrics has them: for each bound, how many lasted no
 * longer. Bounds are powers of two microseconds, from 32 us to 16.8 s: each is the end of one of
 * the shim's buckets (LK_HISTOGRAM_BUCKETS), so that nothing has to be shared out.
 */
#ifndef LEAKEY_METRICS_DURATIONS_H
#define LEAKEY_METRICS_DURATIONS_H

#include <stdint.h>

#include "capture/layout.h"

#define DURATIONS_FIRST  5u /* the exponent of the first bound */
#define DURATIONS_BOUNDS 20u

struct durations {
    double counts[DURATIONS_BOUNDS + 1]; /* each of one bucket alone; the last one: longer */
    double sum_seconds;
};

double durations_bound_seconds(unsigned bound);

void durations_observe(struct durations *durations, double seconds);
/* What the shim has counted. A bucket's sum is taken as its count times its (geometric) middle,
 * which is off by 9 % at most. */
void durations_add_latency(struct durations *durations,
                           const uint32_t latency[LK_HISTOGRAM_BUCKETS]);
void durations_add(struct durations *durations, const struct durations *more);
double durations_count(const struct durations *durations);

#endif
