/* From a report's JSON to what `top` shows of it; see insight.h. */
#include "top/insight.h"

#include <jansson.h>
#include <string.h>

const char *const insight_causes[INSIGHT_CAUSES] = {
    "first-seen", "duplicate-input", "expired", "evicted", "deleted", "concurrent", "not-stored",
};

static void free_template(gpointer data)
{
    struct insight_template *template = data;

    g_free(template->name);
    g_free(template);
}

static void free_finding(gpointer data)
{
    struct insight_finding *finding = data;

    g_free(finding->rule);
    g_free(finding->severity);
    g_free(finding->message);
    g_free(finding);
}

void insight_free(struct insight *insight)
{
    if (insight == NULL)
        return;
    g_ptr_array_free(insight->templates, TRUE);
    g_ptr_array_free(insight->findings, TRUE);
    g_free(insight);
}

static void read_causes(const json_t *of, double causes[INSIGHT_CAUSES])
{
    const json_t *counts = json_object_get(of, "miss_causes");

    for (int i = 0; i < INSIGHT_CAUSES; i++)
        causes[i] = json_number_value(json_object_get(counts, insight_causes[i]));
}

static char *text_of(const json_t *object, const char *name)
{
    const char *text = json_string_value(json_object_get(object, name));

    return g_strdup(text == NULL ? "" : text);
}

static void read_cache(struct insight *insight, const json_t *cache)
{
    const json_t *templates = json_object_get(cache, "templates");

    read_causes(cache, insight->causes);
    for (size_t i = 0; i < json_array_size(templates); i++) {
        const json_t *from = json_array_get(templates, i);
        struct insight_template *template = g_new0(struct insight_template, 1);

        template->name = text_of(from, "template");
        read_causes(from, template->causes);
        g_ptr_array_add(insight->templates, template);
    }
}

static void read_findings(struct insight *insight, const json_t *findings)
{
    for (size_t i = 0; i < json_array_size(findings); i++) {
        const json_t *from = json_array_get(findings, i);
        struct insight_finding *finding = g_new0(struct insight_finding, 1);

        finding->rule = text_of(from, "rule");
        finding->severity = text_of(from, "severity");
        finding->message = text_of(from, "message");
        g_ptr_array_add(insight->findings, finding);
    }
}

struct insight *insight_parse(const char *json, size_t bytes)
{
    json_t *report = json_loadb(json, bytes, 0, NULL);
    struct insight *insight;

    if (report == NULL)
        return NULL;
    insight = g_new0(struct insight, 1);
    insight->templates = g_ptr_array_new_with_free_func(free_template);
    insight->findings = g_ptr_array_new_with_free_func(free_finding);
    read_cache(insight, json_object_get(report, "cache"));
    read_findings(insight, json_object_get(report, "findings"));
    json_decref(report);
    return insight;
}
