/*
 * Renderers: a report in, bytes out. They never compute. A new one is one file with a function of
 * this type and one row in render.c's tables; `--format` takes its name from there.
 */
#ifndef LEAKEY_RENDER_RENDER_H
#define LEAKEY_RENDER_RENDER_H

#include <stdio.h>

#include "model/report.h"

struct comparison; /* model/compare.h */
struct what_if;    /* find/what_if.h */

struct render_options {
    size_t top; /* rows a table shows; JSON is never shortened */
    bool colour;
    int width; /* columns; 80 */
};

struct report_renderer {
    const char *name; /* text json ... */
    bool curve;       /* shows the miss-ratio curve */
    /* Why this build cannot render it, or NULL; no function: every build can. */
    const char *(*missing)(void);
    void (*render)(const struct report *report, const struct render_options *options, FILE *out);
};
struct comparison_renderer {
    const char *name;
    const char *(*missing)(void);
    void (*render)(const struct comparison *comparison, const struct render_options *options,
                   FILE *out);
};

struct what_if_renderer {
    const char *name;
    void (*render)(const struct what_if *what_if, const struct render_options *options, FILE *out);
};

/* NULL when there is none of that name. */
const struct report_renderer *report_renderer_named(const char *name);
const struct comparison_renderer *comparison_renderer_named(const char *name);
const struct what_if_renderer *what_if_renderer_named(const char *name);
/* "text json": for messages. */
const char *report_renderer_names(void);
const char *comparison_renderer_names(void);
const char *what_if_renderer_names(void);

#endif
