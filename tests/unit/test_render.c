/* The renderers on reports that are filled by hand: every field of the contract, and nothing that
 * acts on a terminal. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#include "common/sample_report.h"
#include "render/page.h"
#include "render/render.h"

static char *render(const struct report *report, const char *format, bool colour)
{
    const struct render_options options = {.top = 10, .colour = colour, .width = 80};
    const struct report_renderer *renderer = report_renderer_named(format);
    char *text = NULL;
    size_t bytes = 0;

    assert_non_null(renderer);
    FILE *out = open_memstream(&text, &bytes);
    renderer->render(report, &options, out);
    fclose(out);
    assert_int_equal(strlen(text), bytes);
    return text;
}

static json_t *render_json(const struct report *report)
{
    char *text = render(report, "json", false);
    json_error_t error;
    json_t *document = json_loads(text, 0, &error);

    if (document == NULL)
        fail_msg("no JSON: %s", error.text);
    free(text);
    return document;
}

/* ---- JSON ---- */

/* "heap.sites.0.stack.1.line"; fails when there is no such field. */
static json_t *at(json_t *document, const char *path)
{
    char **steps = g_strsplit(path, ".", -1);
    json_t *value = document;

    for (char **step = steps; *step != NULL; step++) {
        value = json_is_array(value) ? json_array_get(value, g_ascii_strtoull(*step, NULL, 10))
                                     : json_object_get(value, *step);
        if (value == NULL)
            fail_msg("no field %s of %s", *step, path);
    }
    g_strfreev(steps);
    return value;
}

/* The specification's section 7, one field a row: i integer, n number, s string, b bool, o object,
 * a array, 0 null. */
