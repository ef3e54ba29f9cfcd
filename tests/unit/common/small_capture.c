/* A small capture of everything, and all that is made of a capture; see small_capture.h. */
#include "common/small_capture.h"

#include <string.h>

#include "common/capture_builder.h"
#include "export/export.h"
#include "find/normalise.h"
#include "find/what_if.h"
#include "model/model.h"
#include "render/render.h"

#define REQUESTS 24u

/* ---- The capture ---- */

static void add_request(struct builder *b, unsigned i, uint32_t site)
{
    char key[32], input[96];
    uint64_t now = (10 + i * 20ull) * BUILDER_MS;
    g_snprintf(key, sizeof(key), "llm:%016x", i * 2654435761u);
    g_snprintf(input, sizeof(input), "{\"ts\":%u, \"q\": \"what is a leak?\", \"n\": %u}",
               1700000000u + i, i % 4);
    struct builder_command command = {.time_ns = now,
                                      .verb = "GET",
                                      .key = key,
                                      .template_name = "llm:<hex>",
                                      .input = input,
                                      .flags = LK_COMMAND_READ,
                                      .outcome = LK_OUTCOME_MISS,
                                      .site = site};
    builder_command(b, &command);
    builder_alloc(b, now + BUILDER_MS, 0x10000 + i * 0x100ull, 4096, site,
                  LK_TAG(LK_OUTCOME_MISS, 1));
    command.time_ns = now + 5 * BUILDER_MS;
    command.verb = "SET";
    command.flags = LK_COMMAND_WRITE;
    command.outcome = LK_OUTCOME_WRITE;
    command.value = "because it is not freed";
    command.ttl_ms = 60000;
    builder_command(b, &command);
    if (i % 3 == 0)
        builder_release(b, now + 6 * BUILDER_MS, 0x10000 + i * 0x100ull);
}

uint8_t *small_capture(size_t *bytes)
{
    static const char *const words[] = {"service", "--port", "80", NULL};
    struct builder *b = builder_new();
    uint32_t site = builder_site(b, (uint64_t[]){0x1010, 0x2020, 0x3030}, 3);
    uint32_t other = builder_site(b, (uint64_t[]){0x1010, 0x2040}, 2);
    builder_process(b, "/usr/bin/service", words);
    builder_module(b, "[service]", 0x1000, 0x9000, 0, (const uint8_t *)"\x01\xab", 2);
    builder_connect(b, BUILDER_MS, 1, "unix:/run/redis.sock");
    for (unsigned i = 0; i < REQUESTS; i++)
        add_request(b, i, i % 2 == 0 ? site : other);
    builder_thread(b, 1);
    builder_command(b, &(struct builder_command){.time_ns = 900 * BUILDER_MS,
                                                 .verb = "DEL",
                                                 .key = "user:v1:7",
                                                 .template_name = "user:v1:<number>",
                                                 .flags = LK_COMMAND_DELETE,
                                                 .outcome = LK_OUTCOME_OTHER});
    builder_live(b, LK_LIVE_REPLY, 0x80000, 48, 20 * BUILDER_MS, site, LK_TAG(LK_OUTCOME_MISS, 1));
    builder_live(b, LK_LIVE_CONTEXT, 0x90000, 200, 30 * BUILDER_MS, other, 0);
    builder_block(b, 0xa0000, 64, 40 * BUILDER_MS, site, 0);
    for (unsigned i = 0; i < 8; i++)
        *builder_bucket(b, 0, i) = (struct lk_bucket){i % 2 * 100000 + 1000, 1000, 5000, 3};
    uint8_t *image = builder_bytes(b, bytes);
    builder_free(b);
    return image;
}

/* ---- All that is made of it ---- */

static FILE *nowhere(void)
{
    static FILE *null;
    if (null == NULL)
        null = fopen("/dev/null", "w");
    g_assert(null != NULL);
    return null;
}

static void render_all(const struct report *report)
{
    static const char *const formats[] = {"text", "json", "markdown", "sarif", "gcc"};
    const struct render_options options = {.top = 10, .width = 80};
    for (size_t i = 0; i < G_N_ELEMENTS(formats); i++)
        report_renderer_named(formats[i])->render(report, &options, nowhere());
}

static void export_all(const struct analysis *analysis)
{
    static const char *const formats[] = {"collapsed", "csv", "openmetrics", "clickhouse"};
    for (size_t i = 0; i < G_N_ELEMENTS(formats); i++) {
        char *remarks = NULL;
        GError *error = NULL;
        const struct export_options options = {.metric = EXPORT_LIVE, .remarks = &remarks};
        exporter_named(formats[i])->write(analysis, &options, nowhere(), &error);
        g_clear_error(&error);
        g_free(remarks);
    }
}

static void replay(const struct cache_model *cache)
{
    const struct what_if_settings settings = {.normaliser_bits = (1u << NORMALISERS) - 1,
                                              .ttl_ms = 1000,
                                              .cache_bytes = 4096,
                                              .policy = POLICY_LFU};
    what_if_free(what_if_new(cache, &settings));
}

static void free_capture(gpointer capture)
{
    capture_free(capture);
}

uint64_t small_capture_report(struct capture *capture)
{
    const struct analysis_options options = {
        .price_gpu_hour = 1, .price_gib_month = 1, .curve = true};
    GPtrArray *captures = g_ptr_array_new_with_free_func(free_capture);
    struct analysis analysis;

    g_ptr_array_add(captures, capture);
    analyse_opened(&analysis, captures, &options);
    replay(analysis.cache);
    render_all(analysis.report);
    export_all(&analysis);
    uint64_t sum = analysis.report->findings->len + analysis.report->leaks->len +
                   analysis.report->heap.sites->len;
    analysis_release(&analysis);
    return sum;
}
