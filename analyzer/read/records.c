/*
 * The ring's records: validated in a copy of their segment, and put in order of time. Ids that name
 * nothing become 0, so that what is handed out can be used as it is. A segment is read twice: when
 * the capture is opened, to know what there is, and when its turn comes.
 */
#include <string.h>

#include "read/parts.h"

#define THREADS_MAX (1u << 24)
#define TIME_MAX    (1ull << 62)
#define TIMES_KEPT  65536u /* of commands; then every second of them goes, and so on */

static const uint16_t record_bytes[] = {
    [LK_RECORD_THREAD] = sizeof(struct lk_record_thread),
    [LK_RECORD_COMMAND] = sizeof(struct lk_record_command),
    [LK_RECORD_REPLY] = sizeof(struct lk_record_reply),
    [LK_RECORD_INPUT] = sizeof(struct lk_record_input),
    [LK_RECORD_CONNECT] = sizeof(struct lk_record_connect),
    [LK_RECORD_DISCONNECT] = sizeof(struct lk_record_connect),
};

static bool is_known(const struct lk_record *record)
{
    return record->type < G_N_ELEMENTS(record_bytes) && record_bytes[record->type] != 0;
}

static uint32_t known_or_zero(uint32_t id, const GArray *table)
{
    return id < table->len ? id : 0;
}

bool record_is_whole(const struct lk_record *record, size_t room)
{
    size_t text_bytes;
    if (record->bytes < sizeof(*record) || record->bytes % 8 != 0 || record->bytes > room)
        return false;
    if (!is_known(record))
        return true;
    if (record->bytes < record_bytes[record->type])
        return false;
    event_text(record, &text_bytes);
    return text_bytes <= (size_t)record->bytes - record_bytes[record->type];
}

/* Brings the ids of a whole record into range; false when it says what cannot be. */
static bool mend_record(const struct capture *capture, struct lk_record *record)
{
    switch (record->type) {
    case LK_RECORD_THREAD:
        return ((struct lk_record_thread *)(void *)record)->thread < THREADS_MAX;
    case LK_RECORD_COMMAND: {
        struct lk_record_command *command = (void *)record;
        command->site = known_or_zero(command->site, capture->sites);
        command->template_id = known_or_zero(command->template_id, capture->templates);
        command->verb = (uint16_t)known_or_zero(command->verb, capture->verbs);
        return true;
    }
    case LK_RECORD_REPLY:
        return ((struct lk_record_reply *)(void *)record)->outcome <= LK_OUTCOME_PENDING;
    default:
        return true;
    }
}

/* How many of `bytes` bytes of records are sound: from the first that is damaged on, nothing can be
 * told any more. */
static uint32_t sound_bytes(const struct capture *capture, uint8_t *data, uint32_t bytes)
{
    uint32_t at = 0;
    while (bytes - at >= sizeof(struct lk_record)) {
        struct lk_record *record = (void *)(data + at);
        if (!record_is_whole(record, bytes - at) || record->time_ns > TIME_MAX ||
            !mend_record(capture, record))
            break;
        at += record->bytes;
    }
    return at;
}

/* ---- One segment's events ---- */

/* Nearly sorted, if not quite: by (time, thread), stably. */
static void sort_events(struct event *events, guint count)
{
    for (guint i = 1; i < count; i++) {
        const struct event moved = events[i];
        guint at = i;
        for (; at > 0 &&
               (events[at - 1].time_ns > moved.time_ns ||
                (events[at - 1].time_ns == moved.time_ns && events[at - 1].thread > moved.thread));
             at--)
            events[at] = events[at - 1];
        events[at] = moved;
    }
}

/* Appends the events of sound records. */
static void list_events(const uint8_t *data, uint32_t bytes, uint32_t thread, GArray *events)
{
    thread = thread < THREADS_MAX ? thread : 0;
    for (uint32_t at = 0; at < bytes;) {
        const struct lk_record *record = (const void *)(data + at);
        struct event event = {record->time_ns, record, thread};
        if (record->type == LK_RECORD_THREAD)
            thread = ((const struct lk_record_thread *)(const void *)record)->thread;
        else if (is_known(record))
            g_array_append_val(events, event);
        at += record->bytes;
    }
}

static uint32_t segment_thread(const uint8_t *granule)
{
    return ((const struct lk_extent *)(const void *)granule)->thread;
}

