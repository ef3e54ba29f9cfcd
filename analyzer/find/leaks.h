/* Private to the leak finders: thresholds, and what they hand on to leaks.c, which makes the
 * report's leaks of it. */
#ifndef LEAKEY_FIND_LEAKS_H
#define LEAKEY_FIND_LEAKS_H

#include "find/growth.h"
#include "model/heap.h"

struct cache_model;

/* Every threshold of the leak rules; each says why in leaks.c. */
struct leak_limits {
    double clock_commands, clock_ticks, warm_up_share, occupied_ratio, last_births_ratio;
    double object_least, object_age_share, object_age_seconds, object_age_commands;
    double object_early_share, object_late_share;
    double heap_least, heap_seconds, trend, balance_z, retained_ratio, accounted_ratio;
    double levelled_share, late_growth_ratio, last_least, last_growth_ratio;
    double replay_most, history_least, history_growth, scatter_ratio;
    double chance, table_ratio, tag_ratio;
    double unreachable_least, unreachable_confidence;
    double one_each, error_confidence, most_confidence;
};
extern const struct leak_limits leak_limits;

struct leak_survivor {
    uint64_t time_ns, size;
    uint32_t tag;
};

struct leak_candidate { /* one rule's, at one site, over all captures */
    const char *rule;
    enum lk_live_kind kind;
    const struct stack *stack;
    const char *identity;
    const char *template_name; /* NULL none */
    uint32_t outcome;          /* enum lk_outcome */
    const char *branch;        /* as in the report; NULL none */
    double commands;           /* of that outcome on that template; NAN unknown */
    GArray *branches;          /* struct leak_branch; NULL none */
    struct estimate live;      /* of what leaks */
    GArray *captures;          /* struct leak_capture; NULL unknown */
    struct estimate tagged;    /* of these, what belongs to that outcome on that template */
    double grown_bytes, grown_interval[2]; /* growth times its time, summed over the captures */
    double first_seconds;            /* of the set's clock: when the first of what leaks was born */
    double from_seconds, to_seconds; /* the span that growth was measured over */
    double confidence_ratio;
    bool growing; /* in any capture */
    bool exact;
    const struct reach_report *reach; /* NULL: not searched */
};

/* Each puts a `struct leak_candidate *` for what grows into `leaks`; they are the report's. `model`
 * may be NULL. */
void find_object_leaks(struct report *report, struct symbols *symbols, GPtrArray *captures,
                       const struct cache_model *model, GPtrArray *leaks);
void find_heap_leaks(struct report *report, struct symbols *symbols, GPtrArray *captures,
                     const struct cache_model *model, GPtrArray *leaks);

/* unreachable.c: what the search of the processes' memory says of these leaks, and new ones where
 * nothing points to what a site allocated. Without a search it does nothing. */
void weigh_unreachable(struct report *report, struct symbols *symbols, GPtrArray *captures,
                       const struct cache_model *model, GPtrArray *objects, GPtrArray *blocks);

/* Adds a capture's growth: bytes a second with their interval, over that span of the set's clock.
 */
void leak_add_growth(struct leak_candidate *leak, double slope, const double interval[2],
                     double from_seconds, double to_seconds);

/* Notes what one capture has of it; `slope` NAN where it does not grow. */
void leak_add_capture(struct leak_candidate *leak, struct report *report, guint capture,
                      double live_bytes, double live_count, double slope);

/* Survivors' births by window (GROWTH_WINDOWS of equal work): whether they are in about as many
 * windows as their number lets expect, and whether the last window, where turnover leaves them, has
 * far more than the others. The last one does not count otherwise: what was born there may be in
 * use. */
bool births_are_spread(const double *births);
bool births_pile_up_late(const double *births);

/* leak_findings.c: the leak in words. */
void leak_finding(struct report *report, const struct leak_candidate *candidate,
                  const struct leak_report *leak);

/* The times of the commands that the ring still holds, thinned; an empty array when they are too
 * few to measure work by. */
GArray *command_times(const struct capture *capture);

/* Who a tag speaks of: a template's shown name (NULL none) and how many commands had that outcome
 * on it, in all captures. */
struct tag_names;
struct tag_names *tag_names_new(struct report *report, GPtrArray *captures,
                                const struct cache_model *model);
void tag_names_free(struct tag_names *names);
const char *tag_template(const struct tag_names *names, guint capture_index, uint32_t tag);
/* NAN for an outcome that is not a hit, miss, write or error. */
double tag_commands(const struct tag_names *names, const char *template_name, uint32_t outcome);

#endif
