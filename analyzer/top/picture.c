/* The views as lines; see picture.h. */
#include "top/picture.h"

#include <math.h>
#include <string.h>

#include "model/text.h"
#include "model/units.h"
#include "top/table.h"

#define BAR_WIDTH      24
#define MESSAGE_INDENT 10

/* ---- The two tables ---- */

#define SITE(field) offsetof(struct top_site, field)
static const struct column site_columns[] = {
    {"Growth", 12, SITE(growth_bytes), units_bytes, "/s"},
    {"Live", 10, SITE(live_bytes), units_bytes, ""},
    {"Blocks", 10, SITE(live_count), units_count, ""},
    {"Allocates", 12, SITE(allocated_bytes), units_bytes, "/s"},
};
static const struct table site_table = {site_columns, G_N_ELEMENTS(site_columns), "Site",
                                        SITE(name), "nothing allocated yet"};

#define TEMPLATE(field) offsetof(struct top_template, field)
static const struct column template_columns[] = {
    {"Misses", 9, TEMPLATE(misses), units_count, ""},
    {"Miss rate", 9, TEMPLATE(miss_rate), units_count, "/s"},
    {"Read rate", 9, TEMPLATE(read_rate), units_count, "/s"},
    {"Hits", 7, TEMPLATE(hit_ratio), units_ratio, ""},
    {"Write rate", 10, TEMPLATE(write_rate), units_count, "/s"},
    {"Keys", 9, TEMPLATE(distinct_keys), units_count, ""},
    {"Latency", 8, TEMPLATE(latency_mean), units_seconds, ""},
    {"Unfreed", 7, TEMPLATE(unfreed_replies), units_count, ""},
};
static const struct table template_table = {template_columns, G_N_ELEMENTS(template_columns),
                                            "Template", TEMPLATE(name), "no cache command yet"};

guint picture_next_site_order(guint order)
{
    return (order + 1) % G_N_ELEMENTS(site_columns);
}

guint picture_next_template_order(guint order)
{
    return (order + 1) % G_N_ELEMENTS(template_columns);
}

/* ---- The head ---- */

#define SHOW(units, value) units((char[UNITS_ROOM]){0}, UNITS_ROOM, value)

static void add_title(GPtrArray *lines, const struct picture *picture, const struct measured *now)
{
    char *command = text_printable(now->command, strlen(now->command));
    char *state = now->running != 0
                      ? g_strdup(now->paused != 0 ? "running, recording paused" : "running")
                      : g_strdup_printf("ended (%s)", now->end);

    line_take(lines, LINE_TITLE,
              g_strdup_printf("leakey top: %s, pid %s, %s, recorded for %s%s", command, now->pid,
                              state, SHOW(units_seconds, now->duration_seconds),
                              picture->paused ? "  [paused]" : ""));
    g_free(command);
    g_free(state);
}

/* Rates that are not known are left out. */
static void add_rate(GString *line, const char *before, double rate,
                     char *(*show)(char *, size_t, double), const char *after)
{
    if (!isnan(rate))
        g_string_append_printf(line, "%s%s%s", before, SHOW(show, rate), after);
}

static void add_memory(GPtrArray *lines, const struct top_totals *totals)
{
    GString *line = g_string_new("Memory    ");

    if (!totals->heap) {
        g_string_append(line, "not recorded");
    } else {
        g_string_append_printf(line, "%s live", SHOW(units_bytes, totals->live_bytes));
        if (!isnan(totals->growth_bytes))
            g_string_append_printf(line, " (%s%s/s over %s)", totals->growth_bytes < 0 ? "" : "+",
                                   SHOW(units_bytes, totals->growth_bytes),
                                   SHOW(units_seconds, round(totals->growth_seconds)));
        g_string_append_printf(line, ", peak %s", SHOW(units_bytes, totals->peak_live_bytes));
        add_rate(line, "; allocates ", totals->allocated_bytes, units_bytes, "/s");
        add_rate(line, " in ", totals->allocations, units_count, " allocations/s");
    }
    line_take(lines, LINE_PLAIN, g_string_free(line, FALSE));
}

static void add_cache(GPtrArray *lines, const struct top_totals *totals)
{
    GString *line = g_string_new("Cache     ");

    if (!totals->cache) {
        g_string_append(line, "not recorded");
    } else {
        add_rate(line, "", totals->commands, units_count, " commands/s, ");
        add_rate(line, "", totals->misses, units_count, " misses/s, ");
        g_string_append_printf(line, "hit ratio %s", SHOW(units_ratio, totals->total_hit_ratio));
        add_rate(line, " (now ", totals->hit_ratio, units_ratio, ")");
        g_string_append_printf(line, ", %s errors", SHOW(units_count, totals->errors));
    }
    line_take(lines, LINE_PLAIN, g_string_free(line, FALSE));
}

/* ---- Causes and findings ---- */

static double sum_of(const double causes[INSIGHT_CAUSES])
{
    double sum = 0;

    for (int i = 0; i < INSIGHT_CAUSES; i++)
        sum += causes[i];
    return sum;
}

static char *age_of(const struct insight *insight, double now_seconds)
{
    double age = MAX(0, round(now_seconds - insight->made_seconds));

    return age < 1 ? g_strdup("now") : g_strdup_printf("%s ago", SHOW(units_seconds, age));
}

static void add_cause(GPtrArray *lines, const char *cause, double count, double share)
{
    char *bar = g_strnfill((gsize)ceil(share * BAR_WIDTH), '#');

    line_take(lines, LINE_PLAIN,
              g_strdup_printf("  %-16s %10s %7s  %s", cause, SHOW(units_count, count),
                              SHOW(units_ratio, share), bar));
    g_free(bar);
}

