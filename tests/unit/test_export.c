/* Formats of stacks, of reports that are filled by hand: unknown numbers, hostile names, builds of
 * one file, frames that are missing. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>
#include <zlib.h>

#include "export/export.h"
#include "export/profile.pb-c.h"

#define HOSTILE "evil\033[31m\n;name\xff"
#define SHOWN   "evil\\x1b[31m\\x0a;name\\xff"

/* ---- Reports ---- */

static const struct stack *make_stack(struct report *report, const struct frame *frames,
                                      guint count, bool cut)
{
    struct stack *stack = report_alloc(report, sizeof(*stack));

    stack->frames = report_array(report, sizeof(struct frame));
    stack->cut = cut;
    g_array_append_vals(stack->frames, frames, count);
    return stack;
}

static struct site_report *add_site(struct report *report, const char *id,
                                    const struct stack *stack, double bytes)
{
    struct site_report *site = report_alloc(report, sizeof(*site));

    *site = (struct site_report){.id = id,
                                 .allocated_bytes = 2 * bytes,
                                 .allocated_count = 2,
                                 .live_bytes = bytes,
                                 .live_count = 1,
                                 .temporary_count = 1,
                                 .peak_live_bytes = NAN,
                                 .stack = stack};
    g_ptr_array_add(report->heap.sites, site);
    report->heap.present = true;
    return site;
}

static void add_leak(struct report *report, const char *rule, const struct site_report *site,
                     double bytes)
{
    struct leak_report *leak = report_alloc(report, sizeof(*leak));

    *leak = (struct leak_report){
        .rule = rule, .site = site, .live_bytes = bytes, .live_count = 1, .template_name = HOSTILE};
    g_ptr_array_add(report->leaks, leak);
}

static void add_capture(struct report *report, double started, uint64_t sample_bytes)
{
    struct capture_report *capture = report_alloc(report, sizeof(*capture));

    *capture = (struct capture_report){.executable = "/bin/service",
                                       .command = report_pointers(report),
                                       .pid = 7,
                                       .started = started,
                                       .duration_seconds = 2,
                                       .sample_bytes = sample_bytes};
    g_ptr_array_add(capture->command, (gpointer)(uintptr_t)HOSTILE);
    g_ptr_array_add(report->captures, capture);
}

/* Two builds of a library whose functions lie at the same place; beyond one of them a function into
 * which another was inlined, and one without a name; a call site of replies. */
static struct report *make_report(void)
{
    struct report *report = report_new();
    const struct frame old[] = {{.function = HOSTILE,
                                 .file = "a.c",
                                 .line = 3,
                                 .module = "/lib/lib.so",
                                 .build_id = "aa",
                                 .offset = 16},
                                {.module = "/bin/service", .offset = 32}};
    const struct frame new[] = {
        {.function = "renamed",
         .file = "a.c",
         .line = 4,
         .module = "/lib/lib.so",
         .build_id = "bb",
         .offset = 16},
        {.function = "inner",
         .file = "b.c",
         .line = 5,
         .module = "/bin/service",
         .offset = 48,
         .inlined = true},
        {.function = "outer", .file = "b.c", .line = 6, .module = "/bin/service", .offset = 48}};
    const struct site_report *site =
        add_site(report, "1", make_stack(report, old, G_N_ELEMENTS(old), false), 100.4);

    add_site(report, "2", make_stack(report, new, G_N_ELEMENTS(new), true), 200);
    add_site(report, "3", make_stack(report, NULL, 0, false), 400);
    add_leak(report, "heap-leak", site, 50);
    struct site_report *call = report_alloc(report, sizeof(*call));
    *call = (struct site_report){.id = "4",
                                 .allocated_bytes = NAN,
                                 .live_bytes = 800,
                                 .live_count = 2,
                                 .stack = make_stack(report, &new[1], 2, false)};
    add_leak(report, "reply-leak", call, 300);
    add_leak(report, "reply-leak", call, 500);
    add_capture(report, 1000.5, 512);
    add_capture(report, 1001, 1024);
    return report;
}

