/* The circular block bootstrap; compare.h names its sources. */
#include "model/bootstrap.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define REPLICATES    2000u
#define SEED          0x6c65616b6579ull
#define WINDOWS_LEAST 20u   /* with anything in them */
#define ROUNDING      1e-24 /* relative variance that is but rounding */
#define LAGS_QUIET    5u    /* lags in a row that must look like noise */

static double field(const struct window *window, size_t offset)
{
    double value;

    memcpy(&value, (const char *)window + offset, sizeof(value));
    return value;
}

/* ---- The statistic ---- */

struct sums {
    double numerator, denominator, highest;
};

static void add_window(struct sums *sums, const struct statistic *statistic,
                       const struct window *window)
{
    double value = field(window, statistic->numerator);

    if (statistic->denominator < STATISTIC_HIGHEST) {
        sums->numerator += value;
        sums->denominator += field(window, statistic->denominator);
    } else if (!isnan(value)) {
        sums->numerator += value;
        sums->denominator++;
        sums->highest = MAX(sums->highest, value);
    }
}

static double value_of(const struct sums *sums, const struct statistic *statistic)
{
    if (!(sums->denominator > 0))
        return NAN;
    return statistic->denominator == STATISTIC_HIGHEST ? sums->highest
                                                       : sums->numerator / sums->denominator;
}

double statistic_value(const struct statistic *statistic, const struct window *windows,
                       size_t count)
{
    struct sums sums = {0};

    for (size_t i = 0; i < count; i++)
        add_window(&sums, statistic, &windows[i]);
    return value_of(&sums, statistic);
}

/* ---- The block's length ---- */

static double autocovariance(const double *series, size_t count, size_t lag, double mean)
{
    double sum = 0;

    for (size_t i = lag; i < count; i++)
        sum += (series[i] - mean) * (series[i - lag] - mean);
    return sum / (double)count;
}

/* The flat-top lag window: 1 up to half, then falling to 0. */
static double flat_top(double share)
{
    return share <= 0.5 ? 1 : share < 1 ? 2 * (1 - share) : 0;
}

/* The last lag before correlations look like noise. */
static size_t last_lag(const double *series, size_t count, double mean, double variance)
{
    double noise = 2 * sqrt(log10((double)count) / (double)count);
    size_t most = (size_t)sqrt((double)count) + LAGS_QUIET, quiet = 0;

    for (size_t lag = 1; lag <= most && lag < count; lag++) {
        quiet = fabs(autocovariance(series, count, lag, mean)) < noise * variance ? quiet + 1 : 0;
        if (quiet == LAGS_QUIET)
            return lag - LAGS_QUIET;
    }
    return most - LAGS_QUIET;
}

size_t block_length(const double *series, size_t count)
{
    double mean = 0, most = MAX(ceil((double)count / 3), 1);

    for (size_t i = 0; i < count; i++)
        mean += series[i];
    mean /= (double)count;
    double variance = autocovariance(series, count, 0, mean), g = 0, density = variance;
    if (!(variance > ROUNDING * mean * mean))
        return 1;
    size_t bandwidth = MAX(2 * last_lag(series, count, mean, variance), 1);
    for (size_t lag = 1; lag <= bandwidth && lag < count; lag++) {
        double weight = flat_top((double)lag / (double)bandwidth);
        double covariance = autocovariance(series, count, lag, mean);

        g += 2 * weight * (double)lag * covariance;
        density += 2 * weight * covariance;
    }
    double d = 4.0 / 3 * density * density;
    if (!(d > 0))
        return 1;
    double length = cbrt(2 * g * g / d) * cbrt((double)count);
    return (size_t)CLAMP(ceil(length), 1, most);
}

/* What each window pulls the number by: its numerator less what its denominator would make of it.
 */
static size_t block_for(const struct statistic *statistic, const struct window *windows,
                        size_t count)
{
    double value = statistic_value(statistic, windows, count);
    double *pulls = g_new0(double, count);
    bool ratio = statistic->denominator < STATISTIC_HIGHEST;

    for (size_t i = 0; i < count; i++) {
        double numerator = field(&windows[i], statistic->numerator);
        double denominator = ratio ? field(&windows[i], statistic->denominator) : 1;

        pulls[i] = isnan(numerator) ? 0 : numerator - value * denominator;
    }
    size_t length = block_length(pulls, count);
    g_free(pulls);
    return length;
}

/* ---- The bootstrap ---- */

struct random { /* xorshift64*: S. Vigna, 2016 */
    uint64_t state;
};

static size_t draw(struct random *random, size_t below)
{
    random->state ^= random->state >> 12;
    random->state ^= random->state << 25;
    random->state ^= random->state >> 27;
    return (size_t)((random->state * 0x2545f4914f6cdd1dull >> 11) % below);
}

static double resampled(const struct statistic *statistic, const struct window *windows,
                        size_t count, size_t block, struct random *random)
{
    struct sums sums = {0};

    for (size_t taken = 0; taken < count;) {
        size_t at = draw(random, count);

        for (size_t i = 0; i < block && taken < count; i++, taken++)
            add_window(&sums, statistic, &windows[(at + i) % count]);
    }
    return value_of(&sums, statistic);
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

static size_t windows_in_use(const struct statistic *statistic, const GArray *windows)
{
    size_t used = 0;

    for (guint i = 0; i < windows->len; i++) {
        const struct window *window = &g_array_index(windows, struct window, i);

        used += statistic->denominator < STATISTIC_HIGHEST
                    ? field(window, statistic->denominator) > 0
                    : !isnan(field(window, statistic->numerator));
    }
    return used;
}

void bootstrap_difference(const struct statistic *statistic, const GArray *a, const GArray *b,
                          double interval[2])
{
    const struct window *before = (const struct window *)(const void *)a->data;
    const struct window *after = (const struct window *)(const void *)b->data;
    struct random random = {SEED};
    size_t kept = 0;

    interval[0] = interval[1] = NAN;
    if (windows_in_use(statistic, a) < WINDOWS_LEAST ||
        windows_in_use(statistic, b) < WINDOWS_LEAST)
        return;
    size_t before_block = block_for(statistic, before, a->len);
    size_t after_block = block_for(statistic, after, b->len);
    double *differences = g_new(double, REPLICATES);
    for (size_t i = 0; i < REPLICATES; i++) {
        double from = resampled(statistic, before, a->len, before_block, &random);
        double to = resampled(statistic, after, b->len, after_block, &random);

        if (isfinite(to - from))
            differences[kept++] = to - from;
    }
    if (kept >= REPLICATES / 2) {
        qsort(differences, kept, sizeof(*differences), by_value);
        interval[0] = differences[(size_t)(0.025 * (double)(kept - 1))];
        interval[1] = differences[(size_t)ceil(0.975 * (double)(kept - 1))];
    }
    g_free(differences);
}
