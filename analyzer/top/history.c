/* Measurements and what changed between them; see history.h. */
#include "top/history.h"

#include <math.h>
#include <string.h>

struct reading {
    double seconds;
    struct measured *measured;
};

struct history {
    struct watch *watch;
    struct measure_bounds bounds;
    GArray *readings; /* struct reading, the oldest first */
};

struct history *history_new(struct watch *watch)
{
    struct history *history = g_new0(struct history, 1);

    history->watch = watch;
    history->bounds = (struct measure_bounds){.templates = G_MAXUINT, .sites = TOP_SITES};
    history->readings = g_array_new(FALSE, FALSE, sizeof(struct reading));
    return history;
}

static struct reading *reading_at(const struct history *history, guint index)
{
    return &g_array_index(history->readings, struct reading, index);
}

static void drop_first(struct history *history)
{
    measured_free(reading_at(history, 0)->measured);
    g_array_remove_index(history->readings, 0);
}

void history_free(struct history *history)
{
    if (history == NULL)
        return;
    while (history->readings->len != 0)
        drop_first(history);
    g_array_free(history->readings, TRUE);
    g_free(history);
}

bool history_read(struct history *history, double now_seconds, GError **error)
{
    const struct measure_sources sources = {watch_site, NULL, history->watch};
    struct reading reading = {.seconds = now_seconds};
    GPtrArray *captures;
    struct report *report;
    struct cache_model *model;

    if (!watch_read(history->watch, error))
        return false;
    captures = g_ptr_array_new();
    g_ptr_array_add(captures, (gpointer)(uintptr_t)watch_capture(history->watch));
    report = report_new();
    model = cache_model_new(report, NULL, captures);
    reading.measured = measure(watch_capture(history->watch), 0, model, &history->bounds, &sources);
    cache_model_free(model);
    report_free(report);
    g_ptr_array_free(captures, TRUE);
    g_array_append_val(history->readings, reading);
    while (history->readings->len > 2 &&
           reading_at(history, 1)->seconds <= now_seconds - GROWTH_SECONDS)
        drop_first(history);
    return true;
}

/* ---- What changed ---- */

static const struct reading *latest(const struct history *history)
{
    return reading_at(history, history->readings->len - 1);
}

/* The one before; NULL none. */
static const struct reading *previous(const struct history *history)
{
    return history->readings->len < 2 ? NULL : reading_at(history, history->readings->len - 2);
}

static const struct reading *oldest(const struct history *history)
{
    return history->readings->len < 2 ? NULL : reading_at(history, 0);
}

const struct measured *history_latest(const struct history *history)
{
    return history->readings->len == 0 ? NULL : latest(history)->measured;
}

static double per_second(double now, double before, double seconds)
{
    return seconds > 0 ? (now - before) / seconds : NAN;
}

static double ratio(double part, double whole)
{
    return whole > 0 ? part / whole : NAN;
}

struct sums { /* over the templates */
    double reads, hits, misses, commands;
};

static struct sums sums_of(const struct measured *measured)
{
    struct sums sums = {0};

    for (guint i = 0; i < measured->templates->len; i++) {
        const struct measured_template *item =
            &g_array_index(measured->templates, struct measured_template, i);

        sums.reads += item->reads;
        sums.hits += item->hits;
        sums.misses += item->misses;
    }
    for (guint i = 0; i < measured->verbs->len; i++)
        sums.commands += g_array_index(measured->verbs, struct measured_verb, i).calls;
    return sums;
}

static void set_rates(struct top_totals *totals, const struct history *history)
{
    const struct reading *now = latest(history), *before = previous(history);
    const struct reading *first = oldest(history);
    const struct sums sums = sums_of(now->measured), earlier = sums_of(before->measured);
    double seconds = now->seconds - before->seconds;

    totals->growth_seconds = now->seconds - first->seconds;
    totals->growth_bytes =
        per_second(now->measured->live_bytes, first->measured->live_bytes, totals->growth_seconds);
    totals->allocated_bytes =
        per_second(now->measured->allocated_bytes, before->measured->allocated_bytes, seconds);
    totals->allocations =
        per_second(now->measured->allocated_count, before->measured->allocated_count, seconds);
    totals->commands = per_second(sums.commands, earlier.commands, seconds);
    totals->reads = per_second(sums.reads, earlier.reads, seconds);
    totals->misses = per_second(sums.misses, earlier.misses, seconds);
    totals->hit_ratio = ratio(sums.hits - earlier.hits, sums.reads - earlier.reads);
}

