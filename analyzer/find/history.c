/*
 * A leak's floor rises through the whole steady state, by steps that are spread over it, and does
 * not level off; what rose early is still there at the end. A table from the start, a bounded
 * cache, a pool at its high water fail the first; a doubling table the second; sessions under
 * rising load the last.
 */
#include "find/history.h"

#include <math.h>

#include "find/growth.h"
#include "find/leaks.h"

#define NS_PER_SECOND 1e9

bool steady_state_of(const struct capture *capture, struct steady_state *steady)
{
    uint64_t recorded = capture_recorded_ns(capture, capture->duration_ns);
    double skipped =
        (double)capture_time_of(capture, (uint64_t)(leak_limits.warm_up_share * (double)recorded));
    steady->first =
        (uint32_t)fmin(ceil(skipped / (double)capture->history_ns), capture->history_windows);
    steady->count =
        capture->history_windows > steady->first ? capture->history_windows - steady->first : 0;
    steady->start_ns = (uint64_t)skipped;
    steady->end_ns = capture->duration_ns;
    uint64_t start = capture_recorded_ns(capture, steady->start_ns);
    steady->middle_ns = capture_time_of(capture, start + (recorded - start) / 2);
    return steady->count >= leak_limits.history_least;
}

struct survivors *survivors_of(const struct capture *capture, const struct steady_state *steady)
{
    struct survivors *all = g_new0(struct survivors, capture->sites->len);
    for (guint i = 0; i < capture->live->len; i++) {
        const struct lk_live *entry = &g_array_index(capture->live, struct lk_live, i);
        struct survivors *site = &all[entry->site];
        if (live_kind(entry) != LK_LIVE_HEAP)
            continue;
        double bytes =
            (double)entry->size / sample_chance(entry->size, capture->header.sample_bytes);
        site->count++;
        site->bytes += bytes;
        if (entry->time_ns < steady->middle_ns) {
            site->early_count++;
            site->early_bytes += bytes;
        }
    }
    return all;
}

/* The curve of the steady state: when each window ended, and its floor. */
struct floors {
    uint32_t count; /* of windows, but for those in which recording was paused most of the time */
    double seconds[LK_HISTORY_WINDOWS], bytes[LK_HISTORY_WINDOWS];
    uint32_t rises; /* windows that ended higher than the one before */
};

/* A window's end may be any point of a sawtooth: the lowest of three in a row is nearer to its
 * floor. */
static struct floors floors_of(const struct capture *capture, const struct capture_site *site,
                               const struct steady_state *steady)
{
    struct floors floors = {.count = 0};
    const int64_t *ends = site->history + steady->first;
    for (uint32_t i = 0; i < steady->count; i++) {
        uint64_t end_ns = (steady->first + i + 1) * capture->history_ns, start_ns = end_ns;
        int64_t least = ends[i];
        end_ns = MIN(end_ns, capture->duration_ns);
        start_ns = MIN(start_ns - capture->history_ns, end_ns);
        if (i > 0)
            least = MIN(least, ends[i - 1]);
        if (i + 1 < steady->count)
            least = MIN(least, ends[i + 1]);
        uint64_t recorded_ns = capture_recorded_ns(capture, end_ns);
        if (2 * (recorded_ns - capture_recorded_ns(capture, start_ns)) < end_ns - start_ns)
            continue;
        floors.seconds[floors.count] = (double)recorded_ns / NS_PER_SECOND;
        floors.bytes[floors.count] = (double)least;
        floors.rises += i > 0 && ends[i] > ends[i - 1];
        floors.count++;
    }
    return floors;
}

/* How far the floors lie from the line, typically: the median of the distances. */
static double scatter_of(const struct floors *floors, double slope)
{
    double rest[LK_HISTORY_WINDOWS];
    for (uint32_t i = 0; i < floors->count; i++)
        rest[i] = floors->bytes[i] - slope * floors->seconds[i];
    double middle = median(rest, floors->count);
    for (uint32_t i = 0; i < floors->count; i++)
        rest[i] = fabs(rest[i] - middle);
    return median(rest, floors->count);
}

/* It rose in about as many windows as so many births would be spread over. */
static bool rises_are_spread(const struct floors *floors, double births)
{
    return floors->rises >=
           leak_limits.occupied_ratio * expected_windows(births, floors->count - 1);
}

struct verdict judge_history(const struct capture *capture, uint32_t id,
                             const struct steady_state *steady, const struct survivors *survivors)
{
    const struct capture_site *site = &g_array_index(capture->sites, struct capture_site, id);
    struct verdict verdict = {.confidence = 0};
    if (site->history == NULL || survivors->count == 0)
        return verdict;
    struct floors floors = floors_of(capture, site, steady);
    if (floors.count < leak_limits.history_least)
        return verdict;
    uint32_t last = floors.count - 1, middle = floors.count / 2;
    double slope = theil_sen(floors.seconds, floors.bytes, floors.count, verdict.slope_interval);
    double span = floors.seconds[last] - floors.seconds[0];
    double growth = MIN(floors.bytes[last] - floors.bytes[0], slope * span);
    double early = floors.bytes[middle] - floors.bytes[0];
    double late = floors.bytes[last] - floors.bytes[middle];
    double latest = floors.bytes[last] - floors.bytes[last - floors.count / 5];
    /* What one step is: a survivor, or the block that grows again and again. */
    double step = MAX(survivors->bytes / survivors->count, (double)capture->header.sample_bytes);
    double steps = survivors->count >= leak_limits.heap_least ? growth / step : floors.rises;
    /* What turns over leaves another sample of itself live: that differs by chance. */
    double late_count = survivors->count - survivors->early_count;
    double turned = MIN(2 * late_count, (double)site->totals.sample_frees);
    double levelled =
        binomial_tail(steps, MIN(late, growth) / growth * steps, leak_limits.levelled_share);
    if (!(slope > 0) ||
        growth < leak_limits.history_growth * (double)capture->header.sample_bytes ||
        steps < leak_limits.heap_least || steps < leak_limits.balance_z * sqrt(steps + turned) ||
        growth < leak_limits.scatter_ratio * scatter_of(&floors, slope) ||
        late < leak_limits.late_growth_ratio * growth ||
        latest < leak_limits.last_growth_ratio * growth || levelled > leak_limits.chance ||
        survivors->early_bytes < leak_limits.accounted_ratio * early ||
        !rises_are_spread(&floors, steps) ||
        kendall_trend(floors.bytes, floors.count) < leak_limits.trend)
        return verdict;
    verdict.slope = slope;
    verdict.confidence = 1 - levelled;
    return verdict;
}