static const struct {
    const char *path;
    char type;
} contract[] = {
    {"schema", 's'},
    {"captures.0.path", 's'},
    {"captures.0.process.pid", 'i'},
    {"captures.0.process.parent_pid", 'i'},
    {"captures.0.process.command.0", 's'},
    {"captures.0.process.executable", 's'},
    {"captures.0.started", 's'},
    {"captures.0.duration_seconds", 'n'},
    {"captures.0.end", 's'},
    {"captures.0.sample_bytes", 'i'},
    {"captures.0.events.recorded_count", 'i'},
    {"captures.0.events.overwritten_count", 'i'},
    {"captures.0.events.dropped_count", 'i'},
    {"heap.exact", 'b'},
    {"heap.allocated_bytes", 'i'},
    {"heap.allocated_count", 'i'},
    {"heap.freed_bytes", 'i'},
    {"heap.freed_count", 'i'},
    {"heap.live_bytes", 'i'},
    {"heap.live_count", 'i'},
    {"heap.peak_live_bytes", 'i'},
    {"heap.sites.0.id", 's'},
    {"heap.sites.0.allocated_bytes", 'i'},
    {"heap.sites.0.allocated_count", 'i'},
    {"heap.sites.0.live_bytes", 'i'},
    {"heap.sites.0.live_count", 'i'},
    {"heap.sites.0.temporary_count", 'i'},
    {"heap.sites.0.temporary_bytes", 'i'},
    {"heap.sites.0.stack.1.function", 's'},
    {"heap.sites.0.stack.1.file", 's'},
    {"heap.sites.0.stack.1.line", 'i'},
    {"heap.sites.0.stack.1.module", 's'},
    {"heap.sites.0.stack.1.build_id", 's'},
    {"heap.sites.0.stack.1.offset", 'i'},
    {"heap.sites.0.stack.2.inlined", 'b'},
    {"heap.sites.0.stack.3.function", '0'},
    {"heap.sites.0.stack.3.line", '0'},
    {"heap.timeline.1.seconds", 'n'},
    {"heap.timeline.1.live_bytes", 'i'},
    {"heap.timeline.1.allocated_bytes", 'i'},
    {"leaks.0.rule", 's'},
    {"leaks.0.site.stack", 'a'},
    {"leaks.0.live_bytes", 'i'},
    {"leaks.0.live_count", 'i'},
    {"leaks.0.live_bytes_interval.1", 'i'},
    {"leaks.0.growth_bytes_per_second", 'n'},
    {"leaks.0.confidence_ratio", 'n'},
    {"leaks.0.template", 's'},
    {"leaks.0.outcome", 's'},
    {"leaks.0.bytes_per_command", 'n'},
    {"leaks.0.started_seconds", '0'},
    {"cache.commands.GET", 'i'},
    {"cache.reads", 'i'},
    {"cache.hits", 'i'},
    {"cache.misses", 'i'},
    {"cache.hit_ratio", 'n'},
    {"cache.writes", 'i'},
    {"cache.written_bytes", 'i'},
    {"cache.errors", 'i'},
    {"cache.distinct_keys", 'i'},
    {"cache.miss_causes.first-seen", 'i'},
    {"cache.miss_causes.duplicate-input", 'i'},
    {"cache.miss_causes.expired", 'i'},
    {"cache.miss_causes.evicted", 'i'},
    {"cache.miss_causes.deleted", 'i'},
    {"cache.miss_causes.concurrent", 'i'},
    {"cache.miss_causes.not-stored", 'i'},
    {"cache.templates.0.template", 's'},
    {"cache.templates.0.reads", 'i'},
    {"cache.templates.0.hits", 'i'},
    {"cache.templates.0.misses", 'i'},
    {"cache.templates.0.hit_ratio", 'n'},
    {"cache.templates.0.writes", 'i'},
    {"cache.templates.0.distinct_keys", 'i'},
    {"cache.templates.0.distinct_inputs", '0'},
    {"cache.templates.0.miss_causes.not-stored", 'i'},
    {"cache.templates.0.never_read_keys", '0'},
    {"cache.templates.0.ttl_seconds.none_count", 'i'},
    {"cache.templates.0.ttl_seconds.min", 'n'},
    {"cache.templates.0.ttl_seconds.median", 'n'},
    {"cache.templates.0.ttl_seconds.max", 'n'},
    {"cache.templates.0.recompute_seconds.p50", 'n'},
    {"cache.templates.0.recompute_seconds.p99", 'n'},
    {"cache.templates.0.recompute_seconds.total", 'n'},
    {"cache.templates.0.latency_seconds.p50", '0'},
    {"cache.templates.0.latency_seconds.p99", '0'},
    {"cache.templates.0.call_sites.0.1.function", 's'},
    {"findings.1.rule", 's'},
    {"findings.1.severity", 's'},
    {"findings.1.template", 's'},
    {"findings.1.message", 's'},
    {"findings.1.remedy", 's'},
    {"findings.1.metrics.duplicate_miss_count", 'i'},
    {"findings.1.metrics.duplicate_miss_ratio", 'n'},
    {"findings.1.metrics.wasted_recompute_seconds", '0'},
    {"findings.1.evidence.0.kind", 's'},
    {"findings.1.evidence.0.confidence_ratio", 'n'},
    {"findings.1.evidence.0.key_a", 's'},
    {"findings.1.evidence.0.key_b", 's'},
    {"findings.1.evidence.0.input_a", 's'},
    {"findings.1.evidence.0.input_b", 's'},
    {"findings.1.evidence.0.differs.0.class", 's'},
    {"findings.1.evidence.0.differs.0.a", 's'},
    {"findings.1.evidence.0.differs.0.b", 's'},
    {"findings.1.varying.0.class", 's'},
    {"findings.1.varying.0.share_ratio", 'n'},
    {"findings.0.predicted", '0'},
    {"findings.1.predicted.hit_ratio", 'n'},
    {"findings.1.predicted.hit_ratio_interval.0", 'n'},
    {"findings.1.predicted.distinct_keys", 'i'},
    {"findings.1.predicted.saved_recompute_seconds", 'n'},
    {"findings.1.predicted.saved_redis_bytes", 'i'},
    {"findings.1.call_sites.0.1.function", 's'},
    {"cost.wasted_recompute_seconds", 'n'},
    {"cost.wasted_redis_bytes", 'i'},
    {"cost.wasted_money", '0'},
};

static bool is_type(const json_t *value, char type)
{
    switch (type) {
    case 'i':
        return json_is_integer(value);
    case 'n':
        return json_is_number(value);
    case 's':
        return json_is_string(value);
    case 'b':
        return json_is_boolean(value);
    case 'a':
        return json_is_array(value);
    default:
        return json_is_null(value);
    }
}

static void json_has_every_field_of_the_contract(void **state)
{
    struct report *report = sample_report();
    json_t *document = render_json(report);

    (void)state;
    for (size_t i = 0; i < G_N_ELEMENTS(contract); i++)
        if (!is_type(at(document, contract[i].path), contract[i].type))
            fail_msg("%s is not of type %c", contract[i].path, contract[i].type);
    json_decref(document);
    report_free(report);
}

