/*
 * What is measured of a process, in the form of the metrics' table (families.h): numbers, and items
 * with labels. The same for a capture that is read while its process runs and for a finished one.
 * Numbers are the report's: of the whole run, from the capture's tables. NAN: not known, and left
 * out.
 */
#ifndef LEAKEY_METRICS_MEASURE_H
#define LEAKEY_METRICS_MEASURE_H

#include <glib.h>
#include <stdbool.h>

#include "metrics/durations.h"
#include "model/cache.h"

#define MEASURED_OTHER "<other>" /* the label of what is beyond a bound; no key's template */

struct measured_head { /* of every item: the values of its labels */
    const char *labels[2];
};

struct measured_verb {
    struct measured_head head; /* verb */
    double calls;
};

struct measured_template {
    struct measured_head head; /* template */
    double reads, hits, misses, writes, deletes, errors, written_bytes, read_bytes, unfreed_replies;
    double distinct_keys;
    double allocated_bytes[OUTCOMES];
    struct durations latency, recompute;
};

struct measured_site {
    struct measured_head head; /* site, function */
    double live_bytes, live_count;
    double allocated_bytes, allocated_count; /* no metrics of their own: see families.c */
};

struct measured {
    const char *process,
        *command; /* the capture's file name without its ending; the executable's */
    const char *executable, *pid, *end;
    double timestamp; /* seconds since the epoch; NAN: now */
    double running;   /* 1 or 0 */
    double start_seconds, duration_seconds;
    double paused, paused_seconds; /* 1 now, or 0 */
    double live_bytes, live_count, peak_live_bytes;
    double allocated_bytes, allocated_count, freed_bytes, freed_count;
    double spike_period_seconds, spike_height_bytes;
    double command_errors;
    double overwritten_count, dropped_count, damage;
    double missed_count; /* records that were overwritten before they were read: recompute times
                            lack them; NAN: none are read */
    GArray *verbs;       /* struct measured_verb */
    GArray *templates;   /* struct measured_template */
    GArray *sites;       /* struct measured_site, live bytes falling */
    GStringChunk *text;
};

/* What bounds the number of labels, and remembers which ones a process has: a template keeps its
 * own as long as the process is watched, so that what is "<other>" never shrinks. */
struct measure_bounds {
    guint templates, sites;      /* at most so many have a label of their own */
    GHashTable *shown_templates; /* their names; NULL: not remembered */
    GHashTable *shown_sites;
};

/* What a capture's tables do not say. */
struct measure_sources {
    /* The names of a site: its identity and its place. Valid while the source is. */
    void (*site)(void *context, const struct capture *capture, uint32_t site, const char **identity,
                 const char **place);
    /* Recompute times of a capture's template by its id there; NULL: none. */
    const struct durations *(*recompute)(void *context, uint32_t template_id);
    void *context;
};

/* `index` is the capture's in the model, which names the templates. `bounds` may be NULL: none. The
 * result is the caller's. */
struct measured *measure(const struct capture *capture, guint index,
                         const struct cache_model *model, struct measure_bounds *bounds,
                         const struct measure_sources *sources);
void measured_free(struct measured *measured);

/* "llm_cache.1234" of "captures/llm_cache.1234.leakey". g_free. */
char *measured_process_name(const char *path);

#endif
