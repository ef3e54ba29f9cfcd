/* Miss causes of the whole run from those that the rings still hold. */
#include "model/cache.h"

#include <string.h>

/* Shares `total` out in the proportion of `weights`, whole numbers that add up: the largest
 * remainders get the rest. */
static void share_out(uint64_t total, const uint64_t weights[CAUSES], uint64_t shares[CAUSES])
{
    double remainders[CAUSES];
    uint64_t weight = 0, given = 0;

    for (int cause = 0; cause < CAUSES; cause++)
        weight += weights[cause];
    for (int cause = 0; cause < CAUSES; cause++) {
        double share = (double)total * (double)weights[cause] / (double)weight;

        shares[cause] = (uint64_t)share;
        remainders[cause] = share - (double)shares[cause];
        given += shares[cause];
    }
    for (int n = 0; n < CAUSES && given < total; n++) {
        int largest = 0;

        for (int cause = 1; cause < CAUSES; cause++)
            if (remainders[cause] > remainders[largest])
                largest = cause;
        shares[largest]++;
        remainders[largest] = -1;
        given++;
    }
    shares[0] += given < total ? total - given : 0; /* more than a double tells apart */
}

static void count_causes(struct cache_model *model, uint64_t all[CAUSES])
{
    for (guint t = 0; t < model->templates->len; t++)
        memset(model_template(model, t)->causes, 0, sizeof(model_template(model, t)->causes));
    for (guint i = 0; i < model->accesses->len; i++) {
        const struct cache_access *access = model_access(model, i);

        if (access->cause >= CAUSES)
            continue;
        model_template(model, model_key(model, access->key)->template_index)
            ->causes[access->cause]++;
        all[access->cause]++;
    }
}

static void put_causes(struct miss_causes *causes, const uint64_t counts[CAUSES])
{
    *causes = (struct miss_causes){.first_seen = counts[CAUSE_FIRST_SEEN],
                                   .duplicate_input = counts[CAUSE_DUPLICATE_INPUT],
                                   .expired = counts[CAUSE_EXPIRED],
                                   .evicted = counts[CAUSE_EVICTED],
                                   .deleted = counts[CAUSE_DELETED],
                                   .concurrent = counts[CAUSE_CONCURRENT],
                                   .not_stored = counts[CAUSE_NOT_STORED]};
}

void cache_model_publish_causes(struct cache_model *model)
{
    struct cache_report *cache = &model->report->cache;
    static const uint64_t unknown[CAUSES] = {[CAUSE_FIRST_SEEN] = 1};
    uint64_t all[CAUSES] = {0}, total[CAUSES] = {0}, seen = 0;

    count_causes(model, all);
    for (int cause = 0; cause < CAUSES; cause++)
        seen += all[cause];
    cache->causes_exact = true;
    for (guint t = 0; t < model->templates->len; t++) {
        struct cache_template *template = model_template(model, t);
        const uint64_t *weights = template->ring_misses ? template->causes : seen ? all : unknown;
        uint64_t counts[CAUSES];

        if (template->ring_misses != template->report->misses)
            cache->causes_exact = false;
        share_out(template->report->misses, weights, counts);
        put_causes(&template->report->causes, counts);
        for (int cause = 0; cause < CAUSES; cause++)
            total[cause] += counts[cause];
    }
    if (!model->complete)
        cache->causes_exact = false;
    put_causes(&cache->causes, total);
}
