/* The metrics of a comparison as one table, and its verdict. */
#include "model/compare.h"

#include <math.h>

#include "model/bootstrap.h"

#define Z_95          1.959964
#define READS_LEAST   50   /* on each side, to speak of a hit ratio */
#define UNEQUAL_RATIO 1.25 /* of lengths, or of paces */

#define FIELD(name) offsetof(struct window, name)

/* ---- Summaries ---- */

static double per(double amount, double count)
{
    return count > 0 ? amount / count : NAN;
}

/* Less the share of it that recording was paused. */
static double span_of(const struct report *report)
{
    double start = INFINITY, end = -INFINITY, run = 0, paused = 0;

    for (guint i = 0; i < report->captures->len; i++) {
        const struct capture_report *capture = g_ptr_array_index(report->captures, i);

        start = MIN(start, capture->started);
        end = MAX(end, capture->started + capture->duration_seconds);
        run += capture->duration_seconds;
        paused += capture->paused_seconds;
    }
    return end > start && run > paused ? (end - start) * (1 - paused / run) : NAN;
}

static double leaked_bytes(const struct report *report)
{
    double bytes = 0;

    for (guint i = 0; i < report->leaks->len; i++)
        bytes += ((const struct leak_report *)g_ptr_array_index(report->leaks, i))->live_bytes;
    return bytes;
}

/* A template whose recompute time is unknown had no miss that led to a write. */
static double recompute_seconds(const struct report *report)
{
    double seconds = 0;

    for (guint i = 0; i < report->cache.templates->len; i++) {
        const struct template_report *template = g_ptr_array_index(report->cache.templates, i);

        if (!isnan(template->recompute_total))
            seconds += template->recompute_total;
    }
    return seconds;
}

static struct summary summarise(const struct report *report)
{
    const struct cache_report *cache = &report->cache;
    bool heap = report->heap.present, known = cache->present;
    double reads = (double)cache->reads;

    return (struct summary){
        .reads = known ? reads : NAN,
        .hit_ratio = per((double)cache->hits, (double)(cache->hits + cache->misses)),
        .misses = known ? (double)cache->misses : NAN,
        .distinct_keys = known ? cache->distinct_keys : NAN,
        .live_bytes = heap ? report->heap.live_bytes : NAN,
        .peak_live_bytes = heap ? report->heap.peak_live_bytes : NAN,
        .leaked_bytes_per_read = heap ? per(leaked_bytes(report), reads) : NAN,
        .allocated_bytes_per_read = heap ? per(report->heap.allocated_bytes, reads) : NAN,
        .recompute_seconds_per_read = per(recompute_seconds(report), reads),
        .duration_seconds = span_of(report),
    };
}

/* ---- Metrics ---- */

static double hit_ratio(const struct report *report, const struct summary *summary)
{
    (void)report;
    return summary->hit_ratio;
}

static double recompute_per_read(const struct report *report, const struct summary *summary)
{
    (void)report;
    return summary->recompute_seconds_per_read;
}

static double keys_per_read(const struct report *report, const struct summary *summary)
{
    (void)report;
    return per(summary->distinct_keys, summary->reads);
}

static double allocated_per_read(const struct report *report, const struct summary *summary)
{
    (void)report;
    return summary->allocated_bytes_per_read;
}

static double leaked_per_read(const struct report *report, const struct summary *summary)
{
    (void)report;
    return summary->leaked_bytes_per_read;
}

static double mean_live(const struct report *report, const struct summary *summary)
{
    const struct statistic mean = {FIELD(live_bytes), STATISTIC_WINDOWS};

    (void)summary;
    return statistic_value(&mean, (const struct window *)(const void *)report->windows->data,
                           report->windows->len);
}

static double peak_live(const struct report *report, const struct summary *summary)
{
    (void)report;
    return summary->peak_live_bytes;
}

/* Rates by time, for services without cache reads. */
static double allocated_per_second(const struct report *report, const struct summary *summary)
{
    return report->heap.present ? per(report->heap.allocated_bytes, summary->duration_seconds)
                                : NAN;
}

static double leaked_per_second(const struct report *report, const struct summary *summary)
{
    return report->heap.present ? per(leaked_bytes(report), summary->duration_seconds) : NAN;
}

