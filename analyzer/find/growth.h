/*
 * Whether something keeps growing: the statistics of the leak finders. Pure functions over times
 * and counts.
 *
 * A run is cut into windows of equal work. Two things are looked at: when the survivors (what is
 * still live at the end) were born, and the floor of the live curve, its lowest point in each
 * window, which a sawtooth returns to and turnover does not raise.
 */
#ifndef LEAKEY_FIND_GROWTH_H
#define LEAKEY_FIND_GROWTH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct capture;

#define GROWTH_WINDOWS 10u

/* Work done by a time: by the count of ticks (cache commands) where there are enough, else by the
 * time itself, less what recording was paused. */
struct work_clock {
    const struct capture *capture; /* NULL: it was never paused */
    const uint64_t *ticks;         /* sorted; NULL: by time */
    size_t count;
    uint64_t start_ns, end_ns;
};
/* The share of the work between start and end that was done by then, in [0, 1]. */
double work_share(const struct work_clock *clock, uint64_t time_ns);
/* The earliest time by which that share was done. */
uint64_t work_time(const struct work_clock *clock, double share);

/* The chance of `least` or more successes in `trials` at that chance each. */
double binomial_tail(double trials, double least, double chance);

/* How many of `windows` should hold at least one of n births, were they spread evenly. */
double expected_windows(double births, size_t windows);

/* The median of the slopes between all pairs of points (Theil-Sen), and its 95 % interval (Sen, by
 * Kendall's S). NAN with fewer than two different x. `interval` may be NULL. */
double theil_sen(const double *x, const double *y, size_t count, double interval[2]);

/* Pairs that rise less pairs that fall, as a share of all (Kendall's tau-a). */
double kendall_trend(const double *y, size_t count);

/* The median of count > 0 values, which it sorts. */
double median(double *values, size_t count);

#endif
