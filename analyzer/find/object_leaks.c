/*
 * reply-leak and context-leak: redisReply and redisContext objects that nobody frees. Every one is
 * counted, so a few are enough, if they keep coming: not merely in flight (too young), not held
 * from the start (births only early), not a cache of replies that turns over (births only lately).
 *
 * Each branch (hit, miss, write, error; connected, connect-failed) of a call site on a template is
 * looked at alone, and is a leak of its own. Where none of them has enough, the call site as a
 * whole may have.
 */
#include <math.h>
#include <string.h>

#include "find/leaks.h"

#define NS_PER_SECOND 1e9
#define Z_95          1.959964

struct group {
    struct leak_candidate *leak;
    GArray *survivors;   /* struct leak_survivor of the capture that is being read */
    struct group *whole; /* the call site's, with all of its branches; NULL: this is it */
};

struct finder {
    struct report *report;
    struct symbols *symbols;
    GPtrArray *captures;
    struct tag_names *names;
    GHashTable *groups; /* key -> struct group, the call sites' too */
};

/* One capture's run, from its first to its last command. */
struct run {
    const struct capture *capture;
    guint index;
    double start_seconds; /* on the set's clock */
    struct work_clock clock;
    double commands;
};

static void group_free(gpointer data)
{
    struct group *group = data;
    g_array_free(group->survivors, TRUE);
    g_free(group);
}

/* ---- Grouping ---- */

static const struct {
    uint32_t outcome;
    const char *reply, *context;
} branch_names[] = {
    {LK_OUTCOME_HIT, "hit", NULL},
    {LK_OUTCOME_MISS, "miss", NULL},
    {LK_OUTCOME_WRITE, "write", NULL},
    {LK_OUTCOME_ERROR, "error", "connect-failed"},
    {LK_OUTCOME_OTHER, "other", "connected"},
};

/* A context's tag is of no template: ERROR when connecting failed, else OTHER. */
static const char *branch_of(const struct lk_live *entry)
{
    bool reply = live_kind(entry) == LK_LIVE_REPLY;
    for (size_t i = 0; i < G_N_ELEMENTS(branch_names); i++) {
        if (branch_names[i].outcome != LK_TAG_OUTCOME(entry->tag))
            continue;
        if (reply)
            return branch_names[i].reply;
        if (LK_TAG_TEMPLATE(entry->tag) == 0 && branch_names[i].context != NULL)
            return branch_names[i].context;
    }
    return reply ? "other" : "unknown";
}

static uint32_t outcome_of(const char *branch)
{
    for (size_t i = 0; i < G_N_ELEMENTS(branch_names); i++)
        if (strcmp(branch_names[i].reply, branch) == 0)
            return branch_names[i].outcome;
    return LK_OUTCOME_NONE;
}

/* The group of that key, which is taken, or a new one for this candidate. */
static struct group *group_of(struct finder *finder, char *key, const struct leak_candidate *like)
{
    struct group *group = g_hash_table_lookup(finder->groups, key);
    if (group != NULL) {
        g_free(key);
        return group;
    }
    group = g_new0(struct group, 1);
    group->survivors = g_array_new(FALSE, FALSE, sizeof(struct leak_survivor));
    group->leak = report_alloc(finder->report, sizeof(*group->leak));
    *group->leak = *like;
    g_hash_table_insert(finder->groups, key, group);
    return group;
}

static struct group *group_for(struct finder *finder, const struct run *run,
                               const struct lk_live *entry)
{
    bool reply = live_kind(entry) == LK_LIVE_REPLY;
    const struct stack *stack = symbols_stack(finder->symbols, run->capture, entry->site);
    struct leak_candidate like = {.rule = reply ? "reply-leak" : "context-leak",
                                  .kind = live_kind(entry),
                                  .stack = stack,
                                  .identity = stack_identity(finder->report, stack),
                                  .outcome = LK_OUTCOME_NONE,
                                  .commands = NAN,
                                  .first_seconds = INFINITY,
                                  .from_seconds = INFINITY,
                                  .exact = true};
    struct group *whole = group_of(finder, g_strdup_printf("%d %s", reply, like.identity), &like);
    like.branch = branch_of(entry);
    like.outcome = outcome_of(like.branch);
    if (reply)
        like.template_name = tag_template(finder->names, run->index, entry->tag);
    like.commands = tag_commands(finder->names, like.template_name, like.outcome);
    struct group *group =
        group_of(finder,
                 g_strdup_printf("%d %s %s %s", reply, like.identity, like.branch,
                                 like.template_name == NULL ? "" : like.template_name),
                 &like);
    group->whole = whole;
    return group;
}

/* ---- One group in one run ---- */

static gint compare_survivors(gconstpointer a, gconstpointer b)
{
    uint64_t x = ((const struct leak_survivor *)a)->time_ns;
    uint64_t y = ((const struct leak_survivor *)b)->time_ns;
    return (x > y) - (x < y);
}

