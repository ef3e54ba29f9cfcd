/* The comparison: real changes are called so, noise is not, and findings are matched by what they
 * are. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#include "common/sample_report.h"
#include "model/bootstrap.h"
#include "model/compare.h"
#include "render/page.h"
#include "render/render.h"

static struct report *run_of(unsigned reads, double hit_ratio, double allocated, double leaked)
{
    struct report *report = report_new();

    sample_windows(report, reads, hit_ratio, allocated, leaked);
    return report;
}

static const struct change *metric(const struct comparison *comparison, const char *name)
{
    for (guint i = 0; i < comparison->metrics->len; i++) {
        const struct change *change = &g_array_index(comparison->metrics, struct change, i);

        if (strcmp(change->name, name) == 0)
            return change;
    }
    fail_msg("no metric %s", name);
    return NULL;
}

/* ---- Metrics ---- */

static void a_better_cache_is_better(void **state)
{
    struct report *before = run_of(20, 0.05, 1000, 48), *after = run_of(20, 0.93, 200, 0);
    struct comparison *comparison = comparison_new(before, after);
    const struct change *hits = metric(comparison, "hit_ratio");

    (void)state;
    assert_int_equal(hits->verdict, VERDICT_BETTER);
    assert_true(hits->interval[0] > 0.8 && hits->interval[0] < hits->after - hits->before);
    assert_true(hits->interval[1] < 0.95 && hits->interval[1] > hits->after - hits->before);
    assert_int_equal(metric(comparison, "allocated_bytes_per_read")->verdict, VERDICT_BETTER);
    assert_int_equal(metric(comparison, "mean_live_bytes")->verdict, VERDICT_SAME);
    assert_int_equal(comparison->verdict, VERDICT_BETTER);
    comparison_free(comparison);
    report_free(before);
    report_free(after);
}

static void the_reverse_is_worse(void **state)
{
    struct report *before = run_of(20, 0.93, 200, 0), *after = run_of(20, 0.05, 1000, 0);
    struct comparison *comparison = comparison_new(before, after);

    (void)state;
    assert_int_equal(metric(comparison, "hit_ratio")->verdict, VERDICT_WORSE);
    assert_int_equal(comparison->verdict, VERDICT_WORSE);
    comparison_free(comparison);
    report_free(before);
    report_free(after);
}

static void the_same_run_is_the_same(void **state)
{
    struct report *report = run_of(20, 0.6, 1000, 48);
    struct comparison *comparison = comparison_new(report, report);

    (void)state;
    for (guint i = 0; i < comparison->metrics->len; i++)
        assert_int_equal(g_array_index(comparison->metrics, struct change, i).verdict,
                         VERDICT_SAME);
    assert_int_equal(comparison->verdict, VERDICT_SAME);
    comparison_free(comparison);
    report_free(report);
}

static void gains_and_losses_are_mixed(void **state)
{
    struct report *before = run_of(20, 0.2, 1000, 0), *after = run_of(20, 0.8, 3000, 0);
    struct comparison *comparison = comparison_new(before, after);

    (void)state;
    assert_int_equal(comparison->verdict, VERDICT_MIXED);
    comparison_free(comparison);
    report_free(before);
    report_free(after);
}

static void a_change_within_noise_is_no_change(void **state)
{
    struct report *before = run_of(20, 0.6, 1000, 0), *after = run_of(20, 0.605, 1030, 0);
    struct comparison *comparison = comparison_new(before, after);

    (void)state;
    assert_int_equal(comparison->verdict, VERDICT_SAME);
    comparison_free(comparison);
    report_free(before);
    report_free(after);
}

