/* Rows of captures, sites, leaks and of memory over time. */
#include <jansson.h>
#include <math.h>
#include <stdlib.h>

#include "export/tables/rows.h"
#include "model/heap.h"

#define Q16 65536.0

/* ---- Captures ---- */

static void put_time(struct rows *rows, double seconds_since_epoch)
{
    char *text = NULL, *date;
    double whole = floor(seconds_since_epoch);
    GDateTime *time = g_date_time_new_from_unix_utc((gint64)whole);

    if (time != NULL) {
        date = g_date_time_format(time, "%Y-%m-%dT%H:%M:%S");
        text = g_strdup_printf("%s.%06dZ", date, (int)((seconds_since_epoch - whole) * 1e6));
        g_free(date);
        g_date_time_unref(time);
    }
    row_text(rows, text);
    row_real(rows, seconds_since_epoch);
    g_free(text);
}

static void put_command(struct rows *rows, const GPtrArray *words)
{
    json_t *list = json_array();

    for (guint i = 0; i < words->len; i++) {
        char *word = g_utf8_make_valid(g_ptr_array_index(words, i), -1);
        json_array_append_new(list, json_string_nocheck(word));
        g_free(word);
    }
    char *text = json_dumps(list, JSON_COMPACT);
    row_text(rows, text);
    free(text); /* NOLINT: jansson's */
    json_decref(list);
}

/* A heap that was not recorded is unknown, not empty. */
static void put_capture_totals(struct rows *rows, const struct capture_report *report,
                               const struct capture *capture, const GPtrArray *sites)
{
    const double factor = report->heap ? 1 : NAN;
    double live_bytes = 0, live_count = 0;

    for (guint i = 0; i < sites->len; i++) {
        const struct site_report *site = g_ptr_array_index(sites, i);
        live_bytes += site->live_bytes;
        live_count += site->live_count;
    }
    row_whole(rows, factor * (double)capture->totals.allocated_bytes);
    row_whole(rows, factor * (double)capture->totals.allocated_count_q16 / Q16);
    row_whole(rows, factor * (double)capture->totals.freed_bytes);
    row_whole(rows, factor * (double)capture->totals.freed_count_q16 / Q16);
    row_whole(rows, factor * live_bytes);
    row_whole(rows, factor * live_count);
    row_whole(rows, factor * (double)capture->header.peak_live_bytes);
    row_whole(rows, report->cache ? (double)capture->header.errors : NAN);
}

static void put_capture(struct rows *rows, const struct capture_report *report,
                        const struct capture *capture, const char *id, const GPtrArray *sites)
{
    row_begin(rows, TABLE_CAPTURES);
    row_text(rows, id);
    row_text(rows, report->path);
    row_count(rows, report->pid);
    row_count(rows, report->parent_pid);
    put_command(rows, report->command);
    row_text(rows, report->executable);
    put_time(rows, report->started);
    row_real(rows, report->duration_seconds);
    row_text(rows, report->end);
    row_count(rows, report->sample_bytes);
    row_count(rows, report->recorded_count);
    row_count(rows, report->overwritten_count + report->overwritten_heap_count);
    row_count(rows, report->dropped_count);
    row_count(rows, report->damage);
    row_flag(rows, report->keys_hashed);
    row_flag(rows, report->stack_fallback);
    row_flag(rows, report->heap);
    row_flag(rows, report->cache);
    row_real(rows, report->paused_seconds);
    put_capture_totals(rows, report, capture, sites);
    row_end(rows);
}

static void put_capture_sites(struct rows *rows, const char *id, const GPtrArray *sites)
{
    for (guint i = 0; i < sites->len; i++) {
        const struct site_report *site = g_ptr_array_index(sites, i);

        row_begin(rows, TABLE_CAPTURE_SITES);
        row_text(rows, id);
        row_text(rows, site->id);
        row_real(rows, site->allocated_bytes);
        row_real(rows, site->allocated_count);
        row_real(rows, site->live_bytes);
        row_real(rows, site->live_count);
        row_real(rows, site->temporary_count);
        row_real(rows, site->peak_live_bytes);
        row_end(rows);
    }
}

