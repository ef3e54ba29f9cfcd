/* All rules about the cache, one after the other. */
#include "find/cache_faults.h"

static cache_rule *const rules[] = {
    find_duplicates,
};

void find_cache_faults(struct cache_model *model)
{
    struct identities *identities = identities_new(model);

    for (size_t i = 0; i < G_N_ELEMENTS(rules); i++)
        rules[i](model, identities);
    identities_free(identities);
}
