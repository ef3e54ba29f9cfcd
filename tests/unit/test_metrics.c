/* The table of metrics, and what a scraper is told. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <glib.h>
#include <math.h>
#include <string.h>

#include "metrics/families.h"
#include "serve/accept.h"
#include "serve/listen.h"

static void names_follow_the_conventions(void **state)
{
    GHashTable *names = g_hash_table_new(g_str_hash, g_str_equal);

    (void)state;
    for (const struct family *family = families; family->name != NULL; family++) {
        assert_true(g_str_has_prefix(family->name, "leakey_"));
        assert_true(strspn(family->name, "abcdefghijklmnopqrstuvwxyz_") == strlen(family->name));
        assert_false(g_str_has_suffix(family->name, "_total"));
        assert_true(g_str_has_suffix(family->help, "."));
        assert_true(family->unit == NULL || g_str_has_suffix(family->name, family->unit));
        assert_true(family->unit != NULL || !g_str_has_suffix(family->name, "bytes"));
        assert_true(g_hash_table_add(names, (gpointer)(uintptr_t)family->name));
    }
    g_hash_table_destroy(names);
}

static void assert_label(const char *text, const char *expected)
{
    GString *out = g_string_new(NULL);

    expose_label(out, text, 100);
    assert_string_equal(out->str, expected);
    g_string_free(out, TRUE);
}

static void labels_are_escaped(void **state)
{
    (void)state;
    assert_label("llm:<sha256>", "llm:<sha256>");
    assert_label("a\"} 1\nb", "a\\\"} 1\\nb");
    assert_label("back\\slash", "back\\\\slash");
    assert_label("caf\xc3\xa9", "caf\xc3\xa9");
    assert_label("\x1b[2J\r\x7f", "\\\\x1b[2J\\\\x0d\\\\x7f");
    assert_label("r\xe2\x80\xaex", "r\\\\xe2\\\\x80\\\\xaex");
    assert_label("\xff", "\xef\xbf\xbd");
    char *longest = g_strnfill(300, 'x'), *cut = g_strnfill(100, 'x');
    assert_label(longest, cut);
    g_free(longest);
    g_free(cut);
}

/* ---- Histograms ---- */

static void durations_fall_under_their_bound(void **state)
{
    struct durations durations = {{0}, 0};

    (void)state;
    assert_true(durations_bound_seconds(0) == 32e-6);
    assert_true(fabs(durations_bound_seconds(DURATIONS_BOUNDS - 1) - 16.777216) < 1e-9);
    durations_observe(&durations, 0);
    durations_observe(&durations, 32e-6); /* no longer than the bound */
    durations_observe(&durations, 33e-6);
    durations_observe(&durations, 1000);
    assert_true(durations.counts[0] == 2);
    assert_true(durations.counts[1] == 1);
    assert_true(durations.counts[DURATIONS_BOUNDS] == 1);
    assert_true(durations_count(&durations) == 4);
    assert_true(fabs(durations.sum_seconds - 1000.000065) < 1e-9);
}

static void the_shims_buckets_fit_into_the_bounds(void **state)
{
    uint32_t latency[LK_HISTOGRAM_BUCKETS] = {0};
    struct durations durations = {{0}, 0};
    double seen = 0;

    (void)state;
    for (unsigned bucket = 0; bucket < LK_HISTOGRAM_BUCKETS; bucket++)
        latency[bucket] = bucket + 1;
    durations_add_latency(&durations, latency);
    assert_true(durations_count(&durations) == 112.0 * 113 / 2);
    /* What the shim counts below 2^((b+1)/4) us is what stands under that bound. */
    for (unsigned at = 0; at < DURATIONS_BOUNDS; at++) {
        double below = 0;

        seen += durations.counts[at];
        for (unsigned bucket = 0; bucket < LK_HISTOGRAM_BUCKETS; bucket++)
            if (exp2((bucket + 1) / 4.0) / 1e6 <= durations_bound_seconds(at) * 1.000001)
                below += bucket + 1;
        assert_true(seen == below);
    }
}

