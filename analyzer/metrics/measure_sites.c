/*
 * Sites by live bytes. Names cost a look into debug information, so only the largest are named;
 * sites of one name are one. What has been shown stays unless another is twice as large: a series
 * that comes and goes is of no use.
 */
#include <math.h>
#include <string.h>

#include "metrics/measure_parts.h"
#include "model/heap.h"

#define Q16             65536.0
#define NAMED_PER_SHOWN 4u /* sites of one name are several in the capture */
#define STAYS           2.0

struct live_at *measure_live(const struct capture *capture)
{
    struct live_at *live = g_new0(struct live_at, capture->sites->len);

    if (capture->header.sample_bytes > 1 && capture->live->len != 0) {
        struct estimate *estimates = estimate_live(capture);

        for (guint id = 0; id < capture->sites->len; id++)
            live[id] = (struct live_at){estimates[id].bytes, estimates[id].count};
        g_free(estimates);
        return live;
    }
    for (guint id = 0; id < capture->sites->len; id++) {
        const struct heap_totals *totals =
            &g_array_index(capture->sites, struct capture_site, id).totals;

        live[id].bytes = (double)totals->allocated_bytes - (double)totals->freed_bytes;
        live[id].count =
            ((double)totals->allocated_count_q16 - (double)totals->freed_count_q16) / Q16;
    }
    return live;
}

static void add_site(struct measured_site *sum, const struct measured_site *more)
{
    sum->live_bytes += more->live_bytes;
    sum->live_count += more->live_count;
    sum->allocated_bytes += more->allocated_bytes;
    sum->allocated_count += more->allocated_count;
}

static gint by_live(gconstpointer a, gconstpointer b, gpointer live_at)
{
    const struct capture_site *x = *(struct capture_site *const *)a;
    const struct capture_site *y = *(struct capture_site *const *)b;
    const struct live_at *live = live_at;
    double more = live[x->id].bytes, less = live[y->id].bytes;

    return more != less ? (more < less) - (more > less) : (x->id > y->id) - (x->id < y->id);
}

/* The capture's sites where something was allocated, the largest first. */
static GPtrArray *ranked(const struct capture *capture, struct live_at *live)
{
    GPtrArray *sites = g_ptr_array_new();

    for (guint id = 0; id < capture->sites->len; id++) {
        struct capture_site *site = &g_array_index(capture->sites, struct capture_site, id);

        if (site->totals.allocated_count_q16 != 0)
            g_ptr_array_add(sites, site);
    }
    g_ptr_array_sort_with_data(sites, by_live, live);
    return sites;
}

static void add_named(struct measured *measured, GHashTable *known, struct measured_site *item)
{
    gpointer at = g_hash_table_lookup(known, item->head.labels[0]);

    if (at != NULL) {
        add_site(&g_array_index(measured->sites, struct measured_site, GPOINTER_TO_UINT(at) - 1),
                 item);
        return;
    }
    for (size_t i = 0; i < G_N_ELEMENTS(item->head.labels); i++)
        item->head.labels[i] = measured_text(measured, item->head.labels[i]);
    g_array_append_val(measured->sites, *item);
    g_hash_table_insert(known, (gpointer)(uintptr_t)item->head.labels[0],
                        GUINT_TO_POINTER(measured->sites->len));
}

static void round_site(struct measured_site *site)
{
    site->live_bytes = round(site->live_bytes);
    site->live_count = round(site->live_count);
    site->allocated_bytes = round(site->allocated_bytes);
    site->allocated_count = round(site->allocated_count);
}

static double weight(const struct measured_site *site, const struct measure_bounds *bounds)
{
    bool stays = bounds != NULL && bounds->shown_sites != NULL &&
                 g_hash_table_contains(bounds->shown_sites, site->head.labels[0]);

    return site->live_bytes * (stays ? STAYS : 1);
}

static gint by_weight(gconstpointer a, gconstpointer b, gpointer bounds)
{
    const struct measured_site *x = a, *y = b;
    double more = weight(x, bounds), less = weight(y, bounds);

    return more != less ? (more < less) - (more > less)
                        : strcmp(x->head.labels[0], y->head.labels[0]);
}

/* Folds what is beyond the bound into `other`, and remembers what is shown. */
static void keep_most(struct measured *measured, struct measure_bounds *bounds,
                      struct measured_site *other)
{
    g_array_sort_with_data(measured->sites, by_weight, bounds);
    for (guint i = bounds->sites; i < measured->sites->len; i++)
        add_site(other, &g_array_index(measured->sites, struct measured_site, i));
    g_array_set_size(measured->sites, MIN(measured->sites->len, bounds->sites));
    if (bounds->shown_sites == NULL)
        return;
    g_hash_table_remove_all(bounds->shown_sites);
    for (guint i = 0; i < measured->sites->len; i++)
        g_hash_table_add(
            bounds->shown_sites,
            g_strdup(g_array_index(measured->sites, struct measured_site, i).head.labels[0]));
}

void measure_sites(struct measured *measured, const struct capture *capture,
                   struct measure_bounds *bounds, const struct measure_sources *sources)
{
    struct live_at *live = measure_live(capture);
    GPtrArray *sites = ranked(capture, live);
    GHashTable *known = g_hash_table_new(g_str_hash, g_str_equal);
    guint named =
        bounds == NULL || bounds->sites > sites->len ? sites->len : NAMED_PER_SHOWN * bounds->sites;
    struct measured_site other = {.head.labels = {MEASURED_OTHER, MEASURED_OTHER}};

    for (guint i = 0; i < sites->len; i++) {
        const struct capture_site *site = g_ptr_array_index(sites, i);
        struct measured_site item = {
            .live_bytes = live[site->id].bytes,
            .live_count = live[site->id].count,
            .allocated_bytes = (double)site->totals.allocated_bytes,
            .allocated_count = (double)site->totals.allocated_count_q16 / Q16,
        };

        if (i < named) {
            sources->site(sources->context, capture, site->id, &item.head.labels[0],
                          &item.head.labels[1]);
            add_named(measured, known, &item);
        } else {
            add_site(&other, &item);
        }
    }
    if (bounds != NULL)
        keep_most(measured, bounds, &other);
    if (other.allocated_count > 0)
        g_array_append_val(measured->sites, other);
    for (guint i = 0; i < measured->sites->len; i++)
        round_site(&g_array_index(measured->sites, struct measured_site, i));
    g_hash_table_destroy(known);
    g_ptr_array_free(sites, TRUE);
    g_free(live);
}
