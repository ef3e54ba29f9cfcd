/* Fills a report by hand. */
#include "common/sample_report.h"

#include <math.h>
#include <string.h>

static const char input_a[] = "{\"prompt\":\"How do I reset my password?\",\"ts\":1700000001.125,"
                              "\"model\":\"support-7b\",\"temperature\":0.2}";
static const char input_b[] = "{\"prompt\":\"How do I reset my password?\",\"ts\":1700000093.5,"
                              "\"model\":\"support-7b\",\"temperature\":0.2}";

static void add_frame(struct stack *stack, const struct frame *frame)
{
    g_array_append_vals(stack->frames, frame, 1);
}

static const struct stack *add_stack(struct report *report)
{
    struct stack *stack = report_alloc(report, sizeof(*stack));

    stack->frames = report_array(report, sizeof(struct frame));
    add_frame(stack, &(struct frame){.function = "redisCommand",
                                     .module = "/usr/lib/libhiredis.so.0.14",
                                     .build_id = "ab12",
                                     .offset = 0x1234});
    add_frame(stack, &(struct frame){.function = "lookup_answer",
                                     .file = "/src/llm_cache.c",
                                     .line = 88,
                                     .module = "/srv/llm_cache",
                                     .build_id = "cd34",
                                     .offset = 0x5678});
    add_frame(stack, &(struct frame){.function = "handle_request",
                                     .file = "/src/http.c",
                                     .line = 40,
                                     .module = "/srv/llm_cache",
                                     .build_id = "cd34",
                                     .offset = 0x5700,
                                     .inlined = true});
    add_frame(stack, &(struct frame){.offset = 0x7fff0000});
    return stack;
}

static void add_capture(struct report *report, bool recorded)
{
    struct capture_report *capture = report_alloc(report, sizeof(*capture));

    *capture = (struct capture_report){.path = "out/llm_cache.4242.leakey",
                                       .pid = 4242,
                                       .parent_pid = 4200,
                                       .command = report_pointers(report),
                                       .executable = "/srv/llm_cache",
                                       .started = 1700000000.25,
                                       .duration_seconds = 12.5,
                                       .end = "exit",
                                       .sample_bytes = 1,
                                       .recorded_count = 12000,
                                       .heap = recorded,
                                       .cache = recorded};
    g_ptr_array_add(capture->command, (gpointer)(uintptr_t) "/srv/llm_cache");
    g_ptr_array_add(capture->command, (gpointer)(uintptr_t)SAMPLE_HOSTILE);
    g_ptr_array_add(report->captures, capture);
}

static struct site_report *add_heap(struct report *report)
{
    struct site_report *site = report_alloc(report, sizeof(*site));
    const struct timeline_report points[] = {{0, 100, 200, 300}, {0.5, 400, 500, 600}};

    *site = (struct site_report){.id = "00000000deadbeef",
                                 .allocated_bytes = 1e6,
                                 .allocated_count = 2000.4,
                                 .live_bytes = 47104,
                                 .live_count = 1000,
                                 .temporary_count = 17,
                                 .allocated_bytes_interval = {9e5, 1.1e6},
                                 .live_bytes_interval = {47104, 47104},
                                 .stack = add_stack(report)};
    report->heap = (struct heap_report){.present = true,
                                        .exact = true,
                                        .allocated_bytes = 2e9,
                                        .allocated_count = 1e5,
                                        .freed_bytes = 1.9e9,
                                        .freed_count = 9e4,
                                        .live_bytes = 1e8,
                                        .live_count = 1e4,
                                        .peak_live_bytes = 2e8,
                                        .allocated_bytes_interval = {1.9e9, 2.1e9},
                                        .live_bytes_interval = {9e7, 1.1e8},
                                        .sites = report->heap.sites,
                                        .timeline = report->heap.timeline};
    g_ptr_array_add(report->heap.sites, site);
    g_array_append_vals(report->heap.timeline, points, 2);
    return site;
}

static void add_cache(struct report *report, uint64_t hits)
{
    struct template_report *template = report_alloc(report, sizeof(*template));
    const struct command_count commands[] = {{"GET", 1000}, {"SETEX", 1000 - hits}};

    *template = (struct template_report){.name = "llm:<sha256>",
                                         .reads = 1000,
                                         .hits = hits,
                                         .misses = 1000 - hits,
                                         .writes = 1000 - hits,
                                         .written_bytes = 500000,
                                         .distinct_keys = 1000,
                                         .distinct_keys_error_ratio = 0,
                                         .distinct_inputs = NAN,
                                         .never_read_keys = NAN,
                                         .ttl_min = 60,
                                         .ttl_median = 60,
                                         .ttl_max = 3600,
                                         .recompute_p50 = 0.0275,
                                         .recompute_p99 = 0.0778,
                                         .recompute_total = 32.5,
                                         .latency_p50 = NAN,
                                         .latency_p99 = NAN,
                                         .call_sites = report_pointers(report)};
    if (hits == 0)
        template->causes = (struct miss_causes){.first_seen = 50, .duplicate_input = 950};
    else
        template->causes.first_seen = 1000 - hits;
    g_ptr_array_add(template->call_sites, (gpointer)(uintptr_t)add_stack(report));
    g_array_append_vals(report->cache.commands, commands, 2);
    g_ptr_array_add(report->cache.templates, template);
    report->cache.present = true;
    report->cache.reads = 1000;
    report->cache.hits = hits;
    report->cache.misses = 1000 - hits;
    report->cache.writes = 1000 - hits;
    report->cache.written_bytes = 500000;
    report->cache.distinct_keys = 1000;
    report->cache.causes = template->causes;
    report->cache.causes_exact = true;
}

