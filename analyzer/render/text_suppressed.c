/* What a suppression file took out of the report, at its end, as LeakSanitizer tells it. */
#include "model/units.h"
#include "render/text_parts.h"

guint text_suppressed_leaks(const struct suppressed_report *suppressed)
{
    guint leaks = 0;

    for (guint i = 0; suppressed->lines != NULL && i < suppressed->lines->len; i++)
        leaks += g_array_index(suppressed->lines, struct suppression_report, i).leaks;
    return leaks;
}

static void print_line(const struct page *page, const struct suppression_report *line)
{
    char bytes[UNITS_ROOM], count[UNITS_ROOM];

    page_line(page, STYLE_PLAIN, "  %5u %10s %10s  leak:%s (line %u)", line->leaks,
              units_count(count, sizeof(count), line->live_count),
              units_bytes(bytes, sizeof(bytes), line->live_bytes), line->pattern, line->line);
}

/* A line that matches nothing may be of a leak that was cured. */
static void print_unused(const struct page *page, const struct suppressed_report *suppressed)
{
    GString *numbers = g_string_new(NULL);
    guint unused = 0;

    for (guint i = 0; i < suppressed->lines->len; i++) {
        const struct suppression_report *line =
            &g_array_index(suppressed->lines, struct suppression_report, i);
        if (line->leaks == 0)
            g_string_append_printf(numbers, "%s%u", unused++ == 0 ? "" : ", ", line->line);
    }
    if (unused > 0)
        page_wrapped(page, STYLE_PLAIN, "  -", 4, "matched no leak: line%s %s",
                     unused == 1 ? "" : "s", numbers->str);
    g_string_free(numbers, TRUE);
}

void text_suppressed(const struct page *page, const struct suppressed_report *suppressed)
{
    if (suppressed->file == NULL)
        return;
    char *heading = g_strdup_printf("Suppressed by %s", suppressed->file);
    page_heading(page, heading);
    g_free(heading);
    if (text_suppressed_leaks(suppressed) > 0)
        page_line(page, STYLE_PLAIN, "  %5s %10s %10s  %s", "Leaks", "Count", "Bytes", "By");
    for (guint i = 0; i < suppressed->lines->len; i++) {
        const struct suppression_report *line =
            &g_array_index(suppressed->lines, struct suppression_report, i);
        if (line->leaks > 0)
            print_line(page, line);
    }
    print_unused(page, suppressed);
}
