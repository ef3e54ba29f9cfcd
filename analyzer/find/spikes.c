/*
 * memory-spike: live memory that spikes at regular intervals. When and how high is told by the
 * timeline, which holds the whole run; whose memory it is, by the events that the ring still holds.
 * What every request or two does is not called: there a period is a few commands.
 */
#include "find/spikes.h"

#include <math.h>
#include <string.h>

#define NS_PER_SECOND 1e9

struct finder {
    struct report *report;
    struct symbols *symbols;
    GPtrArray *captures;
    struct tag_names *names;
    GPtrArray *found; /* of struct candidate * */
};

struct candidate { /* what one process does, or several alike */
    struct spike_report *spike;
    const char *template_name;
};

/* Cache commands in a period, by the whole run's counts; infinite without any. */
static double commands_in(const struct capture *capture, double seconds)
{
    double calls = 0;
    uint64_t first = UINT64_MAX, last = 0;
    for (guint i = 0; i < capture->verbs->len; i++)
        calls += (double)g_array_index(capture->verbs, struct lk_verb, i).calls;
    for (guint i = 0; i < capture->templates->len; i++) {
        const struct lk_template *template =
            &g_array_index(capture->templates, struct lk_template, i);
        if (template->last_ns == 0)
            continue;
        first = MIN(first, template->first_ns);
        last = MAX(last, template->last_ns);
    }
    if (calls == 0 || first >= last)
        return INFINITY;
    return calls / ((double)(last - first) / NS_PER_SECOND) * seconds;
}

bool spike_train_of(const struct capture *capture, struct spike_train *train)
{
    if (!spike_train_find(capture->timeline, capture->header.sample_bytes, train))
        return false;
    if (commands_in(capture, train->period_seconds) >= spike_limits.least_commands)
        return true;
    spike_train_clear(train);
    return false;
}

static const char *first_function(const struct spike_report *spike)
{
    const struct spike_site *site =
        spike->sites->len == 0 ? NULL : g_ptr_array_index(spike->sites, 0);
    const struct frame *frame = site == NULL ? NULL : stack_culprit(site->stack);
    return frame == NULL ? NULL : frame->function;
}

static bool do_the_same(const struct candidate *a, const struct spike_report *spike,
                        const char *template_name)
{
    double longer = MAX(a->spike->period_seconds, spike->period_seconds);
    return fabs(a->spike->period_seconds - spike->period_seconds) <=
               spike_limits.same_period * longer &&
           g_strcmp0(first_function(a->spike), first_function(spike)) == 0 &&
           g_strcmp0(a->template_name, template_name) == 0;
}

/* The processes of a service that do the same are one finding: the higher one's numbers, all of
 * their spikes. */
static void add_found(struct finder *finder, struct spike_report *spike, const char *template_name)
{
    for (guint i = 0; i < finder->found->len; i++) {
        struct candidate *known = g_ptr_array_index(finder->found, i);
        if (!do_the_same(known, spike, template_name))
            continue;
        struct spike_report *higher =
            spike->height_bytes > known->spike->height_bytes ? spike : known->spike;
        struct spike_report *other = higher == spike ? known->spike : spike;
        higher->count += other->count;
        higher->covered_count += other->covered_count;
        higher->processes += other->processes;
        higher->first_seconds = MIN(higher->first_seconds, other->first_seconds);
        higher->more |= other->more;
        known->spike = higher;
        return;
    }
    struct candidate *candidate = report_alloc(finder->report, sizeof(*candidate));
    *candidate = (struct candidate){spike, template_name};
    g_ptr_array_add(finder->found, candidate);
}

static void judge_capture(struct finder *finder, guint index)
{
    const struct capture *capture = g_ptr_array_index(finder->captures, index);
    struct spike_train train;
    struct spike_source source;
    if (!spike_train_of(capture, &train))
        return;
    const struct spike *first = &g_array_index(train.spikes, struct spike, 0);
    struct spike_report *spike = report_alloc(finder->report, sizeof(*spike));
    spike_find_source(finder->report, finder->symbols, finder->captures, index, &train,
                      finder->names, &source);
    *spike = (struct spike_report){
        .period_seconds = train.period_seconds,
        .period_variation_ratio = train.period_variation,
        .height_bytes = train.height_bytes,
        .height_interval = {train.height_interval[0], train.height_interval[1]},
        .base_bytes = train.base_bytes,
        .lasting_seconds = train.lasting_seconds,
        .first_seconds = first->rise_seconds + capture_start_seconds(capture, finder->captures),
        .count = train.spikes->len,
        .covered_count = source.covered,
        .confidence_ratio = MIN(1 - train.chance, spike_limits.most_confidence),
        .processes = 1,
        .exact = capture_is_exact(capture),
        .more = train.more,
        .sites = source.sites,
        .outcome = source.outcome,
    };
    add_found(finder, spike, source.template_name);
    spike_train_clear(&train);
}

static gint by_height(gconstpointer a, gconstpointer b)
{
    double x = (*(struct candidate *const *)a)->spike->height_bytes;
    double y = (*(struct candidate *const *)b)->spike->height_bytes;
    return (x < y) - (x > y);
}

void find_spikes(struct report *report, struct symbols *symbols, GPtrArray *captures,
                 const struct cache_model *model)
{
    struct finder finder = {.report = report,
                            .symbols = symbols,
                            .captures = captures,
                            .names = tag_names_new(report, captures, model),
                            .found = g_ptr_array_new()};
    for (guint i = 0; i < captures->len; i++)
        judge_capture(&finder, i);
    g_ptr_array_sort(finder.found, by_height);
    for (guint i = 0; i < finder.found->len; i++) {
        const struct candidate *candidate = g_ptr_array_index(finder.found, i);
        spike_finding(report, candidate->spike, candidate->template_name);
    }
    g_ptr_array_free(finder.found, TRUE);
    tag_names_free(finder.names);
}
