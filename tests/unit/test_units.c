/* Numbers and texts for people. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <glib.h>
#include <math.h>
#include <string.h>

#include "model/text.h"
#include "model/units.h"

struct said {
    double number;
    const char *text;
};

static void all_say(char *(*units)(char *, size_t, double), const struct said *said, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        char out[UNITS_ROOM];
        assert_string_equal(units(out, sizeof(out), said[i].number), said[i].text);
    }
}

static void bytes_are_in_powers_of_1024(void **state)
{
    (void)state;
    static const struct said said[] = {
        {0, "0 B"},        {512, "512 B"},      {1023, "1023 B"},   {1024, "1 KiB"},
        {1536, "1.5 KiB"}, {90317, "88.2 KiB"}, {1048575, "1 MiB"}, {1342177280, "1.25 GiB"},
        {-2048, "-2 KiB"}, {4.5e15, "4 PiB"},   {0.25, "0.25 B"},   {NAN, "unknown"},
    };
    all_say(units_bytes, said, G_N_ELEMENTS(said));
}

static void counts_have_thousands_separators(void **state)
{
    (void)state;
    static const struct said said[] = {
        {0, "0"},
        {7, "7"},
        {999, "999"},
        {1412, "1,412"},
        {1234567, "1,234,567"},
        {-1412, "-1,412"},
        {0.25, "0.25"},
        {12.5, "12.5"},
        {1000.4, "1,000"},
        {INFINITY, "unknown"},
    };
    all_say(units_count, said, G_N_ELEMENTS(said));
}

static void seconds_have_a_fitting_unit(void **state)
{
    (void)state;
    static const struct said said[] = {
        {0, "0 s"},       {8.4e-7, "840 ns"}, {1.5e-5, "15 us"},   {0.012, "12 ms"},
        {3.5, "3.5 s"},   {119, "119 s"},     {250, "4 min 10 s"}, {7500, "2 h 5 min"},
        {0.99999, "1 s"}, {NAN, "unknown"},
    };
    all_say(units_seconds, said, G_N_ELEMENTS(said));
}

static void ratios_are_shares_of_a_hundred(void **state)
{
    (void)state;
    static const struct said said[] = {
        {0, "0 %"}, {0.941, "94.1 %"}, {1, "100 %"}, {0.00312, "0.31 %"}, {NAN, "unknown"}};
    all_say(units_ratio, said, G_N_ELEMENTS(said));
}

static void too_little_room_cuts(void **state)
{
    (void)state;
    char out[4];
    units_count(out, sizeof(out), 1234567);
    assert_true(strlen(out) < sizeof(out));
    units_bytes(out, sizeof(out), 123456);
    assert_int_equal(strlen(out), 3);
}

static void texts_do_not_act_on_a_terminal(void **state)
{
    (void)state;
    static const char *const texts[][2] = {
        {"llm:1", "llm:1"},
        {"a\x1b[31m\n", "a\\x1b[31m\\x0a"},
        {"caf\xc3\xa9", "caf\xc3\xa9"},
        {"\xff\xc3", "\\xff\\xc3"},
        {"\\x41", "\\\\x41"},
        {"\xe2\x80\xae"
         "evil",
         "\\xe2\\x80\\xae"
         "evil"}, /* turns the writing direction */
        {"", ""},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(texts); i++) {
        char *shown = text_printable(texts[i][0], strlen(texts[i][0]));
        assert_string_equal(shown, texts[i][1]);
        g_free(shown);
    }
    char *nul = text_printable("a\0b", 3);
    assert_string_equal(nul, "a\\x00b");
    g_free(nul);
    assert_string_equal(text_base_name("/a/b"), "b");
    assert_string_equal(text_base_name("b"), "b");
    assert_null(text_base_name(NULL));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bytes_are_in_powers_of_1024),
        cmocka_unit_test(counts_have_thousands_separators),
        cmocka_unit_test(seconds_have_a_fitting_unit),
        cmocka_unit_test(ratios_are_shares_of_a_hundred),
        cmocka_unit_test(too_little_room_cuts),
        cmocka_unit_test(texts_do_not_act_on_a_terminal),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
