/* Peaks, their bases, their regularity; see spike_train.h. */
#include "find/spike_train.h"

#include <math.h>
#include <string.h>

#include "find/growth.h"
#include "read/capture.h"

const struct spike_limits spike_limits = {
    .least_spikes = 3,            /* two gaps can be compared; one tells nothing */
    .least_bytes = 1024.0 * 1024, /* nobody's memory problem below */
    .least_base_share = 0.05,     /* of what is live between the spikes; nor below this */
    .noise_samples = 16,          /* samples in a spike: its own error is 25 % then */
    .least_seconds = 0.3,         /* shorter periods are the work of requests */
    .least_buckets = 5,           /* of the timeline in a period: fewer show no base */
    .base_share = 0.35,           /* of the time between two peaks, memory is at the base */
    .low_ratio = 0.85,            /* of a peak's height over the lows that is left over the base:
                                     1 for spikes, 0.75 for sawtooth, triangle, sine and noise */
    .rise_level = 0.25,           /* of its height: there a spike begins and ends */
    .foot_level = 0.05,           /* of its height: there its allocations begin and end */
    .longest_share = 0.6,     /* of the period that a spike lasts: longer is a level of its own */
    .lesser_level = 0.35,     /* of their height: noise has many more peaks that reach it ... */
    .lesser_ratio = 2,        /* ... than this many for each spike */
    .gap_least = 0.6,         /* of the median gap; what is outside of these is not */
    .gap_most = 1.4,          /* of the train */
    .most_variation = 0.15,   /* of the gaps: jitter of 10 % makes 0.06 to 0.08; noise 0.5 */
    .stray_gap = 0.2,         /* of the median: how far from it two spikes around a stray are */
    .stray_share = 0.1,       /* of the peaks may come between two spikes and not count */
    .train_share = 0.7,       /* of all the peaks that are as high: the others are strays */
    .chance = 0.001,          /* of random peaks being as regular; what is tried is counted */
    .least_commands = 6,      /* cache commands in a period, where there are any: fewer, and
                                 it is the normal working of a request or two */
    .sites_spikes = 20,       /* the latest so many say whose memory it is */
    .named_share = 0.8,       /* of the bytes: less, and a second function is named */
    .listed_share = 0.1,      /* of the bytes: sites with less are left to JSON */
    .tag_share = 0.5,         /* of the bytes follow the same outcome: then it is said */
    .note_share = 0.2,        /* of what is live between: below, it costs little memory */
    .same_period = 0.15,      /* processes whose periods differ by less do the same */
    .most_confidence = 0.999, /* nothing is certain */
};

#define NS_PER_SECOND 1e9
#define Z_95          1.959964

/* Of the third highest peak: peaks from there on are the candidates. Spikes differ among each
 * other, and samples add to that; strays are lower. */
static const double candidate_levels[] = {0.7, 0.5, 0.35};

struct search {
    const struct timeline_point *points;
    guint count;
    double widest; /* bucket, seconds */
    double least_bytes;
};

/* ---- Points ---- */

static double seconds_at(const struct search *search, guint i)
{
    return (double)search->points[i].time_ns / NS_PER_SECOND;
}

static double high_at(const struct search *search, guint i)
{
    return (double)search->points[i].max_live_bytes;
}

static double low_at(const struct search *search, guint i)
{
    return (double)search->points[i].last_live_bytes;
}

