/* The report for a terminal, 80 columns: the verdict, one sentence a finding; the numbers; each
 * finding in detail. */
#include <math.h>
#include <string.h>

#include "model/units.h"
#include "render/renderers.h"
#include "render/text_parts.h"

/* Below these a clean bill would say little. */
#define READS_ENOUGH   100u
#define SECONDS_ENOUGH 5.0

static enum style severity_style(enum severity severity)
{
    return severity == SEVERITY_ERROR     ? STYLE_RED
           : severity == SEVERITY_WARNING ? STYLE_YELLOW
                                          : STYLE_BOLD;
}

static void print_findings(const struct page *page, const GPtrArray *findings)
{
    for (guint i = 0; i < findings->len; i++) {
        const struct finding *finding = g_ptr_array_index(findings, i);
        char *label = g_strdup_printf("[%u] %s:", i + 1, severity_name(finding->severity));

        page_wrapped(page, severity_style(finding->severity), label,
                     sizeof("[1] warning: ") - 1 + (i >= 9), "%s%s", finding->message,
                     g_str_has_suffix(finding->message, ".") ? "" : ".");
        g_free(label);
    }
}

/* ---- No finding ---- */

static double span_seconds(const struct report *report)
{
    double longest = 0;

    for (guint i = 0; i < report->captures->len; i++)
        longest =
            MAX(longest, ((const struct capture_report *)g_ptr_array_index(report->captures, i))
                             ->duration_seconds);
    return longest;
}

static void append_cache(GString *sentence, const struct cache_report *cache)
{
    char reads[UNITS_ROOM], ratio[UNITS_ROOM];

    if (cache->reads == 0)
        g_string_append(sentence, "no cache read was seen");
    else
        g_string_append_printf(
            sentence, "%s cache reads with a hit ratio of %s",
            units_count(reads, sizeof(reads), (double)cache->reads),
            shown_ratio(ratio, sizeof(ratio),
                        (double)cache->hits / (double)MAX(cache->hits + cache->misses, 1)));
}

static void append_doubts(GString *sentence, const struct report *report)
{
    char seconds[UNITS_ROOM];
    double span = span_seconds(report);

    if (report->cache.present && report->cache.reads < READS_ENOUGH)
        g_string_append(sentence, " So few reads say little about the keys.");
    if (report->heap.present && span < SECONDS_ENOUGH)
        g_string_append_printf(sentence, " %s is short for telling growth from start-up.",
                               units_seconds(seconds, sizeof(seconds), span));
}

static void print_no_finding(const struct page *page, const struct report *report)
{
    GString *sentence = g_string_new(NULL);
    char sites[UNITS_ROOM];

    append_cache(sentence, &report->cache);
    if (report->heap.present)
        g_string_append_printf(sentence, "; none of %s allocation sites keeps growing",
                               units_count(sites, sizeof(sites), report->heap.sites->len));
    else
        g_string_append(sentence, "; the heap was not recorded");
    guint suppressed = text_suppressed_leaks(&report->suppressed);
    if (suppressed > 0)
        g_string_append_printf(sentence, ", but for %u leak%s suppressed", suppressed,
                               suppressed == 1 ? " that is" : "s that are");
    g_string_append_c(sentence, '.');
    append_doubts(sentence, report);
    page_wrapped(page, STYLE_GREEN, "No finding:", sizeof("No finding: ") - 1, "%s", sentence->str);
    g_string_free(sentence, TRUE);
}

static void print_notes(const struct page *page, const struct report *report)
{
    bool fallback = false;

    for (guint i = 0; i < report->captures->len; i++)
        fallback |=
            ((const struct capture_report *)g_ptr_array_index(report->captures, i))->stack_fallback;
    if (!fallback && (report->notes == NULL || report->notes->len == 0))
        return;
    page_heading(page, "Notes");
    if (fallback)
        page_wrapped(page, STYLE_PLAIN, "  -", 4,
                     "libunwind.so.8 was not found where the service ran: stacks come from a "
                     "fallback and may be incomplete");
    for (guint i = 0; report->notes != NULL && i < report->notes->len; i++)
        page_wrapped(page, STYLE_PLAIN, "  -", 4, "%s",
                     (const char *)g_ptr_array_index(report->notes, i));
}

void render_report_text(const struct report *report, const struct render_options *options,
                        FILE *out)
{
    struct page page = page_of(options, out);

    if (report->findings->len != 0)
        print_findings(&page, report->findings);
    else
        print_no_finding(&page, report);
    text_numbers(&page, report);
    for (guint i = 0; i < report->findings->len; i++)
        text_finding(&page, report, i + 1);
    print_notes(&page, report);
    text_suppressed(&page, &report->suppressed);
}