struct top_totals history_totals(const struct history *history)
{
    const struct measured *now = latest(history)->measured;
    const struct sums sums = sums_of(now);
    struct top_totals totals = {
        .live_bytes = now->live_bytes,
        .peak_live_bytes = now->peak_live_bytes,
        .growth_bytes = NAN,
        .growth_seconds = NAN,
        .allocated_bytes = NAN,
        .allocations = NAN,
        .commands = NAN,
        .reads = NAN,
        .misses = NAN,
        .hit_ratio = NAN,
        .total_hit_ratio = ratio(sums.hits, sums.reads),
        .total_misses = sums.misses,
        .errors = now->command_errors,
        .heap = !isnan(now->live_bytes),
        .cache = !isnan(now->command_errors),
    };

    if (previous(history) != NULL)
        set_rates(&totals, history);
    return totals;
}

/* The item of that first label in an earlier reading; NULL: it was not there. */
static const void *item_before(const GArray *items, const char *label)
{
    guint bytes = g_array_get_element_size((GArray *)(uintptr_t)items);

    for (guint i = 0; i < items->len; i++) {
        const struct measured_head *head = (const void *)(items->data + (size_t)i * bytes);

        if (strcmp(head->labels[0], label) == 0)
            return head;
    }
    return NULL;
}

/* A site's earlier numbers: none where it was not there; not known where it may have been among
 * those beyond the bound. */
static struct measured_site site_before(const struct measured *earlier, const char *id)
{
    const struct measured_site *was = item_before(earlier->sites, id);

    if (was != NULL)
        return *was;
    if (item_before(earlier->sites, MEASURED_OTHER) != NULL)
        return (struct measured_site){.live_bytes = NAN, .allocated_bytes = NAN};
    return (struct measured_site){.live_bytes = 0};
}

/* Stacks that lead to one place in the code are one row: that is what is to be looked at. */
static void add_by_name(GArray *rows, GHashTable *known, const struct top_site *site)
{
    gpointer at = g_hash_table_lookup(known, site->name);

    if (at == NULL) {
        g_array_append_val(rows, *site);
        g_hash_table_insert(known, (gpointer)(uintptr_t)site->name, GUINT_TO_POINTER(rows->len));
        return;
    }
    struct top_site *row = &g_array_index(rows, struct top_site, GPOINTER_TO_UINT(at) - 1);

    row->growth_bytes += site->growth_bytes;
    row->live_bytes += site->live_bytes;
    row->live_count += site->live_count;
    row->allocated_bytes += site->allocated_bytes;
}

GArray *history_sites(const struct history *history)
{
    const struct reading *now = latest(history), *first = oldest(history);
    const struct reading *before = previous(history);
    GArray *rows = g_array_new(FALSE, TRUE, sizeof(struct top_site));
    GHashTable *known = g_hash_table_new(g_str_hash, g_str_equal); /* name -> row + 1 */

    for (guint i = 0; i < now->measured->sites->len; i++) {
        const struct measured_site *item =
            &g_array_index(now->measured->sites, struct measured_site, i);
        struct top_site row = {.name = item->head.labels[1],
                               .id = item->head.labels[0],
                               .growth_bytes = NAN,
                               .live_bytes = item->live_bytes,
                               .live_count = item->live_count,
                               .allocated_bytes = NAN};

        if (first != NULL) {
            row.growth_bytes =
                per_second(item->live_bytes, site_before(first->measured, row.id).live_bytes,
                           now->seconds - first->seconds);
            row.allocated_bytes = per_second(item->allocated_bytes,
                                             site_before(before->measured, row.id).allocated_bytes,
                                             now->seconds - before->seconds);
        }
        add_by_name(rows, known, &row);
    }
    g_hash_table_destroy(known);
    return rows;
}

static void set_template_rates(struct top_template *row, const struct measured_template *item,
                               const struct measured_template *was, double seconds)
{
    row->miss_rate = per_second(item->misses, was->misses, seconds);
    row->read_rate = per_second(item->reads, was->reads, seconds);
    row->write_rate = per_second(item->writes, was->writes, seconds);
}

GArray *history_templates(const struct history *history)
{
    const struct reading *now = latest(history), *before = previous(history);
    GArray *rows = g_array_new(FALSE, TRUE, sizeof(struct top_template));

    for (guint i = 0; i < now->measured->templates->len; i++) {
        const struct measured_template *item =
            &g_array_index(now->measured->templates, struct measured_template, i);
        const struct measured_template none = {.reads = 0}, *was;
        double latencies = durations_count(&item->latency);
        struct top_template row = {.name = item->head.labels[0],
                                   .miss_rate = NAN,
                                   .misses = item->misses,
                                   .read_rate = NAN,
                                   .hit_ratio = ratio(item->hits, item->reads),
                                   .write_rate = NAN,
                                   .distinct_keys = round(item->distinct_keys),
                                   .latency_mean = ratio(item->latency.sum_seconds, latencies),
                                   .unfreed_replies = item->unfreed_replies};

        if (before != NULL) {
            was = item_before(before->measured->templates, row.name);
            set_template_rates(&row, item, was == NULL ? &none : was,
                               now->seconds - before->seconds);
        }
        g_array_append_val(rows, row);
    }
    return rows;
}
