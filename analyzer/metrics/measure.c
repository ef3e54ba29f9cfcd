/* From a capture's tables to what is measured of its process; see measure.h. */
#include "metrics/measure.h"

#include <math.h>
#include <string.h>

#include "find/spike_train.h"
#include "metrics/measure_parts.h"
#include "model/text.h"

#define NS_PER_SECOND 1e9
#define Q16           65536.0
#define SUFFIX        ".leakey"
#define TEXT_CHUNK    4096

char *measured_process_name(const char *path)
{
    const char *name = text_base_name(path);
    size_t bytes = strlen(name);

    if (g_str_has_suffix(name, SUFFIX))
        bytes -= strlen(SUFFIX);
    char *valid = g_utf8_make_valid(name, (gssize)bytes);
    return valid;
}

const char *measured_text(struct measured *measured, const char *text)
{
    return g_string_chunk_insert_const(measured->text, text);
}

static const char *valid_text(struct measured *measured, const char *text)
{
    char *valid = g_utf8_make_valid(text, -1);
    const char *kept = measured_text(measured, valid);

    g_free(valid);
    return kept;
}

/* ---- The process ---- */

static void measure_process(struct measured *measured, const struct capture *capture)
{
    const struct lk_header *header = &capture->header;
    const char *executable = capture->executable != NULL ? capture->executable : "";
    char *name = measured_process_name(capture->path), *pid = g_strdup_printf("%u", header->pid);

    measured->process = measured_text(measured, name);
    measured->executable = valid_text(measured, executable);
    measured->command = valid_text(measured, text_base_name(executable));
    measured->pid = measured_text(measured, pid);
    measured->end = capture_end_name(capture->end);
    measured->timestamp = NAN;
    measured->running = capture->end == CAPTURE_END_RUNNING;
    measured->start_seconds = (double)header->start_realtime_ns / NS_PER_SECOND;
    measured->duration_seconds = (double)capture->duration_ns / NS_PER_SECOND;
    measured->paused = (capture->header.control & LK_CONTROL_PAUSED) != 0;
    measured->paused_seconds = (double)capture->paused_ns / NS_PER_SECOND;
    measured->command_errors = header->flags & LK_FLAG_CACHE ? (double)header->errors : NAN;
    measured->overwritten_count =
        (double)capture->overwritten_count + (double)capture->overwritten_heap_count;
    measured->dropped_count = (double)capture->dropped_count;
    measured->damage = (double)capture->damage;
    measured->missed_count = NAN;
    g_free(name);
    g_free(pid);
}

static void measure_heap(struct measured *measured, const struct capture *capture)
{
    const struct heap_totals *totals = &capture->totals;
    struct live_at *live = measure_live(capture);
    struct spike_train train;

    for (guint id = 0; id < capture->sites->len; id++) {
        measured->live_bytes += live[id].bytes;
        measured->live_count += live[id].count;
    }
    g_free(live);
    measured->live_bytes = round(measured->live_bytes);
    measured->live_count = round(measured->live_count);
    measured->allocated_bytes = (double)totals->allocated_bytes;
    measured->allocated_count = round((double)totals->allocated_count_q16 / Q16);
    measured->freed_bytes = (double)totals->freed_bytes;
    measured->freed_count = round((double)totals->freed_count_q16 / Q16);
    measured->peak_live_bytes = (double)capture->header.peak_live_bytes;
    measured->spike_period_seconds = measured->spike_height_bytes = NAN;
    if (spike_train_of(capture, &train)) {
        measured->spike_period_seconds = train.period_seconds;
        measured->spike_height_bytes = train.height_bytes;
        spike_train_clear(&train);
    }
}

static void leave_heap_out(struct measured *measured)
{
    measured->allocated_bytes = measured->allocated_count = NAN;
    measured->freed_bytes = measured->freed_count = NAN;
    measured->live_bytes = measured->live_count = measured->peak_live_bytes = NAN;
    measured->spike_period_seconds = measured->spike_height_bytes = NAN;
}

static void measure_verbs(struct measured *measured, const struct capture *capture)
{
    for (guint id = 0; id < capture->verbs->len; id++) {
        const struct lk_verb *verb = &g_array_index(capture->verbs, struct lk_verb, id);
        struct measured_verb item = {.calls = (double)verb->calls};

        if (verb->calls == 0)
            continue;
        item.head.labels[0] = id == 0 ? MEASURED_OTHER : valid_text(measured, verb->name);
        g_array_append_val(measured->verbs, item);
    }
}

struct measured *measure(const struct capture *capture, guint index,
                         const struct cache_model *model, struct measure_bounds *bounds,
                         const struct measure_sources *sources)
{
    struct measured *measured = g_new0(struct measured, 1);

    measured->text = g_string_chunk_new(TEXT_CHUNK);
    measured->verbs = g_array_new(FALSE, TRUE, sizeof(struct measured_verb));
    measured->templates = g_array_new(FALSE, TRUE, sizeof(struct measured_template));
    measured->sites = g_array_new(FALSE, TRUE, sizeof(struct measured_site));
    measure_process(measured, capture);
    if (capture->header.flags & LK_FLAG_HEAP) {
        measure_heap(measured, capture);
        measure_sites(measured, capture, bounds, sources);
    } else {
        leave_heap_out(measured);
    }
    if (capture->header.flags & LK_FLAG_CACHE) {
        measure_verbs(measured, capture);
        measure_templates(measured, index, model, bounds, sources);
    }
    return measured;
}

void measured_free(struct measured *measured)
{
    if (measured == NULL)
        return;
    g_array_free(measured->verbs, TRUE);
    g_array_free(measured->templates, TRUE);
    g_array_free(measured->sites, TRUE);
    g_string_chunk_free(measured->text);
    g_free(measured);
}
