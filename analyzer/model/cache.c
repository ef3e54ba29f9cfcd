/* Builds the cache model, and from it the report's cache part. */
#include "model/cache.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "model/gather.h"
#include "model/quantile.h"
#include "model/sketch.h"
#include "model/templates.h"

#define CALL_SITES_MAX 5

/* ---- Numbers of samples ---- */

static double sum_of(const GArray *samples)
{
    double sum = 0;

    for (guint i = 0; i < samples->len; i++)
        sum += g_array_index(samples, double, i);
    return samples->len ? sum : NAN;
}

/* Within a bucket a duration is taken to be as likely anywhere on the logarithmic scale. */
static double histogram_percentile(const uint64_t *buckets, double ratio)
{
    uint64_t total = 0, below = 0;

    for (unsigned b = 0; b < LK_HISTOGRAM_BUCKETS; b++)
        total += buckets[b];
    for (unsigned b = 0; b < LK_HISTOGRAM_BUCKETS; b++) {
        if (buckets[b] && (double)(below + buckets[b]) >= ratio * (double)total) {
            double inside = (ratio * (double)total - (double)below) / (double)buckets[b];

            return 1e-6 * exp2((b + inside) / 4);
        }
        below += buckets[b];
    }
    return NAN;
}

/* ---- One pass over the accesses for what each template's report wants ---- */

struct details {
    GArray *recompute, *ttls; /* of double */
    uint64_t latency[LK_HISTOGRAM_BUCKETS];
    uint64_t never_read, lasting;
};

struct key_detail { /* what is known of a key's latest write */
    bool written, read_since, lasts;
};

static struct details *details_new(const struct cache_model *model)
{
    struct details *details = g_new0(struct details, model->templates->len);

    for (guint i = 0; i < model->templates->len; i++) {
        details[i].recompute = g_array_new(FALSE, FALSE, sizeof(double));
        details[i].ttls = g_array_new(FALSE, FALSE, sizeof(double));
    }
    return details;
}

static void details_free(const struct cache_model *model, struct details *details)
{
    for (guint i = 0; i < model->templates->len; i++) {
        g_array_free(details[i].recompute, TRUE);
        g_array_free(details[i].ttls, TRUE);
    }
    g_free(details);
}

static void note_ttl(struct details *details, struct key_detail *key,
                     const struct cache_access *access)
{
    int64_t ttl_ms = access_ttl_ms(access);
    double seconds = (double)ttl_ms / 1000;

    if (access->flags & ACCESS_WRITE && ttl_ms >= LK_TTL_NONE) {
        key->lasts = ttl_ms == LK_TTL_NONE;
        details->lasting += key->lasts;
    } else if (access->flags & ACCESS_EXPIRE && ttl_ms >= 0 && key->lasts) {
        details->lasting--;
        key->lasts = false;
    }
    if (ttl_ms >= 0)
        g_array_append_val(details->ttls, seconds);
}

static void note_access(const struct cache_model *model, struct details *details,
                        struct key_detail *key, const struct cache_access *access)
{
    double recompute = access_recompute_seconds(model, access);

    if (!isnan(recompute))
        g_array_append_val(details->recompute, recompute);
    if (access->flags & ACCESS_READ && key->written)
        key->read_since = true;
    if (access->flags & ACCESS_WRITE)
        key->written = true;
    if (access->flags & (ACCESS_WRITE | ACCESS_EXPIRE))
        note_ttl(details, key, access);
}

static void collect_details(const struct cache_model *model, struct details *details)
{
    struct key_detail *keys = g_new0(struct key_detail, model->keys->len + 1);

    for (guint i = 0; i < model->accesses->len; i++) {
        const struct cache_access *access = model_access(model, i);

        if (access->key != CACHE_NONE)
            note_access(model, &details[model_key(model, access->key)->template_index],
                        &keys[access->key], access);
    }
    for (guint i = 0; i < model->keys->len; i++)
        if (keys[i].written && !keys[i].read_since)
            details[model_key(model, i)->template_index].never_read++;
    g_free(keys);
}

static void collect_latency(const struct cache_model *model, struct details *details)
{
    for (guint c = 0; c < model->captures->len; c++) {
        const struct capture *capture = g_ptr_array_index(model->captures, c);
        const uint32_t *map = g_array_index(model->template_maps, uint32_t *, c);

        for (guint id = 0; id < capture->templates->len; id++)
            for (unsigned b = 0; b < LK_HISTOGRAM_BUCKETS; b++)
                details[map[id]].latency[b] +=
                    g_array_index(capture->templates, struct lk_template, id).latency[b];
    }
}

/* ---- Call sites ---- */

struct site_count {
    uint32_t capture, site;
    uint64_t count;
};

static gint by_count(gconstpointer a, gconstpointer b)
{
    const struct site_count *x = a, *y = b;

    if (x->count != y->count)
        return x->count < y->count ? 1 : -1;
    if (x->capture != y->capture)
        return x->capture < y->capture ? -1 : 1;
    return (x->site > y->site) - (x->site < y->site);
}