static uint8_t *export_as(const char *format, const struct export_options *options, size_t *bytes)
{
    struct analysis analysis = {.report = make_report()};
    const struct exporter *exporter = exporter_named(format);
    char *text = NULL;
    GError *error = NULL;

    assert_non_null(exporter);
    FILE *out = open_memstream(&text, bytes);
    assert_true(exporter->write(&analysis, options, out, &error));
    fclose(out);
    report_free(analysis.report);
    return (uint8_t *)text;
}

/* ---- Stacks ---- */

static void test_stacks_have_each_number_once(void **state)
{
    const struct analysis analysis = {.report = make_report()};
    GArray *stacks = export_stacks(&analysis);
    const struct export_stack *stack = (const void *)stacks->data;

    (void)state;
    assert_int_equal(stacks->len, 4);
    assert_int_equal(stack[0].numbers[EXPORT_LIVE], 100);
    assert_int_equal(stack[0].numbers[EXPORT_LEAKED], 50);
    assert_int_equal(stack[0].numbers[EXPORT_PEAK], 0); /* unknown */
    assert_int_equal(stack[1].numbers[EXPORT_LEAKED], 0);
    assert_string_equal(stack[3].id, "4");
    assert_int_equal(stack[3].numbers[EXPORT_LIVE], 0);
    assert_int_equal(stack[3].numbers[EXPORT_LIVE_COUNT], 0);
    assert_int_equal(stack[3].numbers[EXPORT_ALLOCATED], 0);
    assert_int_equal(stack[3].numbers[EXPORT_LEAKED], 800);
    assert_int_equal(stack[3].numbers[EXPORT_LEAKED_COUNT], 2);
    g_array_unref(stacks);
    report_free(analysis.report);
}

static void test_metrics_have_names(void **state)
{
    (void)state;
    for (enum export_number metric = 0; metric < EXPORT_METRICS; metric++)
        assert_int_equal(export_metric_named(export_metric_name(metric)), metric);
    assert_int_equal(export_metric_named("nothing"), EXPORT_METRICS);
}

static void test_collapsed_keeps_a_stack_on_a_line(void **state)
{
    const struct export_options options = {.metric = EXPORT_LIVE};
    size_t bytes;
    uint8_t *text = export_as("collapsed", &options, &bytes);

    (void)state;
    assert_string_equal((char *)text, "service+0x20;evil\\x1b[31m\\x0a:name\\xff 100\n"
                                      "[cut];outer;inner;renamed 200\n"
                                      "[no stack] 400\n");
    free(text);
}

/* ---- pprof ---- */

static Pprof__Profile *read_profile(void)
{
    const struct export_options options = {.metric = EXPORT_LIVE};
    size_t bytes;
    uint8_t *zipped = export_as("pprof", &options, &bytes), plain[65536];
    z_stream stream = {
        .next_in = zipped, .avail_in = (uInt)bytes, .next_out = plain, .avail_out = sizeof(plain)};

    assert_int_equal(inflateInit2(&stream, 15 + 16), Z_OK);
    assert_int_equal(inflate(&stream, Z_FINISH), Z_STREAM_END);
    assert_int_equal(stream.avail_in, 0);
    Pprof__Profile *profile = pprof__profile__unpack(NULL, stream.total_out, plain);
    assert_non_null(profile);
    inflateEnd(&stream);
    free(zipped);
    return profile;
}

static const char *text_of(const Pprof__Profile *profile, int64_t index)
{
    assert_in_range(index, 0, profile->n_string_table - 1);
    return profile->string_table[index];
}

static const Pprof__Location *location(const Pprof__Profile *profile, size_t sample, size_t depth)
{
    for (size_t i = 0; i < profile->n_location; i++)
        if (profile->location[i]->id == profile->sample[sample]->location_id[depth])
            return profile->location[i];
    fail_msg("no location");
    return NULL;
}

static const char *name(const Pprof__Profile *profile, const Pprof__Location *location, size_t line)
{
    for (size_t i = 0; i < profile->n_function; i++)
        if (profile->function[i]->id == location->line[line]->function_id)
            return text_of(profile, profile->function[i]->name);
    fail_msg("no function");
    return NULL;
}

