/*
 * The leak rules: thresholds, what both finders share, and the report's leaks. object_leaks.c and
 * heap_leaks.c look for them, leak_findings.c says them in words.
 */
#include "find/leaks.h"

#include <math.h>
#include <string.h>

const struct leak_limits leak_limits = {
    .clock_commands = 200,  /* fewer commands do not measure work: use time */
    .clock_ticks = 65536,   /* more do not measure it better */
    .warm_up_share = 0.2,   /* of the work; a service loads its tables there */
    .occupied_ratio = 0.55, /* of the windows that evenly spread births would hold; bursts are
                               spread less evenly */
    .last_births_ratio =
        4, /* the last window's births over the others' mean: turnover piles up there */

    .object_least = 5,          /* a few exactly counted objects are a habit, fewer an accident */
    .object_age_share = 0.1,    /* younger ones may be in use */
    .object_age_seconds = 1,    /* the longest that a reply stays in use in a short run ... */
    .object_age_commands = 100, /* ... or this much work later, where a second is long */
    .object_early_share = 0.2,  /* born in the first half: less is a cache that turns over */
    .object_late_share = 0.1,   /* born in the second half: less is a table from the start */

    .heap_least = 8,       /* samples: fewer show no shape */
    .heap_seconds = 1,     /* shorter runs have no steady state */
    .trend = 0.6,          /* Kendall's tau of 10 floors; 0.6 by chance: 1 in 100 */
    .balance_z = 3,        /* births over deaths of the long-lived, in standard deviations; 9 births
                              without a death */
    .retained_ratio = 0.5, /* of the survivors that are growth; in turnover about none are */
    .accounted_ratio = 0.25, /* of the first half's growth that is still there; sessions under
                                rising load are not */

    .levelled_share = 0.15,   /* the later half's part of a growth that levels off within the run */
    .late_growth_ratio = 0.3, /* the later half's part of a growth that goes on; about 0.5 */
    .last_least = 40,         /* growth enough to see that it goes on to the very end ... */
    .last_growth_ratio = 0.1, /* ... in the last two of ten windows; about 0.22 */

    .replay_most = 4e6,  /* heap events; with more, the histories tell as much in no time */
    .history_least = 8,  /* windows of a steady state; fewer show no shape */
    .history_growth = 8, /* sampling means: less may be the estimate's own error */
    .scatter_ratio = 4,  /* growth over the median distance of the floors from their line */

    .chance = 0.05, /* of one of these tests going wrong; all of them have to pass */
    .table_ratio =
        3, /* warm-up survivors beyond this multiple of the leak's pace are a table, not leaked */
    .tag_ratio =
        0.8, /* of a leak's allocations that follow the same outcome: then it is that outcome's */
    .unreachable_least = 2, /* blocks that nothing points to: one may be an accident of timing */
    .unreachable_confidence = 0.95, /* of any number of them: a program may hide its pointers */
    .one_each = 0.05,               /* from one object a command: every such command leaks */
    .error_confidence = 0.9,
    .most_confidence = 0.999, /* nothing is certain */
};

GArray *command_times(const struct capture *capture)
{
    GArray *times = g_array_new(FALSE, FALSE, sizeof(uint64_t));
    if ((double)capture->commands_count < leak_limits.clock_commands)
        return times;
    guint step = 1 + (guint)(capture->command_times->len / leak_limits.clock_ticks);
    for (guint i = 0; i < capture->command_times->len; i += step)
        g_array_append_val(times, g_array_index(capture->command_times, uint64_t, i));
    return times;
}

bool births_are_spread(const double *births)
{
    double total = 0, occupied = 0;
    for (size_t i = 0; i + 1 < GROWTH_WINDOWS; i++) {
        total += births[i];
        occupied += births[i] > 0;
    }
    return occupied >= leak_limits.occupied_ratio * expected_windows(total, GROWTH_WINDOWS - 1);
}

bool births_pile_up_late(const double *births)
{
    double mean = 0, last = births[GROWTH_WINDOWS - 1];
    for (size_t i = 0; i + 1 < GROWTH_WINDOWS; i++)
        mean += births[i] / (GROWTH_WINDOWS - 1);
    return last > leak_limits.last_births_ratio * mean + 3 * sqrt(mean) + 3;
}

void leak_add_growth(struct leak_candidate *leak, double slope, const double interval[2],
                     double from_seconds, double to_seconds)
{
    double seconds = to_seconds - from_seconds;
    leak->grown_bytes += slope * seconds;
    leak->grown_interval[0] += interval[0] * seconds;
    leak->grown_interval[1] += interval[1] * seconds;
    leak->from_seconds = MIN(leak->from_seconds, from_seconds);
    leak->to_seconds = MAX(leak->to_seconds, to_seconds);
}

void leak_add_capture(struct leak_candidate *leak, struct report *report, guint capture,
                      double live_bytes, double live_count, double slope)
{
    struct leak_capture one = {capture, live_bytes, live_count, slope};
    if (leak->captures == NULL)
        leak->captures = report_array(report, sizeof(one));
    g_array_append_val(leak->captures, one);
}

/* ---- One leak, one report ---- */

static bool same_frame(const struct frame *a, const struct frame *b)
{
    return a->offset == b->offset && g_strcmp0(a->module, b->module) == 0 &&
           g_strcmp0(a->function, b->function) == 0;
}

/* Whether the inner stack was in a call that the outer one made: it ends in the outer one's frames.
 */
static bool is_within(const struct stack *inner, const struct stack *outer)
{
    guint depth = outer->frames->len;
    if (depth == 0 || inner->frames->len < depth)
        return false;
    guint skip = inner->frames->len - depth;
    for (guint i = 0; i < depth; i++)
        if (!same_frame(&g_array_index(inner->frames, struct frame, skip + i),
                        &g_array_index(outer->frames, struct frame, i)))
            return false;
    return true;
}

