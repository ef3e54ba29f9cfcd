/* The heap as a whole: totals, sites merged over captures by their stacks, and the timeline. */
#include "model/heap.h"

#include <math.h>
#include <string.h>

#define Z_95            1.959964 /* two-sided 95 % of a normal distribution */
#define TIMELINE_MOST   500      /* points; what a chart can show */
#define TIMELINE_FINEST 0.01     /* seconds; the finest bucket of a capture */
#define Q16             65536.0
#define NS_PER_SECOND   1e9

/* ---- Samples ---- */

double sample_chance(uint64_t size, uint64_t sample_bytes)
{
    if (sample_bytes <= 1 || size == 0)
        return 1;
    return -expm1(-(double)size / (double)sample_bytes);
}

void estimate_add(struct estimate *estimate, uint64_t size, uint64_t sample_bytes)
{
    double chance = sample_chance(size, sample_bytes), bytes = (double)size / chance;
    estimate->bytes += bytes;
    estimate->count += 1 / chance;
    estimate->variance += bytes * bytes * (1 - chance);
    estimate->sampled_bytes += (double)size;
}

void estimate_interval(const struct estimate *estimate, double interval[2])
{
    double margin = Z_95 * sqrt(estimate->variance);
    interval[0] = MAX(estimate->bytes - margin, estimate->sampled_bytes);
    interval[1] = estimate->bytes + margin;
}

enum lk_live_kind live_kind(const struct lk_live *entry)
{
    return (enum lk_live_kind)(entry->key >> 60);
}

double capture_start_seconds(const struct capture *capture, GPtrArray *captures)
{
    uint64_t first = UINT64_MAX;
    for (guint i = 0; i < captures->len; i++) {
        const struct capture *other = g_ptr_array_index(captures, i);
        first = MIN(first, other->header.start_realtime_ns);
    }
    return (double)(capture->header.start_realtime_ns - first) / NS_PER_SECOND;
}

/* What found no room in the ring is in the tables all the same. */
bool capture_is_exact(const struct capture *capture)
{
    const uint64_t *dropped = capture->header.dropped;
    return capture->header.sample_bytes <= 1 && capture->damage == 0 &&
           dropped[LK_DROP_NO_SPACE] + dropped[LK_DROP_NESTED] + dropped[LK_DROP_NOT_READY] == 0;
}

/* ---- Sites ---- */

struct site_sum {
    struct site_report *site;
    double allocated_variance;
    struct estimate live;
};

static struct site_sum *site_for(GHashTable *sums, struct report *report, const struct stack *stack)
{
    const char *id = stack_identity(report, stack);
    struct site_sum *sum = g_hash_table_lookup(sums, id);
    if (sum != NULL)
        return sum;
    sum = g_new0(struct site_sum, 1);
    sum->site = report_alloc(report, sizeof(*sum->site));
    sum->site->id = id;
    sum->site->stack = stack;
    g_hash_table_insert(sums, (gpointer)(uintptr_t)id, sum);
    return sum;
}

struct estimate *estimate_live(const struct capture *capture)
{
    struct estimate *live = g_new0(struct estimate, capture->sites->len);
    for (guint i = 0; i < capture->live->len; i++) {
        const struct lk_live *entry = &g_array_index(capture->live, struct lk_live, i);
        if (live_kind(entry) == LK_LIVE_HEAP)
            estimate_add(&live[entry->site], entry->size, capture->header.sample_bytes);
    }
    return live;
}

static void add_site(struct site_sum *sum, const struct heap_totals *totals,
                     const struct estimate *live)
{
    struct site_report *site = sum->site;
    site->allocated_bytes += (double)totals->allocated_bytes;
    site->allocated_count += (double)totals->allocated_count_q16 / Q16;
    site->temporary_count += (double)totals->temporary_count_q16 / Q16;
    site->peak_live_bytes += (double)MAX(totals->peak_bytes, 0);
    sum->allocated_variance += totals->allocated_variance;
    sum->live.bytes += live->bytes;
    sum->live.count += live->count;
    sum->live.variance += live->variance;
    sum->live.sampled_bytes += live->sampled_bytes;
}

