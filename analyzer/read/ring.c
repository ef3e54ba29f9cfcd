/*
 * Events of the ring's segments in order of time: a merge over the segments that are open at the
 * same time, so that memory is needed for as many of them as there were threads.
 */
#include <string.h>

#include "read/parts.h"

struct source {
    const struct capture *capture;
    int64_t offset_ns;
};

struct waiting {
    const struct ring_segment *segment;
    int64_t time_ns; /* on the merge's clock */
    uint32_t source;
};

/* ---- The heap of open segments ---- */

static int64_t merged_time(const struct ring_stream *stream)
{
    return (int64_t)stream->time_ns + stream->offset_ns;
}

/* At equal times a thread's earlier segment comes first. */
static bool is_before(const struct ring_stream *x, const struct ring_stream *y)
{
    int64_t a = merged_time(x), b = merged_time(y);
    if (a != b)
        return a < b;
    if (x->source != y->source)
        return x->source < y->source;
    return x->rank != y->rank ? x->rank < y->rank : x->sequence < y->sequence;
}

static void sift_down(GPtrArray *open)
{
    gpointer *at = open->pdata, moved = at[0];
    guint hole = 0;
    for (guint child; (child = 2 * hole + 1) < open->len; hole = child) {
        if (child + 1 < open->len && is_before(at[child + 1], at[child]))
            child++;
        if (!is_before(at[child], moved))
            break;
        at[hole] = at[child];
    }
    at[hole] = moved;
}

static void sift_up(GPtrArray *open)
{
    gpointer *at = open->pdata, moved = at[open->len - 1];
    guint hole = open->len - 1;
    for (; hole > 0 && is_before(moved, at[(hole - 1) / 2]); hole = (hole - 1) / 2)
        at[hole] = at[(hole - 1) / 2];
    at[hole] = moved;
}

/* ---- Segments ---- */

/* The segment as it was when the capture was opened; false when it is something else by now. */
static bool load(const struct capture *capture, const struct ring_segment *segment, uint8_t *buffer)
{
    size_t bytes = sizeof(struct lk_extent) + segment->committed;
    struct lk_extent now;
    if (segment->held) {
        memcpy(buffer, capture->data + segment->offset, bytes);
        return true;
    }
    if (snapshot_read(capture->fd, buffer, bytes, segment->offset) != bytes)
        return false;
    return capture->header.end != LK_END_RUNNING ||
           (snapshot_read(capture->fd, &now, sizeof(now), segment->offset) == sizeof(now) &&
            now.sequence == segment->sequence);
}

static struct ring_stream *take_stream(struct ring_merge *merge)
{
    if (merge->spare->len != 0)
        return g_ptr_array_steal_index_fast(merge->spare, merge->spare->len - 1);
    struct ring_stream *stream = g_new0(struct ring_stream, 1);
    stream->buffer = g_malloc(LK_GRANULE);
    return stream;
}

static void free_stream(gpointer pointer)
{
    struct ring_stream *stream = pointer;
    if (stream->events != NULL)
        g_array_free(stream->events, TRUE);
    g_free(stream->buffer);
    g_free(stream);
}

static void close_stream(struct ring_merge *merge, struct ring_stream *stream, bool damaged)
{
    merge->damaged += damaged;
    g_ptr_array_add(merge->spare, stream);
}

static void open_segment(struct ring_merge *merge, const struct waiting *waiting)
{
    const struct source *source = g_ptr_array_index(merge->sources, waiting->source);
    const struct ring_segment *segment = waiting->segment;
    struct ring_stream *stream = take_stream(merge);
    bool damaged = source->capture->header.end != LK_END_RUNNING; /* else it was overwritten */
    stream->capture = source->capture;
    stream->source = waiting->source;
    stream->sequence = segment->sequence;
    stream->offset_ns = source->offset_ns;
    stream->at = sizeof(struct lk_extent);
    stream->end = stream->at + segment->committed;
    stream->rank = 0;
    if (!load(source->capture, segment, stream->buffer)) {
        close_stream(merge, stream, damaged);
        return;
    }
    damaged = false;
    if (merge->reader->begin != NULL)
        merge->reader->begin(stream, &damaged);
    if (!merge->reader->next(stream, &damaged)) {
        close_stream(merge, stream, damaged);
        return;
    }
    merge->damaged += damaged;
    g_ptr_array_add(merge->open, stream);
    sift_up(merge->open);
}

/* ---- The merge ---- */

void ring_merge_init(struct ring_merge *merge, const struct ring_reader *reader)
{
    *merge = (struct ring_merge){
        .reader = reader,
        .waiting = g_array_new(FALSE, FALSE, sizeof(struct waiting)),
        .sources = g_ptr_array_new_with_free_func(g_free),
        .open = g_ptr_array_new_with_free_func(free_stream),
        .spare = g_ptr_array_new_with_free_func(free_stream),
    };
}

static gint by_time(gconstpointer a, gconstpointer b)
{
    const struct waiting *x = a, *y = b;
    if (x->time_ns != y->time_ns)
        return x->time_ns < y->time_ns ? -1 : 1;
    if (x->source != y->source)
        return x->source < y->source ? -1 : 1;
    return (x->segment->sequence > y->segment->sequence) -
           (x->segment->sequence < y->segment->sequence);
}

void ring_merge_add(struct ring_merge *merge, const struct capture *capture, const GArray *segments,
                    int64_t offset_ns, uint64_t from_ns)
{
    struct source *source = g_new(struct source, 1);
    *source = (struct source){capture, offset_ns};
    g_ptr_array_add(merge->sources, source);
    for (guint i = 0; i < segments->len; i++) {
        const struct ring_segment *segment = &g_array_index(segments, struct ring_segment, i);
        struct waiting waiting = {segment, (int64_t)segment->first_ns + offset_ns,
                                  merge->sources->len - 1};
        if (segment->last_ns >= from_ns)
            g_array_append_val(merge->waiting, waiting);
    }
    merge->sorted = false;
}

/* Opens what begins no later than the earliest event at hand. */
struct ring_stream *ring_merge_first(struct ring_merge *merge)
{
    if (!merge->sorted)
        g_array_sort(merge->waiting, by_time);
    merge->sorted = true;
    for (;;) {
        struct ring_stream *first =
            merge->open->len != 0 ? g_ptr_array_index(merge->open, 0) : NULL;
        if (merge->next == merge->waiting->len)
            return first;
        const struct waiting *waiting = &g_array_index(merge->waiting, struct waiting, merge->next);
        if (first != NULL && waiting->time_ns > merged_time(first))
            return first;
        merge->next++;
        open_segment(merge, waiting);
    }
}

void ring_merge_step(struct ring_merge *merge)
{
    struct ring_stream *stream = g_ptr_array_index(merge->open, 0);
    bool damaged = false;
    if (!merge->reader->next(stream, &damaged)) {
        g_ptr_array_steal_index_fast(merge->open, 0);
        close_stream(merge, stream, damaged);
        if (merge->open->len == 0)
            return;
    }
    sift_down(merge->open);
}

void ring_merge_release(struct ring_merge *merge)
{
    g_array_free(merge->waiting, TRUE);
    g_ptr_array_free(merge->sources, TRUE);
    g_ptr_array_free(merge->open, TRUE);
    g_ptr_array_free(merge->spare, TRUE);
}