/* Old enough that whoever would free it has had the time. */
static bool is_old(const struct run *run, const struct leak_survivor *survivor, double share)
{
    double age = (double)run->clock.end_ns - (double)survivor->time_ns;
    return 1 - share >= leak_limits.object_age_share &&
           (age / NS_PER_SECOND >= leak_limits.object_age_seconds ||
            (1 - share) * run->commands >= leak_limits.object_age_commands);
}

/* How sure it is that these survivors keep coming; 0 when they do not. */
static double judge(const struct run *run, const GArray *survivors)
{
    double births[GROWTH_WINDOWS] = {0}, old = 0, early = 0;
    double middle = (1 - leak_limits.object_age_share) / 2;
    for (guint i = 0; i < survivors->len; i++) {
        const struct leak_survivor *survivor = &g_array_index(survivors, struct leak_survivor, i);
        double share = work_share(&run->clock, survivor->time_ns);
        births[MIN((size_t)(share * GROWTH_WINDOWS), GROWTH_WINDOWS - 1)]++;
        if (is_old(run, survivor, share)) {
            old++;
            early += share < middle;
        }
    }
    if (old < leak_limits.object_least || !births_are_spread(births) ||
        births_pile_up_late(births) || early < leak_limits.object_early_share * old ||
        old - early < leak_limits.object_late_share * old)
        return 0;
    return 1 - exp2(-(old - 1) / 2);
}

static void add_run(struct report *report, struct leak_candidate *leak, const struct run *run,
                    GArray *survivors)
{
    g_array_sort(survivors, compare_survivors);
    double confidence = judge(run, survivors);
    double first =
        (double)g_array_index(survivors, struct leak_survivor, 0).time_ns / NS_PER_SECOND;
    double bytes = 0;
    for (guint i = 0; i < survivors->len; i++) {
        uint64_t size = g_array_index(survivors, struct leak_survivor, i).size;
        estimate_add(&leak->live, size, 1);
        bytes += (double)size;
    }
    leak->exact &= run->capture->dropped_count == 0 && run->capture->damage == 0;
    double slope = bytes / ((double)(capture_recorded_ns(run->capture, run->clock.end_ns) -
                                     capture_recorded_ns(run->capture, run->clock.start_ns)) /
                            NS_PER_SECOND);
    leak_add_capture(leak, report, run->index, bytes, (double)survivors->len,
                     confidence > 0 ? slope : NAN);
    if (confidence <= 0)
        return;
    double doubt = Z_95 / sqrt((double)survivors->len); /* of a Poisson process's rate */
    double interval[2] = {slope * MAX(1 - doubt, 0), slope * (1 + doubt)};
    leak_add_growth(leak, slope, interval,
                    run->start_seconds + (double)run->clock.start_ns / NS_PER_SECOND,
                    run->start_seconds + (double)run->clock.end_ns / NS_PER_SECOND);
    leak->first_seconds = MIN(leak->first_seconds, run->start_seconds + first);
    leak->confidence_ratio = MAX(leak->confidence_ratio, confidence);
    leak->growing = true;
}

/* ---- All runs ---- */

/* From the first command to the last, by the templates' whole-run marks. */
static void bound_run(struct run *run)
{
    const struct capture *capture = run->capture;
    run->clock.capture = capture;
    run->clock.start_ns = UINT64_MAX;
    for (guint i = 0; i < capture->templates->len; i++) {
        const struct lk_template *template =
            &g_array_index(capture->templates, struct lk_template, i);
        if (template->last_ns == 0)
            continue;
        run->clock.start_ns = MIN(run->clock.start_ns, template->first_ns);
        run->clock.end_ns = MAX(run->clock.end_ns, template->last_ns);
    }
    for (guint i = 1; i < capture->verbs->len; i++)
        run->commands += (double)g_array_index(capture->verbs, struct lk_verb, i).calls;
    if (run->clock.start_ns >= run->clock.end_ns) {
        run->clock.start_ns = 0;
        run->clock.end_ns = MAX(capture->duration_ns, 1);
    }
}

/* Puts each object into its group. Objects of one site and tag are of one group, so that is found
 * once. */
static void collect_objects(struct finder *finder, const struct run *run)
{
    GHashTable *known = g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, NULL);
    for (guint i = 0; i < run->capture->live->len; i++) {
        const struct lk_live *entry = &g_array_index(run->capture->live, struct lk_live, i);
        uint64_t kind = live_kind(entry),
                 key = kind << 62 | (uint64_t)entry->site << 30 | entry->tag;
        if (kind != LK_LIVE_REPLY && kind != LK_LIVE_CONTEXT)
            continue;
        struct group *group = g_hash_table_lookup(known, &key);
        if (group == NULL) {
            group = group_for(finder, run, entry);
            g_hash_table_insert(known, g_memdup2(&key, sizeof(key)), group);
        }
        struct leak_survivor survivor = {entry->time_ns, entry->size, entry->tag};
        g_array_append_val(group->survivors, survivor);
        if (group->whole != NULL)
            g_array_append_val(group->whole->survivors, survivor);
    }
    g_hash_table_destroy(known);
}

