/*
 * The report for a pull request's comment: the verdict, a table of findings, the numbers, and what
 * takes room (stacks, evidence) folded away. Never longer than GitHub takes; what is left out is
 * said.
 */
#include <math.h>
#include <string.h>

#include "model/model.h"
#include "model/text.h"
#include "model/units.h"
#include "render/markdown_text.h"
#include "render/page.h"
#include "render/renderers.h"
#include "render/source_path.h"

#define CELL_MOST   60  /* characters of a key in a table */
#define INPUT_MOST  400 /* of an input in evidence */
#define PAIRS_MOST  3u
#define STACKS_MOST 3u
#define FRAMES_MOST 12u

/* ---- The verdict ---- */

static void put_count(GString *out, guint count, const char *what, bool *any)
{
    if (count > 0)
        g_string_append_printf(out, "%s%u %s%s", *any ? ", " : "", count, what,
                               count == 1 ? "" : "s");
    *any |= count > 0;
}

static void put_verdict(GString *out, const struct report *report)
{
    guint counts[SEVERITY_ERROR + 1] = {0};
    bool any = false;

    for (guint i = 0; i < report->findings->len; i++)
        counts[((const struct finding *)g_ptr_array_index(report->findings, i))->severity]++;
    g_string_append(out, "### leakey: ");
    for (int severity = SEVERITY_ERROR; severity >= SEVERITY_NOTE; severity--)
        put_count(out, counts[severity], severity_name((enum severity)severity), &any);
    g_string_append(out, any ? "\n\n" : "no finding\n\n");
}

/* ---- The findings, in a table ---- */

static void put_place(GString *out, const struct finding *finding)
{
    const struct frame *frame = finding_frame(finding);
    bool below;

    if (frame == NULL)
        return;
    if (frame->file != NULL && frame->line > 0) {
        char *path = source_path(frame->file, &below);
        char *place = g_strdup_printf("%s:%d", path, frame->line);

        markdown_code(out, place, CELL_MOST);
        g_free(place);
        g_free(path);
    } else if (frame->function != NULL || frame->module != NULL) {
        markdown_code(out,
                      frame->function != NULL ? frame->function : text_base_name(frame->module),
                      CELL_MOST);
    }
}

static void put_row(GString *out, const struct finding *finding, guint number)
{
    g_string_append_printf(out, "| %u | %s | %s | ", number, severity_name(finding->severity),
                           finding->rule);
    if (finding->template_name != NULL)
        markdown_code(out, finding->template_name, CELL_MOST);
    g_string_append(out, " | ");
    put_place(out, finding);
    g_string_append(out, " |\n");
}

static void put_findings(GString *out, const struct report *report, size_t shown)
{
    if (shown == 0)
        return;
    g_string_append(out, "| # | severity | rule | template | where |\n|--:|---|---|---|---|\n");
    for (guint i = 0; i < shown; i++)
        put_row(out, g_ptr_array_index(report->findings, i), i + 1);
    g_string_append_c(out, '\n');
}

/* ---- Numbers ---- */

static double ratio_of(uint64_t hits, uint64_t misses)
{
    return hits + misses == 0 ? NAN : (double)hits / (double)(hits + misses);
}

static void put_numbers(GString *out, const struct report *report)
{
    const struct cache_report *cache = &report->cache;
    const struct heap_report *heap = &report->heap;
    char one[UNITS_ROOM], two[UNITS_ROOM], three[UNITS_ROOM], four[UNITS_ROOM];

    if (cache->present)
        g_string_append_printf(
            out, "Cache: %s reads, %s hits, %s misses, hit ratio %s.\n",
            units_count(one, sizeof(one), (double)cache->reads),
            units_count(two, sizeof(two), (double)cache->hits),
            units_count(three, sizeof(three), (double)cache->misses),
            cache->reads == 0
                ? "unknown"
                : shown_ratio(four, sizeof(four), ratio_of(cache->hits, cache->misses)));
    if (heap->present)
        g_string_append_printf(out, "Heap: %s live, at most %s; %s allocated%s.\n",
                               units_bytes(one, sizeof(one), heap->live_bytes),
                               units_bytes(two, sizeof(two), heap->peak_live_bytes),
                               units_bytes(three, sizeof(three), heap->allocated_bytes),
                               heap->exact ? "" : " (estimates)");
    g_string_append_c(out, '\n');
}

static void put_templates(GString *out, const struct report *report, size_t top)
{
    const GPtrArray *templates = report->cache.templates;
    char reads[UNITS_ROOM], misses[UNITS_ROOM], keys[UNITS_ROOM], ratio[UNITS_ROOM];

    if (templates == NULL || templates->len == 0)
        return;
    g_string_append(out, "<details><summary>Templates</summary>\n\n"
                         "| template | reads | misses | hit ratio | distinct keys |\n"
                         "|---|--:|--:|--:|--:|\n");
    for (guint i = 0; i < MIN(templates->len, top); i++) {
        const struct template_report *one = g_ptr_array_index(templates, i);

        g_string_append(out, "| ");
        markdown_code(out, one->name, CELL_MOST);
        g_string_append_printf(
            out, " | %s | %s | %s | %s |\n", units_count(reads, sizeof(reads), (double)one->reads),
            units_count(misses, sizeof(misses), (double)one->misses),
            one->hits + one->misses == 0
                ? ""
                : shown_ratio(ratio, sizeof(ratio), ratio_of(one->hits, one->misses)),
            units_count(keys, sizeof(keys), round(one->distinct_keys)));
    }
    if (templates->len > top)
        g_string_append_printf(out, "\nand %zu more (`--top`)\n", templates->len - top);
    g_string_append(out, "\n</details>\n\n");
}

