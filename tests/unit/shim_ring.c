/* The ring: what threads write comes out whole and in order, and what is overwritten is counted. */
// links: shim/capture/ring.c
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "capture/heap_events.h"
#include "common/played_capture.h"

#define SEGMENTS 8u

struct numbered {
    struct lk_record head;
    uint64_t number, filling;
    uint64_t more[2];
};
static_assert(sizeof(struct numbered) == 48, "as large as a record of the ring may well be");

static int begin(void **state)
{
    (void)state;
    played_begin(64);
    lk_state->rings[LK_RING_RECORDS].segments_max = SEGMENTS;
    lk_state->rings[LK_RING_HEAP].segments_max = SEGMENTS;
    return 0;
}

static int end(void **state)
{
    (void)state;
    played_end();
    return 0;
}

static bool write_one(uint64_t number)
{
    size_t bytes = sizeof(struct numbered) + number % 7 * 24;
    struct numbered *record = lk_record_begin(LK_RECORD_REPLY, bytes, number);
    if (!record)
        return false;
    memset(&record->number, (int)(number & 0x7f), bytes - sizeof record->head);
    record->number = number;
    lk_record_end();
    return true;
}

/* Walks all segments; each record must be whole, and those of one thread rise within a segment. */
static uint64_t count_kept(void)
{
    uint64_t kept = 0;
    for (uint64_t at = LK_GRANULE; at < lk_capture_header()->used_bytes; at += LK_GRANULE) {
        const struct lk_extent *segment = (const void *)(lk_state->base + at);
        const char *records = (const char *)(segment + 1);
        uint64_t last = 0, here = 0;
        assert_int_equal(segment->kind, LK_EXTENT_SEGMENT);
        for (uint32_t used = 0; used < segment->committed;) {
            const struct lk_record *head = (const void *)(records + used);
            assert_true(head->bytes >= sizeof *head && head->bytes % 8 == 0);
            if (head->type == LK_RECORD_THREAD) {
                last = 0;
            } else {
                const struct numbered *record = (const void *)head;
                assert_int_equal(head->type, LK_RECORD_REPLY);
                assert_true(record->number > last);
                assert_int_equal(record->number, head->time_ns);
                assert_int_equal((record->filling & 0xff), record->number & 0x7f);
                last = record->number;
                here++;
            }
            used += head->bytes;
        }
        assert_int_equal(here, segment->records);
        kept += here;
    }
    return kept;
}

static void keeps_everything_below_the_bound(void **state)
{
    (void)state;
    for (uint64_t i = 1; i <= 1000; i++)
        assert_true(write_one(i));
    assert_int_equal(count_kept(), 1000);
    assert_int_equal(lk_capture_header()->overwritten_count, 0);
}

static void overwrites_the_oldest_and_counts_it(void **state)
{
    (void)state;
    for (uint64_t i = 1; i <= 100000; i++)
        assert_true(write_one(i));
    uint64_t kept = count_kept();
    assert_int_equal(kept + lk_capture_header()->overwritten_count, 100000);
    assert_true(kept > 7 * LK_SEGMENT_ROOM / 200);
    assert_int_equal(lk_capture_header()->segments, 8);
}

static void a_record_that_fits_no_segment_is_dropped(void **state)
{
    (void)state;
    assert_null(lk_record_begin(LK_RECORD_COMMAND, LK_SEGMENT_ROOM, 1));
    assert_int_equal(lk_capture_header()->dropped[LK_DROP_TOO_LARGE], 1);
}

#define THREADS 6
#define EACH    40000u

static void *write_many(void *index)
{
    uint64_t dropped = 0;
    lk_self.index = (uint32_t)(uintptr_t)index;
    for (uint64_t i = 1; i <= EACH; i++)
        dropped += !write_one(i);
    lk_ring_park();
    return (void *)(uintptr_t)dropped;
}

static void threads_lose_nothing_uncounted(void **state)
{
    pthread_t threads[THREADS];
    uint64_t dropped = 0;
    (void)state;
    for (uintptr_t i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, write_many, (void *)i), 0);
    for (int i = 0; i < THREADS; i++) {
        void *lost;
        assert_int_equal(pthread_join(threads[i], &lost), 0);
        dropped += (uintptr_t)lost;
    }
    assert_int_equal(lk_capture_header()->dropped[LK_DROP_NO_SEGMENT], dropped);
    assert_int_equal(count_kept() + lk_capture_header()->overwritten_count + dropped,
                     THREADS * EACH);
}