static void add_causes(GPtrArray *lines, const struct insight *insight, double now_seconds)
{
    double all;
    char *age;

    if (insight == NULL) {
        line_take(lines, LINE_TITLE, g_strdup("Misses by cause: being analysed"));
        return;
    }
    age = age_of(insight, now_seconds);
    line_take(lines, LINE_TITLE, g_strdup_printf("Misses by cause, as of %s", age));
    g_free(age);
    all = sum_of(insight->causes);
    for (int i = 0; i < INSIGHT_CAUSES; i++)
        if (insight->causes[i] > 0)
            add_cause(lines, insight_causes[i], insight->causes[i], insight->causes[i] / all);
    if (all == 0)
        line_take(lines, LINE_PLAIN, g_strdup("  no misses"));
}

/* A sentence behind a word, broken at blanks where the columns end. */
static void add_sentence(GPtrArray *lines, const char *word, const char *sentence, guint columns)
{
    GString *line = g_string_new(NULL);
    char **words = g_strsplit(sentence, " ", -1);
    glong used = MESSAGE_INDENT;

    g_string_append_printf(line, "  %-8s", word);
    for (char **next = words; *next != NULL; next++) {
        glong width = g_utf8_strlen(*next, -1) + 1;

        if (columns != 0 && used + width > (glong)columns && used > MESSAGE_INDENT) {
            line_take(lines, LINE_PLAIN, g_string_free(line, FALSE));
            line = g_string_new(NULL);
            g_string_append_printf(line, "%*s", MESSAGE_INDENT, "");
            used = MESSAGE_INDENT;
        }
        g_string_append_printf(line, " %s", *next);
        used += width;
    }
    line_take(lines, LINE_PLAIN, g_string_free(line, FALSE));
    g_strfreev(words);
}

static void add_findings(GPtrArray *lines, const struct picture *picture,
                         const struct insight *insight, double now_seconds)
{
    char *age;

    if (insight == NULL) {
        line_take(lines, LINE_TITLE, g_strdup("Findings: being analysed"));
        return;
    }
    age = age_of(insight, now_seconds);
    line_take(lines, LINE_TITLE, g_strdup_printf("Findings, as of %s", age));
    g_free(age);
    for (guint i = 0; i < insight->findings->len; i++) {
        const struct insight_finding *finding = g_ptr_array_index(insight->findings, i);
        char *text = text_printable(finding->message, strlen(finding->message));

        add_sentence(lines, finding->severity, text, picture->columns);
        g_free(text);
    }
    if (insight->findings->len == 0)
        line_take(lines, LINE_PLAIN, g_strdup("  No finding"));
}

/* ---- Views ---- */

static void add_sites(GPtrArray *lines, const struct picture *picture,
                      const struct history *history, guint most)
{
    GArray *rows = history_sites(history);

    line_take(lines, LINE_TITLE, g_strdup("Sites"));
    table_add(lines, &site_table, rows, picture->site_order, most);
    g_array_free(rows, TRUE);
}

static void add_templates(GPtrArray *lines, const struct picture *picture,
                          const struct history *history, guint most)
{
    GArray *rows = history_templates(history);

    line_take(lines, LINE_TITLE, g_strdup("Templates"));
    table_add(lines, &template_table, rows, picture->template_order, most);
    g_array_free(rows, TRUE);
}

static void add_help(GPtrArray *lines)
{
    static const char *const help[] = {
        "  1 2 3 4  overview, sites, templates, findings; Tab: the next one",
        "  s        sort by the next column (its title has a >); in the overview, the sites",
        "  t        the same of the overview's templates",
        "  p, blank pause: the picture stays, the process goes on",
        "  arrows   scroll; also page up and down, home",
        "  + -      a longer, a shorter interval",
        "  h, ?     this; any key leaves it",
        "  q        quit",
        "",
        "  Growth is of live memory, over the last minute; rates are of the latest interval.",
        "  Causes and findings are those of `leakey report`, made now and then beside this.",
    };

    line_take(lines, LINE_TITLE, g_strdup("Keys"));
    for (size_t i = 0; i < G_N_ELEMENTS(help); i++)
        line_take(lines, LINE_PLAIN, g_strdup(help[i]));
}

static void free_line(gpointer data)
{
    struct line *line = data;

    g_free(line->text);
    g_free(line);
}

static void add_overview(GPtrArray *lines, const struct picture *picture,
                         const struct history *history, const struct insight *insight,
                         double now_seconds)
{
    line_take(lines, LINE_PLAIN, g_strdup(""));
    add_sites(lines, picture, history, picture->rows);
    line_take(lines, LINE_PLAIN, g_strdup(""));
    add_templates(lines, picture, history, picture->rows);
    line_take(lines, LINE_PLAIN, g_strdup(""));
    add_causes(lines, insight, now_seconds);
}

GPtrArray *picture_lines(const struct picture *picture, const struct history *history,
                         const struct insight *insight, double now_seconds)
{
    GPtrArray *lines = g_ptr_array_new_with_free_func(free_line);
    struct top_totals totals = history_totals(history);

    add_title(lines, picture, history_latest(history));
    add_memory(lines, &totals);
    add_cache(lines, &totals);
    switch (picture->view) {
    case VIEW_OVERVIEW:
        add_overview(lines, picture, history, insight, now_seconds);
        break;
    case VIEW_SITES:
        add_sites(lines, picture, history, G_MAXUINT);
        break;
    case VIEW_TEMPLATES:
        add_templates(lines, picture, history, G_MAXUINT);
        break;
    case VIEW_FINDINGS:
        add_causes(lines, insight, now_seconds);
        add_findings(lines, picture, insight, now_seconds);
        break;
    case VIEW_HELP:
        add_help(lines);
        break;
    }
    return lines;
}
