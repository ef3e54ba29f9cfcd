/* What a hit, a miss and a write of each template allocate, and what they leave behind. */
#include <math.h>

#include "model/units.h"
#include "render/text_parts.h"

#define NAME_COLUMNS 24
#define LEAST_BYTES  1024 /* of all commands of a template: below it there is nothing to say */

static uint64_t commands_of(const struct template_report *template, int outcome)
{
    return outcome == 0 ? template->hits : outcome == 1 ? template->misses : template->writes;
}

static bool worth_saying(const struct template_report *template)
{
    double bytes = 0;

    for (int outcome = 0; outcome < OUTCOMES; outcome++)
        bytes +=
            template->outcome_bytes[outcome].allocated + template->outcome_bytes[outcome].leaked;
    return bytes >= LEAST_BYTES; /* not if it is unknown */
}

static void print_outcome(const struct page *page, const struct template_report *template,
                          int outcome, bool first)
{
    static const char *const names[] = {"hit", "miss", "write"};
    const struct outcome_bytes *bytes = &template->outcome_bytes[outcome];
    double count = (double)commands_of(template, outcome);
    char commands[UNITS_ROOM], allocated[UNITS_ROOM], kept[UNITS_ROOM], leaked[UNITS_ROOM];

    GString *name = g_string_new("  ");

    shown_cell(name, first ? template->name : "", NAME_COLUMNS);
    page_line(page, STYLE_PLAIN, "%s %-6s %9s %12s %10s %10s", name->str, names[outcome],
              units_count(commands, sizeof(commands), count),
              units_bytes(allocated, sizeof(allocated), bytes->allocated / count),
              units_bytes(kept, sizeof(kept), bytes->kept / count),
              units_bytes(leaked, sizeof(leaked), bytes->leaked / count));
    g_string_free(name, TRUE);
}

static void print_template(const struct page *page, const struct template_report *template)
{
    bool first = true;

    for (int outcome = 0; outcome < OUTCOMES; outcome++) {
        if (commands_of(template, outcome) == 0)
            continue;
        print_outcome(page, template, outcome, first);
        first = false;
    }
}

void text_outcomes(const struct page *page, const struct report *report)
{
    size_t printed = 0;

    for (guint i = 0; i < report->cache.templates->len && printed < page->top; i++) {
        const struct template_report *template = g_ptr_array_index(report->cache.templates, i);

        if (!worth_saying(template))
            continue;
        if (printed++ == 0) {
            page_blank(page);
            page_line(page, STYLE_BOLD, "  %-24s %-6s %9s %12s %10s %10s", "Heap per command", "",
                      "Commands", "Allocated", "Kept", "Leaked");
        }
        print_template(page, template);
    }
    if (printed)
        page_wrapped(page, STYLE_PLAIN, "", 2,
                     "(Bytes for each such command, until the thread's next one. Kept: live at the "
                     "end. Leaked: by the leaks above, replies among them.)");
}