/* Two thousand short threads do not take two thousand segments. */
static void a_parked_segment_is_taken_up_again(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < 2000; i++) {
        memset(&lk_self, 0, sizeof lk_self);
        lk_self.index = i;
        assert_true(write_one(1));
        lk_ring_park();
    }
    assert_true(lk_capture_header()->segments <= 4);
    assert_int_equal(count_kept(), 2000);
}

/* ---- Heap events ---- */

struct told { /* what the heap segments say */
    uint64_t events, marks, records, count[64];
    uint64_t time_ns; /* of the latest event */
};

static void read_heap_segment(struct lk_extent *segment, void *context)
{
    struct told *told = context;
    const struct lk_heap_event *events = (const void *)(segment + 1);
    uint64_t thread = 0, mark = 0, here = 0;
    assert_int_equal(segment->committed % sizeof *events, 0);
    assert_true(segment->committed <= LK_SEGMENT_ROOM);
    for (uint32_t i = 0; i < segment->committed / sizeof *events; i++) {
        uint64_t site = events[i].event >> (LK_HEAP_SIZE_BITS + 3) & 0x1fffff;
        if ((events[i].event & 7) == LK_HEAP_MARK) {
            thread = events[i].event >> 3;
            mark = events[i].place;
            told->marks++;
            continue;
        }
        assert_true(i > 0); /* a mark comes first */
        assert_int_equal(events[i].event & 7, 1 + site % 4);
        told->time_ns = mark + events[i].place % (1u << LK_HEAP_TIME_BITS) * LK_HEAP_TIME_UNIT_NS;
        assert_int_equal(told->time_ns, site * 128);
        assert_int_equal(events[i].place >> (LK_HEAP_TIME_BITS + 3), 0x1000 + site);
        assert_int_equal(events[i].place >> LK_HEAP_TIME_BITS & 7, site % 7);
        assert_int_equal(events[i].event >> 54, site % 1024);
        assert_int_equal(events[i].event >> 3 & 0x3fffffff, site + 7);
        assert_true(thread < 64);
        told->count[thread]++;
        here++;
    }
    assert_int_equal(segment->records, here);
    told->events += here;
}

static struct told read_heap(void)
{
    struct told told = {0};
    played_each(LK_EXTENT_HEAP_SEGMENT, read_heap_segment, &told);
    return told;
}

static void put_heap_event(uint32_t number)
{
    lk_heap_event_put(&lk_self, (enum lk_heap_event_type)(1 + number % 4),
                      (0x1000 + (uint64_t)number) * 8, number + 7, number,
                      LK_TAG(number % 7, number % 1024), (uint64_t)number * 128);
}

static void heap_events_come_out_as_they_were_put(void **state)
{
    (void)state;
    for (uint32_t i = 1; i <= 13000; i++)
        put_heap_event(i);
    put_heap_event(1000000); /* far beyond the span of a mark */
    lk_ring_park();
    struct told told = read_heap();
    assert_int_equal(told.events, 13001);
    assert_int_equal(told.marks, lk_capture_header()->next_heap_sequence + 1);
    assert_int_equal(lk_capture_header()->overwritten_heap_count, 0);
    assert_int_equal(lk_capture_header()->next_sequence, 0);
}

static void a_mark_spans_what_its_field_holds(void **state)
{
    (void)state;
    const uint64_t last = LK_HEAP_SPAN_NS / 128 - 1;
    lk_heap_event_put(&lk_self, LK_HEAP_ALLOC, 0x8000, 7, 0, 0, 0);
    put_heap_event((uint32_t)last);
    lk_ring_park();
    assert_int_equal(read_heap().marks, 1);
    put_heap_event((uint32_t)last + 2);
    lk_ring_park();
    struct told told = read_heap();
    assert_int_equal(told.marks, 2);
    assert_int_equal(told.events, 3);
    assert_int_equal(lk_capture_header()->segments, 1);
}

static void overwritten_heap_events_are_counted_exactly(void **state)
{
    (void)state;
    for (uint32_t i = 1; i <= 100000; i++) {
        put_heap_event(i);
        if (played_random() % 1000 == 0)
            lk_ring_park();
        if (played_random() % 3000 == 0)
            assert_true(write_one(i)); /* the two kinds do not displace each other */
    }
    lk_ring_park();
    struct told told = read_heap();
    assert_int_equal(told.events + lk_capture_header()->overwritten_heap_count, 100000);
    assert_true(told.events > (SEGMENTS - 1) * (LK_SEGMENT_ROOM / 16 - 100));
    assert_int_equal(told.time_ns % 128, 0);
    assert_int_equal(lk_capture_header()->overwritten_count, 0);
}

