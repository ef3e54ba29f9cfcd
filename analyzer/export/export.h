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

/* Which bytes a format with one number per stack shows. */
enum export_metric {
    EXPORT_LIVE, /* the default */
    EXPORT_LEAKED,
    EXPORT_ALLOCATED,
    EXPORT_PEAK,
    EXPORT_TEMPORARY, /* blocks, not bytes: their bytes are not kept */
};
#define EXPORT_METRICS 5

struct export_options {
    enum export_metric metric;
};

struct exporter {
    const char *name;
    const char *summary; /* what opens it */
    bool metric;         /* whether it can show one of several, by options.metric */
    bool binary;         /* not for a terminal */
    bool trace;          /* needs cache commands: without any it is an error */
    /* False with an error. Writing errors may be left to the stream. */
    bool (*write)(const struct analysis *analysis, const struct export_options *options, FILE *out,
                  GError **error);
};

/* The table; ends with a row without a name. */
extern const struct exporter exporters[];
/* NULL when there is none of that name. */
const struct exporter *exporter_named(const char *name);

/* "live" and kin; EXPORT_METRICS when there is none of that name. */
enum export_metric export_metric_named(const char *name);

/* The number that `metric` has at a site; NAN unknown. Leaked: of all leaks at the site. */
double export_site_value(const struct analysis *analysis, const struct site_report *site,
                         enum export_metric metric);

/* A frame's name as flame graphs show it: its function, or "module+0x12", printable; without
 * control characters and `;`. g_free. */
char *export_frame_name(const struct frame *frame);

#endif
