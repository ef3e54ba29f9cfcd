/* Histograms of durations; see durations.h. */
#include "metrics/durations.h"

#include <math.h>

#define MICROSECONDS 1e6
#define PER_OCTAVE   4u /* the shim's buckets */

double durations_bound_seconds(unsigned bound)
{
    return exp2(DURATIONS_FIRST + bound) / MICROSECONDS;
}

void durations_observe(struct durations *durations, double seconds)
{
    unsigned at = 0;

    while (at < DURATIONS_BOUNDS && seconds > durations_bound_seconds(at))
        at++;
    durations->counts[at]++;
    durations->sum_seconds += seconds;
}

void durations_add_latency(struct durations *durations,
                           const uint32_t latency[LK_HISTOGRAM_BUCKETS])
{
    for (unsigned bucket = 0; bucket < LK_HISTOGRAM_BUCKETS; bucket++) {
        unsigned at = 0;

        if (latency[bucket] == 0)
            continue;
        while (at < DURATIONS_BOUNDS && bucket + 1 > PER_OCTAVE * (DURATIONS_FIRST + at))
            at++;
        durations->counts[at] += latency[bucket];
        durations->sum_seconds +=
            latency[bucket] * exp2((bucket + 0.5) / PER_OCTAVE) / MICROSECONDS;
    }
}

void durations_add(struct durations *durations, const struct durations *more)
{
    for (unsigned at = 0; at <= DURATIONS_BOUNDS; at++)
        durations->counts[at] += more->counts[at];
    durations->sum_seconds += more->sum_seconds;
}

double durations_count(const struct durations *durations)
{
    double count = 0;

    for (unsigned at = 0; at <= DURATIONS_BOUNDS; at++)
        count += durations->counts[at];
    return count;
}
