/* All rules about the cache, one after the other. */
#include "find/cache_faults.h"

#include <string.h>

static cache_rule *const rules[] = {
    find_salted, find_duplicates,     find_mismatches,   find_false_hits,
    find_stale,  find_traffic_faults, find_entry_faults, find_worthless,
};

void fault_add_call_sites(const struct cache_model *model, uint32_t template_index,
                          struct finding *finding)
{
    const GPtrArray *sites = model_template(model, template_index)->report->call_sites;

    for (guint i = 0; sites && i < sites->len; i++)
        g_ptr_array_add(finding->call_sites, g_ptr_array_index(sites, i));
}

struct finding *fault_new(struct cache_model *model, uint32_t template_index, const char *rule,
                          enum severity severity)
{
    struct finding *finding = report_finding(model->report, rule, severity);

    finding->template_name = model_template(model, template_index)->report->name;
    fault_add_call_sites(model, template_index, finding);
    return finding;
}

bool fault_told(const struct cache_model *model, uint32_t template_index, const char *rule)
{
    const char *name = model_template(model, template_index)->report->name;

    for (guint i = 0; i < model->report->findings->len; i++) {
        const struct finding *finding = g_ptr_array_index(model->report->findings, i);

        if (strcmp(finding->rule, rule) == 0 && (g_strcmp0(finding->template_name, name) == 0 ||
                                                 g_strcmp0(finding->counterpart_name, name) == 0))
            return true;
    }
    return false;
}

bool fault_follows(const struct cache_model *model, uint32_t template_index)
{
    static const char *const causes[] = {"duplicate-input-miss", "salted-key",
                                         "reader-writer-mismatch"};

    for (size_t i = 0; i < G_N_ELEMENTS(causes); i++)
        if (fault_told(model, template_index, causes[i]))
            return true;
    return false;
}

void find_cache_faults(struct cache_model *model)
{
    struct identities *identities = identities_new(model);

    for (size_t i = 0; i < G_N_ELEMENTS(rules); i++)
        rules[i](model, identities);
    identities_free(identities);
}
