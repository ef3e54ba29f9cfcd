/* Allocations and frees out of the ring; see heap_events.h. */
#include "model/heap_events.h"

#include "model/heap.h"

/* The first event at that time or later. */
static guint first_from(const GArray *events, uint64_t time_ns)
{
    guint low = 0, high = events->len;
    while (low < high) {
        guint middle = low + (high - low) / 2;
        if (g_array_index(events, struct event, middle).time_ns < time_ns)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

void heap_events_each(const struct capture *capture, uint64_t from_ns, uint64_t to_ns,
                      void (*visit)(const struct heap_event *event, void *context), void *context)
{
    for (guint i = first_from(capture->events, from_ns); i < capture->events->len; i++) {
        const struct event *event = &g_array_index(capture->events, struct event, i);
        const struct lk_record_alloc *record = (const void *)event->record;
        if (event->time_ns >= to_ns)
            break;
        if (event->record->type != LK_RECORD_ALLOC && event->record->type != LK_RECORD_FREE)
            continue;
        double bytes =
            (double)record->size / sample_chance(record->size, capture->header.sample_bytes);
        struct heap_event seen = {
            .time_ns = event->time_ns,
            .bytes = event->record->type == LK_RECORD_ALLOC ? bytes : -bytes,
            .site = record->site,
            .tag = record->tag,
        };
        visit(&seen, context);
    }
}

uint64_t heap_events_from(const struct capture *capture)
{
    return capture->complete_from_ns;
}
