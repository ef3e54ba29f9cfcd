/*
 * What changed between two reports of the same service. Each metric has the change's 95 % interval
 * and a verdict, which is `better` or `worse` only where the interval excludes zero and the change
 * is more than the metric's margin: noise is not called a change.
 *
 * Intervals come from a moving-block bootstrap over the windows of each report (equal slices of
 * time): blocks of consecutive windows are drawn with replacement (Kunsch 1989; circular: Politis
 * and Romano 1992), so that what hangs together in time stays together; the block's length follows
 * from the autocorrelation (Politis and White 2004, as corrected by Patton, Politis and White
 * 2009). The generator has a fixed seed: the same captures, the same intervals.
 *
 * All reads count, the cold start too. Where one run has many more reads than the other, what
 * depends on a cache's age is called a change only if it shows over the first reads of both as
 * well, as many as the shorter has.
 * Where a miss took much longer to recompute in one run than in the other, the machine was under
 * another load: how much memory is alive at once is then not called a change.
 */
#ifndef LEAKEY_MODEL_COMPARE_H
#define LEAKEY_MODEL_COMPARE_H

#include "model/report.h"

enum verdict { VERDICT_SAME, VERDICT_BETTER, VERDICT_WORSE, VERDICT_MIXED };

enum quantity { QUANTITY_RATIO, QUANTITY_COUNT, QUANTITY_BYTES, QUANTITY_SECONDS };

struct summary { /* NAN unknown */
    double reads, hit_ratio, misses, distinct_keys, live_bytes, peak_live_bytes;
    double leaked_bytes_per_read, allocated_bytes_per_read, recompute_seconds_per_read;
    double duration_seconds;
};

struct change {
    const char *name;  /* as in the JSON */
    const char *label; /* for people */
    enum quantity quantity;
    double before, after; /* NAN unknown */
    double interval[2];   /* of after - before; NAN unknown */
    enum verdict verdict;
};

/* A finding, or a leak that no finding speaks of, on one side or on both. */
struct comparison_item {
    const char *rule;
    enum severity severity;
    const char *template_name; /* NULL none */
    const char *function;      /* whose code it is; NULL unknown */
    const char *branch;        /* of a leak, as in the report; NULL none */
    const char *message;       /* of the later side that has it */
};

struct comparison {
    const struct report *before_report, *after_report;
    struct summary before, after;
    GArray *metrics;                   /* struct change */
    GArray *fixed, *added, *remaining; /* struct comparison_item */
    enum verdict verdict;
    bool unequal_lengths; /* one has many more reads than the other */
    bool unequal_paces;   /* a miss took much longer to recompute in one than in the other */
    double pace_ratio;    /* recompute time of a miss, after to before; NAN unknown */
};

/* The reports must outlive it. */
struct comparison *comparison_new(const struct report *before, const struct report *after);
void comparison_free(struct comparison *comparison);

/* A step of comparison_new, in compare_findings.c: fills fixed, added and remaining. */
void comparison_match_findings(struct comparison *comparison, const struct report *before,
                               const struct report *after);

const char *verdict_name(enum verdict verdict); /* better worse mixed same */

#endif
