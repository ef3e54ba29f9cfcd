/*
 * Extents of the capture, and the ring: segments that threads hold one at a time, of each kind one.
 * Nothing here waits; a segment that is full is sealed, and once the bound is reached the oldest
 * sealed one of its kind is taken again.
 */
#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#include "capture/heap_events.h"
#include "capture/state.h"
#include "thread.h"

#ifndef MADV_POPULATE_WRITE /* Linux 5.14; before that it fails, and faults do it */
#define MADV_POPULATE_WRITE 23
#endif

/* ---- Extents ---- */

static bool reserve(uint64_t end)
{
    int kept = errno;
    bool done = lk_capture_reserve(end);
    errno = kept;
    return done;
}

static struct lk_extent *take_granules(uint32_t granules)
{
    struct lk_header *header = lk_capture_header();
    uint64_t bytes = (uint64_t)granules * LK_GRANULE;
    uint64_t start = __atomic_load_n(&header->used_bytes, __ATOMIC_RELAXED);
    do {
        if (start + bytes > lk_state->mapped_bytes)
            return NULL;
        if (start + bytes > __atomic_load_n(&header->reserved_bytes, __ATOMIC_ACQUIRE) &&
            !reserve(start + bytes))
            return NULL;
    } while (!__atomic_compare_exchange_n(&header->used_bytes, &start, start + bytes, false,
                                          __ATOMIC_RELAXED, __ATOMIC_RELAXED));
    return (struct lk_extent *)(lk_state->base + start);
}

struct lk_extent *lk_extent_new(uint32_t granules, uint64_t first_id, uint64_t items)
{
    struct lk_extent *extent = take_granules(granules);
    if (!extent) {
        lk_drop(LK_DROP_NO_SPACE);
        return NULL;
    }
    extent->granules = granules;
    extent->first_id = first_id;
    extent->items = items;
    return extent;
}

void lk_extent_publish(struct lk_extent *extent, enum lk_extent_kind kind)
{
    __atomic_store_n(&extent->kind, (uint32_t)kind, __ATOMIC_RELEASE);
}

struct lk_extent *lk_extent_at(struct lk_extent **place, enum lk_extent_kind kind,
                               uint32_t granules, uint64_t first_id, uint64_t items, uint32_t owner)
{
    struct lk_extent *extent = __atomic_load_n(place, __ATOMIC_ACQUIRE), *none = NULL;
    if (extent)
        return extent;
    extent = lk_extent_new(granules, first_id, items);
    if (!extent)
        return NULL;
    extent->thread = owner;
    if (!__atomic_compare_exchange_n(place, &none, extent, false, __ATOMIC_ACQ_REL,
                                     __ATOMIC_ACQUIRE))
        return none;
    lk_extent_publish(extent, kind);
    return extent;
}

/* ---- Segments of either kind ---- */

static enum lk_extent_kind segment_kind(enum lk_ring_kind kind)
{
    return kind == LK_RING_HEAP ? LK_EXTENT_HEAP_SEGMENT : LK_EXTENT_SEGMENT;
}

static struct lk_extent *unpark(struct lk_ring *ring)
{
    for (size_t i = 0; i < LK_PARKED; i++) {
        struct lk_extent **place = &ring->parked[i];
        if (__atomic_load_n(place, __ATOMIC_RELAXED)) {
            struct lk_extent *segment = __atomic_exchange_n(place, NULL, __ATOMIC_ACQUIRE);
            if (segment)
                return segment;
        }
    }
    return NULL;
}

/* A thread that has filled one segment will fill the next one: its pages are brought in at once,
 * for less than so many page faults cost. */
static void populate(struct lk_extent *segment)
{
    int kept = errno;
    madvise(segment, LK_GRANULE, MADV_POPULATE_WRITE);
    errno = kept;
}

static void seal(struct lk_extent *segment)
{
    __atomic_store_n(&segment->state, LK_SEGMENT_SEALED, __ATOMIC_RELEASE);
}

static void park(struct lk_ring *ring, struct lk_extent *segment)
{
    __atomic_store_n(&segment->state, LK_SEGMENT_PARKED, __ATOMIC_RELAXED);
    for (size_t i = 0; i < LK_PARKED; i++) {
        struct lk_extent *empty = NULL;
        if (__atomic_compare_exchange_n(&ring->parked[i], &empty, segment, false, __ATOMIC_RELEASE,
                                        __ATOMIC_RELAXED))
            return;
    }
    seal(segment);
}