void rows_captures(struct rows *rows)
{
    const struct analysis *analysis = rows->analysis;

    for (guint i = 0; i < analysis->captures->len && !rows->failed; i++) {
        const struct capture *capture = g_ptr_array_index(analysis->captures, i);
        GPtrArray *sites = heap_capture_sites(analysis->report, analysis->symbols, capture);
        char id[CAPTURE_ID_BYTES];

        tables_capture_id(capture, id);
        put_capture(rows, g_ptr_array_index(analysis->report->captures, i), capture, id, sites);
        put_capture_sites(rows, id, sites);
        g_ptr_array_free(sites, TRUE);
    }
}

/* ---- Heap ---- */

static void put_site(struct rows *rows, const struct site_report *site)
{
    const char *stack = rows_stack(rows, site->stack);

    row_begin(rows, TABLE_SITES);
    row_text(rows, site->id);
    row_text(rows, stack);
    row_whole(rows, site->allocated_bytes);
    row_whole(rows, site->allocated_count);
    row_whole(rows, site->live_bytes);
    row_whole(rows, site->live_count);
    row_whole(rows, site->temporary_count);
    row_whole(rows, site->peak_live_bytes);
    row_interval(rows, site->allocated_bytes_interval, true);
    row_interval(rows, site->live_bytes_interval, true);
    row_end(rows);
}

static void put_timeline(struct rows *rows, const GArray *timeline)
{
    for (guint i = 0; i < timeline->len; i++) {
        const struct timeline_report *point = &g_array_index(timeline, struct timeline_report, i);

        row_begin(rows, TABLE_TIMELINE);
        row_real(rows, point->seconds);
        row_whole(rows, point->live_bytes);
        row_whole(rows, point->max_live_bytes);
        row_whole(rows, point->allocated_bytes);
        row_end(rows);
    }
}

static void put_windows(struct rows *rows, const GArray *windows)
{
    for (guint i = 0; windows != NULL && i < windows->len; i++) {
        const struct window *window = &g_array_index(windows, struct window, i);

        row_begin(rows, TABLE_WINDOWS);
        row_real(rows, window->seconds);
        row_real(rows, window->width_seconds);
        row_whole(rows, window->reads);
        row_whole(rows, window->hits);
        row_whole(rows, window->misses);
        row_whole(rows, window->writes);
        row_whole(rows, window->new_keys);
        row_real(rows, window->recompute_seconds);
        row_whole(rows, window->allocated_bytes);
        row_whole(rows, window->live_bytes);
        row_whole(rows, window->max_live_bytes);
        row_end(rows);
    }
}

void rows_heap(struct rows *rows)
{
    const struct report *report = rows->analysis->report;

    for (guint i = 0; i < report->heap.sites->len && !rows->failed; i++)
        put_site(rows, g_ptr_array_index(report->heap.sites, i));
    put_timeline(rows, report->heap.timeline);
    put_windows(rows, report->windows);
}

/* ---- Leaks ---- */

static void put_leak(struct rows *rows, guint number, const struct leak_report *leak)
{
    const char *stack = rows_stack(rows, leak->site->stack);

    row_begin(rows, TABLE_LEAKS);
    row_count(rows, number);
    row_text(rows, leak->rule);
    row_text(rows, leak->site->id);
    row_text(rows, stack);
    row_whole(rows, leak->live_bytes);
    row_whole(rows, leak->live_count);
    row_interval(rows, leak->live_bytes_interval, true);
    row_real(rows, leak->growth_bytes_per_second);
    row_interval(rows, leak->growth_interval, false);
    row_real(rows, leak->started_seconds);
    row_real(rows, leak->confidence_ratio);
    row_text(rows, leak->template_name);
    row_text(rows, leak->outcome);
    row_text(rows, leak->branch);
    row_real(rows, leak->bytes_per_command);
    row_real(rows, leak->count_per_command);
    row_flag(rows, leak->exact);
    row_end(rows);
}

static void put_branches(struct rows *rows, guint number, const GArray *branches)
{
    for (guint i = 0; branches != NULL && i < branches->len; i++) {
        const struct leak_branch *branch = &g_array_index(branches, struct leak_branch, i);

        row_begin(rows, TABLE_LEAK_BRANCHES);
        row_count(rows, number);
        row_text(rows, branch->name);
        row_whole(rows, branch->count);
        row_whole(rows, branch->bytes);
        row_end(rows);
    }
}

