/*
 * What the search of the processes' memory (report --reachability) says about leaks: unreachable
 * blocks make a leak that grows surer, and are one where no growth was seen.
 */
#include <math.h>

#include "find/leaks.h"
#include "model/reachability.h"

#define NS_PER_SECOND 1e9

/* What is judged together: a site's blocks, or replies of one outcome on one template. */
struct group {
    struct leak_candidate
        *leak; /* what its unreachable blocks are; not published unless asked for */
    struct reach_report *reach;
    bool known; /* a growth test has called it a leak already */
};

struct finder {
    struct report *report;
    struct symbols *symbols;
    GPtrArray *captures;
    struct tag_names *names;
    GHashTable *groups; /* key -> struct group */
    GHashTable *known;  /* of one capture: kind, site and tag -> struct group */
};

/* ---- Groups ---- */

static const char *rule_of(enum lk_live_kind kind)
{
    return kind == LK_LIVE_REPLY     ? "reply-leak"
           : kind == LK_LIVE_CONTEXT ? "context-leak"
                                     : "heap-leak";
}

/* Heap leaks name the outcome that nearly all of it follows; it does not tell them apart. */
static char *key_of(enum lk_live_kind kind, const char *identity, const char *template_name,
                    uint32_t outcome)
{
    if (kind != LK_LIVE_REPLY)
        return g_strdup_printf("%d %s", (int)kind, identity);
    return g_strdup_printf("%d %s %u %s", (int)kind, identity, outcome,
                           template_name == NULL ? "" : template_name);
}

static bool speaks_of_a_key(uint32_t outcome)
{
    return outcome == LK_OUTCOME_HIT || outcome == LK_OUTCOME_MISS || outcome == LK_OUTCOME_WRITE;
}

static struct leak_candidate *new_candidate(struct finder *finder, const struct stack *stack,
                                            const struct lk_live *entry, guint index)
{
    struct leak_candidate *leak = report_alloc(finder->report, sizeof(*leak));
    bool reply = live_kind(entry) == LK_LIVE_REPLY;
    uint32_t outcome = reply ? LK_TAG_OUTCOME(entry->tag) : LK_OUTCOME_NONE;
    const char *name = reply ? tag_template(finder->names, index, entry->tag) : NULL;
    if (!speaks_of_a_key(outcome))
        outcome = LK_OUTCOME_NONE;
    *leak = (struct leak_candidate){.rule = rule_of(live_kind(entry)),
                                    .kind = live_kind(entry),
                                    .stack = stack,
                                    .identity = stack_identity(finder->report, stack),
                                    .template_name = name,
                                    .outcome = outcome,
                                    .commands = tag_commands(finder->names, name, outcome),
                                    .grown_bytes = NAN,
                                    .grown_interval = {NAN, NAN},
                                    .first_seconds = INFINITY,
                                    .from_seconds = 0,
                                    .to_seconds = 1,
                                    .exact = true};
    return leak;
}

static struct group *group_of(struct finder *finder, guint index, const struct lk_live *entry)
{
    const struct capture *capture = g_ptr_array_index(finder->captures, index);
    uint64_t kind = live_kind(entry), tag = kind == LK_LIVE_REPLY ? entry->tag : 0;
    uint64_t place = kind << 62 | (uint64_t)entry->site << 30 | tag;
    struct group *group = g_hash_table_lookup(finder->known, &place);
    if (group != NULL)
        return group;
    struct leak_candidate *leak =
        new_candidate(finder, symbols_stack(finder->symbols, capture, entry->site), entry, index);
    char *key = key_of(leak->kind, leak->identity, leak->template_name, leak->outcome);
    group = g_hash_table_lookup(finder->groups, key);
    if (group == NULL) {
        group = g_new0(struct group, 1);
        group->leak = leak;
        group->reach = report_alloc(finder->report, sizeof(*group->reach));
        leak->reach = group->reach;
        g_hash_table_insert(finder->groups, key, group);
    } else {
        g_free(key);
    }
    g_hash_table_insert(finder->known, g_memdup2(&place, sizeof(place)), group);
    return group;
}