static void sizes_and_addresses_beyond_the_fields_are_cut(void **state)
{
    (void)state;
    lk_heap_event_put(&lk_self, LK_HEAP_ALLOC, UINT64_MAX, UINT64_MAX, LK_SITE_FRAMES_MAX, 0, 100);
    const struct lk_heap_event *event =
        (const void *)((const char *)(lk_self.heap_segment + 1) + sizeof *event);
    assert_int_equal(event->event & 7, LK_HEAP_ALLOC);
    assert_int_equal(event->event >> 3 & (((uint64_t)1 << LK_HEAP_SIZE_BITS) - 1),
                     ((uint64_t)1 << LK_HEAP_SIZE_BITS) - 1);
    assert_int_equal(event->event >> (LK_HEAP_SIZE_BITS + 3), LK_SITE_FRAMES_MAX);
    assert_int_equal(event->place % (1u << LK_HEAP_TIME_BITS), 0);
}

static void without_a_segment_heap_events_are_dropped_and_counted(void **state)
{
    (void)state;
    const uint64_t mapped = lk_state->mapped_bytes;
    lk_state->mapped_bytes = LK_GRANULE;
    for (uint32_t i = 1; i <= 10; i++)
        put_heap_event(i);
    assert_int_equal(lk_capture_header()->dropped[LK_DROP_NO_SEGMENT], 10);
    lk_state->mapped_bytes = mapped;
    put_heap_event(11);
    lk_ring_park();
    assert_int_equal(read_heap().events, 1);
}

/* Each of more threads than the bound has segments holds one: nobody goes without. */
static void the_bound_gives_way_to_threads_that_hold_segments(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < 2 * SEGMENTS; i++) {
        memset(&lk_self, 0, sizeof lk_self);
        lk_self.heap_position = LK_SEGMENT_ROOM;
        put_heap_event(i);
        assert_true(write_one(i + 1));
    }
    const struct lk_header *header = lk_capture_header();
    assert_int_equal(header->segments, 4 * SEGMENTS);
    assert_int_equal(header->dropped[LK_DROP_NO_SEGMENT], 0);
    assert_int_equal(header->overwritten_heap_count + header->overwritten_count, 0);
}

static void *put_many(void *index)
{
    for (uint32_t i = 1; i <= 30000; i++) {
        put_heap_event(i);
        if (i % 5000 == 0)
            lk_ring_park();
    }
    return (void *)((uintptr_t)index * 0);
}

static void threads_lose_no_heap_event_uncounted(void **state)
{
    (void)state;
    played_run_threads(THREADS, put_many);
    struct told told = read_heap();
    const struct lk_header *header = lk_capture_header();
    assert_int_equal(told.events + header->overwritten_heap_count +
                         header->dropped[LK_DROP_NO_SEGMENT],
                     THREADS * 30000);
}

/* A parked segment goes to another thread, whose mark says so. */
static void a_parked_heap_segment_is_taken_up_again(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < 2000; i++) {
        memset(&lk_self, 0, sizeof lk_self);
        lk_self.heap_position = LK_SEGMENT_ROOM;
        lk_self.index = i % 64;
        put_heap_event(i);
        lk_ring_park();
    }
    struct told told = read_heap();
    assert_int_equal(told.events, 2000);
    assert_int_equal(lk_capture_header()->segments, 1);
    for (uint32_t i = 0; i < 64; i++)
        assert_int_equal(told.count[i], 2000 / 64 + (i < 2000 % 64));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(keeps_everything_below_the_bound, begin, end),
        cmocka_unit_test_setup_teardown(overwrites_the_oldest_and_counts_it, begin, end),
        cmocka_unit_test_setup_teardown(a_record_that_fits_no_segment_is_dropped, begin, end),
        cmocka_unit_test_setup_teardown(threads_lose_nothing_uncounted, begin, end),
        cmocka_unit_test_setup_teardown(a_parked_segment_is_taken_up_again, begin, end),
        cmocka_unit_test_setup_teardown(heap_events_come_out_as_they_were_put, begin, end),
        cmocka_unit_test_setup_teardown(a_mark_spans_what_its_field_holds, begin, end),
        cmocka_unit_test_setup_teardown(overwritten_heap_events_are_counted_exactly, begin, end),
        cmocka_unit_test_setup_teardown(sizes_and_addresses_beyond_the_fields_are_cut, begin, end),
        cmocka_unit_test_setup_teardown(without_a_segment_heap_events_are_dropped_and_counted,
                                        begin, end),
        cmocka_unit_test_setup_teardown(the_bound_gives_way_to_threads_that_hold_segments, begin,
                                        end),
        cmocka_unit_test_setup_teardown(threads_lose_no_heap_event_uncounted, begin, end),
        cmocka_unit_test_setup_teardown(a_parked_heap_segment_is_taken_up_again, begin, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
