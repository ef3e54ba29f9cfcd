// The rules about the cache and the replay under libFuzzer (`make fuzz`): whatever commands a
// capture holds, they come to an end.
#include <string.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

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

/* ---- A capture whose one segment of records is written anew for each input ---- */

static const char *const templates[] = {"user:<number>", "t:<text>"};

static uint8_t *image;
static size_t image_bytes;
static struct lk_extent *segment;
static uint64_t sequences[4]; /* by connection */

/* What a builder makes of two commands; their segment is the last extent. */
static void make_image(void)
{
    struct builder *builder = builder_new();
    for (size_t i = 0; i < G_N_ELEMENTS(templates); i++)
        builder_command(
            builder, &(struct builder_command){
                         .time_ns = 1, .verb = "CMD", .key = "k", .template_name = templates[i]});
    image = builder_bytes(builder, &image_bytes);
    builder_free(builder);
    segment = (struct lk_extent *)(void *)(image + image_bytes - LK_GRANULE);
    g_assert(segment->kind == LK_EXTENT_SEGMENT);
}

/* A record of that many bytes, filled up to a multiple of 8; NULL: no room. */
static void *add_record(uint16_t type, size_t bytes, uint64_t time_ns)
{
    size_t rounded = (bytes + 7) & ~(size_t)7;
    if (rounded > LK_SEGMENT_ROOM - segment->committed)
        return NULL;
    struct lk_record *record =
        (struct lk_record *)(void *)((char *)(segment + 1) + segment->committed);
    memset(record, 0, rounded);
    record->type = type;
    record->bytes = (uint16_t)rounded;
    record->time_ns = time_ns;
    segment->committed += (uint32_t)rounded;
    segment->records++;
    return record;
}

static void begin_segment(void)
{
    segment->committed = 0;
    segment->records = 0;
    memset(sequences, 0, sizeof(sequences));
    add_record(LK_RECORD_THREAD, sizeof(struct lk_record_thread), 0);
}

static uint64_t hash_of(const char *text)
{
    return XXH3_64bits(text, strlen(text));
}

static void add_input(const char *key, const char *input, uint64_t time_ns)
{
    size_t bytes = strlen(input);
    struct lk_record_input *record = add_record(LK_RECORD_INPUT, sizeof(*record) + bytes, time_ns);
    if (record == NULL)
        return;
    record->key_hash = hash_of(key);
    record->fingerprint = hash_of(input);
    record->input_bytes = record->text_bytes = (uint32_t)bytes;
    record->digest_bytes = 4;
    memcpy(record + 1, input, bytes);
}

/* Eight bytes a command: any verb on any key, with any answer, at any time after the one before. */
static void add_command(const uint8_t *bytes, uint64_t *time_ns)
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

    *time_ns = MIN(*time_ns + ((uint64_t)bytes[0] << (bytes[1] % 50)), 1ull << 62);
    g_snprintf(key, sizeof(key), "%s%u", prefixes[bytes[2] % 8], bytes[3] % 32);
    g_snprintf(input, sizeof(input), "%s%u", prefixes[bytes[4] % 8], bytes[4]);
    if (bytes[4] % 3 == 0)
        add_input(key, input, *time_ns);
    struct lk_record_command *command =
        add_record(LK_RECORD_COMMAND, sizeof(*command) + strlen(key), *time_ns);
    if (command == NULL)
        return;
    command->connection = 1 + bytes[6] / 64;
    command->sequence = sequences[bytes[6] / 64]++;
    command->verb = 1;
    command->flags = flags[bytes[6] % 8];
    command->key_count = 1;
    command->template_id = bytes[2] % 8 < 2 ? 1 : 2;
    command->key_hash = hash_of(key);
    command->value_hash = hash_of(input);
    command->value_bytes = 1ull << (bytes[5] % 63);
    command->ttl_ms = (int64_t)(1ull << (bytes[7] % 64));
    command->key_bytes = command->text_bytes = (uint32_t)strlen(key);
    memcpy(command + 1, key, strlen(key));
    struct lk_record_reply *reply =
        add_record(LK_RECORD_REPLY, sizeof(*reply), *time_ns + bytes[5]);
    if (reply == NULL || bytes[7] / 16 % 7 == LK_OUTCOME_NONE)
        return;
    reply->connection = command->connection;
    reply->sequence = command->sequence;
    reply->outcome = bytes[7] / 16 % 7;
    reply->value_hash = command->value_hash;
    reply->value_bytes = command->value_bytes;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    uint64_t time_ns = 0;
    struct capture *capture;

    if (image == NULL)
        make_image();
    begin_segment();
    for (size_t at = 0; at + 8 <= MIN(size, 4096); at += 8)
        add_command(bytes + at, &time_ns);
    capture = capture_open_borrowed(image, image_bytes, "fuzz", NULL);
    if (capture != NULL)
        analyse_one(capture);
    capture_free(capture);
    return 0;
}
