/*
 * Exporters: an analysis in, a file of another program's format out. They count nothing anew: what
 * a format holds are the report's numbers, or the single records of the models. A new one is one
 * file with a function of this type, its prototype in exporters.h and one row in export.c's table;
 * `--to` takes its name from there.
 */
#ifndef LEAKEY_EXPORT_EXPORT_H
#define LEAKEY_EXPORT_EXPORT_H

#include <stdio.h>

#include "model/model.h"

/* The numbers of a stack. Bytes, where the name does not say otherwise. */
enum export_number {
    EXPORT_LIVE,
    EXPORT_LEAKED,
    EXPORT_ALLOCATED,
    EXPORT_PEAK,
    EXPORT_TEMPORARY, /* a count of blocks: their bytes are not kept */
    EXPORT_LIVE_COUNT,
    EXPORT_LEAKED_COUNT,
    EXPORT_ALLOCATED_COUNT,
    EXPORT_NUMBERS
};
#define EXPORT_METRICS                                                           \
    (EXPORT_TEMPORARY + 1) /* those that --metric chooses from; the first is its \
                              default */

struct export_options {
    enum export_number metric;
    bool key_text;  /* the keys themselves, not numbers in their place */
    char **remarks; /* where an exporter says what its file lacks: a sentence; g_free */
};

struct exporter {
    const char *name;
    const char *summary; /* what opens it */
    bool metric;         /* whether it can show one of several, by options.metric */
    bool keys;           /* whether it has keys in it, as options.key_text says */
    bool binary;         /* not for a terminal */
    bool heap;           /* needs the heap, or leaks: without either it is an error */
    bool trace;          /* needs cache commands: without any it is an error. Nothing of the heap is
                            analysed for it */
    /* False with an error. Writing errors may be left to the stream. */
    bool (*write)(const struct analysis *analysis, const struct export_options *options, FILE *out,
                  GError **error);
};

/* The table; ends with a row without a name. */
extern const struct exporter exporters[];
/* NULL when there is none of that name. */
const struct exporter *exporter_named(const char *name);

/* Of one that --metric chooses from: "live" and kin, and its unit: "bytes" or "blocks". */
const char *export_metric_name(enum export_number metric);
const char *export_metric_unit(enum export_number metric);
/* EXPORT_METRICS when there is none of that name. */
enum export_number export_metric_named(const char *name);

/* For much at once: false with the reason, which the stream itself forgets. */
bool export_write(const void *bytes, size_t size, FILE *out, GError **error);

struct export_stack {
    const char *id; /* of the site */
    const struct stack *stack;
    int64_t numbers[EXPORT_NUMBERS]; /* rounded as in the JSON report; 0: unknown, too */
};
/* What formats of stacks show (of struct export_stack; g_array_unref): each site of the heap, and
 * each call site that leaves replies or connections behind. Their memory is in the heap's sites
 * already, so these have the leaked numbers alone. A number's sum over all is the report's: leaked
 * is that of `leaks`. */
GArray *export_stacks(const struct analysis *analysis);

/* A frame's name as profilers show it: its function, or "module+0x12", printable. g_free. */
char *export_frame_name(const struct frame *frame);
/* What stands in a stack for frames that it does not have. */
#define EXPORT_CUT      "[cut]"      /* outside of the outermost frame, where stack->cut */
#define EXPORT_NO_STACK "[no stack]" /* alone */

#endif
