/*
 * Measured processes as text: OpenMetrics 1.0.0
 * (https://prometheus.io/docs/specs/om/open_metrics_spec/) and Prometheus' text format 0.0.4
 * (https://prometheus.io/docs/instrumenting/exposition_formats/).
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "metrics/families.h"

#define LABEL_MOST 320 /* bytes: a template is at most 256, a place is a function's name */
#define WHOLE_MOST 9007199254740992.0 /* 2^53 */

const char *exposition_type(enum exposition form)
{
    return form == EXPOSE_OPENMETRICS ? "application/openmetrics-text; version=1.0.0; charset=utf-8"
                                      : "text/plain; version=0.0.4; charset=utf-8";
}

/* ---- Values and labels ---- */

static void put_number(GString *out, double value)
{
    char text[G_ASCII_DTOSTR_BUF_SIZE];

    if (isinf(value))
        g_string_append(out, value > 0 ? "+Inf" : "-Inf");
    else if (value == trunc(value) && fabs(value) < WHOLE_MOST)
        g_string_append_printf(out, "%.0f", value);
    else if (g_ascii_strtod(g_ascii_formatd(text, sizeof(text), "%.15g", value), NULL) == value)
        g_string_append(out, text);
    else
        g_string_append(out, g_ascii_dtostr(text, sizeof(text), value));
}

static bool is_hidden(gunichar c)
{
    GUnicodeType type = g_unichar_type(c);

    return g_unichar_iscntrl(c) || type == G_UNICODE_FORMAT || type == G_UNICODE_LINE_SEPARATOR ||
           type == G_UNICODE_PARAGRAPH_SEPARATOR;
}

static void put_hidden(GString *out, const char *at, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++)
        g_string_append_printf(out, "\\\\x%02x", (unsigned char)at[i]);
}

void expose_label(GString *out, const char *text, size_t most)
{
    char *valid = g_utf8_make_valid(text, -1);

    for (const char *at = valid, *next; *at != '\0' && (size_t)(at - valid) < most; at = next) {
        gunichar c = g_utf8_get_char(at);

        next = at + g_utf8_skip[(guchar)*at];
        if (c == '\\' || c == '"')
            g_string_append_printf(out, "\\%c", (char)c);
        else if (c == '\n')
            g_string_append(out, "\\n");
        else if (is_hidden(c))
            put_hidden(out, at, (size_t)(next - at));
        else
            g_string_append_len(out, at, next - at);
    }
    g_free(valid);
}

static void put_label(GString *out, const char *name, const char *value)
{
    if (out->str[out->len - 1] != '{')
        g_string_append_c(out, ',');
    g_string_append_printf(out, "%s=\"", name);
    expose_label(out, value, LABEL_MOST);
    g_string_append_c(out, '"');
}

/* ---- Samples ---- */

struct line {
    GString *out;
    const struct family *family;
    enum exposition form;
    const struct measured *process; /* NULL: of the server */
    const struct measured_head *item;
    const char *outcome;
};

static const char *const label_names[][2] = {
    [OF_SERVER] = {NULL, NULL},        [OF_PROCESS] = {NULL, NULL},
    [OF_VERB] = {"verb", NULL},        [OF_TEMPLATE] = {"template", NULL},
    [OF_OUTCOME] = {"template", NULL}, [OF_SITE] = {"site", "function"},
};

static void put_labels(const struct line *line, const char *bound)
{
    GString *out = line->out;
    const char *const *names = label_names[line->family->of];
    gsize start = out->len;

    g_string_append_c(out, '{');
    if (line->process != NULL) {
        put_label(out, "command", line->process->command);
        put_label(out, "process", line->process->process);
    }
    for (size_t i = 0; i < 2 && line->item != NULL && names[i] != NULL; i++)
        put_label(out, names[i], line->item->labels[i]);
    if (line->outcome != NULL)
        put_label(out, "outcome", line->outcome);
    if (bound != NULL)
        put_label(out, "le", bound);
    if (line->family->type == FAMILY_INFO && line->process != NULL) {
        put_label(out, "pid", line->process->pid);
        put_label(out, "executable", line->process->executable);
    } else if (line->family->type == FAMILY_INFO) {
        put_label(out, "version", LEAKEY_VERSION);
    }
    if (out->len == start + 1)
        g_string_truncate(out, start);
    else
        g_string_append_c(out, '}');
}

/* Seconds in OpenMetrics, milliseconds before. */
static void put_timestamp(const struct line *line)
{
    if (line->process == NULL || isnan(line->process->timestamp))
        return;
    if (line->form == EXPOSE_OPENMETRICS)
        g_string_append_printf(line->out, " %.3f", line->process->timestamp);
    else
        g_string_append_printf(line->out, " %.0f", line->process->timestamp * 1000);
}