/* ---- Processes ---- */

static struct measured *process(void)
{
    struct measured *measured = g_new0(struct measured, 1);

    measured->text = g_string_chunk_new(64);
    measured->verbs = g_array_new(FALSE, TRUE, sizeof(struct measured_verb));
    measured->templates = g_array_new(FALSE, TRUE, sizeof(struct measured_template));
    measured->sites = g_array_new(FALSE, TRUE, sizeof(struct measured_site));
    measured->process = "p.1";
    measured->command = "p";
    measured->pid = "1";
    measured->executable = "/bin/p";
    measured->timestamp = NAN;
    measured->spike_period_seconds = NAN;
    return measured;
}

static struct measured_template *add_template(struct measured *measured, const char *name,
                                              double reads)
{
    struct measured_template item = {.head.labels = {name}, .reads = reads};

    g_array_append_val(measured->templates, item);
    return &g_array_index(measured->templates, struct measured_template,
                          measured->templates->len - 1);
}

static void counters_never_fall_and_gauges_may(void **state)
{
    struct measured *before = process(), *now = process();

    (void)state;
    before->allocated_bytes = 100;
    before->live_bytes = 50;
    now->allocated_bytes = 90;
    now->live_bytes = 10;
    add_template(before, "a", 7)->latency.counts[3] = 5;
    add_template(before, "b", 7)->allocated_bytes[2] = 9;
    add_template(now, "b", 8)->allocated_bytes[2] = 1;
    add_template(now, "a", 6)->distinct_keys = 3;
    measured_hold(now, before);
    assert_true(now->allocated_bytes == 100);
    assert_true(now->live_bytes == 10);
    assert_true(g_array_index(now->templates, struct measured_template, 0).reads == 8);
    assert_true(g_array_index(now->templates, struct measured_template, 0).allocated_bytes[2] == 9);
    assert_true(g_array_index(now->templates, struct measured_template, 1).reads == 7);
    assert_true(g_array_index(now->templates, struct measured_template, 1).latency.counts[3] == 5);
    measured_free(before);
    measured_free(now);
}

static char *exposed(struct measured *measured, enum exposition form)
{
    GPtrArray *processes = g_ptr_array_new();
    GString *out = g_string_new(NULL);

    g_ptr_array_add(processes, measured);
    expose(processes, NULL, form, out);
    g_ptr_array_free(processes, TRUE);
    return g_string_free(out, FALSE);
}

static void assert_has(const char *text, const char *part)
{
    if (strstr(text, part) == NULL)
        fail_msg("not there: %s", part);
}

static void both_forms_name_counters_their_way(void **state)
{
    struct measured *measured = process();
    const char *labels = "{command=\"p\",process=\"p.1\",template=\"t\"}";

    (void)state;
    add_template(measured, "t", 5);
    char *open = exposed(measured, EXPOSE_OPENMETRICS);
    char *plain = exposed(measured, EXPOSE_PROMETHEUS);
    char *sample = g_strdup_printf("\nleakey_cache_reads_total%s 5\n", labels);
    assert_has(open, "# TYPE leakey_cache_reads counter\n");
    assert_has(plain, "# TYPE leakey_cache_reads_total counter\n");
    assert_has(open, "# UNIT leakey_heap_live_bytes bytes\n");
    assert_null(strstr(plain, "# UNIT"));
    assert_has(open, sample);
    assert_has(plain, sample);
    assert_has(open, "# TYPE leakey_process info\n");
    assert_has(plain, "# TYPE leakey_process_info gauge\n");
    assert_true(g_str_has_suffix(open, "# EOF\n"));
    assert_null(strstr(plain, "# EOF"));
    assert_has(open, "_bucket{command=\"p\",process=\"p.1\",template=\"t\",le=\"+Inf\"} 0\n");
    assert_null(strstr(open, "leakey_heap_spike_period_seconds{")); /* unknown is no series */
    g_free(sample);
    g_free(open);
    g_free(plain);
    measured_free(measured);
}