static void a_handful_of_reads_tells_nothing(void **state)
{
    struct report *before = run_of(0, 0, 0, 0), *after = run_of(0, 0, 0, 0);

    (void)state;
    for (size_t i = 0; i < 60; i += 10) {
        g_array_index(before->windows, struct window, i).reads = 1;
        g_array_index(after->windows, struct window, i).reads = 1;
        g_array_index(after->windows, struct window, i).hits = 1;
    }
    before->cache.reads = before->cache.misses = 6;
    after->cache.reads = after->cache.hits = 6;
    struct comparison *comparison = comparison_new(before, after);
    assert_true(isnan(metric(comparison, "hit_ratio")->interval[0]));
    assert_int_equal(metric(comparison, "hit_ratio")->verdict, VERDICT_SAME);
    comparison_free(comparison);
    report_free(before);
    report_free(after);
}

/* A run of twice the length has a warmer cache: over its first half it was just as cold. */
static void a_longer_run_alone_is_no_better_cache(void **state)
{
    struct report *before = run_of(10, 0.4, 1000, 0), *after = run_of(20, 0.4, 1000, 0);
    double hits = 0;

    (void)state;
    for (guint i = 50; i < after->windows->len; i++)
        g_array_index(after->windows, struct window, i).hits = 19;
    for (guint i = 0; i < after->windows->len; i++)
        hits += g_array_index(after->windows, struct window, i).hits;
    after->cache.hits = (uint64_t)hits;
    after->cache.misses = after->cache.reads - after->cache.hits;
    struct comparison *comparison = comparison_new(before, after);
    const struct change *change = metric(comparison, "hit_ratio");
    assert_true(comparison->unequal_lengths);
    assert_true(change->after - change->before > 0.2 && change->interval[0] > 0);
    assert_int_equal(change->verdict, VERDICT_SAME);
    comparison_free(comparison);
    report_free(before);
    report_free(after);
}

/* A level of memory that rests on a few samples is not known well enough to have changed. */
static void a_sampled_level_is_not_overrated(void **state)
{
    struct report *before = sample_healthy(), *after = sample_healthy();

    (void)state;
    sample_windows(before, 20, 0.9, 1000, 0);
    sample_windows(after, 20, 0.9, 1000, 0);
    for (guint i = 0; i < after->windows->len; i++)
        g_array_index(after->windows, struct window, i).live_bytes = 1.5e6;
    struct comparison *exact = comparison_new(before, after);
    assert_int_equal(metric(exact, "mean_live_bytes")->verdict, VERDICT_WORSE);
    ((struct capture_report *)g_ptr_array_index(after->captures, 0))->sample_bytes = 524288;
    struct comparison *sampled = comparison_new(before, after);
    assert_int_equal(metric(sampled, "mean_live_bytes")->verdict, VERDICT_SAME);
    comparison_free(exact);
    comparison_free(sampled);
    report_free(before);
    report_free(after);
}

/* A machine under another load makes every recompute, and what is alive meanwhile, longer. */
static void a_slower_machine_is_no_regression(void **state)
{
    struct report *before = sample_report(), *after = sample_report();
    struct template_report *template = g_ptr_array_index(after->cache.templates, 0);

    (void)state;
    sample_windows(before, 20, 0.5, 1000, 0);
    sample_windows(after, 20, 0.5, 1000, 0);
    for (guint i = 0; i < 100; i++) {
        g_array_index(before->windows, struct window, i).recompute_seconds = 0.1;
        g_array_index(after->windows, struct window, i).recompute_seconds = 0.5;
        g_array_index(after->windows, struct window, i).live_bytes = 9e6;
    }
    struct comparison *comparison = comparison_new(before, after);
    assert_false(comparison->unequal_paces);
    assert_int_equal(metric(comparison, "mean_live_bytes")->verdict, VERDICT_WORSE);
    comparison_free(comparison);
    template->recompute_total *= 5;
    comparison = comparison_new(before, after);
    assert_true(comparison->unequal_paces);
    assert_int_equal(metric(comparison, "mean_live_bytes")->verdict, VERDICT_SAME);
    assert_int_equal(metric(comparison, "recompute_seconds_per_read")->verdict, VERDICT_SAME);
    comparison_free(comparison);
    report_free(before);
    report_free(after);
}

