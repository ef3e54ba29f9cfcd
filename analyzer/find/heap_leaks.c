/*
 * heap-leak: a site whose live memory keeps growing in steady state.
 *
 * Where the ring holds every event, each site's live curve is rebuilt and its floor has to rise: by
 * what survives, evenly, to the end. Startup tables have no births after the warm-up; bounded
 * caches and pools level off; a sawtooth's floor and turnover do not rise. Where the ring has lost
 * events, the sites' histories tell it (history.h).
 */
#include <math.h>
#include <string.h>

#include "find/curve.h"
#include "find/history.h"
#include "find/leaks.h"

#define NS_PER_SECOND 1e9
#define LAST          (GROWTH_WINDOWS - 1)

/* ---- Judging a site ---- */

/* The chance that something that levels off would grow as much in its later half. */
static double levelled_chance(double growth, double late)
{
    return binomial_tail(growth, late, leak_limits.levelled_share);
}

/* Growth that does not end: the later half has its part of it, and so have the last windows where
 * there is enough of it to tell. */
static bool grows_on(const struct curve *curve, double growth, double late)
{
    double last = curve->floor_count[LAST] - curve->floor_count[LAST - 2];
    if (late < leak_limits.late_growth_ratio * growth ||
        levelled_chance(growth, late) > leak_limits.chance)
        return false;
    return growth < leak_limits.last_least || last >= leak_limits.last_growth_ratio * growth;
}

static void measure_slope(const struct stretch *stretch, const double *bytes,
                          struct verdict *verdict)
{
    double seconds[GROWTH_WINDOWS];
    for (size_t i = 0; i < GROWTH_WINDOWS; i++)
        seconds[i] = ((double)capture_recorded_ns(stretch->capture, stretch->edges[i]) +
                      (double)capture_recorded_ns(stretch->capture, stretch->edges[i + 1])) /
                     2 / NS_PER_SECOND;
    verdict->slope = theil_sen(seconds, bytes, GROWTH_WINDOWS, verdict->slope_interval);
}

/* By the live curve. If what is born and what dies of the long-lived balanced, growth would be
 * about 0 with a variance of births and deaths together; deaths are the births that did not become
 * growth. */
static struct verdict judge_curve(const struct stretch *stretch, struct curve *curve)
{
    struct verdict verdict = {.confidence = 0};
    curve_join_floors(curve);
    double births = curve_even_births(curve, 0, LAST), growth = curve_growth(curve);
    double middle = (curve->floor_count[LAST / 2] + curve->floor_count[LAST / 2 + 1]) / 2;
    double late = floor(curve->floor_count[LAST] - middle);
    double early = middle - curve->floor_count[0];
    double balance = growth / sqrt(MAX(growth, 2 * births - growth));
    if (births < leak_limits.heap_least || growth <= 0 ||
        growth < leak_limits.retained_ratio * births || balance < leak_limits.balance_z ||
        curve_births(curve, 0, LAST / 2) < leak_limits.accounted_ratio * early ||
        !births_are_spread(curve->births) || !grows_on(curve, growth, late) ||
        kendall_trend(curve->floor_count, GROWTH_WINDOWS) < leak_limits.trend)
        return verdict;
    measure_slope(stretch, curve->floor_bytes, &verdict);
    if (verdict.slope > 0)
        verdict.confidence =
            (1 - levelled_chance(growth, late)) * (1 - erfc(balance / G_SQRT2) / 2);
    return verdict;
}

/* Survivors of the warm-up that are far more than the leak's pace would leave are a table that was
 * built then. */
static uint64_t leaks_since(const struct stretch *stretch, const struct curve *curve)
{
    double pace = curve_births(curve, 0, GROWTH_WINDOWS);
    double share = leak_limits.warm_up_share / (1 - leak_limits.warm_up_share);
    bool table = curve->born_before > leak_limits.table_ratio * share * pace;
    return table ? stretch->clock.start_ns : 0;
}

/* ---- All captures ---- */

struct finder {
    struct report *report;
    struct symbols *symbols;
    GPtrArray *captures;
    struct tag_names *names;
    GHashTable *found; /* identity -> struct leak_candidate */
    GHashTable *tags;  /* identity -> GHashTable: "outcome template" -> struct tag_sum */
};