static gint compare_doubles(gconstpointer a, gconstpointer b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median_of(GArray *values)
{
    guint middle = values->len / 2;
    g_array_sort(values, compare_doubles);
    if (values->len == 0)
        return NAN;
    double upper = g_array_index(values, double, middle);
    return values->len % 2 ? upper : (upper + g_array_index(values, double, middle - 1)) / 2;
}

struct level { /* that many bytes were live for that long */
    double bytes, seconds;
};

static gint compare_levels(gconstpointer a, gconstpointer b)
{
    return compare_doubles(&((const struct level *)a)->bytes, &((const struct level *)b)->bytes);
}

/* What was live between two points for `share` of the time at most. */
static double quantile_between(const GArray *sorted, double share)
{
    double total = 0, below = 0;
    for (guint i = 0; i < sorted->len; i++)
        total += g_array_index(sorted, struct level, i).seconds;
    for (guint i = 0; i < sorted->len; i++) {
        const struct level *level = &g_array_index(sorted, struct level, i);
        below += level->seconds;
        if (below >= share * total)
            return level->bytes;
    }
    return NAN;
}

static GArray *levels_between(const struct search *search, guint from, guint to)
{
    GArray *levels = g_array_new(FALSE, FALSE, sizeof(struct level));
    for (guint i = from; i < to; i++) {
        struct level level = {low_at(search, i), seconds_at(search, i + 1) - seconds_at(search, i)};
        g_array_append_val(levels, level);
    }
    g_array_sort(levels, compare_levels);
    return levels;
}

/* ---- Peaks ---- */

/* The points with a peak that rises by `least` and then falls by it (guint); memory begins at 0. A
 * bucket's highest comes before its last. `peaks` may be NULL. */
static guint find_peaks(const struct search *search, double least, GArray *peaks)
{
    bool rising = false;
    double extreme = 0;
    guint at = 0, count = 0;
    for (guint i = 0; i < search->count; i++) {
        for (int part = 0; part < 2; part++) {
            double value = part == 0 ? high_at(search, i) : low_at(search, i);
            bool turned = rising ? value <= extreme - least : value >= extreme + least;
            if (turned && rising) {
                count++;
                if (peaks != NULL)
                    g_array_append_val(peaks, at);
            }
            if (turned)
                rising = !rising;
            if (turned || (rising ? value > extreme : value < extreme)) {
                extreme = value;
                at = i;
            }
        }
    }
    return count;
}

/* How high the third highest peak is; 0 where there are not three of `least`. */
static double third_highest(const struct search *search, double least)
{
    double low = least, high = 0;
    guint wanted = (guint)spike_limits.least_spikes;
    for (guint i = 0; i < search->count; i++)
        high = MAX(high, high_at(search, i));
    if (find_peaks(search, least, NULL) < wanted)
        return 0;
    while (high - low > 0.01 * low) {
        double middle = (low + high) / 2;
        if (find_peaks(search, middle, NULL) >= wanted)
            low = middle;
        else
            high = middle;
    }
    return low;
}

/* ---- A row of peaks as a train ---- */

struct row {
    const struct search *search;
    const guint *peaks;
    guint count, dropped; /* dropped: strays, before */
    double *bases, *lows; /* between peak i and peak i + 1 */
};

static void measure_gaps(struct row *row)
{
    row->bases = g_new0(double, row->count);
    row->lows = g_new0(double, row->count);
    for (guint i = 0; i + 1 < row->count; i++) {
        GArray *levels = levels_between(row->search, row->peaks[i], row->peaks[i + 1]);
        row->bases[i] = quantile_between(levels, spike_limits.base_share);
        row->lows[i] = quantile_between(levels, 0.1);
        g_array_free(levels, TRUE);
    }
}

/* Between its neighbours; the first and last have one on one side alone. */
static double base_of(const struct row *row, guint i)
{
    double before = i > 0 ? row->bases[i - 1] : row->bases[0];
    double after = i + 1 < row->count ? row->bases[i] : row->bases[row->count - 2];
    return (before + after) / 2;
}

/* Where the curve is at most at that level before the peak; not before the peak that precedes it.
 */
static double time_before(const struct row *row, guint i, double level)
{
    guint at = row->peaks[i], first = i > 0 ? row->peaks[i - 1] : 0;
    while (at > first && low_at(row->search, at - 1) > level)
        at--;
    return seconds_at(row->search, at);
}

static double time_after(const struct row *row, guint i, double level)
{
    guint at = row->peaks[i];
    guint last = i + 1 < row->count ? row->peaks[i + 1] : row->search->count - 1;
    while (at < last && low_at(row->search, at) > level)
        at++;
    return seconds_at(row->search, at) + (double)row->search->points[at].width_ns / NS_PER_SECOND;
}

static struct spike measure_spike(const struct row *row, guint i)
{
    double base = base_of(row, i), height = high_at(row->search, row->peaks[i]) - base;
    double level = base + spike_limits.rise_level * height;
    double foot = base + spike_limits.foot_level * height;
    return (struct spike){.from_seconds = time_before(row, i, foot),
                          .to_seconds = time_after(row, i, foot),
                          .rise_seconds = time_before(row, i, level),
                          .end_seconds = time_after(row, i, level),
                          .height_bytes = height,
                          .base_bytes = base};
}

double spike_regular_chance(size_t gaps, double variation)
{
    double n = (double)gaps, radius = variation * sqrt(n);
    if (gaps < 2)
        return 1;
    /* Gaps over their mean are spread evenly over a simplex of side n; those of that variation fill
     * a ball around its middle. */
    double ball = (n - 1) / 2 * log(G_PI) - lgamma((n + 1) / 2) + (n - 1) * log(MAX(radius, 1e-9));
    double simplex = (n - 1) * log(n) + log(n) / 2 - lgamma(n);
    return MIN(1, exp(ball - simplex));
}

static bool is_about(double gap, double median)
{
    return gap >= spike_limits.gap_least * median && gap <= spike_limits.gap_most * median;
}

/* The longest stretch of gaps that are about the median gap: from peak *first, *count peaks. */
static void longest_stretch(const double *gaps, guint count, double median, guint *first,
                            guint *length)
{
    guint run = 0;
    *length = 0;
    for (guint i = 0; i < count; i++) {
        run = is_about(gaps[i], median) ? run + 1 : 0;
        if (run > *length) {
            *length = run;
            *first = i + 1 - run;
        }
    }
}

static double variation_of(const double *values, guint count, double *mean)
{
    double sum = 0, squares = 0;
    for (guint i = 0; i < count; i++)
        sum += values[i];
    *mean = sum / count;
    for (guint i = 0; i < count; i++)
        squares += (values[i] - *mean) * (values[i] - *mean);
    return sqrt(squares / count);
}

/* How much of a peak's height over the lows is left over the base, at the typical gap. */
static double low_ratio(const struct row *row, guint first, guint gaps)
{
    GArray *ratios = g_array_new(FALSE, FALSE, sizeof(double));
    for (guint i = first; i < first + gaps; i++) {
        double peak =
            (high_at(row->search, row->peaks[i]) + high_at(row->search, row->peaks[i + 1])) / 2;
        double ratio = (peak - row->bases[i]) / MAX(peak - row->lows[i], 1);
        g_array_append_val(ratios, ratio);
    }
    double ratio = median_of(ratios);
    g_array_free(ratios, TRUE);
    return ratio;
}

static double median_field(const GArray *spikes, double (*field)(const struct spike *spike))
{
    GArray *values = g_array_new(FALSE, FALSE, sizeof(double));
    for (guint i = 0; i < spikes->len; i++) {
        double value = field(&g_array_index(spikes, struct spike, i));
        g_array_append_val(values, value);
    }
    double median = median_of(values);
    g_array_free(values, TRUE);
    return median;
}

static double height_of(const struct spike *spike)
{
    return spike->height_bytes;
}

static double spike_base(const struct spike *spike)
{
    return spike->base_bytes;
}

static double lasting(const struct spike *spike)
{
    return spike->end_seconds - spike->rise_seconds;
}

static void measure_train(struct spike_train *train)
{
    const GArray *spikes = train->spikes;
    double *heights = g_new(double, spikes->len), mean;
    for (guint i = 0; i < spikes->len; i++)
        heights[i] = g_array_index(spikes, struct spike, i).height_bytes;
    double margin = Z_95 * variation_of(heights, spikes->len, &mean) / sqrt(spikes->len - 1.0);
    g_free(heights);
    train->height_bytes = median_field(spikes, height_of);
    train->height_interval[0] = MAX(train->height_bytes - margin, 0);
    train->height_interval[1] = train->height_bytes + margin;
    train->base_bytes = median_field(spikes, spike_base);
    train->lasting_seconds = median_field(spikes, lasting);
}

/* Whether the train that was measured stands out: of the estimate's error, of what is live, of
 * chance, of the timeline's grain. */
static bool stands_out(const struct search *search, const struct spike_train *train)
{
    return train->height_bytes >= search->least_bytes &&
           train->height_bytes >= spike_limits.least_base_share * train->base_bytes &&
           train->period_seconds >= spike_limits.least_seconds &&
           train->period_seconds >= spike_limits.least_buckets * search->widest &&
           train->lasting_seconds <= spike_limits.longest_share * train->period_seconds &&
           train->period_variation <= spike_limits.most_variation &&
           train->chance <= spike_limits.chance &&
           find_peaks(search, spike_limits.lesser_level * train->height_bytes, NULL) <=
               spike_limits.lesser_ratio * train->spikes->len;
}

static double *gaps_of(const GArray *spikes, double *median)
{
    double *gaps = g_new0(double, spikes->len);
    GArray *sorted = g_array_new(FALSE, FALSE, sizeof(double));
    for (guint i = 0; i + 1 < spikes->len; i++) {
        gaps[i] = g_array_index(spikes, struct spike, i + 1).rise_seconds -
                  g_array_index(spikes, struct spike, i).rise_seconds;
        g_array_append_val(sorted, gaps[i]);
    }
    *median = median_of(sorted);
    g_array_free(sorted, TRUE);
    return gaps;
}

/* The train in a row of peaks, if there is one. */
static bool judge_row(const struct row *row, struct spike_train *train)
{
    GArray *spikes = g_array_new(FALSE, FALSE, sizeof(struct spike));
    double median, mean;
    guint first = 0, length = 0;
    for (guint i = 0; i < row->count; i++) {
        struct spike spike = measure_spike(row, i);
        g_array_append_val(spikes, spike);
    }
    double *gaps = gaps_of(spikes, &median);
    longest_stretch(gaps, row->count - 1, median, &first, &length);
    *train = (struct spike_train){.spikes = spikes};
    if (length + 1 >= spike_limits.least_spikes &&
        length + 1 >= spike_limits.train_share * row->count &&
        low_ratio(row, first, length) >= spike_limits.low_ratio) {
        double spread = variation_of(gaps + first, length, &mean);
        double grain =
            row->search->widest / sqrt(6); /* of the difference of two times in buckets */
        double tried = (row->count - length) * (double)G_N_ELEMENTS(candidate_levels) *
                       pow(row->count, row->dropped);
        g_array_set_size(spikes, first + length + 1);
        g_array_remove_range(spikes, 0, first);
        train->period_seconds = mean;
        train->period_variation = spread / mean;
        train->chance = MIN(1, tried * spike_regular_chance(length, hypot(spread, grain) / mean));
        measure_train(train);
    }
    g_free(gaps);
    if (train->period_seconds > 0 && stands_out(row->search, train))
        return true;
    spike_train_clear(train);
    return false;
}

/* Takes out peaks between two others that are a period apart. Returns how many. */
static guint drop_strays(const struct search *search, GArray *peaks)
{
    GArray *gaps = g_array_new(FALSE, FALSE, sizeof(double));
    guint most = (guint)(spike_limits.stray_share * peaks->len), dropped = 0;
    for (guint i = 0; i + 1 < peaks->len; i++) {
        double gap = seconds_at(search, g_array_index(peaks, guint, i + 1)) -
                     seconds_at(search, g_array_index(peaks, guint, i));
        g_array_append_val(gaps, gap);
    }
    double median = median_of(gaps);
    g_array_free(gaps, TRUE);
    for (guint i = 1; i + 1 < peaks->len && dropped < most; i++) {
        double before = seconds_at(search, g_array_index(peaks, guint, i - 1));
        double at = seconds_at(search, g_array_index(peaks, guint, i));
        double after = seconds_at(search, g_array_index(peaks, guint, i + 1));
        if (at - before >= spike_limits.gap_least * median &&
            after - at >= spike_limits.gap_least * median)
            continue;
        if (fabs(after - before - median) <= spike_limits.stray_gap * median) {
            g_array_remove_index(peaks, i--);
            dropped++;
        }
    }
    return dropped;
}

static bool try_level(const struct search *search, double least, struct spike_train *train)
{
    GArray *peaks = g_array_new(FALSE, FALSE, sizeof(guint));
    bool found = false;
    find_peaks(search, least, peaks);
    guint dropped = peaks->len >= spike_limits.least_spikes ? drop_strays(search, peaks) : 0;
    if (peaks->len >= spike_limits.least_spikes) {
        struct row row = {.search = search,
                          .dropped = dropped,
                          .peaks = (const guint *)(const void *)peaks->data,
                          .count = peaks->len};
        measure_gaps(&row);
        found = judge_row(&row, train);
        g_free(row.bases);
        g_free(row.lows);
    }
    g_array_free(peaks, TRUE);
    return found;
}

/* Keeps the train with more spikes. */
static void keep_longer(struct spike_train *best, struct spike_train *train)
{
    bool longer = best->spikes == NULL || train->spikes->len > best->spikes->len;
    spike_train_clear(longer ? best : train);
    if (longer)
        *best = *train;
}

/* The train in the first points of the timeline. */
static struct spike_train search_points(const struct search *search)
{
    struct spike_train best = {.spikes = NULL};
    double third = third_highest(search, 0.5 * search->least_bytes);
    for (size_t i = 0; third > 0 && i < G_N_ELEMENTS(candidate_levels); i++) {
        struct spike_train found;
        if (try_level(search, candidate_levels[i] * third, &found))
            keep_longer(&best, &found);
    }
    return best;
}

/* Later time has wider buckets: what they cannot tell apart must not hide what earlier ones can;
 * what they can tell and do not see is no train. */
bool spike_train_find(const GArray *timeline, uint64_t sample_bytes, struct spike_train *train)
{
    const struct timeline_point *points = (const void *)timeline->data;
    struct search search = {.points = points, .least_bytes = spike_limits.least_bytes};
    *train = (struct spike_train){.spikes = NULL};
    if (sample_bytes > 1)
        search.least_bytes =
            MAX(search.least_bytes, spike_limits.noise_samples * (double)sample_bytes);
    while (search.count < timeline->len) {
        uint64_t width = points[search.count].width_ns;
        while (search.count < timeline->len && points[search.count].width_ns == width)
            search.count++;
        search.widest = (double)width / NS_PER_SECOND;
        struct spike_train found = search_points(&search);
        found.more = search.count < timeline->len;
        if (train->period_seconds >= spike_limits.least_buckets * search.widest)
            spike_train_clear(train);
        if (found.spikes != NULL)
            keep_longer(train, &found);
    }
    return train->spikes != NULL;
}

void spike_train_clear(struct spike_train *train)
{
    if (train->spikes != NULL)
        g_array_free(train->spikes, TRUE);
    *train = (struct spike_train){.spikes = NULL};
}
