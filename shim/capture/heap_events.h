/* Heap events into the ring. Between lk_enter and lk_leave. */
#ifndef LK_CAPTURE_HEAP_EVENTS_H
#define LK_CAPTURE_HEAP_EVENTS_H

#include "capture/state.h"
#include "thread.h"

#define LK_HEAP_SPAN_NS ((uint64_t)LK_HEAP_TIME_UNIT_NS << LK_HEAP_TIME_BITS)

/* Begins a stretch with a mark of this time, in a segment with room for an event more. False:
 * dropped and counted. */
bool lk_heap_mark_put(struct lk_thread *t, uint64_t time_ns);

static inline void lk_heap_commit(struct lk_thread *t, uint64_t event, uint64_t place)
{
    struct lk_heap_event *at =
        (struct lk_heap_event *)(void *)((char *)(t->heap_segment + 1) + t->heap_position);
    *at = (struct lk_heap_event){event, place};
    t->heap_position += (uint32_t)sizeof *at;
    __atomic_store_n(&t->heap_segment->committed, t->heap_position, __ATOMIC_RELEASE);
}

/* A size or address that its fields do not hold is cut. */
static inline void lk_heap_event_put(struct lk_thread *t, enum lk_heap_event_type type,
                                     uint64_t address, uint64_t size, uint32_t site, uint32_t tag,
                                     uint64_t time_ns)
{
    const uint64_t size_max = ((uint64_t)1 << LK_HEAP_SIZE_BITS) - 1;
    uint64_t past = time_ns - t->heap_mark_ns;
    if (__builtin_expect(past >= LK_HEAP_SPAN_NS ||
                             t->heap_position + sizeof(struct lk_heap_event) > LK_SEGMENT_ROOM,
                         0)) {
        if (!lk_heap_mark_put(t, time_ns))
            return;
        past = 0;
    }
    uint64_t outcome = LK_TAG_OUTCOME(tag), template_id = LK_TAG_TEMPLATE(tag);
    lk_heap_commit(t,
                   (uint64_t)type | (size < size_max ? size : size_max) << 3 |
                       (uint64_t)site << (LK_HEAP_SIZE_BITS + 3) | template_id << 54,
                   past / LK_HEAP_TIME_UNIT_NS | outcome << LK_HEAP_TIME_BITS |
                       address / 8 << (LK_HEAP_TIME_BITS + 3));
}

#endif
