/* Reads all that a capture hands out; see capture_use.h. */
#include "common/capture_use.h"

#include <string.h>

struct heap_use {
    const struct capture *capture;
    uint64_t sum;
};

static void use_heap_event(const struct heap_event *event, void *context)
{
    struct heap_use *use = context;
    g_assert(event->type > LK_HEAP_MARK && event->type <= LK_HEAP_REALLOC_ALLOC);
    use->sum += g_array_index(use->capture->sites, struct capture_site, event->site).depth;
    use->sum += event->time_ns + event->address + event->size + event->thread;
}

static uint64_t use_heap(const struct capture *capture)
{
    struct heap_use use = {.capture = capture};
    capture_each_heap_event(capture, 0, UINT64_MAX, use_heap_event, &use);
    for (guint i = 0; i < capture->sites->len; i++) {
        const struct capture_site *site = &g_array_index(capture->sites, struct capture_site, i);
        for (uint32_t k = 0; site->history != NULL && k < capture->history_windows; k++)
            use.sum += (uint64_t)site->history[k];
        g_assert(site->totals.allocated_variance >= 0);
    }
    g_assert(capture->history_windows >= 1 && capture->history_windows <= LK_HISTORY_WINDOWS);
    return use.sum;
}

static void use_record(struct heap_use *use, const struct event *event)
{
    const struct capture *capture = use->capture;
    size_t bytes;
    const char *text = event_text(event->record, &bytes);
    for (size_t k = 0; k < bytes; k++)
        use->sum += (unsigned char)text[k];
    use->sum += event->time_ns + event->thread;
    if (event->record->type == LK_RECORD_COMMAND) {
        const struct lk_record_command *command = (const void *)event->record;
        use->sum +=
            (unsigned char)g_array_index(capture->verbs, struct lk_verb, command->verb).name[0];
        use->sum +=
            g_array_index(capture->templates, struct lk_template, command->template_id).reads;
        use->sum += g_array_index(capture->sites, struct capture_site, command->site).depth;
    }
}

static uint64_t use_records(const struct capture *capture)
{
    const struct record_source source = {.capture = capture};
    struct record_reader *records = record_reader_new(&source, 1);
    struct heap_use use = {.capture = capture};
    struct event event;
    uint32_t from;
    while (record_reader_next(records, &event, &from)) {
        g_assert(from == 0);
        use_record(&use, &event);
    }
    record_reader_free(records);
    for (guint i = 0; i < capture->connects->len; i++)
        use.sum += strlen(g_array_index(capture->connects, struct capture_connect, i).peer);
    return use.sum;
}

static void free_copy(gpointer event)
{
    g_free((gpointer)(uintptr_t)((struct event *)event)->record);
}

GArray *capture_list_events(const struct capture *capture)
{
    const struct record_source source = {.capture = capture};
    GArray *events = g_array_new(FALSE, FALSE, sizeof(struct event));
    g_array_set_clear_func(events, free_copy);
    struct record_reader *records = record_reader_new(&source, 1);
    struct event event;
    uint32_t from;
    while (record_reader_next(records, &event, &from)) {
        event.record = g_memdup2(event.record, event.record->bytes);
        g_array_append_val(events, event);
    }
    record_reader_free(records);
    return events;
}

uint64_t capture_use(const struct capture *capture)
{
    uint64_t sum = use_heap(capture) + use_records(capture);
    for (guint i = 0; i < capture->sites->len; i++) {
        const struct capture_site *site = &g_array_index(capture->sites, struct capture_site, i);
        for (uint32_t k = 0; k < site->depth; k++)
            sum += site->frames[k];
    }
    for (guint i = 0; i < capture->templates->len; i++) {
        const uint8_t *sketch = capture_sketch(capture, i);
        for (size_t k = 0; sketch != NULL && k < LK_SKETCH_BYTES; k++)
            g_assert(sketch[k] <= 64 - LK_SKETCH_PRECISION + 1);
        g_assert(g_array_index(capture->templates, struct lk_template, i).text_bytes <=
                 LK_TEMPLATE_TEXT);
    }
    for (guint i = 0; i < capture->live->len; i++) {
        const struct lk_live *entry = &g_array_index(capture->live, struct lk_live, i);
        sum += g_array_index(capture->sites, struct capture_site, entry->site).depth;
        sum +=
            g_array_index(capture->templates, struct lk_template, LK_TAG_TEMPLATE(entry->tag)).hits;
    }
    for (guint i = 0; i < capture->modules->len; i++)
        sum += strlen(g_array_index(capture->modules, struct capture_module, i).path);
    for (guint i = 0; i < capture->command->len; i++)
        sum += strlen(g_ptr_array_index(capture->command, i));
    g_assert((capture->damage == 0) == (capture->damage_notes->len == 0));
    return sum + capture->timeline->len;
}
