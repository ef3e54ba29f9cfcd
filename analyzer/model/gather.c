/* From records to accesses: merged by time, answers paired with commands, digests with keys, writes
 * with misses. */
#include "model/gather.h"

#include <stdlib.h>
#include <string.h>

#include "model/gathering.h"
#include "model/units.h"

#define MOVES_MOST 64 /* of an access, on average, while they are sorted in place */

/* ---- Times ---- */

static bool same_boot(GPtrArray *captures)
{
    const struct capture *first = g_ptr_array_index(captures, 0);

    for (guint i = 1; i < captures->len; i++) {
        const struct capture *capture = g_ptr_array_index(captures, i);

        if (memcmp(capture->header.boot_id, first->header.boot_id, sizeof(first->header.boot_id)) !=
            0)
            return false;
    }
    return true;
}

static int64_t *start_offsets(GPtrArray *captures)
{
    int64_t *starts = g_new0(int64_t, captures->len + 1), first = INT64_MAX;
    bool monotonic = captures->len && same_boot(captures);

    for (guint i = 0; i < captures->len; i++) {
        const struct lk_header *header =
            &((struct capture *)g_ptr_array_index(captures, i))->header;

        starts[i] = (int64_t)(monotonic ? header->start_monotonic_ns : header->start_realtime_ns);
        first = MIN(first, starts[i]);
    }
    for (guint i = 0; i < captures->len; i++)
        starts[i] -= first;
    return starts;
}

/* What the shim has added up, whatever the ring has lost. */
static void add_allocated(struct cache_model *model, guint index)
{
    const struct capture *capture = g_ptr_array_index(model->captures, index);
    const uint32_t *map = g_array_index(model->template_maps, uint32_t *, index);

    for (guint id = 1; id < capture->templates->len; id++)
        model_template(model, map[id])->miss_allocated_bytes +=
            (double)g_array_index(capture->templates, struct lk_template, id)
                .allocated_bytes[LK_OUTCOME_MISS - LK_OUTCOME_HIT];
}

/* ---- Order ---- */

static gint by_issue(gconstpointer a, gconstpointer b)
{
    const struct cache_access *x = a, *y = b;

    if (x->time_ns != y->time_ns)
        return x->time_ns < y->time_ns ? -1 : 1;
    if (x->connection != y->connection)
        return x->connection < y->connection ? -1 : 1;
    return x->sequence == y->sequence ? 0 : comes_before(x->sequence, y->sequence) ? -1 : 1;
}

/* Records come in order of time: little is left to do, in place. Stable. False when it is much. */
static bool sort_nearly_sorted(struct cache_access *accesses, guint count)
{
    guint64 moves = 0;

    for (guint i = 1; i < count && moves < MOVES_MOST * (guint64)count; i++) {
        const struct cache_access moved = accesses[i];
        guint at = i;

        for (; at > 0 && by_issue(&accesses[at - 1], &moved) > 0; at--)
            accesses[at] = accesses[at - 1];
        accesses[at] = moved;
        moves += i - at;
    }
    return moves < MOVES_MOST * (guint64)count;
}

static int compare_issues(const void *a, const void *b)
{
    return by_issue(a, b);
}

static void sort_accesses(struct cache_accesses *accesses)
{
    if (!sort_nearly_sorted(accesses->at, accesses->len))
        qsort(accesses->at, accesses->len, sizeof(*accesses->at), compare_issues);
}

static void count_key_use(struct cache_model *model)
{
    for (guint i = 0; i < model->accesses->len; i++) {
        struct cache_access *access = model_access(model, i);
        struct cache_key *key;
        struct cache_template *template;

        if (access->key == CACHE_NONE)
            continue;
        if ((access->flags & EITHER) == EITHER) /* no answer was seen */
            access->flags &= (uint16_t)~ACCESS_DELETE;
        key = model_key(model, access->key);
        template = model_template(model, key->template_index);
        if (access->flags & (ACCESS_READ | ACCESS_WRITE) && key->reads + key->writes == 0)
            template->key_count++;
        key->reads += (access->flags & ACCESS_READ) != 0;
        key->hits += (access->flags & ACCESS_HIT) != 0;
        key->misses += access_is_miss(access);
        key->writes += (access->flags & ACCESS_WRITE) != 0;
        template->ring_reads += (access->flags & ACCESS_READ) != 0;
        template->ring_misses += access_is_miss(access);
        if (access->flags & ACCESS_WRITE)
            *(access_ttl_ms(access) == LK_TTL_NONE ? &template->lasting_writes
                                                   : &template->ttl_writes) += 1;
    }
}

/* ---- All captures, or the latest part of them ---- */

/* Of all captures, from `start_ns` on. */
static struct record_source *sources_of(const struct cache_model *model, const int64_t *starts,
                                        int64_t start_ns)
{
    struct record_source *sources = g_new0(struct record_source, model->captures->len + 1);

    for (guint i = 0; i < model->captures->len; i++)
        sources[i] = (struct record_source){
            .capture = g_ptr_array_index(model->captures, i),
            .offset_ns = starts[i],
            .from_ns = start_ns > starts[i] ? (uint64_t)(start_ns - starts[i]) : 0};
    return sources;
}

