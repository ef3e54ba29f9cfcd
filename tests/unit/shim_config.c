/* The settings in the environment. */
// links: shim/config.c shim/dynamic.c shim/loader.c shim/sys.c
#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "config.h"

static void sizes_take_powers_of_1024(void **state)
{
    static const struct {
        const char *text;
        uint64_t bytes;
    } good[] = {
        {"0", 0},
        {"1", 1},
        {"4096", 4096},
        {"512K", 512 << 10},
        {"512k", 512 << 10},
        {"256M", 256u << 20},
        {"3G", 3ull << 30},
        {"1T", 1ull << 40},
        {"18446744073709551615", UINT64_MAX},
    };
    static const char *const bad[] = {"",
                                      "K",
                                      "-1",
                                      "1.5M",
                                      "1KB",
                                      "12 K",
                                      "all",
                                      "0x",
                                      "1Kx",
                                      "18446744073709551616",
                                      "99999999999G"};
    uint64_t bytes;
    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        assert_true(lk_parse_size(good[i].text, &bytes));
        assert_int_equal(bytes, good[i].bytes);
    }
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_false(lk_parse_size(bad[i], &bytes));
}

static void clear(void)
{
    static const char *const names[] = {"LEAKEY_OUTPUT", "LEAKEY_SAMPLE", "LEAKEY_RING",
                                        "LEAKEY_KEYS",   "LEAKEY_HEAP",   "LEAKEY_CACHE",
                                        "LEAKEY_PAUSED"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        unsetenv(names[i]);
    memset(&lk_config, 0, sizeof lk_config);
}

static void without_settings_the_defaults_hold(void **state)
{
    char here[4096];
    (void)state;
    clear();
    lk_config_init();
    assert_false(lk_config.off);
    assert_true(lk_config.heap && lk_config.cache);
    assert_false(lk_config.paused || lk_config.hash_keys);
    assert_int_equal(lk_config.sample_bytes, 512 << 10);
    assert_int_equal(lk_config.ring_bytes, 256 << 20);
    assert_string_equal(lk_config.output, getcwd(here, sizeof here));
}

static void settings_are_read(void **state)
{
    (void)state;
    clear();
    setenv("LEAKEY_OUTPUT", "/var/tmp/x", 1);
    setenv("LEAKEY_SAMPLE", "all", 1);
    setenv("LEAKEY_RING", "1G", 1);
    setenv("LEAKEY_KEYS", "hash", 1);
    setenv("LEAKEY_HEAP", "off", 1);
    setenv("LEAKEY_PAUSED", "1", 1);
    lk_config_init();
    assert_string_equal(lk_config.output, "/var/tmp/x");
    assert_int_equal(lk_config.sample_bytes, 1);
    assert_int_equal(lk_config.ring_bytes, 1 << 30);
    assert_true(lk_config.hash_keys && !lk_config.heap && lk_config.cache && lk_config.paused);
}

static void a_relative_directory_is_made_absolute(void **state)
{
    char here[4096], wanted[4200];
    (void)state;
    clear();
    setenv("LEAKEY_OUTPUT", "captures/now", 1);
    lk_config_init();
    assert_non_null(getcwd(here, sizeof here));
    strcpy(wanted, here);
    strcat(wanted, "/captures/now");
    assert_string_equal(lk_config.output, wanted);
}

static void a_misspelt_setting_never_stores_more_than_asked(void **state)
{
    (void)state;
    clear();
    setenv("LEAKEY_KEYS", "hashed", 1);
    setenv("LEAKEY_SAMPLE", "lots", 1);
    lk_config_init();
    assert_true(lk_config.hash_keys);
    assert_int_equal(lk_config.sample_bytes, 512 << 10);
}

static void both_sides_off_is_off(void **state)
{
    (void)state;
    clear();
    setenv("LEAKEY_HEAP", "off", 1);
    setenv("LEAKEY_CACHE", "0", 1);
    lk_config_init();
    assert_true(lk_config.off);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sizes_take_powers_of_1024),
        cmocka_unit_test(without_settings_the_defaults_hold),
        cmocka_unit_test(settings_are_read),
        cmocka_unit_test(a_relative_directory_is_made_absolute),
        cmocka_unit_test(a_misspelt_setting_never_stores_more_than_asked),
        cmocka_unit_test(both_sides_off_is_off),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