static void open_segment(struct lk_extent *segment, enum lk_ring_kind kind)
{
    struct lk_header *header = lk_capture_header();
    uint64_t *next = kind == LK_RING_HEAP ? &header->next_heap_sequence : &header->next_sequence;
    segment->sequence = __atomic_fetch_add(next, 1, __ATOMIC_RELAXED);
    segment->records = 0;
    __atomic_store_n(&segment->committed, 0, __ATOMIC_RELEASE);
}

/* A segment that never was, while there are fewer than `most`. */
static struct lk_extent *new_segment(enum lk_ring_kind kind, uint32_t most)
{
    struct lk_ring *ring = &lk_state->rings[kind];
    uint32_t slot = __atomic_load_n(&ring->segments, __ATOMIC_RELAXED);
    do
        if (slot >= most)
            return NULL;
    while (!__atomic_compare_exchange_n(&ring->segments, &slot, slot + 1, false, __ATOMIC_RELAXED,
                                        __ATOMIC_RELAXED));
    struct lk_extent *segment = take_granules(1);
    if (!segment) { /* another thread's slot may follow: then ours stays empty, and is passed by */
        uint32_t after = slot + 1;
        __atomic_compare_exchange_n(&ring->segments, &after, slot, false, __ATOMIC_RELAXED,
                                    __ATOMIC_RELAXED);
        return NULL;
    }
    segment->granules = 1;
    segment->state = LK_SEGMENT_OPEN;
    open_segment(segment, kind);
    lk_add(&lk_capture_header()->segments, 1);
    lk_extent_publish(segment, segment_kind(kind));
    __atomic_store_n(&ring->slots[slot], (uint32_t)(lk_capture_offset(segment) / LK_GRANULE),
                     __ATOMIC_RELEASE);
    return segment;
}

/* The oldest sealed segment, or nearly: slots are walked round and round. */
static struct lk_extent *recycle_segment(enum lk_ring_kind kind)
{
    struct lk_header *header = lk_capture_header();
    struct lk_ring *ring = &lk_state->rings[kind];
    uint32_t count = __atomic_load_n(&ring->segments, __ATOMIC_ACQUIRE);
    for (uint32_t tries = 0; tries < count; tries++) {
        uint64_t turn = __atomic_fetch_add(&ring->turn, 1, __ATOMIC_RELAXED);
        uint32_t granule = __atomic_load_n(&ring->slots[turn % count], __ATOMIC_ACQUIRE);
        if (!granule)
            continue;
        struct lk_extent *segment =
            (struct lk_extent *)(lk_state->base + (uint64_t)granule * LK_GRANULE);
        uint32_t sealed = LK_SEGMENT_SEALED;
        if (!__atomic_compare_exchange_n(&segment->state, &sealed, LK_SEGMENT_OPEN, false,
                                         __ATOMIC_ACQUIRE, __ATOMIC_RELAXED))
            continue;
        lk_add(kind == LK_RING_HEAP ? &header->overwritten_heap_count : &header->overwritten_count,
               segment->records);
        open_segment(segment, kind);
        return segment;
    }
    return NULL;
}

/* A segment for this thread with room for `bytes`; NULL: there is none to be had. Where more
 * threads hold one than the bound has segments, the bound gives way. */
static struct lk_extent *acquire(enum lk_ring_kind kind, size_t bytes, uint64_t time_ns, bool busy)
{
    struct lk_ring *ring = &lk_state->rings[kind];
    struct lk_extent *segment = unpark(ring);
    if (segment && segment->committed + bytes > LK_SEGMENT_ROOM) {
        seal(segment);
        segment = NULL;
    }
    if (!segment) {
        segment = new_segment(kind, __atomic_load_n(&ring->segments_max, __ATOMIC_RELAXED));
        if (segment && busy)
            populate(segment);
    }
    if (!segment)
        segment = recycle_segment(kind);
    if (!segment)
        segment = new_segment(kind, LK_SEGMENT_SLOTS_MAX);
    if (!segment)
        return NULL;
    segment->thread = lk_self.index;
    __atomic_store_n(&segment->state, LK_SEGMENT_OPEN, __ATOMIC_RELAXED);
    __atomic_store_n(&lk_capture_header()->last_ns, time_ns, __ATOMIC_RELAXED);
    return segment;
}

