/*
 * The ring's records: validated in place, then put in order of time. Ids that name nothing become
 * 0, so that what is handed out can be used as it is.
 */
#include <string.h>

#include "read/parts.h"

#define THREADS_MAX (1u << 24)
#define TIME_MAX    (1ull << 62)
#define DIGIT_BITS  11u /* of the radix sort: 2,048 counters stay in the first-level cache */
#define DIGITS      (1u << DIGIT_BITS)

struct segment {
    uint64_t offset, sequence;
    uint32_t committed; /* bytes that are there and whole */
};

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

/* Brings the ids of a record into range; false when it says what cannot be. */
static bool mend_record(const struct capture *capture, struct lk_record *record)
{
    size_t text_bytes;
    switch (record->type) {
    case LK_RECORD_THREAD:
        return ((struct lk_record_thread *)(void *)record)->thread < THREADS_MAX;
    case LK_RECORD_COMMAND: {
        struct lk_record_command *command = (void *)record;
        command->site = known_or_zero(command->site, capture->sites);
        command->template_id = known_or_zero(command->template_id, capture->templates);
        command->verb = (uint16_t)known_or_zero(command->verb, capture->verbs);
        break;
    }
    case LK_RECORD_REPLY:
        return ((struct lk_record_reply *)(void *)record)->outcome <= LK_OUTCOME_PENDING;
    default:
        break;
    }
    event_text(record, &text_bytes);
    return text_bytes <= (size_t)record->bytes - record_bytes[record->type];
}

/* Validates one segment's records. From the first that is damaged on, nothing can be told any more.
 * Returns how many events there are. */
static size_t check_segment(struct capture *capture, struct segment *segment)
{
    uint8_t *data = capture->data + segment->offset + sizeof(struct lk_extent);
    uint32_t at = 0;
    size_t events = 0;
    while (segment->committed - at >= sizeof(struct lk_record)) {
        struct lk_record *record = (void *)(data + at);
        if (record->bytes < sizeof(*record) || record->bytes % 8 != 0 ||
            record->bytes > segment->committed - at || record->time_ns > TIME_MAX)
            break;
        if (is_known(record) &&
            (record->bytes < record_bytes[record->type] || !mend_record(capture, record)))
            break;
        events += is_known(record) && record->type != LK_RECORD_THREAD;
        at += record->bytes;
    }
    if (at != segment->committed)
        capture_damage(capture,
                       "segment at %" G_GUINT64_FORMAT ": its records after the first %u bytes",
                       segment->offset, at);
    segment->committed = at;
    return events;
}

static struct segment describe_segment(struct capture *capture, uint64_t offset)
{
    const struct lk_extent *head = (const void *)(capture->data + offset);
    uint64_t room = MIN((uint64_t)LK_GRANULE, capture->bytes - offset) - sizeof(*head);
    struct segment segment = {
        .offset = offset, .sequence = head->sequence, .committed = head->committed};
    if (segment.committed > room) {
        capture_damage(capture, "segment at %" G_GUINT64_FORMAT ": records after its end", offset);
        segment.committed = (uint32_t)room;
    }
    return segment;
}

static gint compare_segments(gconstpointer a, gconstpointer b)
{
    uint64_t x = ((const struct segment *)a)->sequence, y = ((const struct segment *)b)->sequence;
    return (x > y) - (x < y);
}

/* Appends a segment's events; there is room for all of them. */
static void append_events(struct capture *capture, const struct segment *segment)
{
    const uint8_t *data = capture->data + segment->offset + sizeof(struct lk_extent);
    struct event *events = (void *)capture->events->data;
    guint count = capture->events->len;
    uint32_t thread =
        ((const struct lk_extent *)(const void *)(data - sizeof(struct lk_extent)))->thread;
    thread = thread < THREADS_MAX ? thread : 0;
    for (uint32_t at = 0; at < segment->committed;) {
        const struct lk_record *record = (const void *)(data + at);
        if (record->type == LK_RECORD_THREAD)
            thread = ((const struct lk_record_thread *)(const void *)record)->thread;
        else if (is_known(record))
            events[count++] = (struct event){record->time_ns, record, thread};
        at += record->bytes;
    }
    g_array_set_size(capture->events, count);
}

