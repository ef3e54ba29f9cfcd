/* The live table against a plain model, through growth, reuse and threads. */
// links: shim/heap/live.c
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "capture/state.h"
#include "heap/live.h"
#include "sys.h"

/* What the table asks of the capture, in plain memory. */
static uint64_t extents_left, dropped;

struct lk_extent *lk_extent_new(uint32_t granules, uint64_t first_id, uint64_t items)
{
    if (extents_left == 0)
        return NULL;
    extents_left--;
    struct lk_extent *extent = calloc(granules, LK_GRANULE);
    assert_non_null(extent);
    extent->granules = granules;
    extent->first_id = first_id;
    extent->items = items;
    return extent;
}

void lk_extent_publish(struct lk_extent *extent, enum lk_extent_kind kind)
{
    extent->kind = (uint32_t)kind;
}

void lk_drop(enum lk_drop why)
{
    (void)why;
    __atomic_fetch_add(&dropped, 1, __ATOMIC_RELAXED);
}

void *lk_sys_make_wiped(void **place, size_t bytes)
{
    if (!*place)
        *place = calloc(1, bytes);
    return *place;
}

static uint64_t random_state = 42;

static uint64_t next_random(void)
{
    random_state = random_state * 6364136223846793005u + 1442695040888963407u;
    return random_state >> 20;
}

#define PLACES 60000u

static void agrees_with_a_model(void **state)
{
    static uint64_t size[PLACES]; /* 0: not live */
    (void)state;
    extents_left = 15;
    for (int i = 0; i < 600000; i++) {
        uint64_t place = next_random() % PLACES, address = 0x7f1234000000u + place * 16;
        struct lk_live entry = {0};
        if (size[place]) {
            assert_true(lk_live_remove(LK_LIVE_HEAP, address, &entry));
            assert_int_equal(entry.size, size[place]);
            assert_int_equal(entry.site, place);
            assert_false(lk_live_remove(LK_LIVE_HEAP, address, &entry));
            size[place] = 0;
        } else {
            size[place] = 1 + next_random() % 1000;
            assert_true(
                lk_live_insert(LK_LIVE_HEAP, address, size[place], 1, (uint32_t)place, 2, &entry));
            assert_int_equal(entry.key, 0);
        }
    }
    for (uint64_t place = 0; place < PLACES; place++)
        assert_int_equal(lk_live_remove(LK_LIVE_HEAP, 0x7f1234000000u + place * 16, NULL),
                         size[place] != 0);
    assert_int_equal(dropped, 0);
}

static void kinds_of_one_address_are_apart(void **state)
{
    struct lk_live entry;
    (void)state;
    assert_true(lk_live_insert(LK_LIVE_HEAP, 0x5000, 10, 1, 1, 1, NULL));
    assert_true(lk_live_insert(LK_LIVE_REPLY, 0x5000, 20, 1, 1, 1, NULL));
    assert_true(lk_live_insert(LK_LIVE_CONTEXT, 0x5000, 30, 1, 1, 1, NULL));
    lk_live_retag(LK_LIVE_REPLY, 0x5000, 77);
    assert_true(lk_live_remove(LK_LIVE_REPLY, 0x5000, &entry));
    assert_int_equal(entry.size, 20);
    assert_int_equal(entry.tag, 77);
    assert_true(lk_live_remove(LK_LIVE_HEAP, 0x5000, &entry));
    assert_int_equal(entry.size, 10);
    assert_true(lk_live_remove(LK_LIVE_CONTEXT, 0x5000, &entry));
    assert_int_equal(entry.size, 30);
}

static void an_address_that_comes_again_replaces_what_was_never_freed(void **state)
{
    struct lk_live stale, entry;
    (void)state;
    assert_true(lk_live_insert(LK_LIVE_HEAP, 0x6000, 10, 1, 1, 1, NULL));
    assert_true(lk_live_insert(LK_LIVE_HEAP, 0x6000, 11, 2, 3, 1, &stale));
    assert_int_equal(stale.size, 10);
    assert_int_not_equal(stale.key, 0);
    assert_true(lk_live_remove(LK_LIVE_HEAP, 0x6000, &entry));
    assert_int_equal(entry.size, 11);
    assert_false(lk_live_remove(LK_LIVE_HEAP, 0x6000, &entry));
}

#define THREADS 4
#define EACH    3000u

/* Each thread owns its addresses, as threads own what malloc gave them. */
static void *own_addresses(void *first)
{
    uint64_t base = 0x100000000u + (uint64_t)(uintptr_t)first * 0x1000000u, failures = 0;
    for (int round = 0; round < 20; round++) {
        for (uint64_t i = 0; i < EACH; i++)
            failures += !lk_live_insert(LK_LIVE_HEAP, base + i * 32, i + 1, 0, 0, 0, NULL);
        for (uint64_t i = 0; i < EACH; i++) {
            struct lk_live entry = {0};
            failures += !lk_live_remove(LK_LIVE_HEAP, base + i * 32, &entry) || entry.size != i + 1;
        }
    }
    return (void *)(uintptr_t)failures;
}

static void threads_do_not_lose_entries(void **state)
{
    pthread_t threads[THREADS];
    (void)state;
    for (uintptr_t i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, own_addresses, (void *)i), 0);
    for (int i = 0; i < THREADS; i++) {
        void *failures;
        assert_int_equal(pthread_join(threads[i], &failures), 0);
        assert_null(failures);
    }
}

/* Last, for it takes the capture's space away. */
static void without_space_entries_are_dropped_and_counted(void **state)
{
    uint64_t refused = 0;
    (void)state;
    extents_left = 0;
    dropped = 0;
    for (uint64_t i = 0; i < 2000000 && refused < 1000; i++)
        refused += !lk_live_insert(LK_LIVE_HEAP, 0x200000000000u + i * 16, 1, 0, 0, 0, NULL);
    assert_int_equal(refused, 1000);
    assert_int_equal(dropped, refused);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(agrees_with_a_model),
        cmocka_unit_test(kinds_of_one_address_are_apart),
        cmocka_unit_test(an_address_that_comes_again_replaces_what_was_never_freed),
        cmocka_unit_test(threads_do_not_lose_entries),
        cmocka_unit_test(without_space_entries_are_dropped_and_counted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