static void begin_segment(struct ring_stream *stream, bool *damaged)
{
    uint8_t *data = stream->buffer + stream->at;
    uint32_t bytes = stream->end - stream->at;
    uint32_t sound = sound_bytes(stream->capture, data, bytes);
    *damaged = sound != bytes;
    if (stream->events == NULL)
        stream->events = g_array_sized_new(FALSE, FALSE, sizeof(struct event), 1024);
    g_array_set_size(stream->events, 0);
    stream->next_event = 0;
    list_events(data, sound, segment_thread(stream->buffer), stream->events);
    sort_events((struct event *)(void *)stream->events->data, stream->events->len);
}

static const struct event *current_event(const struct ring_stream *stream)
{
    return &g_array_index(stream->events, struct event, stream->next_event - 1);
}

static bool next_record(struct ring_stream *stream, bool *damaged)
{
    (void)damaged;
    if (stream->next_event == stream->events->len)
        return false;
    stream->next_event++;
    stream->time_ns = current_event(stream)->time_ns;
    stream->rank = current_event(stream)->thread;
    return true;
}

/* ---- All of them, merged ---- */

static const struct ring_reader reader = {.begin = begin_segment, .next = next_record};

struct record_reader {
    struct ring_merge merge;
    GArray *from_ns; /* uint64_t, of each source */
    bool started;
};

struct record_reader *record_reader_new(const struct record_source *sources, size_t count)
{
    struct record_reader *records = g_new0(struct record_reader, 1);
    records->from_ns = g_array_new(FALSE, FALSE, sizeof(uint64_t));
    ring_merge_init(&records->merge, &reader);
    for (size_t i = 0; i < count; i++) {
        ring_merge_add(&records->merge, sources[i].capture, sources[i].capture->segments,
                       sources[i].offset_ns, sources[i].from_ns);
        g_array_append_val(records->from_ns, sources[i].from_ns);
    }
    return records;
}

bool record_reader_next(struct record_reader *records, struct event *event, uint32_t *source)
{
    struct ring_stream *stream;
    if (records->started)
        ring_merge_step(&records->merge);
    while ((stream = ring_merge_first(&records->merge)) != NULL &&
           stream->time_ns < g_array_index(records->from_ns, uint64_t, stream->source))
        ring_merge_step(&records->merge);
    records->started = stream != NULL;
    if (stream == NULL)
        return false;
    *event = *current_event(stream);
    *source = stream->source;
    return true;
}

size_t record_reader_damaged(const struct record_reader *records)
{
    return records->merge.damaged;
}

void record_reader_free(struct record_reader *records)
{
    ring_merge_release(&records->merge);
    g_array_free(records->from_ns, TRUE);
    g_free(records);
}

/* ---- The latest of them ---- */

struct stretch {
    int64_t start_ns;
    uint64_t commands;
};

static gint latest_first(gconstpointer a, gconstpointer b)
{
    int64_t x = ((const struct stretch *)a)->start_ns, y = ((const struct stretch *)b)->start_ns;
    return (x < y) - (x > y);
}

int64_t captures_latest(const struct record_source *sources, size_t count, uint64_t most)
{
    GArray *stretches = g_array_new(FALSE, FALSE, sizeof(struct stretch));
    uint64_t commands = 0;
    int64_t start_ns = INT64_MAX;
    guint i = 0;
    for (size_t k = 0; k < count; k++)
        for (guint at = 0; at < sources[k].capture->segments->len; at++) {
            const struct ring_segment *segment =
                &g_array_index(sources[k].capture->segments, struct ring_segment, at);
            struct stretch stretch = {(int64_t)segment->first_ns + sources[k].offset_ns,
                                      segment->commands};
            if (segment->commands != 0)
                g_array_append_val(stretches, stretch);
        }
    g_array_sort(stretches, latest_first);
    for (; i < stretches->len; i++) {
        const struct stretch *stretch = &g_array_index(stretches, struct stretch, i);
        commands += stretch->commands;
        if (commands > most)
            break;
        start_ns = stretch->start_ns;
    }
    bool all = i == stretches->len;
    g_array_free(stretches, TRUE);
    return all ? INT64_MIN : start_ns;
}

/* ---- What there is ---- */

static void note_command(struct capture *capture, uint64_t time_ns)
{
    GArray *times = capture->command_times;
    if (capture->commands_count++ % capture->command_step == 0)
        g_array_append_val(times, time_ns);
    if (times->len < TIMES_KEPT)
        return;
    for (guint i = 0; 2 * i < times->len; i++)
        g_array_index(times, uint64_t, i) = g_array_index(times, uint64_t, 2 * i);
    g_array_set_size(times, times->len / 2);
    capture->command_step *= 2;
}

