/* Suppression files: LeakSanitizer's syntax, its matching, and what is left of a report. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "model/suppressions.h"

static void patterns_match_as_leaksanitizers_do(void **state)
{
    static const struct {
        const char *pattern, *text;
        bool matches;
    } cases[] = {
        {"forget", "forget_session", true},
        {"session", "forget_session", true},
        {"forget_session", "forget", false},
        {"^forget", "forget_session", true},
        {"^session", "forget_session", false},
        {"session$", "forget_session", true},
        {"forget$", "forget_session", false},
        {"^forget_session$", "forget_session", true},
        {"^forget$", "forget_session", false},
        {"*", "anything", true},
        {"f*s", "forget_session", true},
        {"^f*n$", "forget_session", true},
        {"^f*r$", "forget_session", false},
        {"fo*ge*io", "forget_session", true},
        {"io*ge", "forget_session", false},
        {"^*session", "forget_session", true},
        {"forget*$", "forget_session", true},
        {"ab$", "abab", true},
        {"a*ab$", "ab", false},
        {"^ab$", "abab", false},
        {"^a*b$", "ab", true},
        {"lib*.so", "/opt/lib/libfoo.so.1", true},
        {"cache::put(int)", "cache::put(int)", true},
        {"end$ignored", "the end", true},
        {"end$ignored", "end$ignored", false},
        {"a^b", "a^b", true},
        {"Forget", "forget_session", false},
        {"forget", "", false},
        {"*", NULL, false},
    };
    (void)state;
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++)
        if (suppression_matches(cases[i].pattern, cases[i].text) != cases[i].matches)
            fail_msg("%s on %s", cases[i].pattern, cases[i].text);
}

static void a_wrong_line_is_named(void **state)
{
    static const struct {
        const char *text, *message;
    } cases[] = {
        {"forget_session\n", "lsan.supp:1: not leak:PATTERN: forget_session"},
        {"# fine\nleak:a\nrace:b\n", "lsan.supp:3: not leak:PATTERN: race:b"},
        {"leak:a\n\nleak:\n", "lsan.supp:3: no pattern: leak:"},
        {"leak:^\n", "lsan.supp:1: no pattern: leak:^"},
        {"leak:$\n", "lsan.supp:1: no pattern: leak:$"},
        {"leak: \n", "lsan.supp:1: no pattern: leak:"},
        {"leak", "lsan.supp:1: not leak:PATTERN: leak"},
        {"Leak:a", "lsan.supp:1: not leak:PATTERN: Leak:a"},
    };
    (void)state;
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        GError *error = NULL;
        assert_null(suppressions_parse(cases[i].text, strlen(cases[i].text), "lsan.supp", &error));
        assert_string_equal(error->message, cases[i].message);
        g_error_free(error);
    }
    GError *error = NULL;
    assert_null(suppressions_read("/nonexistent/lsan.supp", &error));
    assert_non_null(strstr(error->message, "/nonexistent/lsan.supp"));
    g_error_free(error);
}

/* ---- A report with three leaks ---- */

static struct leak_report *add_leak(struct report *report, const char *rule,
                                    const struct frame *frames, guint count, double bytes)
{
    struct stack *stack = report_alloc(report, sizeof(*stack));
    struct site_report *site = report_alloc(report, sizeof(*site));
    struct leak_report *leak = report_alloc(report, sizeof(*leak));
    stack->frames = report_array(report, sizeof(struct frame));
    g_array_append_vals(stack->frames, frames, count);
    site->stack = stack;
    *leak = (struct leak_report){.rule = rule, .site = site, .live_bytes = bytes, .live_count = 3};
    g_ptr_array_add(report->leaks, leak);
    report_finding(report, rule, SEVERITY_ERROR)->leak = leak;
    return leak;
}

static struct report *leaking_report(void)
{
    const struct frame heap[] = {{.function = "malloc", .module = "/lib/libc.so.6"},
                                 {.function = "forget", .file = "/src/a.c", .module = "/bin/a"}};
    const struct frame reply[] = {{.function = "lookup", .file = "/src/b.c", .module = "/bin/a"}};
    const struct frame unknown[] = {{.module = "/opt/plugin.so", .offset = 5}};
    struct report *report = report_new();
    report_finding(report, "missing-ttl", SEVERITY_WARNING);
    add_leak(report, "heap-leak", heap, G_N_ELEMENTS(heap), 100);
    add_leak(report, "reply-leak", reply, G_N_ELEMENTS(reply), 20);
    add_leak(report, "context-leak", unknown, G_N_ELEMENTS(unknown), 3);
    return report;
}

static struct report *suppressed_by(const char *text)
{
    struct report *report = leaking_report();
    struct suppressions *read = suppressions_parse(text, strlen(text), "lsan.supp", NULL);
    assert_non_null(read);
    suppress_leaks(report, read);
    suppressions_free(read);
    return report;
}

/* The rules of the leaks that are left. */
static void left(const char *text, const char *expected)
{
    struct report *report = suppressed_by(text);
    GString *rules = g_string_new(NULL);
    for (guint i = 0; i < report->leaks->len; i++)
        g_string_append_printf(
            rules, "%s ", ((const struct leak_report *)g_ptr_array_index(report->leaks, i))->rule);
    assert_string_equal(rules->str, expected);
    assert_int_equal(report->findings->len, report->leaks->len + 1);
    g_string_free(rules, TRUE);
    report_free(report);
}

static void functions_files_and_modules_are_looked_at(void **state)
{
    (void)state;
    left("", "heap-leak reply-leak context-leak ");
    left("leak:forget", "reply-leak context-leak ");
    left("leak:^malloc$", "reply-leak context-leak ");
    left("leak:/src/", "context-leak ");
    left("leak:b.c$", "heap-leak context-leak ");
    left("leak:plugin.so", "heap-leak reply-leak ");
    left("leak:^/bin/a$\nleak:/opt", "");
    left("leak:*", "");
    left("leak:nothing_here", "heap-leak reply-leak context-leak ");
    left("  leak:forget \t\r\n\n\t# leak:lookup\r\n", "reply-leak context-leak ");
}

static void each_line_tells_what_it_took_out(void **state)
{
    (void)state;
    struct report *report = suppressed_by("# known\nleak:unused\nleak:/src/\nleak:lookup\n");
    const struct suppression_report *lines = (const void *)report->suppressed.lines->data;
    assert_string_equal(report->suppressed.file, "lsan.supp");
    assert_int_equal(report->suppressed.lines->len, 3);
    assert_string_equal(lines[0].pattern, "unused");
    assert_int_equal(lines[0].line, 2);
    assert_int_equal(lines[0].leaks, 0);
    assert_int_equal(lines[1].leaks, 2);
    assert_true(lines[1].live_bytes == 120 && lines[1].live_count == 6);
    assert_int_equal(lines[2].leaks, 0); /* the first line that matches counts */
    report_free(report);
}

static void without_a_file_nothing_changes(void **state)
{
    (void)state;
    struct report *report = leaking_report();
    suppress_leaks(report, NULL);
    assert_int_equal(report->leaks->len, 3);
    assert_null(report->suppressed.file);
    report_free(report);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(patterns_match_as_leaksanitizers_do),
        cmocka_unit_test(a_wrong_line_is_named),
        cmocka_unit_test(functions_files_and_modules_are_looked_at),
        cmocka_unit_test(each_line_tells_what_it_took_out),
        cmocka_unit_test(without_a_file_nothing_changes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