static void add_stacks(struct cache_model *model, const GArray *counts, GPtrArray *stacks,
                       size_t limit)
{
    GHashTable *seen = g_hash_table_new(g_str_hash, g_str_equal);

    for (guint i = 0; i < counts->len && stacks->len < limit; i++) {
        const struct site_count *count = &g_array_index(counts, struct site_count, i);
        const struct stack *stack = symbols_stack(
            model->symbols, g_ptr_array_index(model->captures, count->capture), count->site);

        if (stack && stack->frames->len &&
            g_hash_table_add(seen, (gpointer)(uintptr_t)stack_identity(model->report, stack)))
            g_ptr_array_add(stacks, (gpointer)(uintptr_t)stack);
    }
    g_hash_table_destroy(seen);
}

GPtrArray *cache_model_call_sites(struct cache_model *model, const uint32_t *accesses, size_t count,
                                  size_t limit)
{
    GPtrArray *stacks = report_pointers(model->report);
    GArray *counts = g_array_new(FALSE, FALSE, sizeof(struct site_count));
    struct map sites = {0};

    for (size_t i = 0; i < count && model->symbols; i++) {
        const struct cache_access *access = model_access(model, accesses[i]);
        uint32_t capture = access_connection(model, access)->capture;
        struct site_count site = {capture, access->site, 0};
        bool added;
        uint32_t *index;

        if (!access->site)
            continue;
        index = map_put(&sites, hash_mix(capture + 1, access->site), &added);
        if (added) {
            *index = counts->len;
            g_array_append_val(counts, site);
        }
        g_array_index(counts, struct site_count, *index).count++;
    }
    g_array_sort(counts, by_count);
    add_stacks(model, counts, stacks, limit);
    g_array_free(counts, TRUE);
    map_clear(&sites);
    return stacks;
}

static void free_list(gpointer list)
{
    g_array_free(list, TRUE);
}

static void fill_call_sites(struct cache_model *model)
{
    GPtrArray *lists = g_ptr_array_new_with_free_func(free_list); /* each template's accesses */

    for (guint t = 0; t < model->templates->len; t++)
        g_ptr_array_add(lists, g_array_new(FALSE, FALSE, sizeof(uint32_t)));
    for (guint i = 0; i < model->accesses->len; i++) {
        const struct cache_access *access = model_access(model, i);
        GArray *list;

        if (access->key == CACHE_NONE || !(access->flags & (ACCESS_READ | ACCESS_WRITE)))
            continue;
        list = g_ptr_array_index(lists, model_key(model, access->key)->template_index);
        g_array_append_val(list, i);
    }
    for (guint t = 0; t < model->templates->len; t++) {
        const GArray *list = g_ptr_array_index(lists, t);

        model_template(model, t)->report->call_sites = cache_model_call_sites(
            model, (const uint32_t *)(const void *)list->data, list->len, CALL_SITES_MAX);
    }
    g_ptr_array_free(lists, TRUE);
}

/* ---- The report ---- */

static void fill_template(const struct cache_model *model, uint32_t index, struct details *details)
{
    const struct cache_template *template = model_template(model, index);
    struct template_report *report = template->report;
    double scale =
        template->ring_misses ? (double)report->misses / (double)template->ring_misses : 1;

    report->distinct_inputs = NAN;
    report->distinct_keys =
        model->complete ? template->key_count : templates_estimate_keys(model, index);
    report->distinct_keys_error_ratio = model->complete ? 0 : SKETCH_ERROR_RATIO;
    report->never_read_keys = model->complete ? (double)details->never_read : NAN;
    if (model->complete)
        report->ttl_none_count = details->lasting;
    report->ttl_min = quantile(details->ttls, 0);
    report->ttl_median = quantile(details->ttls, 0.5);
    report->ttl_max = quantile(details->ttls, 1);
    report->recompute_p50 = quantile(details->recompute, 0.5);
    report->recompute_p99 = quantile(details->recompute, 0.99);
    report->recompute_total = sum_of(details->recompute) * scale;
    report->latency_p50 = histogram_percentile(details->latency, 0.5);
    report->latency_p99 = histogram_percentile(details->latency, 0.99);
}

static gint by_commands(gconstpointer a, gconstpointer b)
{
    const struct command_count *x = a, *y = b;

    if (x->count != y->count)
        return x->count < y->count ? 1 : -1;
    return strcmp(x->verb, y->verb);
}

