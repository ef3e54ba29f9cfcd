/* The statistics of the leak finders; see growth.h. */
#include "find/growth.h"

#include <math.h>
#include <stdlib.h>

#include "read/capture.h"

#define Z_95      1.959964
#define PAIRS_MAX ((size_t)64 * 63 / 2)

/* How many ticks came before that time. */
static size_t ticks_before(const struct work_clock *clock, uint64_t time_ns)
{
    size_t low = 0, high = clock->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (clock->ticks[middle] < time_ns)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static uint64_t recorded(const struct work_clock *clock, uint64_t time_ns)
{
    return clock->capture == NULL ? time_ns : capture_recorded_ns(clock->capture, time_ns);
}

double work_share(const struct work_clock *clock, uint64_t time_ns)
{
    if (time_ns <= clock->start_ns)
        return 0;
    if (time_ns >= clock->end_ns)
        return 1;
    if (clock->ticks != NULL)
        return (double)ticks_before(clock, time_ns) / (double)clock->count;
    uint64_t start = recorded(clock, clock->start_ns), end = recorded(clock, clock->end_ns);
    return end == start ? 0 : (double)(recorded(clock, time_ns) - start) / (double)(end - start);
}

uint64_t work_time(const struct work_clock *clock, double share)
{
    if (share <= 0)
        return clock->start_ns;
    if (share >= 1)
        return clock->end_ns;
    if (clock->ticks != NULL)
        return clock->ticks[(size_t)(share * (double)clock->count)];
    uint64_t start = recorded(clock, clock->start_ns), end = recorded(clock, clock->end_ns);
    uint64_t then = start + (uint64_t)(share * (double)(end - start));
    return clock->capture == NULL ? then : capture_time_of(clock->capture, then);
}

double binomial_tail(double trials, double least, double chance)
{
    double n = round(trials), tail = 0;
    if (least <= 0)
        return 1;
    for (double k = ceil(least); k <= n; k++) {
        double term = exp(lgamma(n + 1) - lgamma(k + 1) - lgamma(n - k + 1) + k * log(chance) +
                          (n - k) * log1p(-chance));
        tail += term;
        if (k > n * chance && term < tail * 1e-12)
            break;
    }
    return tail < 1 ? tail : 1;
}

double expected_windows(double births, size_t windows)
{
    double count = (double)windows;
    return count * (1 - pow(1 - 1 / count, births));
}

static int compare_doubles(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

double median(double *values, size_t count)
{
    qsort(values, count, sizeof(*values), compare_doubles);
    return count % 2 != 0 ? values[count / 2] : (values[count / 2 - 1] + values[count / 2]) / 2;
}

double theil_sen(const double *x, const double *y, size_t count, double interval[2])
{
    double slopes[PAIRS_MAX];
    size_t pairs = 0;
    for (size_t i = 0; i < count; i++)
        for (size_t j = i + 1; j < count && pairs < PAIRS_MAX; j++)
            if (x[j] > x[i])
                slopes[pairs++] = (y[j] - y[i]) / (x[j] - x[i]);
    if (interval != NULL)
        interval[0] = interval[1] = NAN;
    if (pairs == 0)
        return NAN;
    double middle = median(slopes, pairs);
    if (interval != NULL) {
        double n = (double)count, spread = Z_95 * sqrt(n * (n - 1) * (2 * n + 5) / 18);
        double low = floor(((double)pairs - spread) / 2), high = ceil(((double)pairs + spread) / 2);
        interval[0] = slopes[low < 0 ? 0 : (size_t)low];
        interval[1] = slopes[high >= (double)pairs ? pairs - 1 : (size_t)high];
    }
    return middle;
}

double kendall_trend(const double *y, size_t count)
{
    double balance = 0;
    for (size_t i = 0; i < count; i++)
        for (size_t j = i + 1; j < count; j++)
            balance += (y[j] > y[i]) - (y[j] < y[i]);
    return count < 2 ? 0 : balance / ((double)(count * (count - 1)) / 2);
}