static void without_reads_rates_are_by_time(void **state)
{
    struct report *before = sample_empty(), *after = sample_empty();

    (void)state;
    sample_windows(before, 1, 0, 1000, 0);
    sample_windows(after, 1, 0, 8000, 0);
    before->cache.present = after->cache.present = false;
    before->cache.reads = after->cache.reads = 0;
    struct comparison *comparison = comparison_new(before, after);
    assert_true(isnan(comparison->before.reads));
    assert_true(isnan(metric(comparison, "allocated_bytes_per_read")->before));
    assert_int_equal(metric(comparison, "allocated_bytes_per_second")->verdict, VERDICT_WORSE);
    comparison_free(comparison);
    report_free(before);
    report_free(after);
}

/* ---- The bootstrap ---- */

static void blocks_are_as_long_as_things_hang_together(void **state)
{
    double white[200], slow[200], level = 0;
    uint64_t random = 42;

    (void)state;
    for (int i = 0; i < 200; i++) {
        random = random * 6364136223846793005u + 1442695040888963407u;
        white[i] = (double)(random >> 40) / (1 << 24) - 0.5;
        level = 0.9 * level + white[i];
        slow[i] = level;
    }
    assert_true(block_length(white, 200) <= 4);
    assert_true(block_length(slow, 200) >= 8);
    assert_true(block_length(slow, 200) <= 67);
    double constant[10] = {1, 1, 1, 1, 1, 1, 1, 1, 1, 1};
    assert_int_equal(block_length(constant, 10), 1);
    assert_int_equal(block_length(constant, 1), 1);
}

static void intervals_are_the_same_each_time(void **state)
{
    const struct statistic ratio = {offsetof(struct window, hits), offsetof(struct window, reads)};
    struct report *a = run_of(20, 0.3, 1, 0), *b = run_of(20, 0.5, 1, 0);
    double first[2], second[2];

    (void)state;
    bootstrap_difference(&ratio, a->windows, b->windows, first);
    bootstrap_difference(&ratio, a->windows, b->windows, second);
    assert_true(first[0] == second[0] && first[1] == second[1]);
    assert_true(first[0] > 0.1 && first[1] < 0.3 && first[0] < first[1]);
    report_free(a);
    report_free(b);
}

/* 95 of 100 intervals should hold the truth; a few more or less is luck. */
static void intervals_hold_the_truth(void **state)
{
    const struct statistic mean = {offsetof(struct window, live_bytes), STATISTIC_WINDOWS};
    struct report *a = run_of(1, 0, 1, 0), *b = run_of(1, 0, 1, 0);
    uint64_t random = 7;
    int held = 0;

    (void)state;
    for (int trial = 0; trial < 100; trial++) {
        double interval[2], level[2] = {0, 0};

        for (guint i = 0; i < 100; i++)
            for (int side = 0; side < 2; side++) {
                random = random * 6364136223846793005u + 1442695040888963407u;
                level[side] = 0.4 * level[side] + (double)(random >> 40) / (1 << 24) - 0.5;
                g_array_index((side ? b : a)->windows, struct window, i).live_bytes = level[side];
            }
        bootstrap_difference(&mean, a->windows, b->windows, interval);
        held += interval[0] <= 0 && interval[1] >= 0;
    }
    assert_in_range(held, 85, 100);
    report_free(a);
    report_free(b);
}

/* ---- Findings ---- */

static void findings_are_matched_by_what_they_are(void **state)
{
    struct report *before = sample_report(), *after = sample_report(), *clean = sample_healthy();
    struct comparison *same = comparison_new(before, after), *cured = comparison_new(before, clean);
    struct comparison *broken = comparison_new(clean, before);

    (void)state;
    assert_int_equal(same->remaining->len, 2);
    assert_int_equal(same->fixed->len + same->added->len, 0);
    assert_int_equal(cured->fixed->len, 2);
    assert_int_equal(cured->remaining->len + cured->added->len, 0);
    assert_int_equal(broken->added->len, 2);
    assert_string_equal(g_array_index(cured->fixed, struct comparison_item, 0).function,
                        "lookup_answer");
    comparison_free(same);
    comparison_free(cured);
    comparison_free(broken);
    report_free(before);
    report_free(after);
    report_free(clean);
}