static void timestamps_are_in_the_forms_units(void **state)
{
    struct measured *measured = process();

    (void)state;
    measured->timestamp = 1700000000.25;
    measured->live_bytes = 7.5;
    char *open = exposed(measured, EXPOSE_OPENMETRICS);
    char *plain = exposed(measured, EXPOSE_PROMETHEUS);
    assert_has(open, "leakey_heap_live_bytes{command=\"p\",process=\"p.1\"} 7.5 1700000000.250\n");
    assert_has(plain, "leakey_heap_live_bytes{command=\"p\",process=\"p.1\"} 7.5 1700000000250\n");
    g_free(open);
    g_free(plain);
    measured_free(measured);
}

static void a_captures_name_names_its_process(void **state)
{
    static const char *const names[][2] = {
        {"captures/llm_cache.1234.leakey", "llm_cache.1234"},
        {"/a/b/x.1.2.leakey", "x.1.2"},
        {"other", "other"},
    };

    (void)state;
    for (size_t i = 0; i < G_N_ELEMENTS(names); i++) {
        char *name = measured_process_name(names[i][0]);

        assert_string_equal(name, names[i][1]);
        g_free(name);
    }
}

/* ---- What clients and users ask for ---- */

static void clients_get_the_text_they_prefer(void **state)
{
    static const struct {
        const char *accept;
        enum exposition form;
    } cases[] = {
        {NULL, EXPOSE_OPENMETRICS},
        {"", EXPOSE_OPENMETRICS},
        {"*/*", EXPOSE_OPENMETRICS},
        {"text/html,*/*;q=0.8", EXPOSE_OPENMETRICS},
        {"text/plain", EXPOSE_PROMETHEUS},
        {"text/plain;version=0.0.4;q=0.3", EXPOSE_PROMETHEUS},
        {"text/plain; version=1.0", EXPOSE_OPENMETRICS},
        {"application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5",
         EXPOSE_OPENMETRICS},
        {"application/openmetrics-text; q=0.1, text/plain; q=0.2", EXPOSE_PROMETHEUS},
        {"APPLICATION/OpenMetrics-Text", EXPOSE_OPENMETRICS},
        {";;;,,q=,text/plain;q=nonsense", EXPOSE_OPENMETRICS},
    };

    (void)state;
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++)
        assert_int_equal(accept_exposition(cases[i].accept), cases[i].form);
}

static void addresses_are_read(void **state)
{
    static const char *const good[][3] = {
        {"127.0.0.1:9465", "127.0.0.1", "9465"}, {"[::1]:80", "::1", "80"},
        {"9465", "127.0.0.1", "9465"},           {"localhost:0", "localhost", "0"},
        {"0.0.0.0:65535", "0.0.0.0", "65535"},
    };
    static const char *const bad[] = {"",      ":9465",  "::1:9465",   "127.0.0.1",   "[::1:80",
                                      "host:", "host:x", "host:65536", "host:123456", "host:-1"};
    char *host, *port;

    (void)state;
    for (size_t i = 0; i < G_N_ELEMENTS(good); i++) {
        assert_true(listen_parse(good[i][0], &host, &port, NULL));
        assert_string_equal(host, good[i][1]);
        assert_string_equal(port, good[i][2]);
        g_free(host);
        g_free(port);
    }
    for (size_t i = 0; i < G_N_ELEMENTS(bad); i++)
        assert_false(listen_parse(bad[i], &host, &port, NULL));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_follow_the_conventions),
        cmocka_unit_test(labels_are_escaped),
        cmocka_unit_test(durations_fall_under_their_bound),
        cmocka_unit_test(the_shims_buckets_fit_into_the_bounds),
        cmocka_unit_test(counters_never_fall_and_gauges_may),
        cmocka_unit_test(both_forms_name_counters_their_way),
        cmocka_unit_test(timestamps_are_in_the_forms_units),
        cmocka_unit_test(a_captures_name_names_its_process),
        cmocka_unit_test(clients_get_the_text_they_prefer),
        cmocka_unit_test(addresses_are_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
