/*
 * What `top` shows: the latest measurement of a process, and what has changed since earlier ones.
 * Rates are of the latest interval; growth of live memory, which goes up and down with each
 * request, is over the last GROWTH_SECONDS. NAN: not known yet.
 */
#ifndef LEAKEY_TOP_HISTORY_H
#define LEAKEY_TOP_HISTORY_H

#include "watch/watch.h"

#define GROWTH_SECONDS 60.0
#define TOP_SITES      100u /* the largest ones */

struct top_totals {
    double live_bytes, peak_live_bytes, growth_bytes; /* growth: a second */
    double growth_seconds;                            /* what it is over */
    double allocated_bytes, allocations;              /* a second */
    double commands, reads, misses, errors;           /* a second; errors: in all */
    double hit_ratio, total_hit_ratio;                /* of the latest interval; of the whole run */
    double total_misses;
    bool heap, cache;
};

struct top_site {          /* all stacks that lead to one place */
    const char *name, *id; /* id: of one of them */
    double growth_bytes, live_bytes, live_count, allocated_bytes;
};

struct top_template {
    const char *name;
    double miss_rate, misses, read_rate, hit_ratio, write_rate, distinct_keys, latency_mean;
    double unfreed_replies;
};

struct history;

struct history *history_new(struct watch *watch);
void history_free(struct history *history);
/* Reads the capture anew. False with an error. */
bool history_read(struct history *history, double now_seconds, GError **error);
/* Of the latest reading; its texts live until the next. */
const struct measured *history_latest(const struct history *history);
struct top_totals history_totals(const struct history *history);
GArray *history_sites(const struct history *history);     /* struct top_site; g_array_free */
GArray *history_templates(const struct history *history); /* struct top_template; g_array_free */

#endif