static int64_t latest_start(const struct cache_model *model, const int64_t *starts, uint64_t most)
{
    struct record_source *sources = sources_of(model, starts, INT64_MIN);
    int64_t start_ns = captures_latest(sources, model->captures->len, most);

    g_free(sources);
    return start_ns;
}

static uint64_t commands_of(const struct cache_model *model)
{
    uint64_t commands = 0;

    for (guint i = 0; i < model->captures->len; i++)
        commands += ((const struct capture *)g_ptr_array_index(model->captures, i))->commands_count;
    return commands;
}

static struct gathering gathering_new(struct cache_model *model, int64_t *starts, guint most)
{
    model->accesses = accesses_new(most);
    model->keys = g_array_new(FALSE, FALSE, sizeof(struct cache_key));
    model->inputs = g_array_new(FALSE, FALSE, sizeof(struct cache_input));
    model->connections = g_array_new(FALSE, FALSE, sizeof(struct cache_connection));
    model->others = g_array_new(FALSE, FALSE, sizeof(struct cache_other));
    model->servers = g_ptr_array_new_with_free_func(g_free);
    return (struct gathering){
        .model = model,
        .starts = starts,
        .waiting = g_array_new(FALSE, FALSE, sizeof(struct waiting_input)),
        .free_places = g_array_new(FALSE, FALSE, sizeof(uint32_t)),
        .last = g_array_new(FALSE, FALSE, sizeof(uint32_t)),
    };
}

/* Its memory, but for what is the model's. */
static void gathering_clear(struct gathering *gathering)
{
    map_clear(&gathering->keys);
    map_clear(&gathering->pending);
    map_clear(&gathering->others);
    map_clear(&gathering->inputs);
    map_clear(&gathering->servers);
    map_clear(&gathering->connections);
    for (guint i = 0; i < gathering->waiting->len; i++)
        g_byte_array_free(g_array_index(gathering->waiting, struct waiting_input, i).text, TRUE);
    g_array_free(gathering->waiting, TRUE);
    g_array_free(gathering->free_places, TRUE);
    g_array_free(gathering->last, TRUE);
}

/* From model->start_ns on. False when there are too many keys: then nothing has been gathered. */
static bool gather_from(struct cache_model *model, int64_t *starts, guint most)
{
    struct gathering gathering = gathering_new(model, starts, most);
    struct record_source *sources = sources_of(model, starts, model->start_ns);
    struct record_reader *records = record_reader_new(sources, model->captures->len);
    struct event event;
    uint32_t source;
    bool few;

    gather_connects(&gathering);
    while (model->keys->len <= model->limits.keys && record_reader_next(records, &event, &source))
        gather_event(&gathering, &event, source);
    few = model->keys->len <= model->limits.keys;
    if (record_reader_damaged(records))
        model->complete = false;
    record_reader_free(records);
    g_free(sources);
    gathering_clear(&gathering);
    if (!few)
        gather_release(model);
    return few;
}

void gather_release(struct cache_model *model)
{
    accesses_free(model->accesses);
    g_array_free(model->keys, TRUE);
    g_array_free(model->inputs, TRUE);
    g_array_free(model->connections, TRUE);
    g_array_free(model->others, TRUE);
    g_ptr_array_free(model->servers, TRUE);
    arena_clear(&model->texts);
}

static void look_at_captures(struct cache_model *model, const int64_t *starts)
{
    model->complete = true;
    for (guint i = 0; i < model->captures->len; i++) {
        const struct capture *capture = g_ptr_array_index(model->captures, i);

        add_allocated(model, i);
        model->end_ns = MAX(model->end_ns, starts[i] + (int64_t)capture->duration_ns);
        if (capture->overwritten_count || capture->dropped_count || capture->damage)
            model->complete = false;
    }
}

static void note_left_out(const struct cache_model *model)
{
    char looked[UNITS_ROOM], all[UNITS_ROOM], seconds[UNITS_ROOM];

    report_note(model->report,
                report_printf(model->report,
                              "causes, evidence and times of the cache side come from the latest "
                              "%s of %s commands on keys, from %s on; totals are of all",
                              units_count(looked, UNITS_ROOM, model->accesses->len),
                              units_count(all, UNITS_ROOM, (double)commands_of(model)),
                              units_seconds(seconds, UNITS_ROOM, (double)model->start_ns / 1e9)));
}

void gather_accesses(struct cache_model *model)
{
    int64_t *starts = start_offsets(model->captures);
    uint64_t most = MIN(commands_of(model), model->limits.accesses);

    look_at_captures(model, starts);
    model->start_ns = latest_start(model, starts, most);
    while (!gather_from(model, starts, (guint)most)) {
        most /= 2;
        model->start_ns = latest_start(model, starts, most);
    }
    if (model->start_ns != INT64_MIN) {
        model->complete = false;
        note_left_out(model);
    }
    g_free(starts);
    sort_accesses(model->accesses);
    count_key_use(model);
}
