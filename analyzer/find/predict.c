/* Replays a template's reads with its cures applied. */
#include "find/predict.h"

#include <math.h>

#include "replay/hit_ratio.h"

struct entry { /* of one identity, in the cured cache */
    int64_t expires_ns;
    int64_t ttl_ns; /* of the latest write; INT64_MAX none */
    bool written, alive;
    bool used; /* read or written at all */
};

struct cured {
    const struct cache_model *model;
    const uint32_t *identities;
    int64_t ttl_ns; /* 0: as written */
    uint32_t template_index;
    struct entry *entries;
    uint8_t *needed;      /* of each access: a write that still has to be made */
    GArray *outcomes;     /* uint8_t of each read: hit or not */
    int64_t recompute_ns; /* a typical one */
    double saved_seconds, saved_bytes;
};

static int64_t ttl_of(const struct cured *cured, const struct cache_access *access,
                      const struct entry *entry)
{
    int64_t ttl_ms = access_ttl_ms(access);

    if (ttl_ms == LK_TTL_UNKNOWN && entry->written)
        return entry->ttl_ns;
    return cured->ttl_ns && ttl_ms >= 0 ? cured->ttl_ns : ttl_span_ns(ttl_ms);
}

static void write_entry(struct entry *entry, int64_t time_ns, int64_t ttl_ns)
{
    entry->ttl_ns = ttl_ns;
    entry->expires_ns = time_later(time_ns, ttl_ns);
    entry->written = entry->alive = true;
}

static bool read_entry(struct cured *cured, struct entry *entry, const struct cache_access *access)
{
    bool there =
        entry->alive && entry->expires_ns > access->time_ns && access->cause != CAUSE_EVICTED;

    if (there)
        return true;
    entry->alive = false;
    if (!(access->flags & ACCESS_HIT)) {
        if (access->partner != CACHE_NONE)
            cured->needed[access->partner] = 1;
        return false;
    }
    if (!entry->written) { /* from before the capture */
        write_entry(entry, access->time_ns, INT64_MAX);
        return true;
    }
    /* The cured cache had not renewed it: it is computed here, where the real one had a later copy.
     */
    write_entry(entry, access->time_ns + cured->recompute_ns, entry->ttl_ns);
    return false;
}

static void step_read(struct cured *cured, struct entry *entry, const struct cache_access *access)
{
    uint8_t hit = read_entry(cured, entry, access);
    double seconds = access_recompute_seconds(cured->model, access);

    g_array_append_val(cured->outcomes, hit);
    if (hit && !isnan(seconds))
        cured->saved_seconds += seconds;
}

static void step_write(struct cured *cured, struct entry *entry, const struct cache_access *access,
                       uint32_t index)
{
    if (access->partner != CACHE_NONE && !cured->needed[index])
        cured->saved_bytes += (double)access->value_bytes;
    else
        write_entry(entry, access->time_ns, ttl_of(cured, access, entry));
}

static void flush(struct cured *cured, const struct cache_access *access)
{
    for (guint i = 0; i < cured->model->keys->len; i++)
        if (access_flushes(cured->model, access, model_key(cured->model, i)) &&
            model_key(cured->model, i)->template_index == cured->template_index)
            cured->entries[cured->identities[i]].alive = false;
}

static void step(struct cured *cured, uint32_t index)
{
    const struct cache_access *access = model_access(cured->model, index);
    struct entry *entry;

    if (access->key == CACHE_NONE) {
        if (access->flags & ACCESS_FLUSH)
            flush(cured, access);
        return;
    }
    if (model_key(cured->model, access->key)->template_index != cured->template_index)
        return;
    entry = &cured->entries[cured->identities[access->key]];
    entry->used |= (access->flags & (ACCESS_READ | ACCESS_WRITE)) != 0;
    if (access->flags & ACCESS_READ)
        step_read(cured, entry, access);
    if (access->flags & ACCESS_WRITE)
        step_write(cured, entry, access, index);
    if (access->flags & ACCESS_EXPIRE && access_ttl_ms(access) != LK_TTL_UNKNOWN && entry->written)
        entry->expires_ns = time_later(access->time_ns, ttl_of(cured, access, entry));
    if (access->flags & ACCESS_DELETE)
        entry->alive = false;
}

struct prediction *predict_change(struct cache_model *model, uint32_t template_index,
                                  const struct prediction_change *change)
{
    struct prediction *prediction = report_alloc(model->report, sizeof(*prediction));
    const struct cache_template *template = model_template(model, template_index);
    struct cured cured = {.model = model,
                          .identities = change->identities,
                          .ttl_ns = change->ttl_ns,
                          .template_index = template_index};
    double median = template->report->recompute_p50, scale = 1, keys = 0;

    cured.entries = g_new0(struct entry, change->identity_count + 1);
    cured.needed = g_new0(uint8_t, model->accesses->len + 1);
    cured.outcomes = g_array_new(FALSE, FALSE, sizeof(uint8_t));
    cured.recompute_ns = isnan(median) ? 0 : (int64_t)(median * 1e9);
    for (guint i = 0; i < model->accesses->len; i++)
        step(&cured, i);
    if (template->ring_misses)
        scale = (double)template->report->misses / (double)template->ring_misses;
    for (size_t i = 0; i < change->identity_count; i++)
        keys += cured.entries[i].used;
    if (!model->complete && template->key_count)
        keys *= template->report->distinct_keys / template->key_count;
    prediction->hit_ratio = hit_ratio_of(cured.outcomes, prediction->hit_ratio_interval);
    prediction->distinct_keys = keys;
    prediction->saved_recompute_seconds = cured.saved_seconds * scale;
    prediction->saved_redis_bytes = cured.saved_bytes * scale;
    g_free(cured.entries);
    g_free(cured.needed);
    g_array_free(cured.outcomes, TRUE);
    return prediction;
}

struct prediction *predict_cured(struct cache_model *model, const uint32_t *identities,
                                 size_t identity_count, uint32_t template_index)
{
    const struct prediction_change change = {identities, identity_count, 0};

    return predict_change(model, template_index, &change);
}
