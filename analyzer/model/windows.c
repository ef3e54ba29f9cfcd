/* Cuts the time that the rings hold whole into equal windows, and counts in each what comparisons
 * need. */
#include <math.h>
#include <string.h>

#include "model/cache.h"
#include "model/heap.h"

#define WINDOWS       100u
#define NS_PER_SECOND 1e9

struct slicing {
    struct window *windows;
    double start, width; /* seconds */
};

/* NULL outside of the windows. */
static struct window *window_at(const struct slicing *slicing, double seconds)
{
    double index = floor((seconds - slicing->start) / slicing->width);

    if (index == WINDOWS) /* the very last event */
        index--;
    return index >= 0 && index < WINDOWS ? &slicing->windows[(size_t)index] : NULL;
}

/* From when every ring is complete, and was looked at, to the end of the last capture. */
static void find_span(const struct cache_model *model, GPtrArray *captures, double *start,
                      double *end)
{
    *start = model->start_ns == INT64_MIN ? 0 : (double)model->start_ns / NS_PER_SECOND;
    *end = 0;
    for (guint i = 0; i < captures->len; i++) {
        const struct capture *capture = g_ptr_array_index(captures, i);
        double began = capture_start_seconds(capture, captures);

        if (capture->complete_from_ns != 0)
            *start = MAX(*start, began + (double)capture->complete_from_ns / NS_PER_SECOND);
        *end = MAX(*end, began + (double)capture->duration_ns / NS_PER_SECOND);
    }
}

/* A window is as wide as recording went on in it, on the average of all processes. */
static void leave_out_pauses(const struct slicing *slicing, GPtrArray *captures)
{
    for (guint i = 0; i < captures->len; i++) {
        const struct capture *capture = g_ptr_array_index(captures, i);
        double began = capture_start_seconds(capture, captures);

        for (guint n = 0; n < capture->pauses->len * WINDOWS; n++) {
            const struct capture_pause *pause =
                &g_array_index(capture->pauses, struct capture_pause, n / WINDOWS);
            struct window *window = &slicing->windows[n % WINDOWS];
            double from = MAX(began + (double)pause->from_ns / NS_PER_SECOND, window->seconds);
            double to =
                MIN(began + (double)pause->to_ns / NS_PER_SECOND, window->seconds + slicing->width);
            window->width_seconds -= MAX(to - from, 0) / captures->len;
        }
    }
}

/* ---- Cache ---- */

static void count_command(const struct cache_command *command, void *context)
{
    struct window *window = window_at(context, command->seconds);

    if (window == NULL)
        return;
    window->reads += command->read;
    window->hits += command->hit;
    window->misses += command->miss;
    window->writes += command->write;
    if (!isnan(command->recompute_seconds))
        window->recompute_seconds += command->recompute_seconds;
}

static void count_for_template(const struct slicing *slicing, struct report *report,
                               struct template_report *template, const struct window *window,
                               const struct cache_access *access)
{
    struct template_window *counts;

    if (template->windows == NULL) {
        template->windows = report_array(report, sizeof(*counts));
        g_array_set_size(template->windows, WINDOWS);
    }
    counts = &g_array_index(template->windows, struct template_window, window - slicing->windows);
    counts->reads += (access->flags & ACCESS_READ) != 0;
    counts->hits += (access->flags & ACCESS_HIT) != 0;
    counts->misses += access_is_miss(access);
    counts->writes += (access->flags & ACCESS_WRITE) != 0;
}

/* New keys, and what each template was used for. */
static void count_accesses(const struct slicing *slicing, const struct cache_model *model)
{
    bool *known = g_new0(bool, model->keys->len + 1);

    for (guint i = 0; i < model->accesses->len; i++) {
        const struct cache_access *access = model_access(model, i);
        struct window *window;

        if (access->key == CACHE_NONE || !(access->flags & (ACCESS_READ | ACCESS_WRITE)))
            continue;
        window = window_at(slicing, (double)access->time_ns / NS_PER_SECOND);
        if (window != NULL) {
            window->new_keys += !known[access->key];
            count_for_template(
                slicing, model->report,
                model_template(model, model_key(model, access->key)->template_index)->report,
                window, access);
        }
        known[access->key] = true;
    }
    g_free(known);
}

/* ---- Heap ---- */

/* By the timeline, which holds whatever the rings have lost. */
static void add_allocations(const struct slicing *slicing, const struct capture *capture,
                            double began)
{
    for (guint i = 0; i < capture->timeline->len; i++) {
        const struct timeline_point *point =
            &g_array_index(capture->timeline, struct timeline_point, i);
        double middle = (double)point->time_ns + (double)point->width_ns / 2;
        struct window *window = window_at(slicing, began + middle / NS_PER_SECOND);

        if (window != NULL)
            window->allocated_bytes += (double)point->allocated_bytes;
    }
}