/* ---- Order ---- */

/* One pass of a radix sort by the digit at `shift` of the time, or of the thread. */
static void sort_by_digit(const struct event *from, struct event *to, size_t count, unsigned shift,
                          bool by_thread)
{
    size_t starts[DIGITS + 1] = {0};
    for (size_t i = 0; i < count; i++) {
        uint64_t key = by_thread ? from[i].thread : from[i].time_ns;
        starts[(key >> shift) % DIGITS + 1]++;
    }
    for (size_t digit = 0; digit < DIGITS; digit++)
        starts[digit + 1] += starts[digit];
    for (size_t i = 0; i < count; i++) {
        uint64_t key = by_thread ? from[i].thread : from[i].time_ns;
        to[starts[(key >> shift) % DIGITS]++] = from[i];
    }
}

/* Sorts by (time, thread), stably: by the less weighty key first. */
static void sort_events(struct event *events, size_t count)
{
    uint64_t times = 0, threads = 0;
    bool sorted = true;
    for (size_t i = 0; i < count; i++) {
        times |= events[i].time_ns;
        threads |= events[i].thread;
        if (i > 0)
            sorted = sorted && (events[i - 1].time_ns < events[i].time_ns ||
                                (events[i - 1].time_ns == events[i].time_ns &&
                                 events[i - 1].thread <= events[i].thread));
    }
    if (sorted)
        return;
    struct event *from = events, *to = g_new(struct event, count), *spare = to;
    for (int by_thread = 1; by_thread >= 0; by_thread--)
        for (unsigned shift = 0; shift < 64 && (by_thread ? threads : times) >> shift != 0;
             shift += DIGIT_BITS) {
            sort_by_digit(from, to, count, shift, by_thread != 0);
            struct event *swap = from;
            from = to;
            to = swap;
        }
    if (from != events)
        memcpy(events, from, count * sizeof(*events));
    g_free(spare);
}

/* Segments are overwritten nearly in the order in which they were opened: what is whole begins with
 * the first one after the last that is missing. */
static uint64_t find_complete_from(const struct capture *capture, const struct segment *segments,
                                   size_t count)
{
    size_t first = count;
    if (capture->header.overwritten_count == 0)
        return 0;
    while (first > 1 && segments[first - 1].sequence == segments[first - 2].sequence + 1)
        first--;
    for (size_t i = first == 0 ? 0 : first - 1; i < count; i++)
        if (segments[i].committed >= sizeof(struct lk_record)) {
            const struct lk_record *record =
                (const void *)(capture->data + segments[i].offset + sizeof(struct lk_extent));
            return record->time_ns;
        }
    return capture->header.last_ns;
}

void capture_read_events(struct capture *capture, GArray *offsets)
{
    size_t events = 0;
    struct segment *segments = g_new(struct segment, offsets->len);
    for (guint i = 0; i < offsets->len; i++) {
        segments[i] = describe_segment(capture, g_array_index(offsets, uint64_t, i));
        events += check_segment(capture, &segments[i]);
    }
    if (offsets->len > 1)
        qsort(segments, offsets->len, sizeof(*segments), compare_segments);
    g_array_free(capture->events, TRUE);
    capture->events = g_array_sized_new(FALSE, FALSE, sizeof(struct event), (guint)events);
    for (guint i = 0; i < offsets->len; i++)
        append_events(capture, &segments[i]);
    sort_events((struct event *)(void *)capture->events->data, capture->events->len);
    capture->complete_from_ns = find_complete_from(capture, segments, offsets->len);
    g_free(segments);
}