/* A renamed function leaves a cache finding what it was; another template is another finding. */
static void a_finding_of_the_cache_keeps_its_template(void **state)
{
    struct report *before = sample_report(), *after = sample_report();
    struct finding *finding = g_ptr_array_index(after->findings, 1);

    (void)state;
    g_ptr_array_set_size(finding->call_sites, 0);
    struct comparison *comparison = comparison_new(before, after);
    assert_int_equal(comparison->remaining->len, 2);
    comparison_free(comparison);
    finding->template_name = "other:<uuid>";
    comparison = comparison_new(before, after);
    assert_int_equal(comparison->remaining->len, 1);
    assert_int_equal(comparison->fixed->len, 1);
    assert_int_equal(comparison->added->len, 1);
    comparison_free(comparison);
    report_free(before);
    report_free(after);
}

/* One call site, two branches; the later run has the later one of them alone. */
static void a_leak_is_matched_by_its_branch(void **state)
{
    struct report *before = sample_report(), *after = sample_report();
    struct leak_report *miss = g_ptr_array_index(before->leaks, 0), hit = *miss;

    (void)state;
    hit.branch = "hit";
    miss->branch = ((struct leak_report *)g_ptr_array_index(after->leaks, 0))->branch = "miss";
    g_ptr_array_insert(before->leaks, 0, &hit);
    struct comparison *comparison = comparison_new(before, after);
    assert_int_equal(comparison->fixed->len, 1);
    assert_string_equal(g_array_index(comparison->fixed, struct comparison_item, 0).branch, "hit");
    assert_int_equal(comparison->added->len, 0);
    comparison_free(comparison);
    report_free(before);
    report_free(after);
}

static struct report *report_with_spike(const char *function)
{
    struct report *report = report_new();
    struct finding *finding = report_finding(report, "memory-spike", SEVERITY_WARNING);
    struct stack *stack = report_alloc(report, sizeof(*stack));
    struct frame frame = {.function = function, .module = "/usr/bin/service"};

    stack->frames = report_array(report, sizeof(frame));
    g_array_append_val(stack->frames, frame);
    if (function != NULL)
        g_ptr_array_add(finding->call_sites, stack);
    finding->message = "Live memory spikes";
    return report;
}

/* The ring may have held its allocations in one of the runs alone. */
static void a_spike_is_the_same_where_its_function_is_not_known(void **state)
{
    static const struct {
        const char *before, *after;
        guint remaining;
    } rows[] = {{"load", "load", 1}, {"load", NULL, 1}, {NULL, NULL, 1}, {"load", "other", 0}};

    (void)state;
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        struct report *before = report_with_spike(rows[i].before);
        struct report *after = report_with_spike(rows[i].after);
        struct comparison *comparison = comparison_new(before, after);

        assert_int_equal(comparison->remaining->len, rows[i].remaining);
        comparison_free(comparison);
        report_free(before);
        report_free(after);
    }
}

/* ---- Rendered ---- */

static char *render(const struct comparison *comparison, const char *format)
{
    const struct render_options options = {.top = 10, .width = 80};
    char *text = NULL;
    size_t bytes = 0;
    FILE *out = open_memstream(&text, &bytes);

    comparison_renderer_named(format)->render(comparison, &options, out);
    fclose(out);
    return text;
}