/* The timeline is finer than the windows, or as fine; it holds whatever the rings have lost. */
static void add_live(const struct slicing *slicing, const struct heap_report *heap)
{
    double points[WINDOWS] = {0};
    double before = NAN;

    for (guint i = 0; i < heap->timeline->len; i++) {
        const struct timeline_report *point =
            &g_array_index(heap->timeline, struct timeline_report, i);
        struct window *window = window_at(slicing, point->seconds);

        if (window == NULL)
            continue;
        window->live_bytes += point->live_bytes;
        window->max_live_bytes = MAX(window->max_live_bytes, point->max_live_bytes);
        points[window - slicing->windows]++;
    }
    for (guint w = 0; w < WINDOWS; w++) {
        struct window *window = &slicing->windows[w];

        if (points[w] > 0) {
            window->live_bytes /= points[w];
        } else {
            window->live_bytes = before;
            window->max_live_bytes = before;
        }
        before = window->live_bytes;
    }
}

/* ---- Leaks, by the birth of what survives ---- */

struct births {
    const struct leak_report *leak;
    double bytes[WINDOWS], total;
};

static enum lk_live_kind kind_of(const struct leak_report *leak)
{
    if (strcmp(leak->rule, "reply-leak") == 0)
        return LK_LIVE_REPLY;
    return strcmp(leak->rule, "context-leak") == 0 ? LK_LIVE_CONTEXT : LK_LIVE_HEAP;
}

/* To all leaks of that sort at that site, for each branch of it is one; `window` may be NULL. */
static void add_birth(const struct slicing *slicing, GArray *leaks, enum lk_live_kind kind,
                      const char *identity, const struct window *window, double bytes)
{
    for (guint i = 0; i < leaks->len; i++) {
        struct births *births = &g_array_index(leaks, struct births, i);

        if (kind_of(births->leak) != kind || births->leak->site == NULL ||
            strcmp(births->leak->site->id, identity) != 0)
            continue;
        births->total += bytes;
        if (window != NULL)
            births->bytes[window - slicing->windows] += bytes;
    }
}

static void add_births(const struct slicing *slicing, GArray *leaks, struct report *report,
                       struct symbols *symbols, const struct capture *capture, double began)
{
    const char **identities = g_new0(const char *, capture->sites->len);

    for (guint i = 0; i < capture->live->len; i++) {
        const struct lk_live *entry = &g_array_index(capture->live, struct lk_live, i);
        struct window *window = window_at(slicing, began + (double)entry->time_ns / NS_PER_SECOND);
        double bytes = (double)entry->size;

        if (identities[entry->site] == NULL)
            identities[entry->site] =
                stack_identity(report, symbols_stack(symbols, capture, entry->site));
        if (live_kind(entry) == LK_LIVE_HEAP)
            bytes /= sample_chance(entry->size, capture->header.sample_bytes);
        add_birth(slicing, leaks, live_kind(entry), identities[entry->site], window, bytes);
    }
    g_free(identities);
}

/* A leak is less than all that lives at its site; its growth is spread as the births of the whole
 * are. */
static void add_leaks(const struct slicing *slicing, struct report *report, struct symbols *symbols,
                      GPtrArray *captures)
{
    GArray *leaks = g_array_new(FALSE, TRUE, sizeof(struct births));

    g_array_set_size(leaks, report->leaks->len);
    for (guint i = 0; i < leaks->len; i++)
        g_array_index(leaks, struct births, i).leak = g_ptr_array_index(report->leaks, i);
    for (guint i = 0; i < captures->len && leaks->len != 0; i++) {
        const struct capture *capture = g_ptr_array_index(captures, i);

        add_births(slicing, leaks, report, symbols, capture,
                   capture_start_seconds(capture, captures));
    }
    for (guint i = 0; i < leaks->len; i++) {
        const struct births *births = &g_array_index(leaks, struct births, i);

        for (guint w = 0; w < WINDOWS && births->total > 0; w++)
            slicing->windows[w].leaked_bytes +=
                births->bytes[w] * births->leak->live_bytes / births->total;
    }
    g_array_free(leaks, TRUE);
}

void windows_model(struct report *report, struct cache_model *model, GPtrArray *captures)
{
    struct slicing slicing;
    double start, end;

    find_span(model, captures, &start, &end);
    if (end <= start)
        return;
    g_array_set_size(report->windows, WINDOWS);
    slicing = (struct slicing){.windows = (struct window *)(void *)report->windows->data,
                               .start = start,
                               .width = (end - start) / WINDOWS};
    for (guint w = 0; w < WINDOWS; w++) {
        slicing.windows[w].seconds = start + w * slicing.width;
        slicing.windows[w].width_seconds = slicing.width;
    }
    leave_out_pauses(&slicing, captures);
    cache_model_each_command(model, count_command, &slicing);
    count_accesses(&slicing, model);
    for (guint i = 0; i < captures->len; i++) {
        const struct capture *capture = g_ptr_array_index(captures, i);

        add_allocations(&slicing, capture, capture_start_seconds(capture, captures));
    }
    add_live(&slicing, &report->heap);
    add_leaks(&slicing, report, model->symbols, captures);
}