static void note_connect(struct capture *capture, const struct lk_record *record)
{
    size_t bytes;
    const char *peer = event_text(record, &bytes);
    char *name = g_strndup(peer == NULL ? "" : peer, bytes);
    struct capture_connect connect = {
        .connection = ((const struct lk_record_connect *)(const void *)record)->connection,
        .peer = g_string_chunk_insert_const(capture->text, name)};
    if (bytes != 0)
        g_array_append_val(capture->connects, connect);
    g_free(name);
}

static void note_record(struct capture *capture, struct ring_segment *segment,
                        const struct lk_record *record)
{
    segment->first_ns = MIN(segment->first_ns, record->time_ns);
    segment->last_ns = MAX(segment->last_ns, record->time_ns);
    if (!is_known(record) || record->type == LK_RECORD_THREAD)
        return;
    capture->records_count++;
    capture->last_record_ns = MAX(capture->last_record_ns, record->time_ns);
    if (record->type == LK_RECORD_COMMAND) {
        segment->commands++;
        note_command(capture, record->time_ns);
    } else if (record->type == LK_RECORD_CONNECT) {
        note_connect(capture, record);
    }
}

/* The segment's bytes, with its records put right; what its head says of them is brought within it.
 */
static void check_segment(struct capture *capture, struct ring_segment *segment, uint8_t *granule,
                          size_t bytes)
{
    const struct lk_extent *head = (const void *)granule;
    uint8_t *data = granule + sizeof(*head);
    size_t room = bytes - sizeof(*head);
    segment->sequence = head->sequence;
    segment->committed = head->committed;
    if (segment->committed > room) {
        capture_damage(capture, "segment at %" G_GUINT64_FORMAT ": records after its end",
                       segment->offset);
        segment->committed = (uint32_t)room;
    }
    uint32_t sound = sound_bytes(capture, data, segment->committed);
    if (sound != segment->committed)
        capture_damage(capture,
                       "segment at %" G_GUINT64_FORMAT ": its records after the first %u bytes",
                       segment->offset, sound);
    segment->committed = sound;
    segment->first_ns = UINT64_MAX;
    segment->last_ns = 0;
    for (uint32_t at = 0; at < sound;
         at += ((const struct lk_record *)(const void *)(data + at))->bytes)
        note_record(capture, segment, (const void *)(data + at));
}

static gint by_sequence(gconstpointer a, gconstpointer b)
{
    uint64_t x = ((const struct ring_segment *)a)->sequence;
    uint64_t y = ((const struct ring_segment *)b)->sequence;
    return (x > y) - (x < y);
}

/* Segments are overwritten nearly in the order in which they were opened: what is whole begins with
 * the first one after the last that is missing. */
static uint64_t find_complete_from(const struct capture *capture, const GArray *segments)
{
    guint count = segments->len, first = count;
    const struct ring_segment *at = (const void *)segments->data;
    if (capture->header.overwritten_count == 0)
        return 0;
    while (first > 1 && at[first - 1].sequence == at[first - 2].sequence + 1)
        first--;
    for (guint i = first == 0 ? 0 : first - 1; i < count; i++)
        if (at[i].committed >= sizeof(struct lk_record))
            return at[i].first_ns;
    return capture->header.last_ns;
}

static gint by_number(gconstpointer a, gconstpointer b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

void capture_check_records(struct capture *capture, GArray *segments, int fd)
{
    uint8_t *scratch = g_malloc(LK_GRANULE);
    guint kept = 0;
    for (guint i = 0; i < segments->len; i++) {
        struct ring_segment segment = g_array_index(segments, struct ring_segment, i);
        size_t bytes = (size_t)MIN((uint64_t)LK_GRANULE, capture->bytes - segment.offset);
        if (!segment.held)
            bytes = snapshot_read(fd, scratch, bytes, segment.offset);
        if (bytes < sizeof(struct lk_extent))
            continue;
        check_segment(capture, &segment, segment.held ? capture->data + segment.offset : scratch,
                      bytes);
        g_array_index(segments, struct ring_segment, kept++) = segment;
    }
    g_free(scratch);
    g_array_set_size(segments, kept);
    g_array_sort(segments, by_sequence);
    g_array_sort(capture->command_times, by_number);
    capture->complete_from_ns = find_complete_from(capture, segments);
}
