/* The documentation says of every threshold what the code goes by. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <string.h>

#include <glib.h>

#include "find/rules.h"
#include "find/thresholds.h"

#define PAGE "analyzer/FINDINGS.md"

/* From the rule's heading to the next one. */
static char *section_of(const char *page, const char *rule)
{
    char *heading = g_strdup_printf("\n## %s\n", rule);
    const char *start = strstr(page, heading), *end;

    assert_non_null(start);
    end = start ? strstr(start + strlen(heading), "\n## ") : NULL;
    g_free(heading);
    return end ? g_strndup(start, (gsize)(end - start)) : g_strdup(start);
}

static void every_threshold_is_documented(void **state)
{
    char *page = NULL;

    (void)state;
    assert_true(g_file_get_contents(PAGE, &page, NULL, NULL));
    for (const struct threshold_row *row = threshold_rows; row->name; row++) {
        char *section = section_of(page, row->rule);
        char *line = g_strdup_printf("| `%s` | %.10g | %s |", row->name, row->value, row->meaning);

        assert_true(rule_known(row->rule));
        if (!strstr(section, line))
            fail_msg("%s: the section on %s has no line %s", PAGE, row->rule, line);
        g_free(line);
        g_free(section);
    }
    g_free(page);
}

/* Each rule about the cache has prose, not a heading alone. */
static void every_rule_is_explained(void **state)
{
    char *page = NULL;

    (void)state;
    assert_true(g_file_get_contents(PAGE, &page, NULL, NULL));
    for (const struct threshold_row *row = threshold_rows; row->name; row++) {
        char *section = section_of(page, row->rule);

        assert_true(strlen(section) > strlen(row->rule) + 100);
        g_free(section);
    }
    g_free(page);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_threshold_is_documented),
        cmocka_unit_test(every_rule_is_explained),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
