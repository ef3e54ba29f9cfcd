/* Reads what is new in a ring's segments; see follow.h. */
#define _GNU_SOURCE
#include "watch/follow.h"

#include <string.h>
#include <time.h>

#include "read/parts.h"

#define THREADS_MAX (1u << 24)

struct segment {
    uint64_t offset, sequence;
    uint64_t records; /* handed out or held, of this sequence */
    uint32_t done;    /* bytes read, of this sequence */
    uint32_t thread;
    bool known; /* `sequence` is one that was seen */
};

struct held { /* a record that waits for its time */
    uint64_t time_ns;
    size_t offset; /* in `bytes` */
    uint32_t thread;
};

struct follow {
    GArray *segments; /* struct segment */
    GArray *unfilled; /* uint64_t: granules that were handed out and had no kind yet */
    uint64_t walked;  /* extents below it are known */
    GArray *held;     /* struct held */
    GByteArray *bytes;
    uint8_t *granule;
    uint64_t gone_records; /* that were read, of segments that were overwritten since */
    uint64_t missed;
};

struct follow *follow_new(void)
{
    struct follow *follow = g_new0(struct follow, 1);

    follow->segments = g_array_new(FALSE, FALSE, sizeof(struct segment));
    follow->unfilled = g_array_new(FALSE, FALSE, sizeof(uint64_t));
    follow->held = g_array_new(FALSE, FALSE, sizeof(struct held));
    follow->bytes = g_byte_array_new();
    follow->granule = g_malloc(LK_GRANULE);
    follow->walked = LK_GRANULE;
    return follow;
}

void follow_free(struct follow *follow)
{
    if (follow == NULL)
        return;
    g_array_free(follow->segments, TRUE);
    g_array_free(follow->unfilled, TRUE);
    g_array_free(follow->held, TRUE);
    g_byte_array_free(follow->bytes, TRUE);
    g_free(follow->granule);
    g_free(follow);
}

uint64_t follow_missed_count(const struct follow *follow)
{
    return follow->missed;
}

/* ---- Which segments there are ---- */

/* Notes the extent at `offset`; how many granules it has, 0: not filled yet. */
static uint32_t note_extent(struct follow *follow, int fd, uint64_t offset)
{
    struct lk_extent head;
    struct segment segment = {.offset = offset};

    if (snapshot_read(fd, &head, sizeof(head), offset) != sizeof(head) || head.kind == 0)
        return 0;
    if (head.kind == LK_EXTENT_SEGMENT && head.granules == 1)
        g_array_append_val(follow->segments, segment);
    return head.granules != 0 && head.granules < (1u << 24) ? head.granules : 1;
}

static void find_segments(struct follow *follow, int fd, uint64_t used_bytes)
{
    guint kept = 0;

    for (guint i = 0; i < follow->unfilled->len; i++) {
        uint64_t offset = g_array_index(follow->unfilled, uint64_t, i);

        if (note_extent(follow, fd, offset) == 0)
            g_array_index(follow->unfilled, uint64_t, kept++) = offset;
    }
    g_array_set_size(follow->unfilled, kept);
    while (follow->walked + LK_GRANULE <= used_bytes) {
        uint32_t granules = note_extent(follow, fd, follow->walked);

        if (granules == 0)
            g_array_append_val(follow->unfilled, follow->walked);
        follow->walked += (uint64_t)MAX(granules, 1) * LK_GRANULE;
    }
}

/* ---- What is new in one ---- */

static void hold_record(struct follow *follow, struct segment *segment,
                        const struct lk_record *record)
{
    struct held held = {record->time_ns, follow->bytes->len, segment->thread};

    segment->records++;
    if (record->type == LK_RECORD_THREAD) {
        uint32_t thread = ((const struct lk_record_thread *)(const void *)record)->thread;

        segment->thread = thread < THREADS_MAX ? thread : 0;
        return;
    }
    g_byte_array_append(follow->bytes, (const guint8 *)record, record->bytes);
    g_array_append_val(follow->held, held);
}

