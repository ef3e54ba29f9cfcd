/* Reading and matching, piece by piece; see scan.h. */
#include "live/scan.h"

#include <string.h>

#define BATCH_BYTES                                                              \
    (256u << 10) /* stays in a core's own cache between being read and looked at \
                  */
#define BATCH_SPANS 256u
#define EDGES_FIRST 4096u
#define MOST_CORES  16u

struct batch { /* some spans that are read together */
    guint first, count;
    size_t bytes;
    bool own;
};

struct job { /* shared by the workers */
    const struct blocks *blocks;
    const struct pages *pages;
    uint8_t *reach;
    GArray *pieces;  /* struct span, at most BATCH_BYTES each */
    GArray *batches; /* struct batch */
    gint next;       /* batch */
};

struct worker {
    struct job *job;
    struct edge *edges;
    size_t edge_count, edge_room;
    uint64_t read_bytes, unread_bytes;
    uint64_t buffer[BATCH_BYTES / sizeof(uint64_t)];
};

/* ---- What is found ---- */

static void add_edge(struct worker *worker, struct edge edge)
{
    if (worker->edge_count != 0) {
        const struct edge *last = &worker->edges[worker->edge_count - 1];
        if (last->from == edge.from && last->to == edge.to)
            return;
    }
    if (worker->edge_count == worker->edge_room) {
        worker->edge_room = MAX(2 * worker->edge_room, EDGES_FIRST);
        worker->edges = g_renew(struct edge, worker->edges, worker->edge_room);
    }
    worker->edges[worker->edge_count++] = edge;
}

/* Only what is not known to be reachable yet makes work for later. */
static void note(void *context, const struct hit *hits, size_t count)
{
    struct worker *worker = context;
    uint8_t *reach = worker->job->reach;

    for (size_t i = 0; i < count; i++)
        __builtin_prefetch(&reach[hits[i].to]);
    for (size_t i = 0; i < count; i++) {
        uint32_t from = hits[i].from, to = hits[i].to;
        if (__atomic_load_n(&reach[to], __ATOMIC_RELAXED) == REACH_REACHED)
            continue;
        if (from == BLOCKS_NONE || __atomic_load_n(&reach[from], __ATOMIC_RELAXED) == REACH_REACHED)
            __atomic_store_n(&reach[to], REACH_REACHED, __ATOMIC_RELAXED);
        else
            add_edge(worker, (struct edge){from, to});
    }
}

/* ---- Dividing the work ---- */

static void add_pieces(struct job *job, const GArray *spans, bool own)
{
    struct batch batch = {.first = job->pieces->len, .own = own};

    for (guint i = 0; i < spans->len; i++) {
        struct span span = g_array_index(spans, struct span, i);
        while (span.start < span.end) {
            size_t room = BATCH_BYTES - batch.bytes;
            struct span piece = {span.start, MIN(span.end, span.start + room)};
            g_array_append_val(job->pieces, piece);
            batch.count++;
            batch.bytes += piece.end - piece.start;
            span.start = piece.end;
            if (batch.bytes == BATCH_BYTES || batch.count == BATCH_SPANS) {
                g_array_append_val(job->batches, batch);
                batch = (struct batch){.first = job->pieces->len, .own = own};
            }
        }
    }
    if (batch.count != 0)
        g_array_append_val(job->batches, batch);
}

/* ---- Working ---- */

static void work_batch(struct worker *worker, const struct batch *batch)
{
    struct job *job = worker->job;
    const struct span *pieces = &g_array_index(job->pieces, struct span, batch->first);
    const uint64_t *words = worker->buffer;
    uint64_t unread = 0;

    pages_read(job->pages, pieces, batch->count, worker->buffer, batch->bytes, &unread);
    worker->read_bytes += batch->bytes - unread;
    worker->unread_bytes += batch->own ? unread : 0;
    for (guint i = 0; i < batch->count; i++) {
        size_t count = (pieces[i].end - pieces[i].start) / sizeof(uint64_t);
        blocks_scan(job->blocks, pieces[i].start, words, count, note, worker);
        words += count;
    }
}

static gpointer work(gpointer data)
{
    struct worker *worker = data;
    struct job *job = worker->job;

    for (;;) {
        guint index = (guint)g_atomic_int_add(&job->next, 1);
        if (index >= job->batches->len)
            return NULL;
        work_batch(worker, &g_array_index(job->batches, struct batch, index));
    }
}

static void finish(struct worker *worker, struct scan_result *result)
{
    struct edge_list list = {worker->edges, worker->edge_count};
    g_array_append_val(result->edges, list);
    result->read_bytes += worker->read_bytes;
    result->unread_bytes += worker->unread_bytes;
    g_free(worker);
}

static struct worker *begin_worker(struct job *job)
{
    struct worker *worker = g_new0(struct worker, 1);
    worker->job = job;
    return worker;
}

static void work_together(struct job *job, struct scan_result *result)
{
    guint others = MIN(g_get_num_processors(), MOST_CORES) - 1;
    struct worker *self = begin_worker(job), *workers[MOST_CORES];
    GThread *threads[MOST_CORES];

    others = MIN(others, job->batches->len);
    for (guint i = 0; i < others; i++) {
        workers[i] = begin_worker(job);
        threads[i] = g_thread_new("search", work, workers[i]);
    }
    work(self);
    finish(self, result);
    for (guint i = 0; i < others; i++) {
        g_thread_join(threads[i]);
        finish(workers[i], result);
    }
}

/* ---- */

struct scan_result scan_begin(const struct blocks *blocks)
{
    return (struct scan_result){.reach = g_new0(uint8_t, (gsize)blocks->count + 1),
                                .edges = g_array_new(FALSE, FALSE, sizeof(struct edge_list))};
}

void scan_words(const struct blocks *blocks, const GArray *words, struct scan_result *result)
{
    for (guint i = 0; i < words->len; i++) {
        uint32_t to = blocks_at(blocks, g_array_index(words, uint64_t, i));
        if (to != BLOCKS_NONE)
            result->reach[to] = REACH_REACHED;
    }
}

void scan_memory(const struct blocks *blocks, const struct pages *pages,
                 const struct scan_memory *memory, struct scan_result *result)
{
    struct job job = {.blocks = blocks,
                      .pages = pages,
                      .reach = result->reach,
                      .pieces = g_array_new(FALSE, FALSE, sizeof(struct span)),
                      .batches = g_array_new(FALSE, FALSE, sizeof(struct batch))};

    add_pieces(&job, memory->shared, false);
    add_pieces(&job, memory->own, true);
    work_together(&job, result);
    g_array_free(job.pieces, TRUE);
    g_array_free(job.batches, TRUE);
}

void scan_release(struct scan_result *result)
{
    for (guint i = 0; i < result->edges->len; i++)
        g_free(g_array_index(result->edges, struct edge_list, i).edges);
    g_free(result->reach);
    g_array_free(result->edges, TRUE);
}
