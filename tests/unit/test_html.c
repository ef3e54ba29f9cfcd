/* The page's document: small whatever the report, and nothing lost without being counted. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#include "common/sample_report.h"
#include "model/compare.h"
#include "render/html.h"
#include "render/json_parts.h"
#include "render/render.h"

#define PAGE_MOST 2000000
#define SITES     5000
#define TEMPLATES 3000
#define FINDINGS  2000
#define DEPTH     40
#define KEY_BYTES 4000

static const struct html_bounds all = {SIZE_MAX, SIZE_MAX, SIZE_MAX, SIZE_MAX, SIZE_MAX,
                                       SIZE_MAX, SIZE_MAX, SIZE_MAX, SIZE_MAX};

/* ---- A huge report ---- */

static const struct stack *huge_stack(struct report *report, unsigned number)
{
    struct stack *stack = report_alloc(report, sizeof(*stack));

    stack->frames = report_array(report, sizeof(struct frame));
    for (unsigned i = 0; i < DEPTH; i++) {
        struct frame frame = {
            .function = report_printf(report, "function_%u_of_a_long_name_%u", i, number % 997 + i),
            .file = "service.c",
            .line = (int)i + 1,
            .module = "/usr/bin/service"};
        g_array_append_val(stack->frames, frame);
    }
    return stack;
}

static void add_sites(struct report *report)
{
    for (unsigned i = 0; i < SITES; i++) {
        struct site_report *site = report_alloc(report, sizeof(*site));

        site->id = report_printf(report, "%08x", i);
        site->allocated_bytes = SITES - i;
        site->live_bytes = i; /* the last allocate least and hold most */
        site->stack = huge_stack(report, i);
        g_ptr_array_add(report->heap.sites, site);
    }
}

static void add_templates(struct report *report)
{
    for (unsigned i = 0; i < TEMPLATES; i++) {
        struct template_report *template = report_alloc(report, sizeof(*template));

        template->name = report_printf(report, "template%u:<uuid>", i);
        template->reads = template->misses = TEMPLATES - i;
        template->call_sites = report_pointers(report);
        g_ptr_array_add(report->cache.templates, template);
    }
}

static void add_findings(struct report *report)
{
    char *key = g_strnfill(KEY_BYTES, '<');

    for (unsigned i = 0; i < FINDINGS; i++) {
        struct finding *finding = report_finding(report, "duplicate-input-miss", SEVERITY_WARNING);
        struct evidence *evidence = report_alloc(report, sizeof(*evidence));

        finding->message = finding->remedy = "drop it";
        evidence->kind = "key-text";
        evidence->key_a = evidence->key_b = report_text(report, key);
        evidence->differs = report_array(report, sizeof(struct difference));
        g_ptr_array_add(finding->evidence, evidence);
    }
    g_free(key);
}

static struct report *huge_report(void)
{
    struct report *report = sample_report();

    add_sites(report);
    add_templates(report);
    add_findings(report);
    return report;
}

static json_t *document_of(const struct report *report, const struct html_bounds *bounds)
{
    json_t *json = json_report(report), *document = html_report_document(json, bounds);

    json_decref(json);
    return document;
}

static double total(const json_t *list, const char *name)
{
    double sum = 0;

    for (size_t i = 0; i < json_array_size(list); i++)
        sum += json_number_value(json_object_get(json_array_get(list, i), name));
    return sum;
}

static json_t *at(const json_t *document, const char *one, const char *other)
{
    json_t *value = json_object_get(json_object_get(document, one), other);

    assert_non_null(value);
    return value;
}

/* ---- */

static void a_huge_report_makes_a_small_page(void **state)
{
    struct report *report = huge_report();
    struct comparison *comparison = comparison_new(report, report);
    const struct render_options options = {.top = 10, .width = 80};
    char *page = NULL;
    size_t bytes = 0;

    (void)state;
    FILE *out = open_memstream(&page, &bytes);
    report_renderer_named("html")->render(report, &options, out);
    fclose(out);
    assert_in_range(bytes, 1, PAGE_MOST);
    free(page);
    out = open_memstream(&page, &bytes);
    comparison_renderer_named("html")->render(comparison, &options, out);
    fclose(out);
    assert_in_range(bytes, 1, PAGE_MOST);
    free(page);
    comparison_free(comparison);
    report_free(report);
}