static void hold_records(struct follow *follow, struct segment *segment, uint32_t bytes)
{
    uint32_t at = 0;

    while (bytes - at >= sizeof(struct lk_record)) {
        const struct lk_record *record = (const void *)(follow->granule + at);

        if (!record_is_whole(record, bytes - at))
            break;
        hold_record(follow, segment, record);
        at += record->bytes;
    }
    segment->done += bytes; /* what is damaged is passed over */
}

static void read_segment(struct follow *follow, int fd, struct segment *segment)
{
    struct lk_extent head, after;

    if (snapshot_read(fd, &head, sizeof(head), segment->offset) != sizeof(head) ||
        head.kind != LK_EXTENT_SEGMENT || head.committed > LK_SEGMENT_ROOM)
        return;
    if (!segment->known || head.sequence != segment->sequence) {
        follow->gone_records += segment->records;
        *segment = (struct segment){.offset = segment->offset,
                                    .sequence = head.sequence,
                                    .thread = head.thread < THREADS_MAX ? head.thread : 0,
                                    .known = true};
    }
    if (head.committed <= segment->done)
        return;
    uint32_t bytes = head.committed - segment->done;
    if (snapshot_read(fd, follow->granule, bytes, segment->offset + sizeof(head) + segment->done) !=
            bytes ||
        snapshot_read(fd, &after, sizeof(after), segment->offset) != sizeof(after) ||
        after.sequence != head.sequence)
        return; /* taken for reuse meanwhile */
    hold_records(follow, segment, bytes);
}

/* ---- In order of time ---- */

static gint by_time(gconstpointer a, gconstpointer b)
{
    const struct held *x = a, *y = b;

    if (x->time_ns != y->time_ns)
        return x->time_ns < y->time_ns ? -1 : 1;
    if (x->thread != y->thread)
        return x->thread < y->thread ? -1 : 1;
    return (x->offset > y->offset) - (x->offset < y->offset);
}

/* Hands out what is older than `until_ns`, and moves the rest together. */
static void hand_out(struct follow *follow, uint64_t until_ns, follow_function *each, void *context)
{
    guint at = 0;

    g_array_sort(follow->held, by_time);
    for (; at < follow->held->len; at++) {
        const struct held *held = &g_array_index(follow->held, struct held, at);

        if (held->time_ns > until_ns)
            break;
        each((const void *)(follow->bytes->data + held->offset), held->thread, context);
    }
    g_array_remove_range(follow->held, 0, at);
    GByteArray *rest = g_byte_array_new();
    for (guint i = 0; i < follow->held->len; i++) {
        struct held *held = &g_array_index(follow->held, struct held, i);
        const struct lk_record *record = (const void *)(follow->bytes->data + held->offset);

        held->offset = rest->len;
        g_byte_array_append(rest, (const guint8 *)record, record->bytes);
    }
    g_byte_array_free(follow->bytes, TRUE);
    follow->bytes = rest;
}

bool follow_read(struct follow *follow, int fd, bool ended, follow_function *each, void *context)
{
    struct lk_header header;
    struct timespec now;

    if (snapshot_read(fd, &header, sizeof(header), 0) != sizeof(header) ||
        memcmp(header.magic, LK_MAGIC, sizeof(header.magic)) != 0)
        return false;
    clock_gettime(CLOCK_MONOTONIC, &now);
    uint64_t now_ns = (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
    uint64_t since_ns = now_ns - header.start_monotonic_ns;
    find_segments(follow, fd, header.used_bytes);
    for (guint i = 0; i < follow->segments->len; i++)
        read_segment(follow, fd, &g_array_index(follow->segments, struct segment, i));
    if (header.overwritten_count > follow->gone_records)
        follow->missed = MAX(follow->missed, header.overwritten_count - follow->gone_records);
    hand_out(follow, ended ? UINT64_MAX : since_ns - MIN(since_ns, FOLLOW_DELAY_NS), each, context);
    return true;
}