/*
 * A change counts when it is more than margin_ratio of what was before, and more than `least`.
 * Windows within a run tell nothing of what varies from run to run (the machine's load, where the
 * allocator happened to put things), so margins are as wide as two runs of one program were seen to
 * differ: little for what the requests decide, most for times and for levels of memory.
 */
enum metric_flag {
    MORE_IS_BETTER = 1u << 0,
    AGES = 1u << 1,  /* depends on how long the cache has run */
    PACED = 1u << 2, /* depends on how fast the machine was: times, and how much is alive at once */
    BY_TIME = 1u << 3, /* only for services without reads */
};

static const struct metric_row {
    const char *name, *label;
    double (*value)(const struct report *report, const struct summary *summary);
    struct statistic statistic;
    enum quantity quantity;
    unsigned flags; /* enum metric_flag */
    double margin_ratio, least;
} rows[] = {
    {"hit_ratio",
     "hit ratio",
     hit_ratio,
     {FIELD(hits), FIELD(reads)},
     QUANTITY_RATIO,
     MORE_IS_BETTER | AGES,
     0.01,
     0.01},
    {"recompute_seconds_per_read",
     "recompute per read",
     recompute_per_read,
     {FIELD(recompute_seconds), FIELD(reads)},
     QUANTITY_SECONDS,
     AGES | PACED,
     0.25,
     1e-6},
    {"distinct_keys_per_read",
     "keys per read",
     keys_per_read,
     {FIELD(new_keys), FIELD(reads)},
     QUANTITY_COUNT,
     AGES,
     0.02,
     0.005},
    {"allocated_bytes_per_read",
     "allocated per read",
     allocated_per_read,
     {FIELD(allocated_bytes), FIELD(reads)},
     QUANTITY_BYTES,
     0,
     0.05,
     16},
    {"leaked_bytes_per_read",
     "leaked per read",
     leaked_per_read,
     {FIELD(leaked_bytes), FIELD(reads)},
     QUANTITY_BYTES,
     0,
     0.05,
     1},
    {"mean_live_bytes",
     "live memory, mean",
     mean_live,
     {FIELD(live_bytes), STATISTIC_WINDOWS},
     QUANTITY_BYTES,
     PACED,
     0.25,
     65536},
    {"peak_live_bytes",
     "live memory, peak",
     peak_live,
     {FIELD(max_live_bytes), STATISTIC_HIGHEST},
     QUANTITY_BYTES,
     PACED,
     0.25,
     65536},
    {"allocated_bytes_per_second",
     "allocated per s",
     allocated_per_second,
     {FIELD(allocated_bytes), FIELD(width_seconds)},
     QUANTITY_BYTES,
     BY_TIME,
     0.25,
     1024},
    {"leaked_bytes_per_second",
     "leaked per s",
     leaked_per_second,
     {FIELD(leaked_bytes), FIELD(width_seconds)},
     QUANTITY_BYTES,
     BY_TIME,
     0.25,
     16},
};

static double value_in(const struct metric_row *row, const GArray *windows)
{
    return statistic_value(&row->statistic, (const struct window *)(const void *)windows->data,
                           windows->len);
}

/* How many windows from the start hold that many reads. */
static size_t windows_for_reads(const GArray *windows, double reads)
{
    double seen = 0;
    guint i;

    for (i = 0; i < windows->len && seen < reads; i++)
        seen += g_array_index(windows, struct window, i).reads;
    return i;
}

static double reads_in(const GArray *windows)
{
    double reads = 0;

    for (guint i = 0; i < windows->len; i++)
        reads += g_array_index(windows, struct window, i).reads;
    return reads;
}

static GArray *first_windows(const GArray *windows, double reads)
{
    GArray *first = g_array_new(FALSE, FALSE, sizeof(struct window));

    return g_array_append_vals(first, windows->data, (guint)windows_for_reads(windows, reads));
}

/* Whether the same change shows over the first reads of both, as many as the shorter has. Where
 * those are too few windows for an interval, its size has to do. */