/* A capture may have several of a leak's stacks: each is a part of its own. */
static void put_capture_leaks(struct rows *rows, guint number, const GArray *parts)
{
    guint count = parts == NULL ? 0 : parts->len;

    for (guint i = 0, next; i < count; i = next) {
        struct leak_capture sum = g_array_index(parts, struct leak_capture, i);
        char id[CAPTURE_ID_BYTES];

        for (next = i + 1; next < count; next++) {
            const struct leak_capture *more = &g_array_index(parts, struct leak_capture, next);
            if (more->capture != sum.capture)
                break;
            sum.live_bytes += more->live_bytes;
            sum.live_count += more->live_count;
            sum.growth_bytes_per_second += more->growth_bytes_per_second;
        }
        tables_capture_id(g_ptr_array_index(rows->analysis->captures, sum.capture), id);
        row_begin(rows, TABLE_CAPTURE_LEAKS);
        row_text(rows, id);
        row_count(rows, number);
        row_real(rows, sum.live_bytes);
        row_real(rows, sum.live_count);
        row_real(rows, sum.growth_bytes_per_second);
        row_end(rows);
    }
}

void rows_leaks(struct rows *rows)
{
    const GPtrArray *leaks = rows->analysis->report->leaks;

    for (guint i = 0; i < leaks->len; i++) {
        const struct leak_report *leak = g_ptr_array_index(leaks, i);

        put_leak(rows, i, leak);
        put_branches(rows, i, leak->branches);
        put_capture_leaks(rows, i, leak->captures);
    }
}

/* ---- The set ---- */

static void put_heap_totals(struct rows *rows, const struct heap_report *heap)
{
    const double factor = heap->present ? 1 : NAN;

    row_flag(rows, heap->exact);
    row_whole(rows, factor * heap->allocated_bytes);
    row_whole(rows, factor * heap->allocated_count);
    row_whole(rows, factor * heap->freed_bytes);
    row_whole(rows, factor * heap->freed_count);
    row_whole(rows, factor * heap->live_bytes);
    row_whole(rows, factor * heap->live_count);
    row_whole(rows, factor * heap->peak_live_bytes);
}

static void put_cache_totals(struct rows *rows, const struct report *report)
{
    const struct cache_report *cache = &report->cache;
    bool known = cache->present;

    for (guint i = 0; i < report->captures->len; i++)
        known |= ((const struct capture_report *)g_ptr_array_index(report->captures, i))->cache;
    const double factor = known ? 1 : NAN;
    row_whole(rows, factor * (double)cache->reads);
    row_whole(rows, factor * (double)cache->hits);
    row_whole(rows, factor * (double)cache->misses);
    row_real(rows, (double)cache->hits / (double)(cache->hits + cache->misses));
    row_whole(rows, factor * (double)cache->writes);
    row_whole(rows, factor * (double)cache->written_bytes);
    row_whole(rows, factor * (double)cache->errors);
    row_whole(rows, factor * cache->distinct_keys);
    row_real(rows, factor * cache->distinct_keys_error_ratio);
    row_flag(rows, cache->causes_exact);
}

void rows_set(struct rows *rows)
{
    const struct report *report = rows->analysis->report;

    for (guint i = 0; i < report->notes->len; i++) {
        row_begin(rows, TABLE_NOTES);
        row_count(rows, i);
        row_text(rows, g_ptr_array_index(report->notes, i));
        row_end(rows);
    }
    row_begin(rows, TABLE_SETS);
    row_count(rows, TABLES_VERSION);
    row_text(rows, LEAKEY_VERSION);
    row_count(rows, report->captures->len);
    put_time(rows,
             ((const struct capture_report *)g_ptr_array_index(report->captures, 0))->started);
    put_heap_totals(rows, &report->heap);
    put_cache_totals(rows, report);
    row_real(rows, report->cost.wasted_recompute_seconds);
    row_whole(rows, report->cost.wasted_redis_bytes);
    row_whole(rows, report->cost.wasted_allocated_bytes);
    row_end(rows);
}
