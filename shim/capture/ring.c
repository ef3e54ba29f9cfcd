/*
 * Extents of the capture, and the ring: segments that threads hold one at a time. Nothing here
 * waits; a segment that is full is sealed, and once the bound is reached the oldest sealed one is
 * taken again.
 */
#include <string.h>

#include "capture/state.h"
#include "thread.h"

/* ---- Extents ---- */

static struct lk_extent *take_granules(uint32_t granules)
{
    struct lk_header *header = lk_capture_header();
    uint64_t bytes = (uint64_t)granules * LK_GRANULE;
    uint64_t start = __atomic_load_n(&header->used_bytes, __ATOMIC_RELAXED);
    do {
        if (start + bytes > lk_state->mapped_bytes)
            return NULL;
        if (start + bytes > __atomic_load_n(&header->reserved_bytes, __ATOMIC_ACQUIRE) &&
            !lk_capture_reserve(start + bytes))
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

/* ---- The ring ---- */

static struct lk_extent *unpark(void)
{
    for (size_t i = 0; i < LK_PARKED; i++) {
        struct lk_extent **place = &lk_state->parked[i];
        if (__atomic_load_n(place, __ATOMIC_RELAXED)) {
            struct lk_extent *segment = __atomic_exchange_n(place, NULL, __ATOMIC_ACQUIRE);
            if (segment)
                return segment;
        }
    }
    return NULL;
}

static void seal(struct lk_extent *segment)
{
    __atomic_store_n(&segment->state, LK_SEGMENT_SEALED, __ATOMIC_RELEASE);
}

static void open_segment(struct lk_extent *segment)
{
    struct lk_header *header = lk_capture_header();
    segment->sequence = __atomic_fetch_add(&header->next_sequence, 1, __ATOMIC_RELAXED);
    segment->records = 0;
    __atomic_store_n(&segment->committed, 0, __ATOMIC_RELEASE);
}

/* A segment that never was, while the bound allows. */
static struct lk_extent *new_segment(void)
{
    uint32_t slot = __atomic_load_n(&lk_state->segments, __ATOMIC_RELAXED);
    do
        if (slot >= __atomic_load_n(&lk_state->segments_max, __ATOMIC_RELAXED))
            return NULL;
    while (!__atomic_compare_exchange_n(&lk_state->segments, &slot, slot + 1, false,
                                        __ATOMIC_RELAXED, __ATOMIC_RELAXED));
    struct lk_extent *segment = take_granules(1);
    if (!segment)
        return NULL; /* its slot stays empty; recycling passes it by */
    segment->granules = 1;
    segment->state = LK_SEGMENT_OPEN;
    open_segment(segment);
    lk_add(&lk_capture_header()->segments, 1);
    lk_extent_publish(segment, LK_EXTENT_SEGMENT);
    __atomic_store_n(&lk_state->slots[slot], (uint32_t)(lk_capture_offset(segment) / LK_GRANULE),
                     __ATOMIC_RELEASE);
    return segment;
}

/* The oldest sealed segment, or nearly: slots are walked round and round. */
static struct lk_extent *recycle_segment(void)
{
    uint32_t count = __atomic_load_n(&lk_state->segments, __ATOMIC_ACQUIRE);
    for (uint32_t tries = 0; tries < count; tries++) {
        uint64_t turn = __atomic_fetch_add(&lk_state->turn, 1, __ATOMIC_RELAXED);
        uint32_t granule = __atomic_load_n(&lk_state->slots[turn % count], __ATOMIC_ACQUIRE);
        if (!granule)
            continue;
        struct lk_extent *segment =
            (struct lk_extent *)(lk_state->base + (uint64_t)granule * LK_GRANULE);
        uint32_t sealed = LK_SEGMENT_SEALED;
        if (!__atomic_compare_exchange_n(&segment->state, &sealed, LK_SEGMENT_OPEN, false,
                                         __ATOMIC_ACQUIRE, __ATOMIC_RELAXED))
            continue;
        lk_add(&lk_capture_header()->overwritten_count, segment->records);
        open_segment(segment);
        return segment;
    }
    return NULL;
}

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
static bool acquire(struct lk_thread *t, size_t bytes, uint64_t time_ns)
{
    struct lk_extent *segment = unpark();
    if (segment && segment->committed + sizeof(struct lk_record_thread) + bytes > LK_SEGMENT_ROOM) {
        seal(segment);
        segment = NULL;
    }
    if (!segment)
        segment = new_segment();
    if (!segment)
        segment = recycle_segment();
    if (!segment)
        return false;
    segment->thread = t->index;
    __atomic_store_n(&segment->state, LK_SEGMENT_OPEN, __ATOMIC_RELAXED);
    t->segment = segment;
    t->position = segment->committed;
    put_thread_record(t, time_ns);
    __atomic_store_n(&lk_capture_header()->last_ns, time_ns, __ATOMIC_RELAXED);
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
    if (t->segment && t->position + bytes > LK_SEGMENT_ROOM) {
        seal(t->segment);
        t->segment = NULL;
    }
    if (!t->segment && !acquire(t, bytes, time_ns)) {
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

void lk_ring_park(void)
{
    struct lk_thread *t = &lk_self;
    struct lk_extent *segment = t->segment;
    t->segment = NULL;
    if (!segment)
        return;
    __atomic_store_n(&segment->state, LK_SEGMENT_PARKED, __ATOMIC_RELAXED);
    for (size_t i = 0; i < LK_PARKED; i++) {
        struct lk_extent *empty = NULL;
        if (__atomic_compare_exchange_n(&lk_state->parked[i], &empty, segment, false,
                                        __ATOMIC_RELEASE, __ATOMIC_RELAXED))
            return;
    }
    seal(segment);
}