static void text_is_one_screen_with_the_verdict_first(void **state)
{
    struct report *before = sample_report(), *after = sample_healthy();

    (void)state;
    sample_windows(before, 20, 0, 2000000, 48);
    sample_windows(after, 20, 0.93, 300000, 0);
    struct comparison *comparison = comparison_new(before, after);
    char *text = render(comparison, "text");
    char **lines = g_strsplit(text, "\n", -1);
    assert_true(g_str_has_prefix(text, "Better: hit ratio 0.00 -> 0.92 (+0.92, 95 % +0.9"));
    assert_non_null(strstr(text, "2 findings fixed"));
    assert_in_range(g_strv_length(lines), 8, 24);
    for (char **line = lines; *line != NULL; line++)
        assert_in_range(shown_columns(*line), 0, 80);
    g_strfreev(lines);
    free(text);
    comparison_free(comparison);
    report_free(before);
    report_free(after);
}

static void json_has_every_field_of_the_contract(void **state)
{
    static const char *const summary[] = {"reads",
                                          "hit_ratio",
                                          "misses",
                                          "distinct_keys",
                                          "live_bytes",
                                          "leaked_bytes_per_read",
                                          "allocated_bytes_per_read",
                                          "recompute_seconds_per_read"};
    struct report *before = sample_report(), *after = sample_empty();
    struct comparison *comparison = comparison_new(before, after);
    char *text = render(comparison, "json");
    json_t *document = json_loads(text, 0, NULL), *metric_value;
    size_t i;

    (void)state;
    assert_string_equal(json_string_value(json_object_get(document, "schema")), "leakey.compare/1");
    for (i = 0; i < G_N_ELEMENTS(summary); i++) {
        assert_true(
            json_is_number(json_object_get(json_object_get(document, "before"), summary[i])));
        assert_true(json_is_null(json_object_get(json_object_get(document, "after"), summary[i])));
    }
    json_array_foreach(json_object_get(document, "metrics"), i, metric_value)
    {
        assert_true(json_is_string(json_object_get(metric_value, "name")));
        assert_non_null(json_object_get(metric_value, "before"));
        assert_true(json_is_null(json_object_get(metric_value, "after")));
        assert_int_equal(json_array_size(json_object_get(metric_value, "interval")), 2);
        assert_string_equal(json_string_value(json_object_get(metric_value, "verdict")), "same");
    }
    assert_int_equal(json_array_size(json_object_get(document, "fixed")), 2);
    assert_int_equal(json_array_size(json_object_get(document, "new")), 0);
    assert_int_equal(json_array_size(json_object_get(document, "remaining")), 0);
    assert_string_equal(json_string_value(json_object_get(document, "verdict")), "better");
    json_decref(document);
    free(text);
    comparison_free(comparison);
    report_free(before);
    report_free(after);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_better_cache_is_better),
        cmocka_unit_test(the_reverse_is_worse),
        cmocka_unit_test(the_same_run_is_the_same),
        cmocka_unit_test(gains_and_losses_are_mixed),
        cmocka_unit_test(a_change_within_noise_is_no_change),
        cmocka_unit_test(a_handful_of_reads_tells_nothing),
        cmocka_unit_test(a_longer_run_alone_is_no_better_cache),
        cmocka_unit_test(a_sampled_level_is_not_overrated),
        cmocka_unit_test(a_slower_machine_is_no_regression),
        cmocka_unit_test(without_reads_rates_are_by_time),
        cmocka_unit_test(blocks_are_as_long_as_things_hang_together),
        cmocka_unit_test(intervals_are_the_same_each_time),
        cmocka_unit_test(intervals_hold_the_truth),
        cmocka_unit_test(findings_are_matched_by_what_they_are),
        cmocka_unit_test(a_finding_of_the_cache_keeps_its_template),
        cmocka_unit_test(a_leak_is_matched_by_its_branch),
        cmocka_unit_test(a_spike_is_the_same_where_its_function_is_not_known),
        cmocka_unit_test(text_is_one_screen_with_the_verdict_first),
        cmocka_unit_test(json_has_every_field_of_the_contract),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