static void json_says_what_the_report_says(void **state)
{
    struct report *report = sample_report();
    json_t *document = render_json(report);

    (void)state;
    assert_string_equal(json_string_value(at(document, "schema")), "leakey.report/1");
    assert_string_equal(json_string_value(at(document, "captures.0.started")),
                        "2023-11-14T22:13:20.250000Z");
    assert_int_equal(json_integer_value(at(document, "heap.sites.0.allocated_count")), 2000);
    assert_int_equal(json_integer_value(at(document, "heap.sites.0.stack.1.offset")), 0x5678);
    assert_true(json_is_true(at(document, "heap.sites.0.stack.2.inlined")));
    assert_int_equal(json_integer_value(at(document, "cache.miss_causes.duplicate-input")), 950);
    assert_true(json_real_value(at(document, "findings.1.predicted.hit_ratio_interval.1")) == 0.95);
    assert_string_equal(json_string_value(at(document, "findings.1.severity")), "warning");
    assert_string_equal(json_string_value(at(document, "captures.0.process.command.1")),
                        "evil\033[31m\nname\xef\xbf\xbd");
    json_decref(document);
    report_free(report);
}

static void json_of_what_was_not_recorded_is_null(void **state)
{
    static const char *const unknown[] = {"heap.allocated_bytes",
                                          "heap.live_bytes",
                                          "heap.peak_live_bytes",
                                          "cache.reads",
                                          "cache.hit_ratio",
                                          "cache.distinct_keys",
                                          "cost.wasted_recompute_seconds"};
    struct report *report = sample_empty();
    json_t *document = render_json(report);

    (void)state;
    for (size_t i = 0; i < G_N_ELEMENTS(unknown); i++)
        if (!json_is_null(at(document, unknown[i])))
            fail_msg("%s is not null", unknown[i]);
    assert_int_equal(json_array_size(at(document, "findings")), 0);
    json_decref(document);
    report_free(report);
}

static void json_is_never_shortened(void **state)
{
    struct report *report = sample_report();

    (void)state;
    for (int i = 0; i < 40; i++)
        g_ptr_array_add(report->heap.sites, g_ptr_array_index(report->heap.sites, 0));
    json_t *document = render_json(report);
    assert_int_equal(json_array_size(at(document, "heap.sites")), 41);
    json_decref(document);
    report_free(report);
}

/* ---- Text ---- */

static void assert_page(const char *text)
{
    char **lines = g_strsplit(text, "\n", -1);

    assert_true(g_utf8_validate(text, -1, NULL));
    for (char **line = lines; *line != NULL; line++) {
        if (shown_columns(*line) > 80)
            fail_msg("%zu columns: %s", shown_columns(*line), *line);
        for (const char *c = *line; *c != '\0'; c++)
            if ((unsigned char)*c < 0x20 || *c == 0x7f)
                fail_msg("a control character in: %s", *line);
    }
    g_strfreev(lines);
}

static void assert_has(const char *text, const char *part)
{
    if (strstr(text, part) == NULL)
        fail_msg("no \"%s\" in:\n%s", part, text);
}

static void text_starts_with_the_verdict(void **state)
{
    struct report *report = sample_report();
    char *text = render(report, "text", false);

    (void)state;
    assert_true(
        g_str_has_prefix(text, "[1] error:   lookup_answer (llm_cache.c:88) leaks one reply"));
    assert_has(text, "\n[2] warning: 950 of 1,000 misses");
    assert_true(strstr(text, "[2] warning:") < strstr(text, "\nCache\n"));
    assert_true(strstr(text, "\nCache\n") < strstr(text, "\nHeap"));
    assert_true(strstr(text, "\nHeap") < strstr(text, "\n[1] reply-leak"));
    assert_page(text);
    free(text);
    report_free(report);
}

static void text_shows_place_evidence_and_prediction(void **state)
{
    struct report *report = sample_report();
    char *text = render(report, "text", false);

    (void)state;
    assert_has(text, "  > lookup_answer                    llm_cache.c:88 in llm_cache");
    assert_has(text, "http.c:40 (inlined)");
    assert_has(text, "duplicate-input        950    95 %");
    assert_has(text, "\"ts\":1700000001.125,\"model\"");
    assert_has(text, "\"ts\":1700000093.5  ,\"model\"");
    assert_has(text, "  ^^^^^^^^^^^^^^\n");
    assert_has(text, "Predicted   hit ratio 0.93 (0.90 .. 0.95), 50 distinct keys");
    assert_has(text, "Call freeReplyObject on the nil branch too.");
    free(text);
    report_free(report);
}

