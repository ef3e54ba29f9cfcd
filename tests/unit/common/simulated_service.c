/* The simulation: a cache that is a hash table, and a builder that notes what a shim would have. */
#include "common/simulated_service.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "common/capture_builder.h"
#include "text/lexer.h"

uint64_t simulated_random(uint64_t *state)
{
    uint64_t z = *state += 0x9e3779b97f4a7c15ull;

    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
    return z ^ (z >> 31);
}

unsigned random_below(uint64_t *random, unsigned limit)
{
    return (unsigned)(simulated_random(random) % limit);
}

static char *next_buffer(void)
{
    static char buffers[16][132];
    static unsigned used;

    return buffers[used++ % G_N_ELEMENTS(buffers)];
}

static const char *random_digits(uint64_t *random, unsigned digits, const char *alphabet)
{
    char *out = next_buffer();

    for (unsigned i = 0; i < digits; i++)
        out[i] = alphabet[random_below(random, (unsigned)strlen(alphabet))];
    out[digits] = '\0';
    return out;
}

const char *random_hex(uint64_t *random, unsigned digits)
{
    return random_digits(random, digits, "0123456789abcdef");
}

const char *random_base62(uint64_t *random, unsigned digits)
{
    return random_digits(random, digits,
                         "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz");
}

const char *random_uuid(uint64_t *random)
{
    const char *hex = random_hex(random, 32);
    char *out = next_buffer();

    g_snprintf(out, 132, "%.8s-%.4s-4%.3s-a%.3s-%.12s", hex, hex + 8, hex + 13, hex + 17, hex + 20);
    return out;
}

const char *digest_of(const char *text, unsigned digits)
{
    uint64_t state = 14695981039346656037ull;

    for (; *text; text++)
        state = (state ^ (unsigned char)*text) * 1099511628211ull;
    return random_hex(&state, digits);
}

struct entry {
    uint64_t expires_ns;
    char value[1024];
};

struct run {
    const struct service *service;
    struct builder *builder;
    GHashTable *entries;   /* key -> struct entry */
    GHashTable *asked;     /* keys that were read before */
    GHashTable *questions; /* question -> when an entry of it runs out, boxed */
    GHashTable *cured;     /* the same, in the cured service */
    struct truth truth;
    unsigned cured_hits;
};

static bool in_time(GHashTable *table, unsigned question, uint64_t now_ns)
{
    const uint64_t *until = g_hash_table_lookup(table, GUINT_TO_POINTER(question + 1));

    return until && *until > now_ns;
}

static void keep_until(GHashTable *table, unsigned question, uint64_t until_ns)
{
    uint64_t *until = g_new(uint64_t, 1);

    *until = until_ns;
    g_hash_table_insert(table, GUINT_TO_POINTER(question + 1), until);
}

static void record(struct run *run, const struct request *request, uint64_t time_ns, bool write,
                   bool hit, const char *value)
{
    struct builder_command command = {.time_ns = time_ns,
                                      .reply_ns = time_ns + 100 * BUILDER_US,
                                      .verb =
                                          write ? run->service->ttl_ms ? "SETEX" : "SET" : "GET",
                                      .key = request->key,
                                      .template_name = request->template_name,
                                      .value = value,
                                      .flags = write ? LK_COMMAND_WRITE : LK_COMMAND_READ,
                                      .ttl_ms = write ? (int64_t)run->service->ttl_ms : 0,
                                      .outcome = write ? LK_OUTCOME_WRITE
                                                 : hit ? LK_OUTCOME_HIT
                                                       : LK_OUTCOME_MISS};

    if (request->input[0])
        command.input = request->input;
    builder_command(run->builder, &command);
}

static void serve(struct run *run, const struct request *request, uint64_t now_ns)
{
    uint64_t ttl_ns = run->service->ttl_ms * BUILDER_MS, written_ns = now_ns + RECOMPUTE_NS;
    uint64_t until_ns = ttl_ns ? written_ns + ttl_ns : UINT64_MAX;
    struct entry *entry = g_hash_table_lookup(run->entries, request->key);
    bool hit = entry && entry->expires_ns > now_ns;
    bool first = g_hash_table_add(run->asked, g_strdup(request->key));

    run->truth.reads++;
    run->truth.hits += hit;
    run->truth.misses += !hit;
    run->truth.duplicate_misses +=
        !hit && first && in_time(run->questions, request->question, now_ns);
    if (in_time(run->cured, request->question, now_ns))
        run->cured_hits++;
    else
        keep_until(run->cured, request->question, until_ns);
    record(run, request, now_ns, false, hit, hit ? entry->value : NULL);
    if (hit)
        return;
    entry = g_new0(struct entry, 1);
    entry->expires_ns = until_ns;
    g_strlcpy(entry->value, request->value, sizeof(entry->value));
    g_hash_table_insert(run->entries, g_strdup(request->key), entry);
    keep_until(run->questions, request->question, until_ns);
    record(run, request, written_ns, true, false, request->value);
}

