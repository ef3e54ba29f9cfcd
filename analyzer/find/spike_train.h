/*
 * Periodic spikes in a curve of live memory. Pure functions over the timeline's points.
 *
 * A spike is a peak that rises high above what is live between the peaks and soon falls back there;
 * a train is a row of them at regular intervals, more regular than chance would make them. What
 * levels off is no peak (a start-up ramp); what is as often high as low is no spike (the sawtooth
 * of a collected heap, a sine); what comes at random is no train.
 */
#ifndef LEAKEY_FIND_SPIKE_TRAIN_H
#define LEAKEY_FIND_SPIKE_TRAIN_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

/* Every threshold of memory-spike; each says why in spike_train.c. */
struct spike_limits {
    double least_spikes, least_bytes, least_base_share, noise_samples;
    double least_seconds, least_buckets;
    double base_share, low_ratio, rise_level, foot_level, longest_share, lesser_level, lesser_ratio;
    double gap_least, gap_most;
    double most_variation, stray_gap, stray_share, train_share, chance;
    double least_commands, sites_spikes, named_share, listed_share, tag_share;
    double note_share, same_period, most_confidence;
};
extern const struct spike_limits spike_limits;

struct spike {
    double from_seconds, to_seconds;  /* from the foot before it to the foot after it */
    double rise_seconds, end_seconds; /* above rise_level of its height */
    double height_bytes, base_bytes;  /* above what is live around it; and that */
};

struct spike_train {
    GArray *spikes; /* struct spike, in order of time; NULL: there is no train */
    double period_seconds, period_variation; /* the variation: coefficient of the gaps */
    double height_bytes, height_interval[2]; /* the median spike's */
    double base_bytes, lasting_seconds;      /* medians */
    double chance;                           /* that random peaks are as regular */
    bool more; /* later time's buckets are too wide to tell whether it goes on */
};

/* Looks for a train in a capture's timeline (struct timeline_point); clear it afterwards. */
bool spike_train_find(const GArray *timeline, uint64_t sample_bytes, struct spike_train *train);
void spike_train_clear(struct spike_train *train);
/* spikes.c: the same, unless a period is but a few cache commands. Needs the capture's whole-run
 * tables alone. */
struct capture;
bool spike_train_of(const struct capture *capture, struct spike_train *train);

/* The chance that `gaps` gaps between events at random times (Poisson) have a coefficient of
 * variation of at most that. */
double spike_regular_chance(size_t gaps, double variation);

#endif