static bool shows_at_equal_reads(const struct metric_row *row, const GArray *before,
                                 const GArray *after, double difference, double margin)
{
    double reads = MIN(reads_in(before), reads_in(after)), interval[2];
    GArray *a = first_windows(before, reads), *b = first_windows(after, reads);
    double early = value_in(row, b) - value_in(row, a);

    bootstrap_difference(&row->statistic, a, b, interval);
    g_array_free(a, TRUE);
    g_array_free(b, TRUE);
    return fabs(early) > margin && (early > 0) == (difference > 0) &&
           (isnan(interval[0]) || interval[0] > 0 || interval[1] < 0);
}

/* Newcombe's interval (1998, method 10): blocks of a handful of answers look surer than they are.
 */
static void wilson(double share, double count, double interval[2])
{
    double z2 = Z_95 * Z_95, centre = share + z2 / (2 * count);
    double margin = Z_95 * sqrt(share * (1 - share) / count + z2 / (4 * count * count));

    interval[0] = (centre - margin) / (1 + z2 / count);
    interval[1] = (centre + margin) / (1 + z2 / count);
}

static void widen_by_counts(struct change *change, double before_count, double after_count)
{
    double a[2], b[2], difference = change->after - change->before;

    wilson(change->before, before_count, a);
    wilson(change->after, after_count, b);
    double below = hypot(change->after - b[0], a[1] - change->before);
    double above = hypot(b[1] - change->after, change->before - a[0]);
    change->interval[0] = fmin(change->interval[0], difference - below);
    change->interval[1] = fmax(change->interval[1], difference + above);
}

/* The windows hold what the rings held; the numbers are the whole run's. Their intervals go with
 * the numbers. */
static void place_interval(const struct metric_row *row, struct change *change,
                           const struct report *before, const struct report *after)
{
    double seen = value_in(row, after->windows) - value_in(row, before->windows);

    bootstrap_difference(&row->statistic, before->windows, after->windows, change->interval);
    for (int i = 0; i < 2; i++)
        change->interval[i] += change->after - change->before - seen;
}

/*
 * Levels of memory hold the same sampled blocks from window to window, so that windows do not show
 * how far off the sample is. A sample at a mean of R bytes estimates L live bytes with a variance
 * of at most L * R: the Horvitz-Thompson variance of a block of s bytes, s^2 (1-P)/P with P = 1 -
 * exp(-s/R), is at most s * R.
 */
static void widen_by_sampling(struct change *change, const struct report *before,
                              const struct report *after)
{
    const struct report *reports[] = {before, after};
    double levels[] = {change->before, change->after}, variance = 0;

    for (int side = 0; side < 2; side++) {
        double rate = 0;

        for (guint i = 0; i < reports[side]->captures->len; i++) {
            const struct capture_report *capture = g_ptr_array_index(reports[side]->captures, i);
            rate = MAX(rate, capture->sample_bytes > 1 ? (double)capture->sample_bytes : 0);
        }
        variance += levels[side] * rate;
    }
    double difference = change->after - change->before;
    change->interval[0] =
        difference - hypot(difference - change->interval[0], Z_95 * sqrt(variance));
    change->interval[1] =
        difference + hypot(change->interval[1] - difference, Z_95 * sqrt(variance));
}

/* Where one recompute took longer in one run than in the other, the machine was (or the model is)
 * slower: times are then compared as if it were not, and levels of memory not at all. */
static bool shows_at_equal_pace(const struct change *change, const struct comparison *comparison,
                                double margin)
{
    double adjusted = change->after / comparison->pace_ratio - change->before;

    return change->quantity == QUANTITY_SECONDS && fabs(adjusted) > margin &&
           (adjusted > 0) == (change->after > change->before);
}

static bool is_change(const struct metric_row *row, const struct change *change,
                      const struct comparison *comparison, const struct report *before,
                      const struct report *after)
{
    double difference = change->after - change->before;
    double margin = fmax(row->margin_ratio * fabs(change->before), row->least);

    if (!(fabs(difference) > margin) || !(change->interval[0] > 0 || change->interval[1] < 0))
        return false;
    if (row->flags & PACED && comparison->unequal_paces &&
        !shows_at_equal_pace(change, comparison, margin))
        return false;
    return !(row->flags & AGES) || !comparison->unequal_lengths ||
           shows_at_equal_reads(row, before->windows, after->windows, difference, margin);
}