static void add_capture(GHashTable *sums, struct report *report, struct symbols *symbols,
                        const struct capture *capture)
{
    struct estimate *live = estimate_live(capture);
    for (guint id = 0; id < capture->sites->len; id++) {
        const struct heap_totals *totals =
            &g_array_index(capture->sites, struct capture_site, id).totals;
        if (totals->samples != 0 || live[id].count > 0)
            add_site(site_for(sums, report, symbols_stack(symbols, capture, id)), totals,
                     &live[id]);
    }
    g_free(live);
}

static gint compare_sites(gconstpointer a, gconstpointer b)
{
    const struct site_report *x = *(struct site_report *const *)a;
    const struct site_report *y = *(struct site_report *const *)b;
    if (x->allocated_bytes != y->allocated_bytes)
        return x->allocated_bytes < y->allocated_bytes ? 1 : -1;
    return strcmp(x->id, y->id);
}

static void publish_sites(GHashTable *sums, GPtrArray *sites)
{
    GHashTableIter iterator;
    gpointer value;
    g_hash_table_iter_init(&iterator, sums);
    while (g_hash_table_iter_next(&iterator, NULL, &value)) {
        const struct site_sum *sum = value;
        struct site_report *site = sum->site;
        double margin = Z_95 * sqrt(sum->allocated_variance);
        if (site->allocated_count > 0)
            site->temporary_bytes =
                site->allocated_bytes * MIN(site->temporary_count / site->allocated_count, 1);
        site->live_bytes = sum->live.bytes;
        site->live_count = sum->live.count;
        estimate_interval(&sum->live, site->live_bytes_interval);
        site->allocated_bytes_interval[0] = MAX(site->allocated_bytes - margin, 0);
        site->allocated_bytes_interval[1] = site->allocated_bytes + margin;
        g_ptr_array_add(sites, site);
    }
    g_ptr_array_sort(sites, compare_sites);
}

GPtrArray *heap_capture_sites(struct report *report, struct symbols *symbols,
                              const struct capture *capture)
{
    GHashTable *sums = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, g_free);
    GPtrArray *sites = g_ptr_array_new();
    add_capture(sums, report, symbols, capture);
    publish_sites(sums, sites);
    g_hash_table_destroy(sums);
    return sites;
}

const struct site_report *heap_site(const struct report *report, const char *identity)
{
    for (guint i = 0; i < report->heap.sites->len; i++) {
        const struct site_report *site = g_ptr_array_index(report->heap.sites, i);
        if (strcmp(site->id, identity) == 0)
            return site;
    }
    return NULL;
}

/* ---- Totals ---- */

static void add_totals(struct heap_report *heap, const struct capture *capture)
{
    const struct heap_totals *totals = &capture->totals;
    heap->present |= (capture->header.flags & LK_FLAG_HEAP) != 0;
    heap->exact &= capture_is_exact(capture);
    heap->allocated_bytes += (double)totals->allocated_bytes;
    heap->allocated_count += (double)totals->allocated_count_q16 / Q16;
    heap->freed_bytes += (double)totals->freed_bytes;
    heap->freed_count += (double)totals->freed_count_q16 / Q16;
}

static void sum_heap(struct heap_report *heap, GPtrArray *captures)
{
    struct estimate live = {.bytes = 0};
    double allocated_variance = 0;
    heap->exact = captures->len != 0;
    for (guint i = 0; i < captures->len; i++) {
        const struct capture *capture = g_ptr_array_index(captures, i);
        struct estimate *sites = estimate_live(capture);
        add_totals(heap, capture);
        allocated_variance += capture->totals.allocated_variance;
        for (guint id = 0; id < capture->sites->len; id++) {
            live.bytes += sites[id].bytes;
            live.count += sites[id].count;
            live.variance += sites[id].variance;
            live.sampled_bytes += sites[id].sampled_bytes;
        }
        g_free(sites);
    }
    heap->live_bytes = live.bytes;
    heap->live_count = live.count;
    estimate_interval(&live, heap->live_bytes_interval);
    double margin = Z_95 * sqrt(allocated_variance);
    heap->allocated_bytes_interval[0] = MAX(heap->allocated_bytes - margin, live.sampled_bytes);
    heap->allocated_bytes_interval[1] = heap->allocated_bytes + margin;
}

