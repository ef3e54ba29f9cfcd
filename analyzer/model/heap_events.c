/* Allocations and frees out of the ring; see heap_events.h. */
#include "model/heap_events.h"

#include "model/heap.h"

struct visiting {
    void (*visit)(const struct heap_change *change, void *context);
    void *context;
    uint64_t sample_bytes;
};

static void pass_on(const struct heap_event *event, void *context)
{
    const struct visiting *visiting = context;
    double bytes = (double)event->size / sample_chance(event->size, visiting->sample_bytes);
    struct heap_change change = {.time_ns = event->time_ns,
                                 .bytes = heap_event_is_free(event) ? -bytes : bytes,
                                 .site = event->site,
                                 .tag = event->tag};
    visiting->visit(&change, visiting->context);
}

void heap_changes_each(const struct capture *capture, uint64_t from_ns, uint64_t to_ns,
                       void (*visit)(const struct heap_change *change, void *context),
                       void *context)
{
    struct visiting visiting = {visit, context, capture->header.sample_bytes};
    capture_each_heap_event(capture, from_ns, to_ns, pass_on, &visiting);
}
