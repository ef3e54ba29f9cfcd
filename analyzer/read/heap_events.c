/* The ring's heap events: what segments there are, and one segment's events. */
#include <string.h>

#include "read/parts.h"

#define TIME_MAX    (1ull << 62)
#define THREADS_MAX (1u << 24)

/* ---- What there is ---- */

void capture_add_heap_segment(struct capture *capture, const struct segment_head *found, bool held)
{
    const struct lk_extent *head = &found->head;
    const struct lk_heap_event mark = found->mark;
    uint64_t offset = found->offset;
    struct ring_segment segment = {.offset = offset,
                                   .sequence = head->sequence,
                                   .committed = head->committed,
                                   .last_ns = UINT64_MAX,
                                   .held = held};
    uint64_t room = MIN((uint64_t)LK_GRANULE, capture->bytes - offset) - sizeof(*head);
    if (segment.committed > room) {
        capture_damage(capture, "segment at %" G_GUINT64_FORMAT ": events after its end", offset);
        segment.committed = (uint32_t)room;
    }
    if (segment.committed < sizeof(mark)) {
        capture->empty_segments++;
        return;
    }
    if ((mark.event & 7) != LK_HEAP_MARK || mark.place > TIME_MAX) {
        capture_damage(capture, "segment at %" G_GUINT64_FORMAT ": its first mark", offset);
        capture->empty_segments++;
        return;
    }
    segment.first_ns = mark.place;
    uint32_t most = (uint32_t)(segment.committed / sizeof(mark));
    bool open = head->state == LK_SEGMENT_OPEN;
    uint32_t events = open ? most - 1 : MIN(head->records, most);
    capture->heap_events_count += events;
    capture->recorded_count += events;
    g_array_append_val(capture->heap_segments, segment);
}

static gint by_sequence(gconstpointer a, gconstpointer b)
{
    uint64_t x = ((const struct ring_segment *)a)->sequence;
    uint64_t y = ((const struct ring_segment *)b)->sequence;
    return (x > y) - (x < y);
}

/* Segments are overwritten nearly in the order in which they were opened: what is whole begins with
 * the first one after the last that is missing. */
void capture_finish_heap_segments(struct capture *capture)
{
    GArray *segments = capture->heap_segments;
    g_array_sort(segments, by_sequence);
    if (capture->overwritten_heap_count != 0) {
        guint first = segments->len;
        while (first > 1 &&
               g_array_index(segments, struct ring_segment, first - 1).sequence ==
                   g_array_index(segments, struct ring_segment, first - 2).sequence + 1)
            first--;
        capture->heap_complete_from_ns =
            first == 0 ? capture->header.last_ns
                       : g_array_index(segments, struct ring_segment, first - 1).first_ns;
    }
}

/* ---- One segment, event by event ---- */

/* Reads on to the next event; false at the end, or where the rest is damaged. */
static bool next_event(struct ring_stream *stream, bool *damaged)
{
    const struct capture *capture = stream->capture;
    while (stream->end - stream->at >= sizeof(struct lk_heap_event)) {
        struct lk_heap_event raw;
        memcpy(&raw, stream->buffer + stream->at, sizeof(raw));
        stream->at += (uint32_t)sizeof(raw);
        uint32_t type = raw.event & 7;
        if (type == LK_HEAP_MARK) {
            stream->thread = (uint32_t)MIN(raw.event >> 3, THREADS_MAX);
            stream->mark_ns = raw.place;
            if (raw.place > TIME_MAX)
                break;
            continue;
        }
        if (type > LK_HEAP_REALLOC_ALLOC)
            break;
        uint64_t units = raw.place & ((1ull << LK_HEAP_TIME_BITS) - 1);
        uint32_t site =
            (uint32_t)(raw.event >> (LK_HEAP_SIZE_BITS + 3)) & ((1u << LK_HEAP_SITE_BITS) - 1);
        uint32_t template_id = (uint32_t)(raw.event >> 54);
        uint32_t outcome = (uint32_t)(raw.place >> LK_HEAP_TIME_BITS) & 7;
        stream->heap_event = (struct heap_event){
            .time_ns = stream->mark_ns + units * LK_HEAP_TIME_UNIT_NS,
            .address = (raw.place >> (LK_HEAP_TIME_BITS + 3)) * 8,
            .size = (raw.event >> 3) & ((1ull << LK_HEAP_SIZE_BITS) - 1),
            .site = site < capture->sites->len ? site : 0,
            .tag = template_id < capture->templates->len && outcome <= LK_OUTCOME_PENDING
                       ? LK_TAG(outcome, template_id)
                       : 0,
            .thread = stream->thread,
            .type = (enum lk_heap_event_type)type,
        };
        stream->time_ns = stream->heap_event.time_ns;
        return true;
    }
    *damaged = stream->at < stream->end || stream->mark_ns > TIME_MAX;
    return false;
}

/* ---- All of them, merged ---- */

static const struct ring_reader reader = {.next = next_event};

size_t capture_each_heap_event(const struct capture *capture, uint64_t from_ns, uint64_t to_ns,
                               heap_event_function *each, void *context)
{
    struct ring_merge merge;
    struct ring_stream *stream;
    ring_merge_init(&merge, &reader);
    ring_merge_add(&merge, capture, capture->heap_segments, 0, from_ns);
    while ((stream = ring_merge_first(&merge)) != NULL && stream->time_ns < to_ns) {
        if (stream->time_ns >= from_ns)
            each(&stream->heap_event, context);
        ring_merge_step(&merge);
    }
    size_t damaged = merge.damaged;
    ring_merge_release(&merge);
    return damaged;
}
