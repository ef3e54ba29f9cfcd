/* The renderers that render.c's tables name, and what they share. */
#ifndef LEAKEY_RENDER_RENDERERS_H
#define LEAKEY_RENDER_RENDERERS_H

#include "render/render.h"

void render_report_text(const struct report *report, const struct render_options *options,
                        FILE *out);
void render_report_json(const struct report *report, const struct render_options *options,
                        FILE *out);
void render_report_html(const struct report *report, const struct render_options *options,
                        FILE *out);
void render_report_markdown(const struct report *report, const struct render_options *options,
                            FILE *out);
void render_report_sarif(const struct report *report, const struct render_options *options,
                         FILE *out);
void render_report_gcc(const struct report *report, const struct render_options *options,
                       FILE *out);
void render_comparison_markdown(const struct comparison *comparison,
                                const struct render_options *options, FILE *out);
void render_comparison_text(const struct comparison *comparison,
                            const struct render_options *options, FILE *out);
void render_comparison_json(const struct comparison *comparison,
                            const struct render_options *options, FILE *out);
void render_comparison_html(const struct comparison *comparison,
                            const struct render_options *options, FILE *out);
void render_what_if_text(const struct what_if *what_if, const struct render_options *options,
                         FILE *out);
void render_what_if_json(const struct what_if *what_if, const struct render_options *options,
                         FILE *out);

/* html_page.c: NULL, or why there is no page in this build. */
const char *html_missing(void);

const char *severity_name(enum severity severity); /* error warning note */

#endif