static void add_leak(struct report *report, const struct site_report *site)
{
    struct leak_report *leak = report_alloc(report, sizeof(*leak));

    *leak = (struct leak_report){.rule = "reply-leak",
                                 .site = site,
                                 .live_bytes = 48000,
                                 .live_count = 1000,
                                 .live_bytes_interval = {48000, 48000},
                                 .growth_bytes_per_second = 3840,
                                 .growth_interval = {3800, 3900},
                                 .started_seconds = NAN,
                                 .confidence_ratio = 0.999,
                                 .template_name = "llm:<sha256>",
                                 .outcome = "miss",
                                 .bytes_per_command = 48,
                                 .count_per_command = 1,
                                 .exact = true};
    g_ptr_array_add(report->leaks, leak);
    struct finding *finding = report_finding(report, "reply-leak", SEVERITY_ERROR);
    finding->template_name = "llm:<sha256>";
    finding->message = "lookup_answer (llm_cache.c:88) leaks one reply per miss of llm:<sha256>";
    finding->remedy = "call freeReplyObject on the nil branch too";
    finding->leak = leak;
    g_ptr_array_add(finding->call_sites, (gpointer)(uintptr_t)site->stack);
}

static void add_duplicates(struct report *report, const struct stack *stack)
{
    struct finding *finding = report_finding(report, "duplicate-input-miss", SEVERITY_WARNING);
    struct evidence *evidence = report_alloc(report, sizeof(*evidence));
    struct prediction *predicted = report_alloc(report, sizeof(*predicted));
    const struct difference difference = {"timestamp", "1700000001.125", "1700000093.5", 45, 45};
    const struct varying varying = {"timestamp", 1};

    finding->template_name = "llm:<sha256>";
    finding->message =
        "950 of 1,000 misses on llm:<sha256> asked for an input that was already cached "
        "under another key: the key holds a timestamp";
    finding->remedy = "drop `ts` before the key is made";
    finding_metric(finding, "duplicate_miss_count", 950);
    finding_metric(finding, "duplicate_miss_ratio", 0.95);
    finding_metric(finding, "wasted_recompute_seconds", NAN);
    *evidence = (struct evidence){.kind = "digest-input",
                                  .confidence_ratio = 0.98,
                                  .key_a = "llm:aaaa",
                                  .key_b = "llm:bbbb",
                                  .input_a = input_a,
                                  .input_b = input_b,
                                  .differs = report_array(report, sizeof(struct difference))};
    g_array_append_val(evidence->differs, difference);
    g_ptr_array_add(finding->evidence, evidence);
    g_array_append_val(finding->varying, varying);
    *predicted = (struct prediction){0.93, {0.9, 0.95}, 50, 30.5, 450000};
    finding->predicted = predicted;
    g_ptr_array_add(finding->call_sites, (gpointer)(uintptr_t)stack);
}

struct report *sample_report(void)
{
    struct report *report = report_new();
    const struct site_report *site;

    add_capture(report, true);
    site = add_heap(report);
    add_cache(report, 0);
    add_leak(report, site);
    add_duplicates(report, site->stack);
    report->cost = (struct cost_report){30.5, 450000, NAN, NAN};
    return report;
}

struct report *sample_healthy(void)
{
    struct report *report = report_new();

    add_capture(report, true);
    add_heap(report);
    add_cache(report, 930);
    return report;
}

struct report *sample_empty(void)
{
    struct report *report = report_new();

    add_capture(report, false);
    return report;
}

void sample_windows(struct report *report, unsigned reads, double hit_ratio, double allocated_bytes,
                    double leaked_bytes)
{
    uint64_t state = 88172645463325252u;
    double all_hits = 0;

    g_array_set_size(report->windows, 0);
    for (unsigned i = 0; i < 100; i++) {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        double noise = ((double)(state % 1000) / 1000 - 0.5) * 2 * hit_ratio * (1 - hit_ratio);
        double hits = round(reads * (hit_ratio + noise));
        struct window window = {.seconds = i * 0.125,
                                .width_seconds = 0.125,
                                .reads = reads,
                                .hits = hits,
                                .misses = reads - hits,
                                .allocated_bytes = allocated_bytes * reads,
                                .live_bytes = 1e6,
                                .max_live_bytes = 2e6,
                                .leaked_bytes = leaked_bytes * reads};
        g_array_append_val(report->windows, window);
        all_hits += hits;
    }
    report->cache.present = true;
    report->cache.reads = 100ull * reads;
    report->cache.hits = (uint64_t)all_hits;
    report->cache.misses = report->cache.reads - report->cache.hits;
    report->heap.present = true;
    report->heap.allocated_bytes = allocated_bytes * 100 * reads;
    report->heap.peak_live_bytes = 2e6;
}
