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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(keeps_everything_below_the_bound, begin, end),
        cmocka_unit_test_setup_teardown(overwrites_the_oldest_and_counts_it, begin, end),
        cmocka_unit_test_setup_teardown(a_record_that_fits_no_segment_is_dropped, begin, end),
        cmocka_unit_test_setup_teardown(threads_lose_nothing_uncounted, begin, end),
        cmocka_unit_test_setup_teardown(a_parked_segment_is_taken_up_again, begin, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