static void what_is_left_out_is_counted(void **state)
{
    struct report *report = huge_report();
    const struct html_bounds bounds = {.sites = 100, .templates = 50, .findings = 20, .text = 256};
    json_t *whole = document_of(report, &all);
    json_t *small = document_of(report, &bounds);
    const json_t *left = json_object_get(small, "left_out");

    (void)state;
    const json_t *sites = json_object_get(at(small, "report", "heap"), "sites");
    const json_t *all_sites = json_object_get(at(whole, "report", "heap"), "sites");
    assert_int_equal(json_array_size(sites), 100);
    assert_int_equal(json_array_size(all_sites), report->heap.sites->len);
    for (size_t i = 0; i < 2; i++) {
        const char *name = i == 0 ? "live_bytes" : "allocated_bytes";
        assert_true(total(sites, name) + json_number_value(at(left, "sites", name)) ==
                    total(all_sites, name));
    }
    assert_int_equal(json_integer_value(at(left, "templates", "count")),
                     report->cache.templates->len - 50);
    assert_int_equal(json_integer_value(json_object_get(left, "findings_count")),
                     report->findings->len - 20);
    assert_true(json_integer_value(json_object_get(left, "texts_count")) == 0); /* no evidence */
    assert_int_equal(json_integer_value(at(json_object_get(whole, "left_out"), "sites", "count")),
                     0);
    json_decref(whole);
    json_decref(small);
    report_free(report);
}

/* Few bytes allocated and many held is as much worth a place as the reverse. */
static void the_heaviest_sites_of_any_kind_stay(void **state)
{
    struct report *report = huge_report();
    const struct html_bounds bounds = {.sites = 1000, .text = 256};
    json_t *small = document_of(report, &bounds);
    const json_t *sites = json_object_get(at(small, "report", "heap"), "sites");
    bool most_held = false, most_allocated = false;

    (void)state;
    for (size_t i = 0; i < json_array_size(sites); i++) {
        const json_t *site = json_array_get(sites, i);
        most_held |= json_integer_value(json_object_get(site, "live_bytes")) == SITES - 1;
        most_allocated |= json_integer_value(json_object_get(site, "allocated_bytes")) == SITES;
    }
    assert_true(most_held);
    assert_true(most_allocated);
    json_decref(small);
    report_free(report);
}

static void stacks_are_lists_of_shared_frames(void **state)
{
    struct report *report = sample_report();
    json_t *document = document_of(report, &all);
    const json_t *frames = json_object_get(document, "frames");
    const json_t *site =
        json_array_get(json_object_get(at(document, "report", "heap"), "sites"), 0);
    const json_t *stack = json_object_get(site, "stack");
    const struct site_report *first = g_ptr_array_index(report->heap.sites, 0);

    (void)state;
    assert_int_equal(json_array_size(stack), first->stack->frames->len);
    for (guint i = 0; i < first->stack->frames->len; i++) {
        const struct frame *frame = &g_array_index(first->stack->frames, struct frame, i);
        size_t index = (size_t)json_integer_value(json_array_get(stack, i));
        const json_t *function = json_object_get(json_array_get(frames, index), "function");

        assert_in_range(index, 0, json_array_size(frames) - 1);
        if (frame->function != NULL && g_utf8_validate(frame->function, -1, NULL))
            assert_string_equal(json_string_value(function), frame->function);
    }
    json_decref(document);
    report_free(report);
}

static void long_texts_are_cut_between_characters(void **state)
{
    const struct html_bounds bounds = {.findings = 10, .text = 64};
    json_t *report = json_pack("{s[s, s], s{}, s{}, s[], s[], s[]}", "notes", "short",
                               "\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4"
                               "\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4"
                               "\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4"
                               "\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4"
                               "\xc3\xa4\xc3\xa4",
                               "heap", "cache", "findings", "leaks", "captures");
    struct html_bounds notes = bounds;

    (void)state;
    notes.notes = 10;
    json_t *shrunk = html_shrink(report, &notes);
    const json_t *kept = at(shrunk, "report", "notes");
    const char *cut = json_string_value(json_array_get(kept, 1));
    assert_string_equal(json_string_value(json_array_get(kept, 0)), "short");
    assert_in_range(strlen(cut), 60, 64);
    assert_true(g_str_has_suffix(cut, "..."));
    assert_true(g_utf8_validate(cut, -1, NULL));
    assert_int_equal(json_integer_value(at(shrunk, "left_out", "texts_count")), 1);
    json_decref(shrunk);
    json_decref(report);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_huge_report_makes_a_small_page),
        cmocka_unit_test(what_is_left_out_is_counted),
        cmocka_unit_test(the_heaviest_sites_of_any_kind_stay),
        cmocka_unit_test(stacks_are_lists_of_shared_frames),
        cmocka_unit_test(long_texts_are_cut_between_characters),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
