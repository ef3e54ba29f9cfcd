/*
 * The ring's heap events, segment by segment: a merge over the segments that are open at the same
 * time, so that memory is needed for as many of them as there were threads.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "read/parts.h"

#define TIME_MAX    (1ull << 62)
#define THREADS_MAX (1u << 24)

struct heap_segment {
    uint64_t offset, sequence;
    uint64_t first_ns;  /* of its first mark */
    uint32_t committed; /* bytes of events behind its head */
};

/* ---- What there is ---- */

GArray *heap_segments_new(void)
{
    return g_array_new(FALSE, FALSE, sizeof(struct heap_segment));
}

void capture_add_heap_segment(struct capture *capture, const struct heap_segment_head *found)
{
    const struct lk_extent *head = &found->head;
    const struct lk_heap_event mark = found->mark;
    uint64_t offset = found->offset;
    struct heap_segment segment = {
        .offset = offset, .sequence = head->sequence, .committed = head->committed};
    uint64_t room = MIN((uint64_t)LK_GRANULE, capture->bytes - offset) - sizeof(*head);
    if (segment.committed > room) {
        capture_damage(capture, "segment at %" G_GUINT64_FORMAT ": events after its end", offset);
        segment.committed = (uint32_t)room;
    }
    if (segment.committed < sizeof(mark))
        return;
    if ((mark.event & 7) != LK_HEAP_MARK || mark.place > TIME_MAX) {
        capture_damage(capture, "segment at %" G_GUINT64_FORMAT ": its first mark", offset);
        return;
    }
    segment.first_ns = mark.place;
    uint32_t most = (uint32_t)(segment.committed / sizeof(mark));
    bool held = head->state == LK_SEGMENT_OPEN;
    uint32_t events = held ? most - 1 : MIN(head->records, most);
    capture->heap_events_count += events;
    capture->recorded_count += events;
    g_array_append_val(capture->heap_segments, segment);
}

static gint by_sequence(gconstpointer a, gconstpointer b)
{
    uint64_t x = ((const struct heap_segment *)a)->sequence;
    uint64_t y = ((const struct heap_segment *)b)->sequence;
    return (x > y) - (x < y);
}

static gint by_time(gconstpointer a, gconstpointer b)
{
    const struct heap_segment *x = a, *y = b;
    if (x->first_ns != y->first_ns)
        return x->first_ns < y->first_ns ? -1 : 1;
    return by_sequence(a, b);
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
               g_array_index(segments, struct heap_segment, first - 1).sequence ==
                   g_array_index(segments, struct heap_segment, first - 2).sequence + 1)
            first--;
        capture->heap_complete_from_ns =
            first == 0 ? capture->header.last_ns
                       : g_array_index(segments, struct heap_segment, first - 1).first_ns;
    }
    g_array_sort(segments, by_time);
}

/* ---- One segment, event by event ---- */

struct stream {
    uint8_t *buffer;   /* a granule */
    uint64_t sequence; /* of its segment */
    uint32_t at, end;
    uint32_t thread;
    uint64_t mark_ns;
    struct heap_event event; /* the next one */
};

/* The segment as it was when the capture was opened; false when it is something else by now. */
static bool stream_load(const struct capture *capture, int fd, const struct heap_segment *segment,
                        struct stream *stream)
{
    size_t bytes = sizeof(struct lk_extent) + segment->committed;
    if (capture->inode == 0) {
        memcpy(stream->buffer, capture->data + segment->offset, bytes);
        return true;
    }
    if (snapshot_read(fd, stream->buffer, bytes, segment->offset) != bytes)
        return false;
    struct lk_extent now;
    return capture->header.end != LK_END_RUNNING ||
           (snapshot_read(fd, &now, sizeof(now), segment->offset) == sizeof(now) &&
            now.sequence == segment->sequence);
}

/* Reads on to the next event; false at the end, or where the rest is damaged. */
static bool stream_next(const struct capture *capture, struct stream *stream, bool *damaged)
{
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
        stream->event = (struct heap_event){
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
        return true;
    }
    *damaged = stream->at < stream->end || stream->mark_ns > TIME_MAX;
    return false;
}

/* ---- All of them, merged ---- */

struct merge {
    const struct capture *capture;
    int fd;           /* of its file, where it has one */
    GPtrArray *heap;  /* of struct stream *, the earliest event first (a binary heap) */
    GPtrArray *spare; /* of uint8_t *: buffers to use again */
    guint next;       /* the first segment that is not open yet */
    size_t damaged;
};

