/* The page of a report or a comparison: the bundled page with the document in it. */
#include "render/html.h"

#include <string.h>

#include "model/compare.h"
#include "render/json_parts.h"
#include "render/renderers.h"

#define PAGE_MOST_BYTES ((size_t)1900 * 1000) /* the promise is 2 MB */
#define TEXT_LEAST      64

static const struct html_bounds bounds_of_report = {.sites = 1500,
                                                    .templates = 500,
                                                    .findings = 300,
                                                    .leaks = 300,
                                                    .evidence = 8,
                                                    .call_sites = 10,
                                                    .captures = 200,
                                                    .notes = 100,
                                                    .text = 4096};
/* Of each side: what the comparison shows of it. */
static const struct html_bounds bounds_of_comparison = {
    .templates = 300, .findings = 100, .leaks = 100, .captures = 100, .notes = 100, .text = 4096};

static void halve(struct html_bounds *bounds)
{
    size_t *const all[] = {&bounds->sites,    &bounds->templates, &bounds->findings,
                           &bounds->leaks,    &bounds->evidence,  &bounds->call_sites,
                           &bounds->captures, &bounds->notes,     &bounds->text};

    for (size_t i = 0; i < G_N_ELEMENTS(all); i++)
        *all[i] /= 2;
    bounds->text = MAX(bounds->text, TEXT_LEAST);
}

/* ---- Documents ---- */

static json_t *headed(json_t *rest)
{
    json_t *document =
        json_pack("{ss, ss}", "schema", "leakey.page/1", "leakey_version", LEAKEY_VERSION);

    json_object_update(document, rest);
    json_decref(rest);
    return document;
}

json_t *html_report_document(json_t *report, const struct html_bounds *bounds)
{
    return headed(html_shrink(report, bounds));
}

json_t *html_comparison_document(json_t *comparison, json_t *before, json_t *after,
                                 const struct html_bounds *bounds)
{
    static const char *const lists[] = {"fixed", "new", "remaining"};
    json_t *small = json_copy(comparison), *left = json_object();

    for (size_t i = 0; i < G_N_ELEMENTS(lists); i++) {
        const json_t *list = json_object_get(comparison, lists[i]);
        json_t *first = html_first(list, bounds->findings);

        json_object_set_new(
            left, lists[i],
            json_integer((json_int_t)(json_array_size(list) - json_array_size(first))));
        json_object_set_new(small, lists[i], first);
    }
    return headed(json_pack("{so, so, so, so}", "comparison", small, "left_out", left, "before",
                            html_shrink(before, bounds), "after", html_shrink(after, bounds)));
}

/* ---- Into the page ---- */

static int append(const char *text, size_t bytes, void *context)
{
    g_string_append_len(context, text, (gssize)bytes);
    return 0;
}

/* `<` could end the element that holds the document, and the two separators ended lines in older
 * JavaScript: all three stand in strings alone, where an escape says the same. */
static GString *escaped(const GString *json)
{
    GString *out = g_string_sized_new(json->len + 1024);

    for (gsize i = 0; i < json->len; i++) {
        const char *at = json->str + i;

        if (*at == '<') {
            g_string_append(out, "\\u003c");
        } else if (strncmp(at, "\xe2\x80\xa8", 3) == 0 || strncmp(at, "\xe2\x80\xa9", 3) == 0) {
            g_string_append(out, at[2] == '\xa8' ? "\\u2028" : "\\u2029");
            i += 2;
        } else {
            g_string_append_c(out, *at);
        }
    }
    return out;
}

GString *html_encoded(json_t *document)
{
    GString *json = g_string_new(NULL);

    json_dump_callback(document, append, json, JSON_COMPACT | JSON_REAL_PRECISION(15));
    json_decref(document);
    GString *safe = escaped(json);
    g_string_free(json, TRUE);
    return safe;
}

static void put_page(const GString *document, FILE *out)
{
    size_t bytes;
    const char *page = html_page(&bytes);
    const char *mark = g_strstr_len(page, (gssize)bytes, HTML_DATA_MARK);

    if (mark == NULL)
        return;
    const char *rest = mark + strlen(HTML_DATA_MARK);
    fwrite(page, 1, (size_t)(mark - page), out);
    fwrite(document->str, 1, document->len, out);
    fwrite(rest, 1, bytes - (size_t)(rest - page), out);
}

/* JSON that a page is of: of a report, or of a comparison and its two reports. */
typedef json_t *make_document(json_t *const *parts, const struct html_bounds *bounds);

/* With less and less of what is least, until the page is small enough. */
static void render(json_t *const *parts, make_document *make, const struct html_bounds *most,
                   FILE *out)
{
    struct html_bounds bounds = *most;
    size_t page;
    GString *document = html_encoded(make(parts, &bounds));

    html_page(&page);
    while (page + document->len > PAGE_MOST_BYTES && bounds.text > TEXT_LEAST) {
        g_string_free(document, TRUE);
        halve(&bounds);
        document = html_encoded(make(parts, &bounds));
    }
    put_page(document, out);
    g_string_free(document, TRUE);
}

static json_t *make_report(json_t *const *parts, const struct html_bounds *bounds)
{
    return html_report_document(parts[0], bounds);
}

static json_t *make_comparison(json_t *const *parts, const struct html_bounds *bounds)
{
    return html_comparison_document(parts[0], parts[1], parts[2], bounds);
}

void render_report_html(const struct report *report, const struct render_options *options,
                        FILE *out)
{
    json_t *json = json_report(report);

    (void)options;
    render(&json, make_report, &bounds_of_report, out);
    json_decref(json);
}

void render_comparison_html(const struct comparison *comparison,
                            const struct render_options *options, FILE *out)
{
    json_t *parts[] = {json_comparison(comparison), json_report(comparison->before_report),
                       json_report(comparison->after_report)};

    (void)options;
    render(parts, make_comparison, &bounds_of_comparison, out);
    for (size_t i = 0; i < G_N_ELEMENTS(parts); i++)
        json_decref(parts[i]);
}