/* The mark stands right under what differs, and so does its class. */
static void marks_stand_under_the_difference(void **state)
{
    struct report *report = sample_report();
    char *text = render(report, "text", false);
    char **lines = g_strsplit(text, "\n", -1);
    bool seen = false;

    (void)state;
    for (char **line = lines; *line != NULL && !seen; line++) {
        const char *value = strstr(*line, "1700000001.125");

        if (value == NULL || !g_str_has_prefix(*line, "    a "))
            continue;
        seen = true;
        assert_int_equal(strcspn(line[2], "^"), value - *line);
        assert_int_equal(strcspn(line[3], "t"), value - *line);
    }
    assert_true(seen);
    g_strfreev(lines);
    free(text);
    report_free(report);
}

static void text_without_finding_says_what_was_looked_at(void **state)
{
    struct report *report = sample_healthy();
    char *text = render(report, "text", false);

    (void)state;
    assert_true(g_str_has_prefix(
        text, "No finding: 1,000 cache reads with a hit ratio of 0.93; none of 1"));
    assert_page(text);
    free(text);
    report->cache.reads = 7;
    ((struct capture_report *)g_ptr_array_index(report->captures, 0))->duration_seconds = 0.4;
    text = render(report, "text", false);
    assert_has(text, "So few reads say little");
    assert_has(text, "400 ms is");
    free(text);
    report_free(report);
}

static void text_of_nothing_is_a_page_too(void **state)
{
    struct report *report = sample_empty();
    char *text = render(report, "text", false);

    (void)state;
    assert_has(text, "no cache read was seen; the heap was not recorded");
    assert_page(text);
    free(text);
    report_free(report);
}

static void colours_only_when_asked(void **state)
{
    struct report *report = sample_report();
    char *plain = render(report, "text", false), *coloured = render(report, "text", true);

    (void)state;
    assert_null(strchr(plain, '\033'));
    assert_true(g_str_has_prefix(coloured, "\033[1;31m[1] error:"));
    free(plain);
    free(coloured);
    report_free(report);
}

/* Whatever a capture holds, the page stays a page: names that are long, wide, hostile, or not
 * there. */
static void text_holds_against_hostile_names(void **state)
{
    struct report *report = sample_report();
    struct finding *finding = g_ptr_array_index(report->findings, 1);
    struct evidence *evidence = g_ptr_array_index(finding->evidence, 0);
    struct template_report *template = g_ptr_array_index(report->cache.templates, 0);
    char *wide = g_strnfill(3000, 'x'), *east = g_strdup("\xe6\x97\xa5\xe6\x9c\xac");

    (void)state;
    for (int i = 0; i < 6; i++) {
        char *twice = g_strconcat(east, east, NULL);
        g_free(east);
        east = twice;
    }
    finding->message = wide;
    finding->template_name = SAMPLE_HOSTILE;
    template->name = east;
    evidence->input_a = wide;
    evidence->input_b = SAMPLE_HOSTILE;
    evidence->key_a = east;
    evidence->key_b = "\xe2\x80\xae\033]0;title\a";
    char *text = render(report, "text", false);
    assert_page(text);
    assert_null(strstr(text, "\xe2\x80\xae"));
    free(text);
    g_free(wide);
    g_free(east);
    report_free(report);
}

/* Differences that claim to be where they are not, overlap or are empty must not lead astray. */
static void evidence_that_lies_is_still_shown(void **state)
{
    static const struct difference lies[] = {
        {"timestamp", "1700000001.125", "nowhere", 45, 45},
        {"uuid", "x", "y", SIZE_MAX, SIZE_MAX},
        {"random", "", "", 10, 10},
        {"case", "1700", "1700", 45, 45},
        {"order", "b, a", "a, b", 5000, 5000},
    };
    struct report *report = sample_report();
    struct evidence *evidence =
        g_ptr_array_index(((struct finding *)g_ptr_array_index(report->findings, 1))->evidence, 0);

    (void)state;
    g_array_append_vals(evidence->differs, lies, G_N_ELEMENTS(lies));
    char *text = render(report, "text", false);
    assert_page(text);
    assert_has(text, "order: b, a | a, b");
    free(text);
    report_free(report);
}

/* ---- Editors and pull requests ---- */

static void assert_harmless(const char *text)
{
    assert_true(g_utf8_validate(text, -1, NULL));
    for (const char *c = text; *c != '\0'; c++)
        if (((unsigned char)*c < 0x20 && *c != '\n') || *c == 0x7f)
            fail_msg("a control character in: %s", text);
}

