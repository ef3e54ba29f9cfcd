/* Live blocks by address, against a plain model; what has no entry is told apart. */
// links: shim/heap/blocks.c shim/capture/ring.c
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "common/played_capture.h"
#include "heap/blocks.h"

#define PLACES 20000u

static int begin(void **state)
{
    (void)state;
    played_begin(512);
    return 0;
}

static int end(void **state)
{
    (void)state;
    played_end();
    return 0;
}

/* Blocks near each other, some far away, one at either end of what can be. */
static struct lk_block *make_block(uint64_t address)
{
    bool homeless;
    struct lk_block *made = lk_block_make(address, &homeless);
    assert_false(homeless);
    return made;
}

static uint64_t address_of(uint64_t place)
{
    static const uint64_t bases[] = {0x10000, 0x550000000000, 0x7fffffff0000 - 6668 * 16};
    return bases[place % 3] + place / 3 * 16;
}

struct expected {
    uint64_t size, time_ns;
    uint32_t site, tag;
};

static void check_entry(const struct lk_block *entry, const struct expected *expected)
{
    assert_int_equal(lk_block_size(entry->block), expected->size);
    assert_int_equal(lk_block_site(entry->block), expected->site);
    assert_int_equal(LK_BLOCK_TAG(entry->past), expected->tag);
    assert_int_equal(LK_BLOCK_LANE(entry->past), 5);
    assert_int_equal(LK_BLOCK_TIME_NS(entry->past),
                     expected->time_ns / LK_BLOCK_TIME_UNIT_NS * LK_BLOCK_TIME_UNIT_NS);
}

static struct expected model[PLACES];
static bool live[PLACES];

static void enter_or_free(uint64_t place)
{
    struct lk_block *entry = lk_block_find(address_of(place));
    if (live[place]) {
        assert_non_null(entry);
        check_entry(entry, &model[place]);
        __atomic_store_n(&entry->block, 0, __ATOMIC_RELEASE);
        live[place] = false;
        return;
    }
    assert_true(!entry || !entry->block);
    model[place] = (struct expected){.size = played_random() % LK_BLOCK_LARGE,
                                     .site = played_random() % (1u << LK_BLOCK_SITE_BITS),
                                     .tag = played_random() & ((1u << LK_TAG_BITS) - 1),
                                     .time_ns = played_random() >> 14};
    assert_true(lk_block_fits(address_of(place), model[place].size, model[place].site));
    entry = entry ? entry : make_block(address_of(place));
    assert_non_null(entry);
    assert_int_equal(entry->block, 0);
    lk_block_enter(entry, model[place].size, model[place].site, model[place].tag, 5,
                   model[place].time_ns);
    live[place] = true;
}

/* Every entry of the capture is one of the model's, under its address. */
static void count_page_entries(struct lk_extent *extent, void *context)
{
    const uint64_t *memory = (const void *)(extent + 1);
    for (uint64_t page = 0; page < LK_BLOCK_PAGES; page++) {
        const struct lk_block *blocks =
            (const void *)((const char *)extent + LK_BLOCK_PAGE * (page + 1));
        for (uint64_t i = 0; memory[page] && i < LK_BLOCKS_PER_PAGE; i++)
            if (blocks[i].block) {
                assert_ptr_equal(lk_block_find(memory[page] + 16 * i), &blocks[i]);
                ++*(uint64_t *)context;
            }
    }
}

static void agrees_with_a_model(void **state)
{
    uint64_t held = 0, expected = 0;
    (void)state;
    memset(live, 0, sizeof live);
    for (int i = 0; i < 400000; i++)
        enter_or_free(played_random() % PLACES);
    for (uint64_t place = 0; place < PLACES; place++)
        expected += live[place];
    played_each(LK_EXTENT_BLOCKS, count_page_entries, &held);
    assert_int_equal(held, expected);
    assert_true(expected > PLACES / 3);
    for (uint64_t place = 0; place < PLACES; place++)
        if (live[place])
            enter_or_free(place);
    held = 0;
    played_each(LK_EXTENT_BLOCKS, count_page_entries, &held);
    assert_int_equal(held, 0);
}

static void what_has_no_entry_is_told(void **state)
{
    (void)state;
    const uint64_t at = 0x550000001230;
    assert_true(lk_block_fits(at, LK_BLOCK_LARGE - 1, (1u << LK_BLOCK_SITE_BITS) - 1));
    assert_false(lk_block_fits(at, LK_BLOCK_LARGE, 1));
    assert_false(lk_block_fits(at, 1, 1u << LK_BLOCK_SITE_BITS));
    assert_false(lk_block_fits(1ull << LK_BLOCK_ADDRESS_BITS, 1, 1));
    assert_false(lk_block_fits(UINT64_MAX - 15, 1, 1));
    assert_non_null(make_block(at));
    for (uint64_t by = 1; by < 16; by++) {
        assert_false(lk_block_fits(at + by, 1, 1));
        assert_null(lk_block_find(at + by)); /* nor does it find its neighbour's */
    }
    assert_null(lk_block_find(1ull << LK_BLOCK_ADDRESS_BITS));
    assert_null(lk_block_find(0xffffffff81000000));
    assert_null(lk_block_find(at + LK_BLOCK_PAGE));
}

static void without_space_there_is_no_entry(void **state)
{
    uint64_t made = 0;
    (void)state;
    lk_state->mapped_bytes = 3 * LK_GRANULE;
    for (uint64_t page = 0; page < 200; page++)
        made += make_block(0x550000000000 + page * LK_BLOCK_PAGE) != NULL;
    assert_int_equal(made, 2 * LK_BLOCK_PAGES);
    assert_int_equal(lk_capture_header()->dropped[LK_DROP_NO_SPACE], 200 - made);
}

#define THREADS 4u

/* Neighbouring blocks of one page are different threads', and they make their pages together. */
static void *own_every_fourth(void *index)
{
    uint64_t failures = 0;
    for (int round = 0; round < 3; round++) {
        for (uint64_t i = (uintptr_t)index; i < 40000; i += THREADS) {
            struct lk_block *entry = make_block(0x7f0000000000 + i * 16);
            if (entry && !entry->block)
                lk_block_enter(entry, i, (uint32_t)i, 0, 0, 0);
            else
                failures++;
        }
        for (uint64_t i = (uintptr_t)index; i < 40000; i += THREADS) {
            struct lk_block *entry = lk_block_find(0x7f0000000000 + i * 16);
            failures += !entry || lk_block_size(entry->block) != i;
            if (entry)
                __atomic_store_n(&entry->block, 0, __ATOMIC_RELEASE);
        }
    }
    return (void *)(uintptr_t)failures;
}

static void threads_do_not_lose_entries(void **state)
{
    uint64_t held = 0;
    (void)state;
    played_run_threads(THREADS, own_every_fourth);
    played_each(LK_EXTENT_BLOCKS, count_page_entries, &held);
    assert_int_equal(held, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(agrees_with_a_model, begin, end),
        cmocka_unit_test_setup_teardown(what_has_no_entry_is_told, begin, end),
        cmocka_unit_test_setup_teardown(without_space_there_is_no_entry, begin, end),
        cmocka_unit_test_setup_teardown(threads_do_not_lose_entries, begin, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
