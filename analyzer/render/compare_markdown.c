/* A comparison for a pull request's comment: the verdict, the metrics, and what was fixed, is new
 * and remains. */
#include <math.h>
#include <string.h>

#include "model/compare.h"
#include "model/units.h"
#include "render/change_text.h"
#include "render/markdown_text.h"
#include "render/page.h"
#include "render/renderers.h"

#define NAME_MOST    60
#define MESSAGE_MOST 400

static void put_metric(GString *out, const struct change *change)
{
    char before[CHANGE_ROOM], after[CHANGE_ROOM], difference[CHANGE_ROOM];

    if (!isfinite(change->before) || !isfinite(change->after))
        return;
    g_string_append_printf(out, "| %s | %s | %s | ", change->label,
                           change_number(before, change->quantity, change->before),
                           change_number(after, change->quantity, change->after));
    g_string_append_printf(
        out, "%s | ",
        change_difference(difference, change->quantity, change->after - change->before));
    change_append_interval(out, change);
    g_string_append_printf(out, " | %s |\n",
                           change->verdict == VERDICT_SAME ? "" : verdict_name(change->verdict));
}

static void put_item(GString *out, const struct comparison_item *item)
{
    GString *message = g_string_new(item->message);

    g_string_append_printf(out, "| %s | %s | ", severity_name(item->severity), item->rule);
    if (item->template_name != NULL)
        markdown_code(out, item->template_name, NAME_MOST);
    g_string_append(out, " | ");
    if (item->function != NULL)
        markdown_code(out, item->function, NAME_MOST);
    g_string_append(out, " | ");
    shown_shorten(message, MESSAGE_MOST);
    markdown_text(out, message->str);
    g_string_append(out, " |\n");
    g_string_free(message, TRUE);
}

static void put_items(GString *page, const char *heading, const GArray *items, size_t top)
{
    guint shown = (guint)MIN(items->len, top), left_out = items->len - shown;
    GString *row = g_string_new(NULL);

    if (items->len > 0)
        g_string_append_printf(page,
                               "**%s: %u**\n\n| severity | rule | template | function | message |\n"
                               "|---|---|---|---|---|\n",
                               heading, items->len);
    for (guint i = 0; i < shown; i++) {
        g_string_truncate(row, 0);
        put_item(row, &g_array_index(items, struct comparison_item, i));
        markdown_part(page, row, &left_out);
    }
    if (left_out > 0)
        g_string_append_printf(page, "\nLeft out: %u more.\n", left_out);
    g_string_append_c(page, '\n');
    g_string_free(row, TRUE);
}

void render_comparison_markdown(const struct comparison *comparison,
                                const struct render_options *options, FILE *out)
{
    GString *page = g_string_new(NULL);

    g_string_append_printf(page, "### leakey: %s (%u fixed, %u new, %u remaining)\n\n",
                           verdict_name(comparison->verdict), comparison->fixed->len,
                           comparison->added->len, comparison->remaining->len);
    g_string_append(page, "| | before | after | change | 95 % interval | verdict |\n"
                          "|---|--:|--:|--:|---|---|\n");
    for (guint i = 0; i < comparison->metrics->len; i++)
        put_metric(page, &g_array_index(comparison->metrics, struct change, i));
    g_string_append_c(page, '\n');
    if (comparison->unequal_paces)
        g_string_append_printf(page,
                               "A miss took %.2g times as long to recompute as before: live memory "
                               "is not called a change.\n\n",
                               comparison->pace_ratio);
    if (comparison->unequal_lengths)
        g_string_append(page, "One run has many more reads than the other: what depends on the "
                              "cache's age counts only over the first reads of both.\n\n");
    put_items(page, "New", comparison->added, options->top);
    put_items(page, "Remaining", comparison->remaining, options->top);
    put_items(page, "Fixed", comparison->fixed, options->top);
    fputs(page->str, out);
    g_string_free(page, TRUE);
}
