/* Three replays: as it was, as it would be, and without a limit for the curve. */
#include "find/what_if.h"

#include <string.h>

#include "find/identities.h"
#include "replay/hit_ratio.h"

#define HARDLY_MORE 0.01

static bool find_template(const struct cache_model *model, const char *name, uint32_t *index)
{
    *index = CACHE_NONE;
    if (name == NULL)
        return true;
    for (guint i = 0; i < model->templates->len; i++)
        if (model_template(model, i)->report->name != NULL &&
            strcmp(model_template(model, i)->report->name, name) == 0)
            *index = i;
    return *index != CACHE_NONE;
}

/* The capture's own outcomes. */
static void count_captured(const struct cache_model *model, uint32_t template_index,
                           struct altered *measured)
{
    GArray *outcomes = g_array_new(FALSE, FALSE, sizeof(uint8_t));

    measured->writes = measured->written_bytes = 0;
    for (guint i = 0; i < model->accesses->len; i++) {
        const struct cache_access *access = model_access(model, i);
        uint8_t hit = (access->flags & ACCESS_HIT) != 0;

        if (access->key == CACHE_NONE ||
            (template_index != CACHE_NONE &&
             model_key(model, access->key)->template_index != template_index))
            continue;
        if (access->flags & ACCESS_READ)
            g_array_append_val(outcomes, hit);
        if (access->flags & ACCESS_WRITE) {
            measured->writes++;
            measured->written_bytes += access->value_bytes;
        }
    }
    measured->hit_ratio = hit_ratio_of(outcomes, measured->hit_ratio_interval);
    measured->reads = outcomes->len;
    measured->hits = 0;
    for (guint i = 0; i < outcomes->len; i++)
        measured->hits += g_array_index(outcomes, uint8_t, i);
    g_array_free(outcomes, TRUE);
}

static struct altered measure(const struct cache_model *model, uint32_t template_index)
{
    struct identities *alone = identities_chosen(model, 0);
    const struct alteration none = {.identities = alone->of,
                                    .identity_count = alone->count,
                                    .ttl_ms = TTL_AS_CAPTURED,
                                    .cache_bytes = CACHE_UNLIMITED,
                                    .seen_evictions = true,
                                    .template_index = template_index};
    struct altered measured = altered_replay(model, &none);

    count_captured(model, template_index, &measured);
    identities_free(alone);
    return measured;
}

/* Replays the alteration without a limit. The curve is the caller's, with miss_curve_free. */
static struct miss_curve *draw_curve(const struct cache_model *model, struct alteration alteration)
{
    struct miss_curve *curve =
        miss_curve_new((uint32_t)alteration.identity_count, MISS_CURVE_EXACT_ENTRIES);

    alteration.cache_bytes = CACHE_UNLIMITED;
    alteration.seen_evictions = false;
    alteration.curve = curve;
    altered_replay(model, &alteration);
    return curve;
}

struct what_if *what_if_new(const struct cache_model *model,
                            const struct what_if_settings *settings)
{
    struct identities *identities;
    struct miss_curve *curve;
    struct what_if *what_if;
    uint32_t template_index;

    if (!find_template(model, settings->template_name, &template_index))
        return NULL;
    identities = identities_chosen(model, settings->normaliser_bits);
    const struct alteration alteration = {.identities = identities->of,
                                          .identity_count = identities->count,
                                          .ttl_ms = settings->ttl_ms,
                                          .cache_bytes = settings->cache_bytes,
                                          .policy = settings->policy,
                                          .seen_evictions =
                                              settings->cache_bytes == CACHE_UNLIMITED,
                                          .template_index = template_index};
    what_if = g_new0(struct what_if, 1);
    what_if->settings = *settings;
    what_if->measured = measure(model, template_index);
    what_if->predicted = altered_replay(model, &alteration);
    what_if->whole_run_reads = (double)(template_index == CACHE_NONE
                                            ? model->report->cache.reads
                                            : model_template(model, template_index)->report->reads);
    curve = draw_curve(model, alteration);
    what_if->curve = miss_curve_points(curve);
    what_if->curve_exact = miss_curve_is_exact(curve);
    what_if->largest_entry_bytes = miss_curve_largest_entry_bytes(curve);
    miss_curve_free(curve);
    identities_free(identities);
    return what_if;
}

void what_if_free(struct what_if *what_if)
{
    if (what_if == NULL)
        return;
    g_array_free(what_if->curve, TRUE);
    g_free(what_if);
}

uint64_t what_if_enough_bytes(const struct what_if *what_if)
{
    const GArray *curve = what_if->curve;

    for (guint i = 0; i < curve->len; i++) {
        const struct miss_curve_point *point = &g_array_index(curve, struct miss_curve_point, i),
                                      *last = &g_array_index(curve, struct miss_curve_point,
                                                             curve->len - 1);

        if (point->miss_ratio <= last->miss_ratio + HARDLY_MORE)
            return point->cache_bytes;
    }
    return 0;
}

/* ---- The curve of a report ---- */

static void publish_curve(struct report *report, const GArray *points)
{
    report->cache.curve = report_array(report, sizeof(struct curve_point));
    for (guint i = 0; i < points->len; i++) {
        const struct miss_curve_point *point = &g_array_index(points, struct miss_curve_point, i);
        const struct curve_point published = {(double)point->cache_bytes,
                                              point->miss_ratio,
                                              {point->interval[0], point->interval[1]}};

        g_array_append_val(report->cache.curve, published);
    }
}

void find_curve(struct report *report, const struct cache_model *model)
{
    struct identities *alone = identities_chosen(model, 0);
    const struct alteration none = {.identities = alone->of,
                                    .identity_count = alone->count,
                                    .ttl_ms = TTL_AS_CAPTURED,
                                    .template_index = CACHE_NONE};
    struct miss_curve *curve = draw_curve(model, none);
    GArray *points = miss_curve_points(curve);

    if (points->len != 0)
        publish_curve(report, points);
    report->cache.curve_exact = miss_curve_is_exact(curve);
    g_array_free(points, TRUE);
    miss_curve_free(curve);
    identities_free(alone);
}