/* ---- What was found ---- */

static void add_unreachable(const struct finder *finder, const struct capture *capture,
                            const struct lk_live *entry, struct leak_candidate *leak)
{
    bool heap = leak->kind == LK_LIVE_HEAP; /* objects are all recorded */
    estimate_add(&leak->live, entry->size, heap ? capture->header.sample_bytes : 1);
    leak->tagged = leak->live;
    leak->first_seconds =
        MIN(leak->first_seconds, capture_start_seconds(capture, finder->captures) +
                                     (double)entry->time_ns / NS_PER_SECOND);
    leak->exact &=
        heap ? capture_is_exact(capture) : capture->dropped_count == 0 && capture->damage == 0;
}

static void add_capture(struct finder *finder, guint index)
{
    const struct capture *capture = g_ptr_array_index(finder->captures, index);
    const uint8_t *verdicts = reachability_verdicts(finder->report, index);
    finder->known = g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, NULL);
    for (guint i = 0; verdicts != NULL && i < capture->live->len; i++) {
        const struct lk_live *entry = &g_array_index(capture->live, struct lk_live, i);
        if (verdicts[i] == VERDICT_NONE)
            continue;
        struct group *group = group_of(finder, index, entry);
        reach_add(group->reach, entry, verdicts[i], capture->header.sample_bytes);
        if (verdicts[i] != VERDICT_REACHED)
            add_unreachable(finder, capture, entry, group->leak);
    }
    g_hash_table_destroy(finder->known);
}

/* Each further block halves the doubt, down to that of the method itself. */
static double confidence_of(const struct reach_report *reach)
{
    if (reach->unreachable_count < leak_limits.unreachable_least)
        return 0;
    return MIN(1 - exp2(-reach->unreachable_count), leak_limits.unreachable_confidence);
}

/* Two independent signs: growth, and no pointer. */
static void raise_confidence(struct leak_candidate *leak, const struct reach_report *reach)
{
    double doubt = (1 - leak->confidence_ratio) * (1 - confidence_of(reach));
    leak->confidence_ratio =
        MAX(leak->confidence_ratio, MIN(1 - doubt, leak_limits.most_confidence));
    leak->reach = reach;
}

static void weigh_known(const struct finder *finder, GPtrArray *leaks)
{
    for (guint i = 0; i < leaks->len; i++) {
        struct leak_candidate *leak = g_ptr_array_index(leaks, i);
        char *key = key_of(leak->kind, leak->identity, leak->template_name, leak->outcome);
        struct group *group = g_hash_table_lookup(finder->groups, key);
        if (group != NULL) {
            group->known = true;
            raise_confidence(leak, group->reach);
        }
        g_free(key);
    }
}

static void add_new(const struct finder *finder, GPtrArray *objects, GPtrArray *blocks)
{
    GHashTableIter iterator;
    gpointer value;
    g_hash_table_iter_init(&iterator, finder->groups);
    while (g_hash_table_iter_next(&iterator, NULL, &value)) {
        struct group *group = value;
        double confidence = confidence_of(group->reach);
        if (group->known || confidence <= 0)
            continue;
        group->leak->confidence_ratio = confidence;
        g_ptr_array_add(group->leak->kind == LK_LIVE_HEAP ? blocks : objects, group->leak);
    }
}

void weigh_unreachable(struct report *report, struct symbols *symbols, GPtrArray *captures,
                       const struct cache_model *model, GPtrArray *objects, GPtrArray *blocks)
{
    struct finder finder = {.report = report, .symbols = symbols, .captures = captures};
    bool any = false;
    for (guint i = 0; i < captures->len; i++)
        any |= reachability_verdicts(report, i) != NULL;
    if (!any)
        return;
    finder.names = tag_names_new(report, captures, model);
    finder.groups = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    for (guint i = 0; i < captures->len; i++)
        add_capture(&finder, i);
    weigh_known(&finder, objects);
    weigh_known(&finder, blocks);
    add_new(&finder, objects, blocks);
    g_hash_table_destroy(finder.groups);
    tag_names_free(finder.names);
}