/* ---- Timeline ---- */

struct slices {
    struct timeline_report *points;
    guint count;
    double width; /* seconds */
};

static guint slice_at(const struct slices *slices, double seconds)
{
    double slice = floor(seconds / slices->width);
    return slice >= slices->count ? slices->count - 1 : slice < 0 ? 0 : (guint)slice;
}

/* Adds one capture: where nothing happened, its live memory stays what it was, until it ends. */
static void add_timeline(struct slices *slices, const struct capture *capture, double start)
{
    guint end = slice_at(slices, start + (double)capture->duration_ns / NS_PER_SECOND);
    double live = 0;
    guint at = slice_at(slices, start), next = 0;
    while (at <= end) {
        double most = live, allocated = 0;
        for (; next < capture->timeline->len; next++) {
            const struct timeline_point *point =
                &g_array_index(capture->timeline, struct timeline_point, next);
            if (slice_at(slices, start + (double)point->time_ns / NS_PER_SECOND) > at)
                break;
            live = (double)point->last_live_bytes;
            most = MAX(most, (double)point->max_live_bytes);
            allocated += (double)point->allocated_bytes;
        }
        slices->points[at].live_bytes += live;
        slices->points[at].max_live_bytes += most;
        slices->points[at].allocated_bytes += allocated;
        at++;
    }
}

static double span_seconds(GPtrArray *captures)
{
    double span = 0;
    for (guint i = 0; i < captures->len; i++) {
        const struct capture *capture = g_ptr_array_index(captures, i);
        double end =
            capture_start_seconds(capture, captures) + (double)capture->duration_ns / NS_PER_SECOND;
        span = MAX(span, end);
    }
    return span;
}

static void make_timeline(struct heap_report *heap, GPtrArray *captures)
{
    double span = span_seconds(captures);
    double points = ceil(span / TIMELINE_FINEST);
    struct slices slices = {.count = points < 1               ? 1
                                     : points < TIMELINE_MOST ? (guint)points
                                                              : TIMELINE_MOST};
    if (!heap->present || span <= 0)
        return;
    slices.width = span / slices.count;
    g_array_set_size(heap->timeline, slices.count);
    slices.points = (struct timeline_report *)(void *)heap->timeline->data;
    for (guint i = 0; i < slices.count; i++)
        slices.points[i].seconds = i * slices.width;
    for (guint i = 0; i < captures->len; i++) {
        const struct capture *capture = g_ptr_array_index(captures, i);
        if (capture->timeline->len != 0)
            add_timeline(&slices, capture, capture_start_seconds(capture, captures));
    }
}

/* One capture knows its own peak. Of several, it lies between the highest of them and their sum;
 * the timeline tells how they coincided. */
static void find_peak(struct heap_report *heap, GPtrArray *captures)
{
    double highest = 0, sum = 0, together = 0;
    for (guint i = 0; i < captures->len; i++) {
        const struct capture *capture = g_ptr_array_index(captures, i);
        highest = MAX(highest, (double)capture->header.peak_live_bytes);
        sum += (double)capture->header.peak_live_bytes;
    }
    for (guint i = 0; i < heap->timeline->len; i++)
        together =
            MAX(together, g_array_index(heap->timeline, struct timeline_report, i).max_live_bytes);
    heap->peak_live_bytes = CLAMP(together, highest, sum);
}

void heap_model(struct report *report, struct symbols *symbols, GPtrArray *captures)
{
    GHashTable *sums = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, g_free);
    for (guint i = 0; i < captures->len; i++)
        add_capture(sums, report, symbols, g_ptr_array_index(captures, i));
    publish_sites(sums, report->heap.sites);
    g_hash_table_destroy(sums);
    sum_heap(&report->heap, captures);
    make_timeline(&report->heap, captures);
    find_peak(&report->heap, captures);
}
