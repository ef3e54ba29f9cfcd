/*
 * The table of metrics: what `leakey serve` and `leakey export --to openmetrics` say, and what the
 * dashboard and the alert rules in analyzer/dashboard/ use. A new metric is a field of a measured
 * structure (measure.h) and a row in families.c.
 *
 * Names follow Prometheus: base units as a suffix, `_total` for counters, which never go backwards.
 */
#ifndef LEAKEY_METRICS_FAMILIES_H
#define LEAKEY_METRICS_FAMILIES_H

#include <stddef.h>

#include "metrics/measure.h"

enum family_type { FAMILY_GAUGE, FAMILY_COUNTER, FAMILY_HISTOGRAM, FAMILY_INFO };

enum family_of { /* what its samples are of */
                 OF_SERVER,
                 OF_PROCESS,
                 OF_VERB,
                 OF_TEMPLATE,
                 OF_OUTCOME, /* of a template: three in a row */
                 OF_SITE,
};

struct family {
    const char *name; /* without a counter's `_total` and an info's `_info` */
    enum family_type type;
    enum family_of of;
    const char *unit; /* NULL none */
    size_t offset;    /* of a double, or of struct durations; INFO: not used */
    const char *help;
};
/* Ends with a row without a name. */
extern const struct family families[];

/* What `serve` says of itself. */
struct measured_server {
    double captures_running, captures_ended, captures_unreadable;
    double directory_readable; /* 1 or 0 */
};

/* Counters of `now` that are lower than `before` (the same process, earlier) are raised to it: a
 * scraper takes a counter that falls for a process that has begun anew. */
void measured_hold(struct measured *now, const struct measured *before);

/* The processes' text. `server` may be NULL. */
enum exposition { EXPOSE_OPENMETRICS, EXPOSE_PROMETHEUS }; /* 1.0.0; text format 0.0.4 */
void expose(const GPtrArray *processes, const struct measured_server *server, enum exposition form,
            GString *out);
/* The media type of it. */
const char *exposition_type(enum exposition form);

/* The text as a label's value stands between quotes: backslash, quote and line end escaped, other
 * control characters made visible as \xNN, cut to `most` bytes at a character. */
void expose_label(GString *out, const char *text, size_t most);

#endif
