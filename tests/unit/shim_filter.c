/* The filter in front of the live table: never says "not sampled" of what is. */
// links: shim/heap/filter.c
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "heap/filter.h"

static const void *address(uint64_t i)
{
    return (const void *)(uintptr_t)(0x7f0000000000u + i * 48);
}

static void holds_what_was_added_until_it_is_removed(void **state)
{
    (void)state;
    for (uint64_t i = 0; i < 5000; i++)
        lk_filter_add(address(i));
    for (uint64_t i = 0; i < 5000; i++)
        assert_true(lk_filter_may_hold(address(i)));
    for (uint64_t i = 0; i < 5000; i++)
        lk_filter_remove(address(i));
    uint64_t left = 0;
    for (uint64_t i = 0; i < 5000; i++)
        left += lk_filter_may_hold(address(i));
    assert_int_equal(left, 0);
}

static void spreads_neighbours_and_strides(void **state)
{
    (void)state;
    static const uint64_t strides[] = {16, 48, 64, 4096, 65536, 1 << 21};
    for (size_t s = 0; s < sizeof strides / sizeof *strides; s++) {
        uint64_t taken = 0;
        for (uint64_t i = 0; i < 1000; i++) {
            const void *at = (const void *)(uintptr_t)(0x550000000000u + i * strides[s]);
            taken += lk_filter_may_hold(at);
            lk_filter_add(at);
        }
        assert_true(taken < 60); /* 1,000 in 32,768 counters: 15 by chance */
        for (uint64_t i = 0; i < 1000; i++)
            lk_filter_remove((const void *)(uintptr_t)(0x550000000000u + i * strides[s]));
    }
}

static void a_full_counter_stays(void **state)
{
    (void)state;
    for (int i = 0; i < 300; i++)
        lk_filter_add(address(1));
    for (int i = 0; i < 300; i++)
        lk_filter_remove(address(1));
    assert_true(lk_filter_may_hold(address(1)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(holds_what_was_added_until_it_is_removed),
        cmocka_unit_test(spreads_neighbours_and_strides),
        cmocka_unit_test(a_full_counter_stays),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