static void put_sample(const struct line *line, const char *suffix, const char *bound, double value)
{
    g_string_append(line->out, line->family->name);
    g_string_append(line->out, suffix);
    put_labels(line, bound);
    g_string_append_c(line->out, ' ');
    put_number(line->out, value);
    put_timestamp(line);
    g_string_append_c(line->out, '\n');
}

static void put_histogram(const struct line *line, const struct durations *durations)
{
    double count = 0;

    for (unsigned at = 0; at < DURATIONS_BOUNDS; at++) {
        char bound[G_ASCII_DTOSTR_BUF_SIZE];

        count += durations->counts[at];
        g_ascii_formatd(bound, sizeof(bound), "%.9g", durations_bound_seconds(at));
        put_sample(line, "_bucket", bound, count);
    }
    count += durations->counts[DURATIONS_BOUNDS];
    put_sample(line, "_bucket", "+Inf", count);
    put_sample(line, "_sum", NULL, durations->sum_seconds);
    put_sample(line, "_count", NULL, count);
}

static void put_value(const struct line *line, const void *of)
{
    const void *at = (const char *)of + line->family->offset;
    double value;

    switch (line->family->type) {
    case FAMILY_HISTOGRAM:
        put_histogram(line, at);
        break;
    case FAMILY_INFO:
        put_sample(line, "_info", NULL, 1);
        break;
    default:
        value = *(const double *)at;
        if (!isnan(value))
            put_sample(line, line->family->type == FAMILY_COUNTER ? "_total" : "", NULL, value);
    }
}

static void put_outcomes(struct line *line, const struct measured_template *item)
{
    static const char *const outcomes[OUTCOMES] = {"hit", "miss", "write"};
    const double *values = (const void *)((const char *)item + line->family->offset);

    for (int i = 0; i < OUTCOMES; i++) {
        line->outcome = outcomes[i];
        put_sample(line, "_total", NULL, values[i]);
    }
}

static const GArray *items_of(const struct measured *process, enum family_of of)
{
    if (of == OF_SITE)
        return process->sites;
    return of == OF_VERB ? process->verbs : process->templates;
}

static void put_process(struct line *line, const struct measured *process)
{
    line->process = process;
    line->item = NULL;
    if (line->family->of == OF_PROCESS) {
        put_value(line, process);
        return;
    }
    const GArray *items = items_of(process, line->family->of);
    guint bytes = g_array_get_element_size((GArray *)(uintptr_t)items);

    for (guint i = 0; i < items->len; i++) {
        line->item = (const void *)(items->data + (size_t)i * bytes);
        if (line->family->of == OF_OUTCOME)
            put_outcomes(line, (const void *)line->item);
        else
            put_value(line, line->item);
    }
}

/* ---- Families ---- */

/* OpenMetrics names the family without its suffix; before, a counter's and an info's is part of the
 * name. */
static void put_head(GString *out, const struct family *family, enum exposition form)
{
    static const char *const types[][2] = {[FAMILY_GAUGE] = {"gauge", "gauge"},
                                           [FAMILY_COUNTER] = {"counter", "counter"},
                                           [FAMILY_HISTOGRAM] = {"histogram", "histogram"},
                                           [FAMILY_INFO] = {"info", "gauge"}};
    const char *suffix = "";

    if (form == EXPOSE_PROMETHEUS && family->type == FAMILY_COUNTER)
        suffix = "_total";
    else if (form == EXPOSE_PROMETHEUS && family->type == FAMILY_INFO)
        suffix = "_info";
    g_string_append_printf(out, "# HELP %s%s %s\n", family->name, suffix, family->help);
    g_string_append_printf(out, "# TYPE %s%s %s\n", family->name, suffix,
                           types[family->type][form == EXPOSE_PROMETHEUS]);
    if (form == EXPOSE_OPENMETRICS && family->unit != NULL)
        g_string_append_printf(out, "# UNIT %s %s\n", family->name, family->unit);
}

void expose(const GPtrArray *processes, const struct measured_server *server, enum exposition form,
            GString *out)
{
    for (const struct family *family = families; family->name != NULL; family++) {
        struct line line = {.out = out, .family = family, .form = form};

        if (family->of == OF_SERVER && server == NULL)
            continue;
        put_head(out, family, form);
        if (family->of == OF_SERVER)
            put_value(&line, server);
        for (guint i = 0; family->of != OF_SERVER && i < processes->len; i++)
            put_process(&line, g_ptr_array_index(processes, i));
    }
    if (form == EXPOSE_OPENMETRICS)
        g_string_append(out, "# EOF\n");
}
