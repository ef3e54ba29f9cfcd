/* Same input by equal values, where nothing else is known of the input. */
#include "find/equal_values.h"

#include <string.h>

#include "find/key_tokens.h"
#include "find/thresholds.h"
#include "model/units.h"

#define EVIDENCE_MAX 5

struct valued { /* one key of those that are compared */
    uint32_t key;
    uint64_t value; /* of the write that its miss led to, with its place; 0 none, or too short */
};

struct values {
    GArray *keys;      /* struct valued */
    struct map counts; /* value -> how many keys */
    double known, shared, squares, largest;
    uint64_t reads, hits;
};

/* Values that were written without a miss before them are no answers. */
static struct map first_answers(const struct cache_model *model)
{
    struct map answers = {0};

    for (guint i = 0; i < model->accesses->len; i++) {
        const struct cache_access *access = model_access(model, i);
        bool added;
        uint32_t *write;

        if (access->key == CACHE_NONE || !(access->flags & ACCESS_WRITE) ||
            access->partner == CACHE_NONE || access->value_bytes < VALUE_BYTES_MIN)
            continue;
        write = map_put(&answers, hash_mix(access->key, 1), &added);
        if (added)
            *write = i;
    }
    return answers;
}

/* What stands beside the digest must be the same, and there must be one. */
static bool is_opaque(const struct cache_key *key, GArray *tokens, uint64_t *rest)
{
    bool found = false;

    key_tokens(key, tokens);
    *rest = hash_mix(hash_mix(key->server + 1, key->database), 3);
    for (guint i = 0; i < tokens->len; i++) {
        const struct key_token *token = &g_array_index(tokens, struct key_token, i);

        if (token_is_digest(token))
            found = true;
        else if (token_speaks(token))
            *rest = hash_mix(*rest, token->hash);
    }
    return found;
}

static struct values values_new(const struct cache_model *model, const GArray *keys)
{
    struct values values = {.keys = g_array_new(FALSE, FALSE, sizeof(struct valued))};
    struct map answers = first_answers(model);
    GArray *tokens = g_array_new(FALSE, FALSE, sizeof(struct key_token));

    for (guint i = 0; i < keys->len; i++) {
        struct valued valued = {.key = g_array_index(keys, uint32_t, i)};
        const struct cache_key *key = model_key(model, valued.key);
        const uint32_t *write = map_find(&answers, hash_mix(valued.key, 1));
        uint64_t rest;

        values.reads += key->reads;
        values.hits += key->hits;
        if (write && is_opaque(key, tokens, &rest)) {
            valued.value = hash_mix(rest, model_access(model, *write)->value_hash);
            ++*map_put(&values.counts, valued.value, NULL);
            values.known++;
        }
        g_array_append_val(values.keys, valued);
    }
    for (size_t i = 0; i < values.counts.capacity; i++) {
        double count = values.counts.slots[i].key ? values.counts.slots[i].value : 0;

        values.shared += count > 1 ? count : 0;
        values.squares += count * count;
        values.largest = MAX(values.largest, count);
    }
    map_clear(&answers);
    g_array_free(tokens, TRUE);
    return values;
}

/* Keys that are read again serve. Contents that are equal here and there are no duplicates; labels
 * are few, and refusals are what a large share of keys has. */
static bool values_tell(const struct values *values)
{
    double effective = values->known * values->known / MAX(1, values->squares);

    return values->known >= thresholds.equal_keys_min &&
           values->known >= thresholds.equal_known_min * values->keys->len &&
           values->shared >= thresholds.equal_share_min * values->known &&
           effective >= thresholds.equal_effective_min &&
           effective >= thresholds.equal_variety_min * values->known &&
           values->largest <= thresholds.equal_largest_max * values->known &&
           (double)values->hits <= thresholds.equal_reuse_max * (double)values->reads;
}

bool equal_values_number(struct identities *identities, const struct cache_model *model,
                         const GArray *keys)
{
    struct values values = values_new(model, keys);
    bool tell = values_tell(&values);
    struct map numbers = {0};

    for (guint i = 0; tell && i < values.keys->len; i++) {
        const struct valued *valued = &g_array_index(values.keys, struct valued, i);
        bool added = true;
        uint32_t *number = valued->value ? map_put(&numbers, valued->value, &added) : NULL;

        if (number && added)
            *number = (uint32_t)identities->count;
        identities->of[valued->key] = number ? *number : (uint32_t)identities->count;
        identities->count += added;
    }
    map_clear(&numbers);
    map_clear(&values.counts);
    g_array_free(values.keys, TRUE);
    return tell;
}

/* ---- The finding ---- */

static struct span digest_of(const struct cache_key *key, GArray *tokens)
{
    key_tokens(key, tokens);
    for (guint i = tokens->len; i-- > 0;) {
        const struct key_token *token = &g_array_index(tokens, struct key_token, i);

        if (token_is_digest(token))
            return (struct span){key->text + token->offset, token->bytes, token->offset};
    }
    return (struct span){"", 0, SIZE_MAX};
}

static void add_pair(struct cache_model *model, const struct duplicate *pair, GArray *tokens,
                     struct finding *finding)
{
    struct evidence *evidence =
        evidence_pair(model, "equal-value", 0.8, (struct pair_end){pair->key_a, CACHE_NONE},
                      (struct pair_end){pair->key_b, CACHE_NONE});
    const struct cache_key *a = model_key(model, pair->key_a), *b = model_key(model, pair->key_b);

    if (!a->hashed && !b->hashed)
        evidence_differ(model, evidence, normalisers[NORMALISER_RANDOM].name, digest_of(a, tokens),
                        digest_of(b, tokens));
    g_ptr_array_add(finding->evidence, evidence);
}

void equal_values_tell(struct cache_model *model, const struct duplicates *duplicates,
                       struct finding *finding)
{
    const struct template_report *report = duplicates->template->report;
    struct varying varying = {normalisers[NORMALISER_RANDOM].name, 1};
    GArray *tokens = g_array_new(FALSE, FALSE, sizeof(struct key_token));
    size_t wanted = MIN(duplicates->count, EVIDENCE_MAX);
    char misses[UNITS_ROOM], all[UNITS_ROOM];

    finding->message = report_printf(
        model->report,
        "%s of %s misses on %s computed a value that was already cached under another key: the "
        "key's digest, whose input was not seen, differs each time",
        units_count(misses, sizeof(misses), (double)report->causes.duplicate_input),
        units_count(all, sizeof(all), (double)report->misses), report->name);
    finding->remedy =
        "make the digest of what the answer depends on alone: leave out clocks, nonces and ids, "
        "sort members, and use a fixed seed before the key is made; with a digest of libcrypto or "
        "libxxhash the report can say which part varies";
    g_array_append_val(finding->varying, varying);
    for (size_t i = 0; i < wanted; i++)
        add_pair(model, &duplicates->all[i * duplicates->count / wanted], tokens, finding);
    g_array_free(tokens, TRUE);
}
