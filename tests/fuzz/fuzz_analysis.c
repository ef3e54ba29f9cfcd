// The rules about the cache and the replay under libFuzzer (`make fuzz`): whatever commands a
// capture holds, they come to an end.
#include "common/capture_builder.h"
#include "find/normalise.h"
#include "find/what_if.h"
#include "model/model.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static void replay(const struct cache_model *model)
{
    const struct what_if_settings settings = {.normaliser_bits = (1u << NORMALISERS) - 1,
                                              .ttl_ms = 1000,
                                              .cache_bytes = 4096,
                                              .policy = POLICY_LFU};

    what_if_free(what_if_new(model, &settings));
}

static void analyse_one(struct capture *capture)
{
    const struct analysis_options options = {.price_gpu_hour = 1, .price_gib_month = 1};
    GPtrArray *captures = g_ptr_array_new();
    struct report *report = report_new();
    struct cache_model *model;

    g_ptr_array_add(captures, capture);
    model = cache_model_new(report, NULL, captures);
    find_cache_faults(model);
    outcomes_model(report, model);
    find_cost(report, model, &options);
    replay(model);
    cache_model_free(model);
    report_free(report);
    g_ptr_array_free(captures, TRUE);
}

/* Eight bytes a command: any verb on any key, with any answer, at any time after the one before. */
static void add_command(struct builder *builder, const uint8_t *bytes, uint64_t *time_ns)
{
    static const char *const prefixes[] = {
        "user:", "User:", "doc:v1:", "doc:v2:", "q=a b&k=", "{\"ts\":", "llm:", "\xff"};
    static const uint16_t flags[] = {LK_COMMAND_READ,
                                     LK_COMMAND_WRITE,
                                     LK_COMMAND_DELETE,
                                     LK_COMMAND_EXPIRE,
                                     LK_COMMAND_SHRINK,
                                     LK_COMMAND_FLUSH,
                                     LK_COMMAND_READ | LK_COMMAND_WRITE,
                                     0};
    char key[64], input[64];

    *time_ns += (uint64_t)bytes[0] << (bytes[1] % 50);
    *time_ns = MIN(*time_ns, 1ull << 62);
    g_snprintf(key, sizeof(key), "%s%u", prefixes[bytes[2] % 8], bytes[3] % 32);
    g_snprintf(input, sizeof(input), "%s%u", prefixes[bytes[4] % 8], bytes[4]);
    builder_command(builder, &(struct builder_command){
                                 .time_ns = *time_ns,
                                 .reply_ns = *time_ns + bytes[5],
                                 .verb = "CMD",
                                 .key = key,
                                 .template_name = bytes[2] % 8 < 2 ? "user:<number>" : "t:<text>",
                                 .value = input,
                                 .value_bytes = 1ull << (bytes[5] % 63),
                                 .input = bytes[4] % 3 ? NULL : input,
                                 .flags = flags[bytes[6] % 8],
                                 .connection = 1 + bytes[6] / 64,
                                 .ttl_ms = (int64_t)(1ull << (bytes[7] % 64)),
                                 .outcome = bytes[7] / 16 % 7});
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    struct builder *builder = builder_new();
    uint64_t time_ns = 0;
    struct capture *capture;
    uint8_t *image;
    size_t image_bytes;

    for (size_t at = 0; at + 8 <= MIN(size, 4096); at += 8)
        add_command(builder, bytes + at, &time_ns);
    image = builder_bytes(builder, &image_bytes);
    builder_free(builder);
    capture = capture_open_memory(image, image_bytes, "fuzz", NULL);
    if (capture != NULL)
        analyse_one(capture);
    capture_free(capture);
    g_free(image);
    return 0;
}
