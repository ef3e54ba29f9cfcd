/*
 * The page of `--format html`: one file, which loads nothing. Its sources are in analyzer/ui; what
 * it shows is a document in it, leakey.page/1:
 *
 *   { "schema", "leakey_version", "report", "frames", "left_out" }                  of a report
 *   { "schema", "leakey_version", "comparison", "left_out", "before", "after" }     of a comparison
 *
 * "report" is leakey.report/1, and "comparison" leakey.compare/1; "before" and "after" each have
 * "report", "frames" and "left_out". Two things differ from the JSON report: each stack is a list
 * of indices into "frames", and what would make the page too big is left out, the least first. Then
 * "left_out" counts what is missing.
 */
#ifndef LEAKEY_RENDER_HTML_H
#define LEAKEY_RENDER_HTML_H

#include <glib.h>
#include <jansson.h>
#include <stddef.h>

#define HTML_DATA_MARK "@DATA@" /* where the document goes, once in the page */

/* The page, empty in a build that has none. Not terminated by what `bytes` counts. */
const char *html_page(size_t *bytes);

/* How much of a document is kept. Each is a number of elements, `text` the bytes of a string. */
struct html_bounds {
    size_t sites, templates, findings, leaks, evidence, call_sites, captures, notes, text;
};

/* Documents of a report's, and a comparison's, JSON; new references. */
json_t *html_report_document(json_t *report, const struct html_bounds *bounds);
json_t *html_comparison_document(json_t *comparison, json_t *before, json_t *after,
                                 const struct html_bounds *bounds);

/* A document as it stands in the page: nothing in it ends its element. Releases it; g_string_free.
 */
GString *html_encoded(json_t *document);

/* html_shrink.c: a report's JSON as {"report", "frames", "left_out"}; a copy. */
json_t *html_shrink(json_t *report, const struct html_bounds *bounds);
/* A list of the first `most` elements, or of fewer. */
json_t *html_first(const json_t *array, size_t most);

#endif