/* ---- Records ---- */

static void put_thread_record(struct lk_thread *t, uint64_t time_ns)
{
    struct lk_record_thread *record =
        (struct lk_record_thread *)((char *)(t->segment + 1) + t->position);
    record->head.type = LK_RECORD_THREAD;
    record->head.bytes = sizeof *record;
    record->head.reserved = 0;
    record->head.time_ns = time_ns;
    record->thread = t->index;
    record->tid = t->tid;
    t->position += sizeof *record;
    __atomic_store_n(&t->segment->committed, t->position, __ATOMIC_RELEASE);
}

/* Gives the thread a segment with room for `bytes` more than its own opening record. */
static bool begin_segment(struct lk_thread *t, size_t bytes, uint64_t time_ns, bool busy)
{
    t->segment = acquire(LK_RING_RECORDS, sizeof(struct lk_record_thread) + bytes, time_ns, busy);
    if (!t->segment)
        return false;
    t->position = t->segment->committed;
    put_thread_record(t, time_ns);
    return true;
}

void *lk_record_begin(enum lk_record_type type, size_t bytes, uint64_t time_ns)
{
    struct lk_thread *t = &lk_self;
    bytes = (bytes + 7) & ~(size_t)7;
    if (bytes + sizeof(struct lk_record_thread) > LK_SEGMENT_ROOM) {
        lk_drop(LK_DROP_TOO_LARGE);
        return NULL;
    }
    bool full = t->segment && t->position + bytes > LK_SEGMENT_ROOM;
    if (full) {
        seal(t->segment);
        t->segment = NULL;
    }
    if (!t->segment && !begin_segment(t, bytes, time_ns, full)) {
        lk_drop(LK_DROP_NO_SEGMENT);
        return NULL;
    }
    struct lk_record *record = (struct lk_record *)((char *)(t->segment + 1) + t->position);
    record->type = (uint16_t)type;
    record->bytes = (uint16_t)bytes;
    record->reserved = 0;
    record->time_ns = time_ns;
    t->position += (uint32_t)bytes;
    return record;
}

void lk_record_end(void)
{
    struct lk_extent *segment = lk_self.segment;
    segment->records++;
    __atomic_store_n(&segment->committed, lk_self.position, __ATOMIC_RELEASE);
}

/* ---- Heap events ---- */

/* What the segment holds beside marks is known for certain only when nobody writes to it. */
static void heap_close(struct lk_thread *t)
{
    uint32_t events = (t->heap_position - t->heap_opened) / (uint32_t)sizeof(struct lk_heap_event);
    t->heap_segment->records += events - t->heap_marks;
}

bool lk_heap_mark_put(struct lk_thread *t, uint64_t time_ns)
{
    bool full =
        t->heap_segment && t->heap_position + 2 * sizeof(struct lk_heap_event) > LK_SEGMENT_ROOM;
    if (full) {
        heap_close(t);
        seal(t->heap_segment);
        t->heap_segment = NULL;
    }
    if (!t->heap_segment) {
        t->heap_segment = acquire(LK_RING_HEAP, 2 * sizeof(struct lk_heap_event), time_ns, full);
        if (!t->heap_segment) {
            t->heap_position = LK_SEGMENT_ROOM; /* so that the next event comes here, too */
            lk_drop(LK_DROP_NO_SEGMENT);
            return false;
        }
        t->heap_position = t->heap_opened = t->heap_segment->committed;
        t->heap_marks = 0;
    }
    lk_heap_commit(t, LK_HEAP_MARK | (uint64_t)t->index << 3, time_ns);
    t->heap_marks++;
    t->heap_mark_ns = time_ns;
    return true;
}

void lk_ring_park(void)
{
    struct lk_thread *t = &lk_self;
    if (t->segment)
        park(&lk_state->rings[LK_RING_RECORDS], t->segment);
    t->segment = NULL;
    if (t->heap_segment) {
        heap_close(t);
        park(&lk_state->rings[LK_RING_HEAP], t->heap_segment);
    }
    t->heap_segment = NULL;
    t->heap_position = LK_SEGMENT_ROOM;
}