static struct capture *read_back(struct builder *builder)
{
    char *path;
    GError *error = NULL;
    struct capture *capture;
    int file = g_file_open_tmp("leakey-test-XXXXXX", &path, NULL);

    if (file < 0 || close(file) != 0 || !builder_save(builder, path))
        abort();
    capture = capture_open(path, &error);
    if (!capture) {
        fprintf(stderr, "%s\n", error->message);
        abort();
    }
    unlink(path);
    g_free(path);
    return capture;
}

static void free_capture(gpointer capture)
{
    capture_free(capture);
}

/* As the shim stores a text with --keys hash. */
static const char *hide_text(GPtrArray *hidden, const char *text, uint32_t *bytes)
{
    struct lk_token *tokens = g_new(struct lk_token, *bytes + 1);
    size_t count = lk_lex(text, *bytes, tokens, *bytes + 1);
    struct lk_token_hash *hashes = g_new0(struct lk_token_hash, count + 1);

    for (size_t i = 0; i < count; i++) {
        char folded[LK_TEXT_MAX];
        size_t length = lk_fold(text, &tokens[i], folded, sizeof(folded));

        hashes[i].token_class = tokens[i].token_class;
        hashes[i].bytes = (uint16_t)tokens[i].bytes;
        hashes[i].hash = XXH3_64bits_withSeed(text + tokens[i].offset, tokens[i].bytes, 99);
        hashes[i].folded_hash = (uint32_t)XXH3_64bits_withSeed(folded, length, 99);
    }
    g_free(tokens);
    g_ptr_array_add(hidden, hashes);
    *bytes = (uint32_t)(count * sizeof(*hashes));
    return (const char *)(const void *)hashes;
}

static void hide_texts(struct simulation *simulation)
{
    struct cache_model *model = simulation->model;

    for (guint i = 0; i < model->keys->len; i++) {
        struct cache_key *key = model_key(model, i);

        key->text = hide_text(simulation->hidden, key->text, &key->text_bytes);
        key->hashed = true;
    }
    for (guint i = 0; i < model->inputs->len; i++) {
        struct cache_input *input = model_input(model, i);

        input->text = hide_text(simulation->hidden, input->text, &input->text_bytes);
    }
}

struct simulation simulate(const struct service *service)
{
    struct run run = {.service = service, .builder = builder_new()};
    struct simulation simulation = {.captures = g_ptr_array_new_with_free_func(free_capture),
                                    .hidden = g_ptr_array_new_with_free_func(g_free)};
    uint64_t random = 42;

    run.entries = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    run.asked = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    run.questions = g_hash_table_new_full(NULL, NULL, NULL, g_free);
    run.cured = g_hash_table_new_full(NULL, NULL, NULL, g_free);
    for (unsigned n = 0; n < service->requests; n++) {
        struct request request = {.template_name = "llm:<sha256>"};

        service->make(n, &random, &request);
        serve(&run, &request, (n + 1) * REQUEST_NS);
    }
    run.truth.distinct_keys = g_hash_table_size(run.asked);
    run.truth.distinct_questions = g_hash_table_size(run.cured);
    run.truth.cured_hit_ratio = (double)run.cured_hits / run.truth.reads;
    simulation.truth = run.truth;
    g_ptr_array_add(simulation.captures, read_back(run.builder));
    builder_free(run.builder);
    g_hash_table_destroy(run.entries);
    g_hash_table_destroy(run.asked);
    g_hash_table_destroy(run.questions);
    g_hash_table_destroy(run.cured);
    simulation.report = report_new();
    simulation.model = cache_model_new(simulation.report, NULL, simulation.captures);
    if (service->hashed)
        hide_texts(&simulation);
    find_cache_faults(simulation.model);
    return simulation;
}

void simulation_clear(struct simulation *simulation)
{
    cache_model_free(simulation->model);
    report_free(simulation->report);
    g_ptr_array_free(simulation->captures, TRUE);
    g_ptr_array_free(simulation->hidden, TRUE);
}
