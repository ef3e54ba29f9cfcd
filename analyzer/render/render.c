/*
 * The tables of renderers. A new one: a function of render.h's type in a file of its own, its
 * prototype in renderers.h, and one row here.
 */
#include <string.h>

#include "render/renderers.h"

static const struct report_renderer report_renderers[] = {
    {.name = "text", .render = render_report_text},
    {.name = "json", .curve = true, .render = render_report_json},
    {.name = "html", .curve = true, .missing = html_missing, .render = render_report_html},
    {.name = "markdown", .render = render_report_markdown},
    {.name = "sarif", .render = render_report_sarif},
    {.name = "gcc", .render = render_report_gcc},
};

static const struct comparison_renderer comparison_renderers[] = {
    {.name = "text", .render = render_comparison_text},
    {.name = "json", .render = render_comparison_json},
    {.name = "html", .missing = html_missing, .render = render_comparison_html},
    {.name = "markdown", .render = render_comparison_markdown},
};

static const struct what_if_renderer what_if_renderers[] = {
    {"text", render_what_if_text},
    {"json", render_what_if_json},
};

const struct report_renderer *report_renderer_named(const char *name)
{
    for (size_t i = 0; i < G_N_ELEMENTS(report_renderers); i++)
        if (strcmp(report_renderers[i].name, name) == 0)
            return &report_renderers[i];
    return NULL;
}

const struct comparison_renderer *comparison_renderer_named(const char *name)
{
    for (size_t i = 0; i < G_N_ELEMENTS(comparison_renderers); i++)
        if (strcmp(comparison_renderers[i].name, name) == 0)
            return &comparison_renderers[i];
    return NULL;
}

const struct what_if_renderer *what_if_renderer_named(const char *name)
{
    for (size_t i = 0; i < G_N_ELEMENTS(what_if_renderers); i++)
        if (strcmp(what_if_renderers[i].name, name) == 0)
            return &what_if_renderers[i];
    return NULL;
}

#define NAMES_ROOM 128

static void add_name(char *names, const char *name)
{
    if (names[0] != '\0')
        g_strlcat(names, " ", NAMES_ROOM);
    g_strlcat(names, name, NAMES_ROOM);
}

const char *report_renderer_names(void)
{
    static char names[NAMES_ROOM];

    names[0] = '\0';
    for (size_t i = 0; i < G_N_ELEMENTS(report_renderers); i++)
        add_name(names, report_renderers[i].name);
    return names;
}

const char *comparison_renderer_names(void)
{
    static char names[NAMES_ROOM];

    names[0] = '\0';
    for (size_t i = 0; i < G_N_ELEMENTS(comparison_renderers); i++)
        add_name(names, comparison_renderers[i].name);
    return names;
}

const char *what_if_renderer_names(void)
{
    static char names[NAMES_ROOM];

    names[0] = '\0';
    for (size_t i = 0; i < G_N_ELEMENTS(what_if_renderers); i++)
        add_name(names, what_if_renderers[i].name);
    return names;
}

const char *severity_name(enum severity severity)
{
    static const char *const names[] = {
        [SEVERITY_NOTE] = "note", [SEVERITY_WARNING] = "warning", [SEVERITY_ERROR] = "error"};

    return names[severity];
}