struct tag_sum {
    const char *template_name;
    uint32_t outcome;
    struct estimate live;
};

static void tags_free(gpointer tags)
{
    g_hash_table_destroy(tags);
}

static struct leak_candidate *candidate_for(struct finder *finder, const struct stack *stack)
{
    const char *identity = stack_identity(finder->report, stack);
    struct leak_candidate *leak = g_hash_table_lookup(finder->found, identity);
    if (leak != NULL)
        return leak;
    leak = report_alloc(finder->report, sizeof(*leak));
    *leak = (struct leak_candidate){.rule = "heap-leak",
                                    .kind = LK_LIVE_HEAP,
                                    .stack = stack,
                                    .identity = identity,
                                    .commands = NAN,
                                    .first_seconds = INFINITY,
                                    .from_seconds = INFINITY,
                                    .growing = true,
                                    .exact = true};
    g_hash_table_insert(finder->found, (gpointer)(uintptr_t)identity, leak);
    g_hash_table_insert(finder->tags, (gpointer)(uintptr_t)identity,
                        g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free));
    return leak;
}

static void add_tag(struct finder *finder, const struct leak_candidate *leak, guint index,
                    const struct lk_live *entry, uint64_t sample_bytes)
{
    GHashTable *tags = g_hash_table_lookup(finder->tags, leak->identity);
    const char *name = tag_template(finder->names, index, entry->tag);
    uint32_t outcome = LK_TAG_OUTCOME(entry->tag);
    if (name == NULL || !isfinite(tag_commands(finder->names, name, outcome)))
        return;
    char *key = g_strdup_printf("%u %s", outcome, name);
    struct tag_sum *sum = g_hash_table_lookup(tags, key);
    if (sum == NULL) {
        sum = g_new0(struct tag_sum, 1);
        sum->template_name = name;
        sum->outcome = outcome;
        g_hash_table_insert(tags, g_strdup(key), sum);
    }
    g_free(key);
    estimate_add(&sum->live, entry->size, sample_bytes);
}

static void add_survivors(struct finder *finder, guint index, uint32_t site,
                          const struct verdict *verdict, struct leak_candidate *leak)
{
    const struct capture *capture = g_ptr_array_index(finder->captures, index);
    double start = capture_start_seconds(capture, finder->captures);
    for (guint i = 0; i < capture->live->len; i++) {
        const struct lk_live *entry = &g_array_index(capture->live, struct lk_live, i);
        if (live_kind(entry) != LK_LIVE_HEAP || entry->site != site ||
            entry->time_ns < verdict->since_ns)
            continue;
        estimate_add(&leak->live, entry->size, capture->header.sample_bytes);
        add_tag(finder, leak, index, entry, capture->header.sample_bytes);
        leak->first_seconds =
            MIN(leak->first_seconds, start + (double)entry->time_ns / NS_PER_SECOND);
    }
}

static void add_leak(struct finder *finder, guint index, uint32_t site,
                     const struct verdict *verdict)
{
    const struct capture *capture = g_ptr_array_index(finder->captures, index);
    struct leak_candidate *leak =
        candidate_for(finder, symbols_stack(finder->symbols, capture, site));
    double start = capture_start_seconds(capture, finder->captures);
    leak_add_growth(leak, verdict->slope, verdict->slope_interval, start,
                    start + (double)capture->duration_ns / NS_PER_SECOND);
    leak->confidence_ratio =
        MAX(leak->confidence_ratio, MIN(verdict->confidence, leak_limits.most_confidence));
    leak->exact &= capture_is_exact(capture);
    struct estimate before = leak->live;
    add_survivors(finder, index, site, verdict, leak);
    leak_add_capture(leak, finder->report, index, leak->live.bytes - before.bytes,
                     leak->live.count - before.count, verdict->slope);
}

/* By the whole run's events. Where there are too few survivors to show a shape, or it is realloc
 * that makes them grow, by the history. */