static struct change compare_metric(const struct metric_row *row,
                                    const struct comparison *comparison,
                                    const struct report *before, const struct report *after)
{
    struct change change = {.name = row->name,
                            .label = row->label,
                            .quantity = row->quantity,
                            .before = row->value(before, &comparison->before),
                            .after = row->value(after, &comparison->after),
                            .interval = {NAN, NAN}};

    if (isnan(change.before) || isnan(change.after))
        return change;
    place_interval(row, &change, before, after);
    if (row->quantity == QUANTITY_RATIO) {
        double a = (double)(before->cache.hits + before->cache.misses);
        double b = (double)(after->cache.hits + after->cache.misses);

        if (a < READS_LEAST || b < READS_LEAST)
            change.interval[0] = change.interval[1] = NAN;
        else
            widen_by_counts(&change, a, b);
    }
    if (row->statistic.denominator >= STATISTIC_HIGHEST)
        widen_by_sampling(&change, before, after);
    if (is_change(row, &change, comparison, before, after))
        change.verdict = (change.after > change.before) == (bool)(row->flags & MORE_IS_BETTER)
                             ? VERDICT_BETTER
                             : VERDICT_WORSE;
    return change;
}

static void compare_metrics(struct comparison *comparison, const struct report *before,
                            const struct report *after)
{
    bool reads = comparison->before.reads > 0 && comparison->after.reads > 0;

    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        if (rows[i].flags & BY_TIME && reads)
            continue;
        struct change change = compare_metric(&rows[i], comparison, before, after);
        g_array_append_val(comparison->metrics, change);
    }
}

/* ---- The whole ---- */

static bool any_serious(const GArray *items)
{
    for (guint i = 0; i < items->len; i++)
        if (g_array_index(items, struct comparison_item, i).severity > SEVERITY_NOTE)
            return true;
    return false;
}

static enum verdict overall(const struct comparison *comparison)
{
    bool better = any_serious(comparison->fixed), worse = any_serious(comparison->added);

    for (guint i = 0; i < comparison->metrics->len; i++) {
        enum verdict verdict = g_array_index(comparison->metrics, struct change, i).verdict;

        better |= verdict == VERDICT_BETTER;
        worse |= verdict == VERDICT_WORSE;
    }
    return better && worse ? VERDICT_MIXED
           : better        ? VERDICT_BETTER
           : worse         ? VERDICT_WORSE
                           : VERDICT_SAME;
}

/* Recompute time of a miss. */
static double pace_of(const struct summary *summary)
{
    return per(summary->recompute_seconds_per_read * summary->reads, summary->misses);
}

struct comparison *comparison_new(const struct report *before, const struct report *after)
{
    struct comparison *comparison = g_new0(struct comparison, 1);

    comparison->before_report = before;
    comparison->after_report = after;
    comparison->before = summarise(before);
    comparison->after = summarise(after);
    double shorter = fmin(comparison->before.reads, comparison->after.reads);
    double longer = fmax(comparison->before.reads, comparison->after.reads);
    comparison->unequal_lengths = shorter > 0 && longer > UNEQUAL_RATIO * shorter;
    comparison->pace_ratio = pace_of(&comparison->after) / pace_of(&comparison->before);
    comparison->unequal_paces =
        comparison->pace_ratio > UNEQUAL_RATIO || comparison->pace_ratio < 1 / UNEQUAL_RATIO;
    comparison->metrics = g_array_new(FALSE, TRUE, sizeof(struct change));
    compare_metrics(comparison, before, after);
    comparison_match_findings(comparison, before, after);
    comparison->verdict = overall(comparison);
    return comparison;
}

void comparison_free(struct comparison *comparison)
{
    if (comparison == NULL)
        return;
    g_array_free(comparison->metrics, TRUE);
    g_array_free(comparison->fixed, TRUE);
    g_array_free(comparison->added, TRUE);
    g_array_free(comparison->remaining, TRUE);
    g_free(comparison);
}

const char *verdict_name(enum verdict verdict)
{
    static const char *const names[] = {[VERDICT_SAME] = "same",
                                        [VERDICT_BETTER] = "better",
                                        [VERDICT_WORSE] = "worse",
                                        [VERDICT_MIXED] = "mixed"};

    return names[verdict];
}
