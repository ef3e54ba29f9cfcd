/* What the findings cost: seconds and bytes that a cure spares or that nobody read, and money where
 * prices are known. */
#include <math.h>

#include "model/cache.h"

#define GIB           1073741824.0
#define MONTH_SECONDS (365.25 / 12 * 86400)
#define NS            1e-9

struct holding { /* the value that a key holds, and whether anyone read it */
    int64_t since_ns, expires_ns;
    uint64_t bytes, entry_bytes; /* of the value; with its key and what Redis keeps beside it */
    bool held, read;
};

struct waste {
    double bytes;        /* written and never read */
    double byte_seconds; /* of these with keys and overhead, while they were held */
};

static void let_go(struct waste *waste, struct holding *holding, int64_t now_ns)
{
    if (holding->held && !holding->read) {
        waste->bytes += (double)holding->bytes;
        waste->byte_seconds += (double)holding->entry_bytes *
                               (double)(MIN(now_ns, holding->expires_ns) - holding->since_ns) * NS;
    }
    holding->held = false;
}

static void take(struct waste *waste, struct holding *holding, const struct cache_access *access,
                 uint32_t key_bytes)
{
    let_go(waste, holding, access->time_ns);
    *holding =
        (struct holding){.since_ns = access->time_ns,
                         .expires_ns = access_expiry_ns(access),
                         .bytes = access->value_bytes,
                         .entry_bytes = access->value_bytes + key_bytes + ENTRY_OVERHEAD_BYTES,
                         .held = true};
}

static void let_go_flushed(const struct cache_model *model, struct waste *waste,
                           struct holding *holdings, const struct cache_access *access)
{
    for (guint i = 0; i < model->keys->len; i++)
        if (access_flushes(model, access, model_key(model, i)))
            let_go(waste, &holdings[i], access->time_ns);
}

/* A value that is still held at the end counts as never read, too: nobody has read it in all that
 * time. */
static struct waste unread_values(const struct cache_model *model)
{
    struct holding *holdings = g_new0(struct holding, model->keys->len + 1);
    struct waste waste = {0, 0};

    for (guint i = 0; i < model->accesses->len; i++) {
        const struct cache_access *access = model_access(model, i);

        if (access->key == CACHE_NONE) {
            if (access->flags & ACCESS_FLUSH)
                let_go_flushed(model, &waste, holdings, access);
            continue;
        }
        if (access->flags & ACCESS_HIT)
            holdings[access->key].read = true;
        if (access->flags & ACCESS_WRITE)
            take(&waste, &holdings[access->key], access, model_key(model, access->key)->key_bytes);
        if (access->flags & ACCESS_DELETE)
            let_go(&waste, &holdings[access->key], access->time_ns);
    }
    for (guint i = 0; i < model->keys->len; i++)
        let_go(&waste, &holdings[i], MAX(model->end_ns, holdings[i].since_ns));
    g_free(holdings);
    return waste;
}

static double spared_seconds(const struct report *report)
{
    double seconds = 0;

    for (guint i = 0; i < report->findings->len; i++) {
        const struct finding *finding = g_ptr_array_index(report->findings, i);

        if (finding->predicted && !isnan(finding->predicted->saved_recompute_seconds))
            seconds += finding->predicted->saved_recompute_seconds;
    }
    return seconds;
}

/* Heap bytes allocated for a miss, times the misses that need not have been; NAN where no heap was
 * recorded. */
static double spared_allocations(const struct cache_model *model)
{
    double bytes = 0;

    if (!model->report->heap.present)
        return NAN;
    for (guint t = 0; t < model->templates->len; t++) {
        const struct cache_template *template = model_template(model, t);

        if (template->ring_misses)
            bytes += template->miss_allocated_bytes / (double)template->ring_misses *
                     (double)template->report->causes.duplicate_input;
    }
    return bytes;
}

static double money(const struct cost_report *cost, double gib_months,
                    const struct analysis_options *options)
{
    double sum = 0;

    if (isnan(options->price_gpu_hour) && isnan(options->price_gib_month))
        return NAN;
    if (!isnan(options->price_gpu_hour))
        sum += options->price_gpu_hour * cost->wasted_recompute_seconds / 3600;
    if (!isnan(options->price_gib_month))
        sum += options->price_gib_month * gib_months;
    return sum;
}

void find_cost(struct report *report, struct cache_model *model,
               const struct analysis_options *options)
{
    struct waste waste = unread_values(model);
    uint64_t ring_writes = 0;
    double scale;

    for (guint i = 0; i < model->keys->len; i++)
        ring_writes += model_key(model, i)->writes;
    scale =
        !model->complete && ring_writes ? (double)report->cache.writes / (double)ring_writes : 1;
    report->cost.wasted_recompute_seconds = spared_seconds(report);
    report->cost.wasted_redis_bytes = waste.bytes * scale;
    report->cost.wasted_allocated_bytes = spared_allocations(model);
    report->cost.wasted_money =
        money(&report->cost, waste.byte_seconds * scale / GIB / MONTH_SECONDS, options);
}