static void judge_whole(struct finder *finder, guint index, const struct steady_state *steady,
                        const struct survivors *survivors)
{
    struct stretch run = {.capture = g_ptr_array_index(finder->captures, index)};
    GArray *ticks = command_times(run.capture);
    stretch_after_warm_up(&run, ticks);
    struct curve *curves = curves_new(&run, leak_limits.heap_least);
    curves_replay(&run, curves);
    for (guint site = 1; site < run.capture->sites->len; site++) {
        struct verdict verdict = {.confidence = 0};
        if (curves[site].wanted) {
            verdict = judge_curve(&run, &curves[site]);
            verdict.since_ns = leaks_since(&run, &curves[site]);
        }
        bool moving = curves[site].moves > MAX(curves[site].count, leak_limits.heap_least);
        if (verdict.confidence <= 0 && steady != NULL && (moving || !curves[site].wanted))
            verdict = judge_history(run.capture, site, steady, &survivors[site]);
        if (verdict.confidence > 0)
            add_leak(finder, index, site, &verdict);
    }
    g_free(curves);
    g_array_free(ticks, TRUE);
}

/* The ring has lost events, or holds very many: by the histories alone. */
static void judge_wrapped(struct finder *finder, guint index, const struct steady_state *steady,
                          const struct survivors *survivors)
{
    struct stretch run = {.capture = g_ptr_array_index(finder->captures, index)};
    GArray *no_ticks = g_array_new(FALSE, FALSE, sizeof(uint64_t));
    stretch_after_warm_up(&run, no_ticks);
    struct curve *curves = curves_new(&run, 1);
    for (guint site = 1; site < run.capture->sites->len && steady != NULL; site++) {
        struct verdict verdict = judge_history(run.capture, site, steady, &survivors[site]);
        if (curve_births(&curves[site], 0, GROWTH_WINDOWS) >= leak_limits.heap_least)
            verdict.since_ns = leaks_since(&run, &curves[site]);
        if (verdict.confidence > 0)
            add_leak(finder, index, site, &verdict);
    }
    g_free(curves);
    g_array_free(no_ticks, TRUE);
}

static void judge_capture(struct finder *finder, guint index)
{
    const struct capture *capture = g_ptr_array_index(finder->captures, index);
    struct steady_state steady;
    if ((double)capture_recorded_ns(capture, capture->duration_ns) / NS_PER_SECOND <
        leak_limits.heap_seconds)
        return;
    bool has_steady_state = steady_state_of(capture, &steady);
    struct survivors *survivors = survivors_of(capture, &steady);
    bool replayed = capture->heap_complete_from_ns == 0 &&
                    (double)capture->heap_events_count <= leak_limits.replay_most;
    (replayed ? judge_whole : judge_wrapped)(finder, index, has_steady_state ? &steady : NULL,
                                             survivors);
    g_free(survivors);
}

/* A leak is of a template's outcome when nearly all of it was allocated after such commands. */
static void name_tag(struct finder *finder, struct leak_candidate *leak)
{
    GHashTableIter iterator;
    gpointer value;
    g_hash_table_iter_init(&iterator, g_hash_table_lookup(finder->tags, leak->identity));
    while (g_hash_table_iter_next(&iterator, NULL, &value)) {
        const struct tag_sum *sum = value;
        if (sum->live.count < leak_limits.tag_ratio * leak->live.count)
            continue;
        leak->template_name = sum->template_name;
        leak->outcome = sum->outcome;
        leak->commands = tag_commands(finder->names, sum->template_name, sum->outcome);
        leak->tagged = sum->live;
    }
}

void find_heap_leaks(struct report *report, struct symbols *symbols, GPtrArray *captures,
                     const struct cache_model *model, GPtrArray *leaks)
{
    struct finder finder = {.report = report, .symbols = symbols, .captures = captures};
    GHashTableIter iterator;
    gpointer value;
    finder.names = tag_names_new(report, captures, model);
    finder.found = g_hash_table_new(g_str_hash, g_str_equal);
    finder.tags = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, tags_free);
    for (guint i = 0; i < captures->len; i++)
        judge_capture(&finder, i);
    g_hash_table_iter_init(&iterator, finder.found);
    while (g_hash_table_iter_next(&iterator, NULL, &value)) {
        name_tag(&finder, value);
        g_ptr_array_add(leaks, value);
    }
    g_hash_table_destroy(finder.found);
    g_hash_table_destroy(finder.tags);
    tag_names_free(finder.names);
}