/* ---- One finding, folded ---- */

static void put_stack(GString *out, const struct stack *stack)
{
    const struct frame *culprit = stack_culprit(stack);
    GString *lines = g_string_new(NULL), *line = g_string_new(NULL);
    bool below;

    for (guint i = 0; i < MIN(stack->frames->len, FRAMES_MOST); i++) {
        const struct frame *frame = &g_array_index(stack->frames, struct frame, i);
        const char *name = frame->function != NULL ? frame->function
                           : frame->module == NULL ? "code of no file"
                                                   : text_base_name(frame->module);

        g_string_truncate(line, 0);
        shown_append(line, name, strlen(name));
        shown_shorten(line, CELL_MOST);
        g_string_append_printf(lines, "%s%s", frame == culprit ? "> " : "  ", line->str);
        if (frame->file != NULL && frame->line > 0) {
            char *path = source_path(frame->file, &below);
            g_string_truncate(line, 0);
            shown_append(line, path, strlen(path));
            g_string_append_printf(lines, "  %s:%d", line->str, frame->line);
            g_free(path);
        }
        g_string_append_c(lines, '\n');
    }
    if (stack->frames->len > FRAMES_MOST)
        g_string_append_printf(lines, "  and %u more\n", stack->frames->len - FRAMES_MOST);
    markdown_block(out, lines->str);
    g_string_free(line, TRUE);
    g_string_free(lines, TRUE);
}

static void put_side(GString *lines, const char *label, const char *text)
{
    GString *shown;

    if (text == NULL)
        return;
    shown = g_string_new(NULL);
    shown_append(shown, text, strlen(text));
    shown_shorten(shown, INPUT_MOST);
    g_string_append_printf(lines, "%s  %s\n", label, shown->str);
    g_string_free(shown, TRUE);
}

static void put_pair(GString *out, const struct evidence *pair)
{
    GString *lines = g_string_new(NULL);

    put_side(lines, "key a  ", pair->key_a);
    put_side(lines, "key b  ", pair->key_b);
    put_side(lines, "input a", pair->input_a);
    put_side(lines, "input b", pair->input_b);
    for (guint i = 0; pair->differs != NULL && i < pair->differs->len; i++) {
        const struct difference *one = &g_array_index(pair->differs, struct difference, i);
        char *label = g_strdup_printf("differs (%s)", one->class_name);

        put_side(lines, label, one->a);
        put_side(lines, label, one->b);
        g_free(label);
    }
    g_string_append_printf(out, "Same input by %s:\n\n", pair->kind);
    markdown_block(out, lines->str);
    g_string_free(lines, TRUE);
}

static GString *make_details(const struct finding *finding, guint number)
{
    GString *part = g_string_new(NULL);

    g_string_append_printf(part, "**[%u] %s: %s.** ", number, severity_name(finding->severity),
                           finding->rule);
    markdown_sentence(part, finding->message, finding->template_name);
    if (finding->remedy != NULL) {
        g_string_append(part, "\n\nRemedy: ");
        markdown_sentence(part, finding->remedy, finding->template_name);
    }
    g_string_append(part, "\n\n");
    guint pairs = finding->evidence == NULL ? 0 : MIN(finding->evidence->len, PAIRS_MOST);
    guint stacks = finding->call_sites == NULL ? 0 : MIN(finding->call_sites->len, STACKS_MOST);
    if (pairs + stacks == 0)
        return part;
    g_string_append_printf(part, "<details><summary>%s</summary>\n\n",
                           pairs > 0 ? "Stacks and evidence" : "Stacks");
    for (guint i = 0; i < stacks; i++)
        put_stack(part, g_ptr_array_index(finding->call_sites, i));
    for (guint i = 0; i < pairs; i++)
        put_pair(part, g_ptr_array_index(finding->evidence, i));
    g_string_append(part, "\n</details>\n\n");
    return part;
}

void render_report_markdown(const struct report *report, const struct render_options *options,
                            FILE *out)
{
    /* A table's row has at most some 700 bytes. */
    size_t shown = MIN(MIN(report->findings->len, options->top), 30u);
    GString *page = g_string_new(NULL), *part = g_string_new(NULL);
    guint left_out = 0, tables = 0;

    put_verdict(page, report);
    put_findings(page, report, shown);
    put_numbers(page, report);
    for (guint i = 0; i < shown; i++) {
        GString *details = make_details(g_ptr_array_index(report->findings, i), i + 1);

        markdown_part(page, details, &left_out);
        g_string_free(details, TRUE);
    }
    put_templates(part, report, options->top);
    markdown_part(page, part, &tables);
    left_out += report->findings->len - (guint)shown;
    if (left_out > 0)
        g_string_append_printf(page, "Left out: the details of %u finding%s.\n", left_out,
                               left_out == 1 ? "" : "s");
    if (tables > 0)
        g_string_append(page, "Left out: the table of templates.\n");
    fputs(page->str, out);
    g_string_free(part, TRUE);
    g_string_free(page, TRUE);
}
