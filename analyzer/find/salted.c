/* Keys that are of one input and differ from process to process. */
#include <string.h>

#include "find/cache_faults.h"
#include "find/key_tokens.h"
#include "find/predict.h"
#include "model/units.h"

#define EVIDENCE_MAX 5

/* A group is what keys of one input have in common: the template, the database, what else the key
 * holds, and the input; or, where a digest's input was not seen, the value that is stored. */
struct group {
    uint32_t template_index;
    bool by_input;
    uint32_t first; /* key */
    uint32_t other; /* the first one that another process has instead; CACHE_NONE */
    uint32_t captures;
    bool hit; /* a key of it was read again */
};

struct salting {
    struct cache_model *model;
    uint64_t *values;   /* of each key: the latest long value that answered a miss; 0 none */
    GArray *groups;     /* struct group */
    uint32_t *of_key;   /* each key's group; CACHE_NONE */
    struct map members; /* group, capture -> the first key that this process had for it */
    GArray *tokens;
    struct tally *tallies; /* of each template, by value and by input */
};

struct tally {
    double uses;    /* inputs, each counted in each process */
    double varying; /* of these, with several keys in the one process */
    double common;  /* of the uses, those of inputs that several processes had */
    double shared;  /* inputs that several processes had */
    double salted;  /* of these, under keys of their own */
    double reused;  /* of these, keys that were read again */
    double missed;  /* first misses in a process while another one's entry was there */
};

static struct group *group_at(const struct salting *salting, uint32_t index)
{
    return &g_array_index(salting->groups, struct group, index);
}

static struct tally *tally_of(const struct salting *salting, const struct group *group)
{
    return &salting->tallies[2 * group->template_index + group->by_input];
}

/* ---- Groups ---- */

/* Values that no miss led to are written by other events, a login say: equal ones prove nothing. */
static void list_values(struct salting *salting)
{
    for (guint i = 0; i < salting->model->accesses->len; i++) {
        const struct cache_access *access = model_access(salting->model, i);

        if (access->key != CACHE_NONE && access->flags & ACCESS_WRITE &&
            access->value_bytes >= VALUE_BYTES_MIN)
            salting->values[access->key] = access->partner != CACHE_NONE ? access->value_hash : 0;
    }
}

/* The key without the tokens that touch [from, to); hash mode: without digests. */
static uint64_t rest_hash(const struct salting *salting, bool hashed, uint32_t from, uint32_t to)
{
    uint64_t hash = 1;

    for (guint i = 0; i < salting->tokens->len; i++) {
        const struct key_token *token = &g_array_index(salting->tokens, struct key_token, i);
        bool within = hashed ? token_is_digest(token)
                             : token->offset < to && token->offset + token->bytes > from;

        if (!within && token_speaks(token))
            hash = hash_mix(hash, token->hash);
    }
    return hash;
}

static const struct key_token *find_digest(const struct salting *salting)
{
    const struct key_token *found = NULL;

    for (guint i = 0; i < salting->tokens->len; i++) {
        const struct key_token *token = &g_array_index(salting->tokens, struct key_token, i);

        if (token_is_digest(token) && (!found || token->bytes >= found->bytes))
            found = token;
    }
    return found;
}

/* 0: nothing is known of the key's input. */
static uint64_t group_hash(struct salting *salting, uint32_t index)
{
    const struct cache_key *key = model_key(salting->model, index);
    const struct cache_input *input =
        key->input == CACHE_NONE ? NULL : model_input(salting->model, key->input);
    uint64_t place = hash_mix(hash_mix(key->template_index + 1, key->server),
                              hash_mix(key->database, input ? 5 : 6));
    const struct key_token *digest;

    key_tokens(key, salting->tokens);
    if (input)
        return hash_mix(place,
                        hash_mix(input->fingerprint,
                                 rest_hash(salting, key->hashed, input->digest_offset,
                                           (uint32_t)input->digest_offset + input->digest_bytes)));
    digest = salting->values[index] ? find_digest(salting) : NULL;
    if (!digest)
        return 0;
    return hash_mix(place,
                    hash_mix(salting->values[index], rest_hash(salting, key->hashed, digest->offset,
                                                               digest->offset + digest->bytes)));
}

static void group_keys(struct salting *salting)
{
    struct map index = {0};

    for (guint i = 0; i < salting->model->keys->len; i++) {
        const struct cache_key *key = model_key(salting->model, i);
        struct group group = {.template_index = key->template_index,
                              .by_input = key->input != CACHE_NONE,
                              .first = i,
                              .other = CACHE_NONE};
        uint64_t hash = key->template_index ? group_hash(salting, i) : 0;
        bool added = false;
        uint32_t *at = hash ? map_put(&index, hash, &added) : NULL;

        if (added) {
            *at = salting->groups->len;
            g_array_append_val(salting->groups, group);
        }
        salting->of_key[i] = at ? *at : CACHE_NONE;
        if (at)
            group_at(salting, *at)->hit |= key->hits > 0;
    }
    map_clear(&index);
}