static void fill_commands(struct cache_model *model)
{
    struct report *report = model->report;
    GHashTable *counts = g_hash_table_new(g_str_hash, g_str_equal);

    report->cache.commands = report_array(report, sizeof(struct command_count));
    for (guint c = 0; c < model->captures->len; c++) {
        const GArray *verbs = ((struct capture *)g_ptr_array_index(model->captures, c))->verbs;

        for (guint id = 0; id < verbs->len; id++) {
            const struct lk_verb *verb = &g_array_index(verbs, struct lk_verb, id);
            struct command_count count = {.count = verb->calls};
            gpointer known;

            if (!verb->calls)
                continue;
            count.verb =
                report_printf(report, "%.*s", (int)sizeof(verb->name), id ? verb->name : "other");
            known = g_hash_table_lookup(counts, count.verb);
            if (known) {
                g_array_index(report->cache.commands, struct command_count,
                              GPOINTER_TO_UINT(known) - 1)
                    .count += verb->calls;
                continue;
            }
            g_array_append_val(report->cache.commands, count);
            g_hash_table_insert(counts, (gpointer)(uintptr_t)count.verb,
                                GUINT_TO_POINTER(report->cache.commands->len));
        }
    }
    g_hash_table_destroy(counts);
    g_array_sort(report->cache.commands, by_commands);
}

static gint by_misses(gconstpointer a, gconstpointer b)
{
    const struct template_report *x = *(struct template_report *const *)a,
                                 *y = *(struct template_report *const *)b;

    if (x->misses != y->misses)
        return x->misses < y->misses ? 1 : -1;
    if (x->reads != y->reads)
        return x->reads < y->reads ? 1 : -1;
    if (x->writes != y->writes)
        return x->writes < y->writes ? 1 : -1;
    return strcmp(x->name, y->name);
}

static void fill_totals(struct cache_model *model)
{
    struct cache_report *cache = &model->report->cache;
    uint32_t keys = 0;

    cache->templates = report_pointers(model->report);
    for (guint t = 0; t < model->templates->len; t++) {
        struct template_report *report = model_template(model, t)->report;

        keys += model_template(model, t)->key_count;
        cache->reads += report->reads;
        cache->hits += report->hits;
        cache->misses += report->misses;
        cache->writes += report->writes;
        cache->written_bytes += report->written_bytes;
        if (report->reads || report->writes || report->deletes || report->errors)
            g_ptr_array_add(cache->templates, report);
    }
    g_ptr_array_sort(cache->templates, by_misses);
    for (guint c = 0; c < model->captures->len; c++)
        cache->errors += ((struct capture *)g_ptr_array_index(model->captures, c))->header.errors;
    cache->distinct_keys = model->complete ? keys : templates_estimate_keys(model, CACHE_NONE);
    cache->distinct_keys_error_ratio = model->complete ? 0 : SKETCH_ERROR_RATIO;
    cache->present = cache->commands->len > 0 || cache->templates->len > 0;
}

static void find_causes(struct cache_model *model)
{
    struct replay replay = replay_new(model);

    for (guint i = 0; i < model->accesses->len; i++)
        model_access(model, i)->cause = (uint8_t)replay_step(&replay, i);
    replay_clear(&replay);
    cache_model_publish_causes(model);
}

const struct cache_limits cache_limits = {.accesses = 12000000, .keys = 4000000};

struct cache_model *cache_model_new(struct report *report, struct symbols *symbols,
                                    GPtrArray *captures)
{
    return cache_model_new_within(report, symbols, captures, &cache_limits);
}

struct cache_model *cache_model_new_within(struct report *report, struct symbols *symbols,
                                           GPtrArray *captures, const struct cache_limits *limits)
{
    struct cache_model *model = g_new0(struct cache_model, 1);
    struct details *details;

    model->limits = *limits;
    model->report = report;
    model->symbols = symbols;
    model->captures = captures;
    model->templates = g_array_new(FALSE, TRUE, sizeof(struct cache_template));
    model->template_maps = g_array_new(FALSE, FALSE, sizeof(uint32_t *));
    templates_merge(model);
    gather_accesses(model);
    gather_pair_writes(model);
    details = details_new(model);
    collect_details(model, details);
    collect_latency(model, details);
    for (guint t = 0; t < model->templates->len; t++)
        fill_template(model, t, &details[t]);
    details_free(model, details);
    fill_commands(model);
    fill_totals(model);
    fill_call_sites(model);
    find_causes(model);
    return model;
}

void cache_model_free(struct cache_model *model)
{
    if (!model)
        return;
    for (guint c = 0; c < model->template_maps->len; c++)
        g_free(g_array_index(model->template_maps, uint32_t *, c));
    g_array_free(model->template_maps, TRUE);
    gather_release(model);
    g_array_free(model->templates, TRUE);
    g_free(model);
}

void cache_model_each_command(const struct cache_model *model,
                              void (*each)(const struct cache_command *command, void *context),
                              void *context)
{
    for (guint i = 0; i < model->accesses->len; i++) {
        const struct cache_access *access = model_access(model, i);
        struct cache_command command = {.seconds = (double)access->time_ns / 1e9,
                                        .read = access->flags & ACCESS_READ,
                                        .hit = access->flags & ACCESS_HIT,
                                        .miss = access_is_miss(access),
                                        .write = access->flags & ACCESS_WRITE,
                                        .recompute_seconds =
                                            access_recompute_seconds(model, access),
                                        .value_bytes = access->value_bytes};

        if (access->key == CACHE_NONE)
            continue;
        command.template_report =
            model_template(model, model_key(model, access->key)->template_index)->report;
        each(&command, context);
    }
}