static void other_formats_hold_against_hostile_names(void **state)
{
    static const char *const formats[] = {"markdown", "sarif", "gcc"};
    struct report *report = sample_report();
    struct finding *finding = g_ptr_array_index(report->findings, 1);
    struct evidence *evidence = g_ptr_array_index(finding->evidence, 0);

    (void)state;
    finding->message = finding->template_name = evidence->key_a = SAMPLE_HOSTILE "[a](b) ```\n```";
    for (size_t i = 0; i < G_N_ELEMENTS(formats); i++) {
        char *text = render(report, formats[i], false);
        assert_harmless(text);
        free(text);
    }
    char *text = render(report, "sarif", false);
    json_t *document = json_loads(text, 0, NULL);
    assert_non_null(document);
    assert_int_equal(json_array_size(at(document, "runs.0.results")), 2);
    const char *message = json_string_value(at(document, "runs.0.results.1.message.text"));
    assert_has(message, "evil\\x1b[31m\\nname\\xff[a] (b)");
    json_decref(document);
    free(text);
    report_free(report);
}

/* However much there is to say, a comment takes it, and the reader is told. */
static void markdown_fits_a_comment(void **state)
{
    struct report *report = sample_report();
    char *wide = g_strnfill(3000, '|');

    (void)state;
    for (int i = 0; i < 400; i++)
        g_ptr_array_add(report->findings, g_ptr_array_index(report->findings, 1));
    ((struct finding *)g_ptr_array_index(report->findings, 1))->message = wide;
    const struct render_options options = {.top = 1000, .width = 80};
    char *text = NULL;
    size_t bytes = 0;
    FILE *out = open_memstream(&text, &bytes);
    report_renderer_named("markdown")->render(report, &options, out);
    fclose(out);
    assert_in_range(bytes, 10000, 65536);
    assert_has(text, "Left out: the details of ");
    free(text);
    g_free(wide);
    report_free(report);
}

/* ---- Pieces ---- */

static void assert_shortened(const char *text, size_t columns, const char *expected)
{
    GString *shown = g_string_new(text);

    shown_shorten(shown, columns);
    assert_string_equal(shown->str, expected);
    g_string_free(shown, TRUE);
}

static void long_texts_lose_their_middle(void **state)
{
    (void)state;
    assert_shortened("abcdefghij", 10, "abcdefghij");
    assert_shortened("abcdefghijk", 10, "abcd...ijk");
    assert_shortened("abcdefghijk", 3, "abc");
    assert_shortened("", 0, "");
    assert_shortened("\xe6\x97\xa5\xe6\x9c\xac\xe8\xaa\x9e", 5, "\xe6\x97\xa5...");
}

static void ratios_never_round_to_the_ends(void **state)
{
    char out[16];

    (void)state;
    assert_string_equal(shown_ratio(out, sizeof(out), 0), "0.00");
    assert_string_equal(shown_ratio(out, sizeof(out), 0.001), "<0.01");
    assert_string_equal(shown_ratio(out, sizeof(out), 0.93), "0.93");
    assert_string_equal(shown_ratio(out, sizeof(out), 0.9999), ">0.99");
    assert_string_equal(shown_ratio(out, sizeof(out), 1), "1.00");
}

static void renderers_are_known_by_name(void **state)
{
    (void)state;
    assert_string_equal(report_renderer_names(), "text json html markdown sarif gcc");
    assert_null(report_renderer_named("xml"));
    assert_null(report_renderer_named(""));
    assert_non_null(comparison_renderer_named("json"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(json_has_every_field_of_the_contract),
        cmocka_unit_test(json_says_what_the_report_says),
        cmocka_unit_test(json_of_what_was_not_recorded_is_null),
        cmocka_unit_test(json_is_never_shortened),
        cmocka_unit_test(text_starts_with_the_verdict),
        cmocka_unit_test(text_shows_place_evidence_and_prediction),
        cmocka_unit_test(marks_stand_under_the_difference),
        cmocka_unit_test(text_without_finding_says_what_was_looked_at),
        cmocka_unit_test(text_of_nothing_is_a_page_too),
        cmocka_unit_test(colours_only_when_asked),
        cmocka_unit_test(text_holds_against_hostile_names),
        cmocka_unit_test(evidence_that_lies_is_still_shown),
        cmocka_unit_test(other_formats_hold_against_hostile_names),
        cmocka_unit_test(markdown_fits_a_comment),
        cmocka_unit_test(long_texts_lose_their_middle),
        cmocka_unit_test(ratios_never_round_to_the_ends),
        cmocka_unit_test(renderers_are_known_by_name),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
