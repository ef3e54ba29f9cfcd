/* A comparison for a terminal: the verdict first, then every metric with its interval, then the
 * findings; one screen. */
#include <math.h>
#include <string.h>

#include "model/compare.h"
#include "model/units.h"
#include "render/change_text.h"
#include "render/page.h"
#include "render/renderers.h"

static enum style verdict_style(enum verdict verdict)
{
    return verdict == VERDICT_BETTER  ? STYLE_GREEN
           : verdict == VERDICT_WORSE ? STYLE_RED
           : verdict == VERDICT_MIXED ? STYLE_YELLOW
                                      : STYLE_BOLD;
}

/* ---- The verdict ---- */

/* "hit ratio 0.00 -> 0.93 (+0.93, 95 % +0.91 .. +0.95)" */
static void append_change(GString *sentence, const struct change *change)
{
    char before[CHANGE_ROOM], after[CHANGE_ROOM], difference[CHANGE_ROOM];

    g_string_append_printf(
        sentence, "%s %s -> %s (%s, 95 %% ", change->label,
        change_number(before, change->quantity, change->before),
        change_number(after, change->quantity, change->after),
        change_difference(difference, change->quantity, change->after - change->before));
    change_append_interval(sentence, change);
    g_string_append_c(sentence, ')');
}

static const struct change *first_change(const struct comparison *comparison, enum verdict verdict)
{
    for (guint i = 0; i < comparison->metrics->len; i++) {
        const struct change *change = &g_array_index(comparison->metrics, struct change, i);

        if (change->verdict == verdict)
            return change;
    }
    return NULL;
}

static void append_counts(GString *sentence, const struct comparison *comparison)
{
    const struct {
        const char *what;
        guint count;
    } counts[] = {{"fixed", comparison->fixed->len},
                  {"new", comparison->added->len},
                  {"remaining", comparison->remaining->len}};
    bool any = false;

    for (size_t i = 0; i < G_N_ELEMENTS(counts); i++) {
        if (counts[i].count == 0)
            continue;
        g_string_append_printf(sentence, "%s%u finding%s %s", any ? ", " : "", counts[i].count,
                               counts[i].count == 1 ? "" : "s", counts[i].what);
        any = true;
    }
    if (!any)
        g_string_append(sentence, "no finding before or after");
}

static void print_verdict(const struct page *page, const struct comparison *comparison)
{
    const struct change *better = first_change(comparison, VERDICT_BETTER);
    const struct change *worse = first_change(comparison, VERDICT_WORSE);
    GString *sentence = g_string_new(NULL);
    char *label = g_strdup_printf("%s:", verdict_name(comparison->verdict));

    label[0] = g_ascii_toupper(label[0]);
    if (better != NULL)
        append_change(sentence, better);
    if (worse != NULL) {
        g_string_append(sentence, better != NULL ? ", but " : "");
        append_change(sentence, worse);
    }
    if (better == NULL && worse == NULL)
        g_string_append(sentence, "no metric changed beyond noise");
    g_string_append(sentence, "; ");
    append_counts(sentence, comparison);
    page_wrapped(page, verdict_style(comparison->verdict), label, strlen(label) + 1, "%s.",
                 sentence->str);
    g_free(label);
    g_string_free(sentence, TRUE);
}

/* ---- The table ---- */

static void print_summary(const struct page *page, const char *label, const struct summary *summary)
{
    char reads[CHANGE_ROOM], misses[CHANGE_ROOM], keys[CHANGE_ROOM], seconds[CHANGE_ROOM];
    GString *line =
        g_string_new(units_seconds(seconds, sizeof(seconds), summary->duration_seconds));

    if (isfinite(summary->reads))
        g_string_append_printf(line, ", %s reads, %s misses, %s distinct keys",
                               units_count(reads, sizeof(reads), summary->reads),
                               units_count(misses, sizeof(misses), summary->misses),
                               units_count(keys, sizeof(keys), round(summary->distinct_keys)));
    page_wrapped(page, STYLE_PLAIN, label, 9, "%s", line->str);
    g_string_free(line, TRUE);
}

static void print_change(const struct page *page, const struct change *change)
{
    char before[CHANGE_ROOM], after[CHANGE_ROOM], difference[CHANGE_ROOM];
    GString *interval = g_string_new(NULL), *line = g_string_new(NULL);
    bool same = change->verdict == VERDICT_SAME;

    change_append_interval(interval, change);
    shown_cell(line, change->label, 18);
    page_line(page, same ? STYLE_PLAIN : verdict_style(change->verdict),
              "%s %9s %9s %10s  %-21s %s", line->str,
              change_number(before, change->quantity, change->before),
              change_number(after, change->quantity, change->after),
              change_difference(difference, change->quantity, change->after - change->before),
              interval->str, same ? "" : verdict_name(change->verdict));
    g_string_free(interval, TRUE);
    g_string_free(line, TRUE);
}

static void print_table(const struct page *page, const struct comparison *comparison)
{
    page_blank(page);
    page_line(page, STYLE_BOLD, "%-18s %9s %9s %10s  %-21s", "", "Before", "After", "Change",
              "95 % interval");
    for (guint i = 0; i < comparison->metrics->len; i++) {
        const struct change *change = &g_array_index(comparison->metrics, struct change, i);

        if (isfinite(change->before) && isfinite(change->after))
            print_change(page, change);
    }
    if (comparison->unequal_paces)
        page_wrapped(
            page, STYLE_PLAIN, "", 2,
            "(A miss took %.2g times as long to recompute as before: the machine was under "
            "another load, or the model is another. Live memory, which depends on it, is "
            "not called a change.)",
            comparison->pace_ratio);
    if (comparison->unequal_lengths)
        page_wrapped(page, STYLE_PLAIN, "", 2,
                     "(One run has many more reads than the other. What depends on the cache's age "
                     "is called a change only if it also shows over the first reads of both.)");
}

/* ---- Findings ---- */

static void print_items(const struct page *page, const char *heading, const GArray *items)
{
    if (items->len == 0)
        return;
    page_heading(page, heading);
    for (guint i = 0; i < MIN(items->len, page->top); i++) {
        const struct comparison_item *item = &g_array_index(items, struct comparison_item, i);

        page_line(page, STYLE_PLAIN, "  %s%s%s%s%s%s%s", item->rule,
                  item->template_name == NULL ? "" : "  ",
                  item->template_name == NULL ? "" : item->template_name,
                  item->function == NULL ? "" : "  in ",
                  item->function == NULL ? "" : item->function, item->branch == NULL ? "" : ", ",
                  item->branch == NULL ? "" : leak_branch_words(item->branch));
    }
    if (items->len > page->top)
        page_line(page, STYLE_PLAIN, "  and %zu more (--top)", items->len - page->top);
}

void render_comparison_text(const struct comparison *comparison,
                            const struct render_options *options, FILE *out)
{
    struct page page = page_of(options, out);

    print_verdict(&page, comparison);
    page_blank(&page);
    print_summary(&page, "Before", &comparison->before);
    print_summary(&page, "After", &comparison->after);
    print_table(&page, comparison);
    print_items(&page, "Fixed", comparison->fixed);
    print_items(&page, "New", comparison->added);
    print_items(&page, "Remaining", comparison->remaining);
}