/* ---- Which process has which key ---- */

static void note_use(struct salting *salting, const struct cache_access *access)
{
    uint32_t index = salting->of_key[access->key], *member;
    struct group *group;
    bool added;

    if (index == CACHE_NONE || !(access->flags & (ACCESS_READ | ACCESS_WRITE)))
        return;
    group = group_at(salting, index);
    member =
        map_put(&salting->members,
                hash_mix(index + 1, access_connection(salting->model, access)->capture), &added);
    if (added) {
        *member = access->key;
        tally_of(salting, group)->uses++;
        group->captures++;
        if (access->key != group->first && group->other == CACHE_NONE)
            group->other = access->key;
        if (group->captures == 2)
            tally_of(salting, group)->shared++;
    } else if (*member != access->key && *member != CACHE_NONE) {
        tally_of(salting, group)->varying++;
        *member = CACHE_NONE; /* counted once */
    }
}

/* Of several processes' keys for one input the one that is not the first tells. */
static void count_groups(struct salting *salting)
{
    for (guint i = 0; i < salting->groups->len; i++) {
        const struct group *group = group_at(salting, i);

        if (group->captures < 2)
            continue;
        tally_of(salting, group)->common += group->captures;
        if (group->other == CACHE_NONE)
            continue;
        tally_of(salting, group)->salted++;
        tally_of(salting, group)->reused += group->hit;
    }
}

/* The first miss of a process on its own key, while another process's entry could be had. */
static void count_missed(struct salting *salting)
{
    struct replay replay = replay_new(salting->model);
    uint32_t *latest = g_new(uint32_t, salting->groups->len + 1); /* key that was written last */

    memset(latest, 0xff, sizeof(uint32_t) * (salting->groups->len + 1));
    for (guint i = 0; i < salting->model->accesses->len; i++) {
        const struct cache_access *access = model_access(salting->model, i);
        uint32_t group = access->key == CACHE_NONE ? CACHE_NONE : salting->of_key[access->key];
        enum cache_cause cause = replay_step(&replay, i);

        if (group == CACHE_NONE)
            continue;
        if (cause == CAUSE_FIRST_SEEN && latest[group] != CACHE_NONE &&
            latest[group] != access->key &&
            key_alive(&replay.states[latest[group]], access->time_ns))
            tally_of(salting, group_at(salting, group))->missed++;
        if (access->flags & (ACCESS_WRITE | ACCESS_HIT))
            latest[group] = access->key;
    }
    g_free(latest);
    replay_clear(&replay);
}

/* ---- The finding ---- */

static bool is_salted(const struct tally *tally)
{
    return tally->salted >= thresholds.salted_inputs_min &&
           tally->salted >= thresholds.salted_share_min * tally->shared &&
           tally->varying <= (1 - thresholds.salted_stable_min) * tally->uses &&
           tally->missed >= thresholds.salted_misses_min;
}

/* Where values alone tell: keys that serve, and values that are not equal by chance here and there.
 */
static bool values_tell(const struct tally *tally)
{
    return tally->reused >= thresholds.salted_reused_min * tally->salted &&
           tally->common >= thresholds.salted_common_min * tally->uses;
}

static struct span digest_shown(const struct salting *salting, const struct cache_key *key,
                                const struct cache_input *input)
{
    const struct key_token *digest;

    if (input) { /* a damaged capture may say that it is anywhere */
        uint32_t offset = MIN(input->digest_offset, key->text_bytes);

        return (struct span){key->text + offset, MIN(input->digest_bytes, key->text_bytes - offset),
                             SIZE_MAX};
    }
    key_tokens(key, salting->tokens);
    digest = find_digest(salting);
    return (struct span){key->text + digest->offset, digest->bytes, digest->offset};
}

static struct evidence *pair_evidence(const struct salting *salting, const struct group *group)
{
    struct cache_model *model = salting->model;
    const struct cache_key *a = model_key(model, group->first), *b = model_key(model, group->other);
    struct evidence *evidence = evidence_pair(
        model, group->by_input ? "digest-input" : "equal-value", group->by_input ? 0.99 : 0.9,
        (struct pair_end){group->first, a->input}, (struct pair_end){group->other, b->input});

    if (!a->hashed && !b->hashed)
        evidence_differ(
            model, evidence, normalisers[NORMALISER_SALT].name,
            digest_shown(salting, a, group->by_input ? model_input(model, a->input) : NULL),
            digest_shown(salting, b, group->by_input ? model_input(model, b->input) : NULL));
    return evidence;
}