/* At equal times a thread's earlier segment comes first. */
static bool is_before(const struct merge *merge, guint a, guint b)
{
    const struct stream *x = g_ptr_array_index(merge->heap, a);
    const struct stream *y = g_ptr_array_index(merge->heap, b);
    if (x->event.time_ns != y->event.time_ns)
        return x->event.time_ns < y->event.time_ns;
    return x->sequence < y->sequence;
}

static void swap(struct merge *merge, guint a, guint b)
{
    gpointer kept = merge->heap->pdata[a];
    merge->heap->pdata[a] = merge->heap->pdata[b];
    merge->heap->pdata[b] = kept;
}

static void sift_down(struct merge *merge)
{
    for (guint at = 0, child; (child = 2 * at + 1) < merge->heap->len; at = child) {
        if (child + 1 < merge->heap->len && is_before(merge, child + 1, child))
            child++;
        if (!is_before(merge, child, at))
            return;
        swap(merge, child, at);
    }
}

static void sift_up(struct merge *merge)
{
    for (guint at = merge->heap->len - 1; at > 0 && is_before(merge, at, (at - 1) / 2);
         at = (at - 1) / 2)
        swap(merge, at, (at - 1) / 2);
}

static void stream_close(struct merge *merge, struct stream *stream, bool damaged)
{
    merge->damaged += damaged;
    g_ptr_array_add(merge->spare, stream->buffer);
    g_free(stream);
}

static void open_next(struct merge *merge)
{
    const struct heap_segment *segment =
        &g_array_index(merge->capture->heap_segments, struct heap_segment, merge->next++);
    struct stream *stream = g_new0(struct stream, 1);
    bool damaged = merge->capture->header.end != LK_END_RUNNING; /* else it was overwritten */
    stream->buffer = merge->spare->len != 0
                         ? g_ptr_array_steal_index_fast(merge->spare, merge->spare->len - 1)
                         : g_malloc(LK_GRANULE);
    stream->sequence = segment->sequence;
    stream->at = sizeof(struct lk_extent);
    stream->end = stream->at + segment->committed;
    if (!stream_load(merge->capture, merge->fd, segment, stream) ||
        !stream_next(merge->capture, stream, &damaged)) {
        stream_close(merge, stream, damaged);
        return;
    }
    g_ptr_array_add(merge->heap, stream);
    sift_up(merge);
}

/* Opens what begins no later than the earliest event at hand. */
static void open_due(struct merge *merge)
{
    const GArray *segments = merge->capture->heap_segments;
    while (merge->next < segments->len) {
        const struct stream *first =
            merge->heap->len != 0 ? g_ptr_array_index(merge->heap, 0) : NULL;
        if (first != NULL && g_array_index(segments, struct heap_segment, merge->next).first_ns >
                                 first->event.time_ns)
            return;
        open_next(merge);
    }
}

/* The capture's file, if it is still there. */
static int open_file(const struct capture *capture)
{
    struct stat status;
    int fd = capture->inode == 0 ? -1 : open(capture->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd >= 0 && (fstat(fd, &status) != 0 || status.st_dev != capture->device ||
                    status.st_ino != capture->inode)) {
        close(fd);
        fd = -1;
    }
    return fd;
}

size_t capture_each_heap_event(const struct capture *capture, uint64_t from_ns, uint64_t to_ns,
                               heap_event_function *each, void *context)
{
    struct merge merge = {.capture = capture, .fd = open_file(capture)};
    merge.heap = g_ptr_array_new();
    merge.spare = g_ptr_array_new_with_free_func(g_free);
    for (open_due(&merge); merge.heap->len != 0; open_due(&merge)) {
        struct stream *stream = g_ptr_array_index(merge.heap, 0);
        bool damaged = false;
        if (stream->event.time_ns >= to_ns)
            break;
        if (stream->event.time_ns >= from_ns)
            each(&stream->event, context);
        if (!stream_next(capture, stream, &damaged)) {
            stream_close(&merge, stream, damaged);
            g_ptr_array_remove_index_fast(merge.heap, 0);
        }
        sift_down(&merge);
    }
    while (merge.heap->len != 0)
        stream_close(&merge, g_ptr_array_steal_index_fast(merge.heap, 0), false);
    g_ptr_array_free(merge.heap, TRUE);
    g_ptr_array_free(merge.spare, TRUE);
    if (merge.fd >= 0)
        close(merge.fd);
    return merge.damaged;
}