/* Blocks that the client library allocated for an object that leaks are said with the object. */
static bool is_part_of_an_object(const struct leak_candidate *leak, GPtrArray *objects)
{
    for (guint i = 0; i < objects->len; i++) {
        const struct leak_candidate *object = g_ptr_array_index(objects, i);
        if (is_within(leak->stack, object->stack))
            return true;
    }
    return false;
}

/* The heap's site; an object's own site, where nothing of the heap is known, stands for what is
 * live alone. */
static const struct site_report *site_of(struct report *report, const struct leak_candidate *leak)
{
    const double unknown = NAN;
    if (leak->kind == LK_LIVE_HEAP) {
        const struct site_report *known = heap_site(report, leak->identity);
        if (known != NULL)
            return known;
    }
    struct site_report *site = report_alloc(report, sizeof(*site));
    *site = (struct site_report){.id = leak->identity,
                                 .allocated_bytes = unknown,
                                 .allocated_count = unknown,
                                 .live_bytes = leak->live.bytes,
                                 .live_count = leak->live.count,
                                 .temporary_count = unknown,
                                 .temporary_bytes = unknown,
                                 .peak_live_bytes = NAN,
                                 .allocated_bytes_interval = {unknown, unknown},
                                 .stack = leak->stack};
    estimate_interval(&leak->live, site->live_bytes_interval);
    return site;
}

static const char *outcome_name(uint32_t outcome)
{
    switch (outcome) {
    case LK_OUTCOME_HIT:
        return "hit";
    case LK_OUTCOME_MISS:
        return "miss";
    case LK_OUTCOME_WRITE:
        return "write";
    default:
        return NULL;
    }
}

static struct leak_report *publish(struct report *report, const struct leak_candidate *candidate)
{
    struct leak_report *leak = report_alloc(report, sizeof(*leak));
    double seconds = candidate->to_seconds - candidate->from_seconds;
    leak->rule = candidate->rule;
    leak->site = site_of(report, candidate);
    leak->live_bytes = candidate->live.bytes;
    leak->live_count = candidate->live.count;
    estimate_interval(&candidate->live, leak->live_bytes_interval);
    leak->growth_bytes_per_second = candidate->grown_bytes / seconds;
    leak->growth_interval[0] = candidate->grown_interval[0] / seconds;
    leak->growth_interval[1] = candidate->grown_interval[1] / seconds;
    leak->started_seconds = candidate->first_seconds;
    leak->confidence_ratio = candidate->confidence_ratio;
    leak->template_name = candidate->template_name;
    leak->outcome = outcome_name(candidate->outcome);
    leak->branch = candidate->branch;
    if (candidate->kind == LK_LIVE_HEAP)
        leak->branch = candidate->outcome == LK_OUTCOME_ERROR ? "error" : leak->outcome;
    leak->branches = candidate->branches;
    bool counted = candidate->commands > 0;
    leak->bytes_per_command = counted ? candidate->tagged.bytes / candidate->commands : NAN;
    leak->count_per_command = counted ? candidate->tagged.count / candidate->commands : NAN;
    leak->exact = candidate->exact;
    leak->captures = candidate->captures;
    leak->reach = candidate->reach;
    return leak;
}

/* 0 where it is not known: found by the search of memory alone. */
static double growth_of(const struct leak_candidate *leak)
{
    double growth = leak->grown_bytes / (leak->to_seconds - leak->from_seconds);
    return isfinite(growth) ? growth : 0;
}

/* Surest first, then by how fast they grow, then by size. */
static gint compare_candidates(gconstpointer a, gconstpointer b)
{
    const struct leak_candidate *x = *(struct leak_candidate *const *)a;
    const struct leak_candidate *y = *(struct leak_candidate *const *)b;
    bool x_sure = x->confidence_ratio >= leak_limits.error_confidence;
    bool y_sure = y->confidence_ratio >= leak_limits.error_confidence;
    double x_growth = growth_of(x), y_growth = growth_of(y);
    if (x_sure != y_sure)
        return x_sure ? -1 : 1;
    if (x_growth != y_growth)
        return x_growth > y_growth ? -1 : 1;
    if (x->live.bytes != y->live.bytes)
        return x->live.bytes > y->live.bytes ? -1 : 1;
    return strcmp(x->identity, y->identity);
}

void find_leaks(struct report *report, struct symbols *symbols, GPtrArray *captures,
                const struct cache_model *model)
{
    GPtrArray *objects = g_ptr_array_new(), *blocks = g_ptr_array_new();
    find_object_leaks(report, symbols, captures, model, objects);
    find_heap_leaks(report, symbols, captures, model, blocks);
    weigh_unreachable(report, symbols, captures, model, objects, blocks);
    GPtrArray *all = g_ptr_array_copy(objects, NULL, NULL);
    for (guint i = 0; i < blocks->len; i++)
        if (!is_part_of_an_object(g_ptr_array_index(blocks, i), objects))
            g_ptr_array_add(all, g_ptr_array_index(blocks, i));
    g_ptr_array_sort(all, compare_candidates);
    for (guint i = 0; i < all->len; i++) {
        const struct leak_candidate *candidate = g_ptr_array_index(all, i);
        struct leak_report *leak = publish(report, candidate);
        g_ptr_array_add(report->leaks, leak);
        leak_finding(report, candidate, leak);
    }
    g_ptr_array_free(all, TRUE);
    g_ptr_array_free(objects, TRUE);
    g_ptr_array_free(blocks, TRUE);
}
