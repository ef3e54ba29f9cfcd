/* What `leakey top` shows: text that fits, and what a report tells it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <glib.h>
#include <locale.h>
#include <math.h>
#include <string.h>

#include "model/units.h"
#include "top/insight.h"
#include "top/screen.h"
#include "top/table.h"

static void assert_clipped(const char *text, int columns, const char *expected)
{
    char *clipped = screen_clip(text, columns);

    assert_string_equal(clipped, expected);
    g_free(clipped);
}

static void text_is_cut_by_the_columns_it_takes(void **state)
{
    (void)state;
    assert_non_null(setlocale(LC_ALL, "C.UTF-8"));
    assert_clipped("abcdef", 3, "abc");
    assert_clipped("abc", 10, "abc");
    assert_clipped("abc", 0, "");
    assert_clipped("caf\xc3\xa9s", 4, "caf\xc3\xa9");
    /* Characters of two columns, and marks of none. */
    assert_clipped("\xe6\x97\xa5\xe6\x9c\xac", 3, "\xe6\x97\xa5");
    assert_clipped("e\xcc\x81x", 1, "e\xcc\x81");
    assert_clipped("a\x1b[2J", 10, "a?[2J");
    assert_non_null(setlocale(LC_ALL, "C"));
    assert_clipped("caf\xc3\xa9s", 10, "caf?s");
}

static void a_report_tells_causes_and_findings(void **state)
{
    static const char json[] =
        "{\"cache\":{\"miss_causes\":{\"first-seen\":2,\"expired\":3},\"templates\":[{\"template\":"
        "\"t\",\"miss_causes\":{\"evicted\":4}}]},\"findings\":[{\"rule\":\"r\",\"severity\":"
        "\"error\",\"message\":\"m\"}]}";
    struct insight *insight = insight_parse(json, strlen(json));

    (void)state;
    assert_non_null(insight);
    assert_true(insight->causes[0] == 2 && insight->causes[1] == 0 && insight->causes[2] == 3);
    assert_int_equal(insight->templates->len, 1);
    assert_true(((struct insight_template *)g_ptr_array_index(insight->templates, 0))->causes[3] ==
                4);
    assert_string_equal(
        ((struct insight_finding *)g_ptr_array_index(insight->findings, 0))->message, "m");
    insight_free(insight);
    assert_null(insight_parse("{", 1));
    assert_null(insight_parse("", 0));
    insight = insight_parse("{}", 2); /* a report without what is looked for */
    assert_int_equal(insight->findings->len, 0);
    insight_free(insight);
}

struct row {
    const char *name;
    double first, second;
};

static void free_line(gpointer data)
{
    g_free(((struct line *)data)->text);
    g_free(data);
}

static void rows_are_sorted_by_a_column_unknown_last(void **state)
{
    static const struct column columns[] = {
        {"First", 8, offsetof(struct row, first), units_count, "/s"},
        {"Second", 8, offsetof(struct row, second), units_count, ""},
    };
    const struct table table = {columns, 2, "Name", offsetof(struct row, name), "nothing"};
    const struct row given[] = {{"a", NAN, 1}, {"b\x1b", 5, 1}, {"c", 7, 2}, {"d", 5, 3}};
    GPtrArray *lines = g_ptr_array_new_with_free_func(free_line);
    GArray *rows = g_array_new(FALSE, FALSE, sizeof(struct row));

    (void)state;
    g_array_append_vals(rows, given, G_N_ELEMENTS(given));
    table_add(lines, &table, rows, 0, 3);
    static const char *const expected[] = {"   >First   Second  Name", "      7/s        2  c",
                                           "      5/s        3  d", "      5/s        1  b\\x1b",
                                           "  and 1 more"};
    assert_int_equal(lines->len, G_N_ELEMENTS(expected));
    for (guint i = 0; i < lines->len; i++)
        assert_string_equal(((struct line *)g_ptr_array_index(lines, i))->text, expected[i]);
    table_add(lines, &table, rows, 1, 1);
    assert_string_equal(((struct line *)g_ptr_array_index(lines, 6))->text,
                        "      5/s        3  d");
    g_array_free(rows, TRUE);
    g_ptr_array_free(lines, TRUE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_is_cut_by_the_columns_it_takes),
        cmocka_unit_test(a_report_tells_causes_and_findings),
        cmocka_unit_test(rows_are_sorted_by_a_column_unknown_last),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