static void read_capture(struct finder *finder, guint index)
{
    struct run run = {.capture = g_ptr_array_index(finder->captures, index), .index = index};
    GHashTableIter iterator;
    gpointer value;
    collect_objects(finder, &run);
    run.start_seconds = capture_start_seconds(run.capture, finder->captures);
    bound_run(&run);
    GArray *ticks = command_times(run.capture);
    if (ticks->len != 0 && run.capture->complete_from_ns == 0) {
        run.clock.ticks = (const uint64_t *)(const void *)ticks->data;
        run.clock.count = ticks->len;
    }
    g_hash_table_iter_init(&iterator, finder->groups);
    while (g_hash_table_iter_next(&iterator, NULL, &value)) {
        struct group *group = value;
        if (group->survivors->len != 0)
            add_run(finder->report, group->leak, &run, group->survivors);
        g_array_set_size(group->survivors, 0);
    }
    g_array_free(ticks, TRUE);
}

/* Every command of that outcome left one behind: that is no accident. */
static void weigh_ratio(struct leak_candidate *leak)
{
    double ratio = leak->live.count / leak->commands;
    if (leak->kind == LK_LIVE_REPLY && isfinite(ratio) && fabs(ratio - 1) < leak_limits.one_each)
        leak->confidence_ratio = (leak->confidence_ratio + 1) / 2;
    leak->confidence_ratio = MIN(leak->confidence_ratio, leak_limits.most_confidence);
    leak->tagged = leak->live;
}

/* ---- A call site's branches ---- */

static gint by_count(gconstpointer a, gconstpointer b)
{
    double x = ((const struct leak_branch *)a)->count, y = ((const struct leak_branch *)b)->count;
    return (x < y) - (x > y);
}

static void add_branch(GArray *branches, const struct leak_candidate *part)
{
    const char *name = part->branch;
    guint known = 0;
    while (known < branches->len &&
           strcmp(g_array_index(branches, struct leak_branch, known).name, name) != 0)
        known++;
    if (known == branches->len) {
        struct leak_branch fresh = {.name = name};
        g_array_append_val(branches, fresh);
    }
    struct leak_branch *branch = &g_array_index(branches, struct leak_branch, known);
    branch->count += part->live.count;
    branch->bytes += part->live.bytes;
}

/* Adds up what a call site left on each branch; whether one of them grows by itself. */
static void sum_branches(struct finder *finder)
{
    GHashTableIter iterator;
    gpointer value;
    g_hash_table_iter_init(&iterator, finder->groups);
    while (g_hash_table_iter_next(&iterator, NULL, &value)) {
        const struct group *group = value;
        if (group->whole == NULL)
            continue;
        struct leak_candidate *whole = group->whole->leak, *part = group->leak;
        if (whole->branches == NULL)
            whole->branches = report_array(finder->report, sizeof(struct leak_branch));
        add_branch(whole->branches, part);
        part->branches = whole->branches;
    }
}

/* A site whose branches are told one by one is not told as a whole. */
static void leave_out_wholes(struct finder *finder)
{
    GHashTableIter iterator;
    gpointer value;
    g_hash_table_iter_init(&iterator, finder->groups);
    while (g_hash_table_iter_next(&iterator, NULL, &value)) {
        struct group *group = value;
        if (group->whole != NULL && group->leak->growing)
            group->whole->leak->growing = false;
        if (group->whole == NULL && group->leak->branches != NULL)
            g_array_sort(group->leak->branches, by_count);
    }
}

/* What all of its objects have in common can be said of a whole too; what is not known of any of
 * them is not said. */
static void name_leak(struct leak_candidate *leak)
{
    if (leak->branch == NULL && leak->branches != NULL && leak->branches->len == 1) {
        leak->branch = g_array_index(leak->branches, struct leak_branch, 0).name;
        leak->outcome = outcome_of(leak->branch);
    }
    if (leak->branch != NULL && strcmp(leak->branch, "unknown") == 0)
        leak->branch = NULL;
}

void find_object_leaks(struct report *report, struct symbols *symbols, GPtrArray *captures,
                       const struct cache_model *model, GPtrArray *leaks)
{
    struct finder finder = {.report = report, .symbols = symbols, .captures = captures};
    GHashTableIter iterator;
    gpointer value;
    finder.names = tag_names_new(report, captures, model);
    finder.groups = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, group_free);
    for (guint i = 0; i < captures->len; i++)
        read_capture(&finder, i);
    sum_branches(&finder);
    leave_out_wholes(&finder);
    g_hash_table_iter_init(&iterator, finder.groups);
    while (g_hash_table_iter_next(&iterator, NULL, &value)) {
        struct leak_candidate *leak = ((struct group *)value)->leak;
        if (!leak->growing)
            continue;
        name_leak(leak);
        weigh_ratio(leak);
        g_ptr_array_add(leaks, leak);
    }
    g_hash_table_destroy(finder.groups);
    tag_names_free(finder.names);
}