static void test_profile_tells_builds_and_inlined_frames_apart(void **state)
{
    Pprof__Profile *profile = read_profile();

    (void)state;
    assert_int_equal(profile->n_sample, 4);
    assert_int_equal(profile->n_mapping, 3);
    assert_string_equal(text_of(profile, 0), "");
    assert_string_equal(text_of(profile, profile->mapping[0]->filename), "/bin/service");
    assert_true(profile->mapping[0]->has_inline_frames);
    const Pprof__Location *old = location(profile, 0, 0), *new = location(profile, 1, 0);
    assert_int_equal(old->address, new->address);
    assert_int_not_equal(old->mapping_id, new->mapping_id);
    assert_string_equal(name(profile, old, 0), SHOWN);
    assert_string_equal(name(profile, new, 0), "renamed");
    assert_int_equal(location(profile, 0, 1)->n_line, 0); /* for pprof to find a name */
    assert_int_equal(location(profile, 0, 1)->address, 32);
    const Pprof__Location *call = location(profile, 1, 1);
    assert_int_equal(call->n_line, 2);
    assert_string_equal(name(profile, call, 0), "inner");
    assert_string_equal(name(profile, call, 1), "outer");
    assert_int_equal(call->line[1]->line, 6);
    assert_string_equal(name(profile, location(profile, 1, 2), 0), "[cut]");
    assert_string_equal(name(profile, location(profile, 2, 0), 0), "[no stack]");
    assert_ptr_equal(location(profile, 3, 0), call);
    pprof__profile__free_unpacked(profile, NULL);
}

static void test_profile_says_what_and_when(void **state)
{
    Pprof__Profile *profile = read_profile();

    (void)state;
    assert_string_equal(text_of(profile, profile->default_sample_type), "inuse_space");
    assert_int_equal(profile->time_nanos, 1000500000000);
    assert_int_equal(profile->duration_nanos, 2500000000);
    assert_int_equal(profile->period, 0); /* the captures differ */
    assert_int_equal(profile->n_comment, 3);
    assert_string_equal(text_of(profile, profile->comment[1]), "process 7: " SHOWN);
    assert_int_equal(profile->sample[3]->n_label, 4);
    assert_string_equal(text_of(profile, profile->sample[3]->label[0]->str), "reply-leak");
    assert_string_equal(text_of(profile, profile->sample[3]->label[1]->str), SHOWN);
    assert_int_equal(profile->sample[1]->n_label, 0);
    for (size_t i = 0; i < profile->n_sample; i++)
        assert_int_equal(profile->sample[i]->n_value, profile->n_sample_type);
    pprof__profile__free_unpacked(profile, NULL);
}

/* ---- speedscope ---- */

static void test_speedscope_has_a_profile_a_metric(void **state)
{
    const struct export_options options = {.metric = EXPORT_LIVE};
    const int totals[EXPORT_METRICS] = {700, 850, 1401, 0, 3};
    size_t bytes, index;
    uint8_t *text = export_as("speedscope", &options, &bytes);
    json_t *document = json_loadb((char *)text, bytes, 0, NULL), *profile;

    (void)state;
    assert_non_null(document);
    const json_t *frames = json_object_get(json_object_get(document, "shared"), "frames");
    assert_int_equal(json_array_size(json_object_get(document, "profiles")), EXPORT_METRICS);
    json_array_foreach(json_object_get(document, "profiles"), index, profile)
    {
        json_int_t sum = 0;
        size_t i;
        json_t *weight, *samples = json_object_get(profile, "samples");

        json_array_foreach(json_object_get(profile, "weights"), i, weight)
        {
            sum += json_integer_value(weight);
            assert_true(json_array_size(json_array_get(samples, i)) > 0);
        }
        assert_int_equal(sum, totals[index]);
        assert_int_equal(json_integer_value(json_object_get(profile, "endValue")), sum);
    }
    const json_t *second = json_array_get(frames, 1);
    assert_string_equal(json_string_value(json_object_get(second, "name")), SHOWN);
    assert_int_equal(json_integer_value(json_object_get(second, "line")), 3);
    json_decref(document);
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_stacks_have_each_number_once),
        cmocka_unit_test(test_metrics_have_names),
        cmocka_unit_test(test_collapsed_keeps_a_stack_on_a_line),
        cmocka_unit_test(test_profile_tells_builds_and_inlined_frames_apart),
        cmocka_unit_test(test_profile_says_what_and_when),
        cmocka_unit_test(test_speedscope_has_a_profile_a_metric),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
