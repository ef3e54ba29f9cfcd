/* The clock: near the system's, never back within a thread, and a free's time no older than said.
 */
// links: shim/clock.c
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include <cmocka.h>

#include "clock.h"
#include "common/played_capture.h"
#include "sys.h"

#define MS 1000000u

uint64_t lk_sys_monotonic_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static int begin(void **state)
{
    (void)state;
    played_begin(1);
    lk_capture_header()->start_monotonic_ns = lk_sys_monotonic_ns();
    lk_clock_init();
    return 0;
}

static int end(void **state)
{
    (void)state;
    played_end();
    return 0;
}

static uint64_t since_start(void)
{
    return lk_sys_monotonic_ns() - lk_capture_header()->start_monotonic_ns;
}

/* How far `told` lies outside of what the system said before and after. */
static uint64_t error_of(uint64_t before, uint64_t told, uint64_t after)
{
    if (told < before)
        return before - told;
    return told > after ? told - after : 0;
}

static void keeps_within_a_percent_and_a_millisecond_of_the_system(void **state)
{
    uint64_t last = 0, now;
    (void)state;
    do {
        uint64_t before = since_start(), told = lk_clock_now();
        now = since_start();
        assert_true(error_of(before, told, now) <= now / 100);
        assert_true(error_of(before, told, now) <= MS);
        assert_true(told >= last);
        last = told;
    } while (now < 1000 * MS);
}

/* Whoever is taken from the processor between two ticks still gets the time right afterwards. */
static void is_right_after_a_pause(void **state)
{
    (void)state;
    for (int i = 0; i < 20; i++) {
        lk_clock_now();
        nanosleep(&(struct timespec){.tv_nsec = i * MS}, NULL);
        uint64_t before = since_start(), told = lk_clock_now();
        assert_true(error_of(before, told, since_start()) <= MS);
    }
}

static void a_retold_time_is_some_events_old_at_most(void **state)
{
    uint64_t same = 0, last = lk_clock_now(), asked = 0;
    (void)state;
    for (int i = 0; i < 1000; i++) {
        uint64_t before = lk_clock_now(), told;
        for (same = 0; (told = lk_clock_lately(0)) == before; same++)
            assert_true(same < LK_CLOCK_RETOLD_MOST);
        assert_true(told > last);
        asked += same;
        last = told;
    }
    assert_true(asked >= 999 * LK_CLOCK_RETOLD_MOST); /* and mostly it is retold so often */
}

/* A thread whose first event is a free knows no time of its own yet: that of the allocation may lie
 * hours back. */
static void the_first_time_of_a_thread_is_asked_for(void **state)
{
    (void)state;
    nanosleep(&(struct timespec){.tv_nsec = 20 * MS}, NULL);
    uint64_t before = since_start();
    assert_true(lk_clock_lately(5) >= before);
}

static void times_of_a_thread_do_not_fall_whatever_is_asked(void **state)
{
    uint64_t last = 0, later = 0;
    (void)state;
    for (int i = 0; i < 200000; i++) {
        uint64_t least = played_random() % 4 ? 0 : last + played_random() % 2000;
        uint64_t told = played_random() % 2 ? lk_clock_now() : lk_clock_lately(least);
        if (told == least)
            later++;
        assert_true(told >= last);
        last = told;
    }
    assert_true(later > 100);
    uint64_t own = lk_clock_lately(last + 5 * MS);
    assert_true(own >= last + 5 * MS);
    assert_true(lk_clock_now() >= own && lk_clock_lately(0) >= own);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(keeps_within_a_percent_and_a_millisecond_of_the_system,
                                        begin, end),
        cmocka_unit_test_setup_teardown(is_right_after_a_pause, begin, end),
        cmocka_unit_test_setup_teardown(a_retold_time_is_some_events_old_at_most, begin, end),
        cmocka_unit_test_setup_teardown(the_first_time_of_a_thread_is_asked_for, begin, end),
        cmocka_unit_test_setup_teardown(times_of_a_thread_do_not_fall_whatever_is_asked, begin,
                                        end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