static void add_evidence(const struct salting *salting, uint32_t template_index, bool by_input,
                         struct finding *finding)
{
    for (guint i = 0; i < salting->groups->len && finding->evidence->len < EVIDENCE_MAX; i++) {
        const struct group *group = group_at(salting, i);

        if (group->template_index == template_index && group->by_input == by_input &&
            group->captures > 1 && group->other != CACHE_NONE)
            g_ptr_array_add(finding->evidence, pair_evidence(salting, group));
    }
}

/* With one key for each group. */
static struct prediction *predict_unsalted(const struct salting *salting, uint32_t template_index,
                                           bool by_input)
{
    struct cache_model *model = salting->model;
    uint32_t *identities = g_new(uint32_t, model->keys->len + 1);
    struct prediction *prediction;

    for (uint32_t key = 0; key < model->keys->len; key++) {
        uint32_t group = salting->of_key[key];

        identities[key] = group != CACHE_NONE && group_at(salting, group)->by_input == by_input
                              ? group_at(salting, group)->first
                              : key;
    }
    prediction = predict_cured(model, identities, model->keys->len, template_index);
    g_free(identities);
    return prediction;
}

static void report_salted(const struct salting *salting, uint32_t template_index, bool by_input)
{
    struct cache_model *model = salting->model;
    const struct tally *tally = &salting->tallies[2 * template_index + by_input];
    const struct cache_template *template = model_template(model, template_index);
    struct varying salt = {normalisers[NORMALISER_SALT].name, 1};
    bool serious = tally->missed >= thresholds.salted_misses_error &&
                   tally->missed >=
                       thresholds.salted_misses_share_error * (double)MAX(1, template->ring_misses);
    char salted[UNITS_ROOM], shared[UNITS_ROOM], missed[UNITS_ROOM];
    struct finding *finding =
        fault_new(model, template_index, "salted-key", serious ? SEVERITY_ERROR : SEVERITY_WARNING);

    finding->message = report_printf(
        model->report,
        "%s of %s inputs on %s that several processes or restarts asked for have another key in "
        "each: %s misses, although the answer was cached under another process's key",
        units_count(salted, sizeof(salted), tally->salted),
        units_count(shared, sizeof(shared), tally->shared), template->report->name,
        units_count(missed, sizeof(missed), tally->missed));
    finding->remedy =
        "derive the key from the input alone: a digest such as SHA-256 of it, or a hash with a "
        "fixed seed, instead of one that is salted in each process (Python's hash(), a random "
        "seed)";
    finding_metric(finding, "salted_inputs_count", tally->salted);
    finding_metric(finding, "shared_inputs_count", tally->shared);
    finding_metric(finding, "salted_miss_count", tally->missed);
    finding_metric(finding, "salted_miss_ratio",
                   tally->missed / (double)MAX(1, template->ring_misses));
    g_array_append_val(finding->varying, salt);
    add_evidence(salting, template_index, by_input, finding);
    finding->predicted = predict_unsalted(salting, template_index, by_input);
}

static struct salting salting_new(struct cache_model *model)
{
    struct salting salting = {.model = model,
                              .values = g_new0(uint64_t, model->keys->len + 1),
                              .groups = g_array_new(FALSE, FALSE, sizeof(struct group)),
                              .of_key = g_new(uint32_t, model->keys->len + 1),
                              .tokens = g_array_new(FALSE, FALSE, sizeof(struct key_token)),
                              .tallies = g_new0(struct tally, 2 * model->templates->len + 1)};

    list_values(&salting);
    group_keys(&salting);
    for (guint i = 0; i < model->accesses->len; i++)
        if (model_access(model, i)->key != CACHE_NONE)
            note_use(&salting, model_access(model, i));
    count_groups(&salting);
    count_missed(&salting);
    return salting;
}

static void salting_clear(struct salting *salting)
{
    g_free(salting->values);
    g_array_free(salting->groups, TRUE);
    g_free(salting->of_key);
    map_clear(&salting->members);
    g_array_free(salting->tokens, TRUE);
    g_free(salting->tallies);
}

void find_salted(struct cache_model *model, const struct identities *identities)
{
    struct salting salting;

    (void)identities;
    if (model->captures->len < 2)
        return;
    salting = salting_new(model);
    for (uint32_t t = 0; t < model->templates->len; t++) {
        const struct tally *by_value = &salting.tallies[2 * t];

        if (is_salted(&salting.tallies[2 * t + 1]))
            report_salted(&salting, t, true);
        else if (is_salted(by_value) && values_tell(by_value))
            report_salted(&salting, t, false);
    }
    salting_clear(&salting);
}
