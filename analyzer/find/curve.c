/* The live curves of a capture's sites; see curve.h. */
#include "find/curve.h"

#include <math.h>
#include <string.h>

#include "find/leaks.h"

#define NS_PER_SECOND 1e9
#define LAST          (GROWTH_WINDOWS - 1)

/* ---- The stretch that is looked at ---- */

static void cut_windows(struct stretch *stretch)
{
    for (size_t i = 0; i <= GROWTH_WINDOWS; i++)
        stretch->edges[i] = work_time(&stretch->clock, (double)i / GROWTH_WINDOWS);
}

static uint32_t window_of(const struct stretch *stretch, uint64_t time_ns)
{
    uint32_t window = 0;
    while (window < LAST && time_ns >= stretch->edges[window + 1])
        window++;
    return window;
}

void stretch_after_warm_up(struct stretch *stretch, const GArray *ticks)
{
    struct work_clock run = {.capture = stretch->capture,
                             .end_ns = MAX(stretch->capture->duration_ns, 1)};
    if (ticks->len != 0) {
        run.ticks = (const uint64_t *)(const void *)ticks->data;
        run.count = ticks->len;
        run.end_ns = run.ticks[run.count - 1] + 1;
    }
    stretch->clock = run;
    stretch->clock.start_ns = work_time(&run, leak_limits.warm_up_share);
    if (run.ticks != NULL) {
        size_t skipped = (size_t)(leak_limits.warm_up_share * (double)run.count);
        stretch->clock.ticks = run.ticks + skipped;
        stretch->clock.count = run.count - skipped;
    }
    cut_windows(stretch);
}

/* ---- Curves ---- */

struct curve *curves_new(const struct stretch *stretch, double least)
{
    const struct capture *capture = stretch->capture;
    struct curve *curves = g_new0(struct curve, capture->sites->len);
    for (guint i = 0; i < capture->live->len; i++) {
        const struct lk_live *entry = &g_array_index(capture->live, struct lk_live, i);
        struct curve *curve = &curves[entry->site];
        if (live_kind(entry) != LK_LIVE_HEAP)
            continue;
        curve->count++;
        curve->bytes +=
            (double)entry->size / sample_chance(entry->size, capture->header.sample_bytes);
        if (entry->time_ns < stretch->clock.start_ns)
            curve->born_before++;
        else
            curve->births[window_of(stretch, entry->time_ns)]++;
    }
    for (guint i = 0; i < capture->sites->len; i++)
        curves[i].wanted = curves[i].count - curves[i].born_before >= least;
    curves[0].wanted = false; /* no stack: nothing could be said of it */
    return curves;
}

static void lower_floor(struct curve *curve)
{
    double *count = &curve->floor_count[curve->window], *bytes = &curve->floor_bytes[curve->window];
    *count = MIN(*count, curve->count);
    *bytes = MIN(*bytes, curve->bytes);
}

/* Windows in which nothing happened keep what the one before ended with. */
static void move_to_window(struct curve *curve, uint32_t window)
{
    while (curve->window < window) {
        curve->window++;
        curve->floor_count[curve->window] = curve->count;
        curve->floor_bytes[curve->window] = curve->bytes;
    }
}

/* A pass over the heap events: takes each in; backwards, out. */
struct pass {
    const struct stretch *stretch;
    struct curve *curves;
    bool backwards;
};

static void apply(struct curve *curve, const struct heap_event *event, bool backwards,
                  uint64_t sample_bytes)
{
    double sign = heap_event_is_free(event) != backwards ? -1 : 1;
    curve->count += sign;
    curve->bytes += sign * (double)event->size / sample_chance(event->size, sample_bytes);
}

static void pass_event(const struct heap_event *event, void *context)
{
    const struct pass *pass = context;
    struct curve *curve = &pass->curves[event->site];
    if (!curve->wanted)
        return;
    if (!pass->backwards)
        move_to_window(curve, window_of(pass->stretch, event->time_ns));
    apply(curve, event, pass->backwards, pass->stretch->capture->header.sample_bytes);
    if (pass->backwards)
        return;
    curve->moves += event->type == LK_HEAP_REALLOC_ALLOC;
    lower_floor(curve);
}

/* From what is live at the end back to the start of the stretch, and on again. */
void curves_replay(const struct stretch *stretch, struct curve *curves)
{
    const struct capture *capture = stretch->capture;
    struct pass pass = {.stretch = stretch, .curves = curves, .backwards = true};
    capture_each_heap_event(capture, stretch->clock.start_ns, UINT64_MAX, pass_event, &pass);
    for (guint i = 0; i < capture->sites->len; i++) {
        curves[i].floor_count[0] = curves[i].count;
        curves[i].floor_bytes[0] = curves[i].bytes;
    }
    pass.backwards = false;
    capture_each_heap_event(capture, stretch->clock.start_ns, UINT64_MAX, pass_event, &pass);
    for (guint i = 0; i < capture->sites->len; i++)
        move_to_window(&curves[i], LAST);
}

/* ---- What a curve says ---- */

double curve_births(const struct curve *curve, size_t from, size_t to)
{
    double births = 0;
    for (size_t i = from; i < to; i++)
        births += curve->births[i];
    return births;
}

void curve_join_floors(struct curve *curve)
{
    double counts[GROWTH_WINDOWS], bytes[GROWTH_WINDOWS];
    memcpy(counts, curve->floor_count, sizeof(counts));
    memcpy(bytes, curve->floor_bytes, sizeof(bytes));
    for (size_t i = 0; i < GROWTH_WINDOWS; i++)
        for (size_t k = i > 0 ? i - 1 : 0; k <= MIN(i + 1, LAST); k++) {
            curve->floor_count[i] = MIN(curve->floor_count[i], counts[k]);
            curve->floor_bytes[i] = MIN(curve->floor_bytes[i], bytes[k]);
        }
}

static double median_births(const struct curve *curve)
{
    double sorted[LAST];
    memcpy(sorted, curve->births, sizeof(sorted));
    for (size_t i = 1; i < LAST; i++)
        for (size_t k = i; k > 0 && sorted[k - 1] > sorted[k]; k--) {
            double swap = sorted[k];
            sorted[k] = sorted[k - 1];
            sorted[k - 1] = swap;
        }
    return sorted[LAST / 2];
}

double curve_even_births(const struct curve *curve, size_t from, size_t to)
{
    double births = 0, most = 3 * median_births(curve) + 3;
    for (size_t i = from; i < to; i++)
        births += MIN(curve->births[i], most);
    return births;
}

double curve_growth(const struct curve *curve)
{
    double windows[GROWTH_WINDOWS];
    for (size_t i = 0; i < GROWTH_WINDOWS; i++)
        windows[i] = (double)i;
    double steady = LAST * theil_sen(windows, curve->floor_count, GROWTH_WINDOWS, NULL);
    return floor(MIN(curve->floor_count[LAST] - curve->floor_count[0], steady));
}
