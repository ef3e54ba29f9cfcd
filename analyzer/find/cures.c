/* The search for cures: slots, samples, and the order in which hypotheses are taken away and added.
 */
#include "find/cures.h"

#include <math.h>
#include <string.h>

#define SAMPLES_WANTED 4096
#define SAMPLES_MAX    8192
#define GROUP_QUOTA    16
#define RETURNS_MAX    0.05
#define REUSE_MAX      0.2
#define ROUNDS         4
/* Pairs that differ in a spelling alone: so many, with hardly an equal value, make it suspect. */
#define SPELLING_PAIRS_MIN 8
#define SPELLING_AGREE_MAX 0.05

const struct slot *cures_slot(const struct cures *cures, unsigned feature)
{
    return feature >= FEATURE_SLOTS && feature - FEATURE_SLOTS < cures->slots->len
               ? &g_array_index(cures->slots, struct slot, feature - FEATURE_SLOTS)
               : NULL;
}

enum normaliser cures_normaliser(const struct cures *cures, unsigned feature)
{
    const struct slot *slot = cures_slot(cures, feature);

    return slot ? slot->normaliser : feature_normaliser(feature);
}

void cures_read(const struct cures *cures, const struct cache_model *model, uint32_t key,
                struct parts *parts)
{
    const struct cache_key *of = model_key(model, key);

    parts_read(parts, of, of->input == CACHE_NONE ? NULL : model_input(model, of->input));
    parts_mark(parts, &cures->features);
}

/* ---- Samples ---- */

static void free_sample(gpointer data)
{
    g_array_free(((struct sample *)data)->parts, TRUE);
}

static uint64_t every_slot(const struct cures *cures)
{
    uint64_t mask = SPELLINGS | FEATURE_BIT(FEATURE_TAIL);

    for (guint i = 0; i < cures->slots->len; i++)
        mask |= FEATURE_BIT(FEATURE_SLOTS + i);
    return mask;
}

/* Which keys to try on, when there are many: whole groups, so that what is the same stays together,
 * or of large groups some, evenly spread over time. */
struct choice {
    uint64_t *groups; /* of each key: its group when everything is left out */
    struct map sizes; /* of each group */
    struct map seen;  /* of each group: how many of its keys have gone by */
    uint64_t quota;   /* of one group */
    uint64_t stride;  /* one group of so many */
};

static struct choice choice_new(const struct cures *cures, const struct cache_model *model,
                                const uint32_t *keys, size_t count)
{
    struct choice choice = {.groups = g_new(uint64_t, count + 1)};
    uint64_t mask = every_slot(cures), wanted = 0;
    struct parts *parts = parts_new();

    for (size_t i = 0; i < count; i++) {
        cures_read(cures, model, keys[i], parts);
        choice.groups[i] = hash_mix(parts_hash(parts, mask), 7);
        ++*map_put(&choice.sizes, choice.groups[i], NULL);
    }
    choice.quota = MAX(GROUP_QUOTA, SAMPLES_WANTED / MAX(1, choice.sizes.used));
    for (size_t i = 0; i < choice.sizes.capacity; i++)
        wanted += MIN(choice.sizes.slots[i].value, choice.quota);
    choice.stride = MAX(1, wanted / SAMPLES_WANTED);
    parts_free(parts);
    return choice;
}

static bool choose(struct choice *choice, size_t index)
{
    uint64_t group = choice->groups[index], size = *map_find(&choice->sizes, group);
    uint64_t seen = (*map_put(&choice->seen, group, NULL))++;

    if (group % choice->stride != 0)
        return false;
    return size <= choice->quota ||
           seen * choice->quota / size != (seen + 1) * choice->quota / size;
}

static void choice_clear(struct choice *choice)
{
    g_free(choice->groups);
    map_clear(&choice->sizes);
    map_clear(&choice->seen);
}

static void take_sample(const struct cures *cures, const struct cache_model *model, uint32_t key,
                        struct parts *parts, struct samples *samples)
{
    struct sample sample = {.key = key};

    cures_read(cures, model, key, parts);
    parts_at(parts, 0)->forms[0] = parts->tail;
    sample.parts = g_array_sized_new(FALSE, FALSE, sizeof(struct part), parts->array->len);
    g_array_append_vals(sample.parts, parts->array->data, parts->array->len);
    g_array_append_val(samples->array, sample);
}

static void take_samples(const struct cures *cures, const struct cache_model *model,
                         const uint32_t *keys, size_t count, struct samples *samples)
{
    struct choice choice = {0};
    struct parts *parts = parts_new();
    uint64_t reads = 0, hits = 0;

    if (count > SAMPLES_MAX)
        choice = choice_new(cures, model, keys, count);
    for (size_t i = 0; i < count && samples->array->len < SAMPLES_MAX; i++) {
        if (choice.groups && !choose(&choice, i))
            continue;
        take_sample(cures, model, keys[i], parts, samples);
        reads += model_key(model, keys[i])->reads;
        hits += model_key(model, keys[i])->hits;
    }
    samples->reuse_ratio = reads ? (double)hits / (double)reads : 0;
    choice_clear(&choice);
    parts_free(parts);
}

static void take_values(const struct cache_model *model, struct samples *samples)
{
    struct map index = {0};

    for (guint i = 0; i < samples->array->len; i++)
        *map_put(&index, hash_mix(g_array_index(samples->array, struct sample, i).key, 1), NULL) =
            i;
    for (guint i = 0; i < model->accesses->len; i++) {
        const struct cache_access *access = model_access(model, i);
        const uint32_t *found;
        struct sample *sample;

        if (access->key == CACHE_NONE || !(access->flags & ACCESS_WRITE) ||
            access->value_bytes < VALUE_BYTES_MIN)
            continue;
        found = map_find(&index, hash_mix(access->key, 1));
        if (!found)
            continue;
        sample = &g_array_index(samples->array, struct sample, *found);
        if (sample->value) {
            samples->rewrites++;
            samples->rewrites_agree += sample->value == access->value_hash;
        } else {
            sample->value = access->value_hash;
        }
    }
    map_clear(&index);
}

/* ---- The search ---- */

struct search {
    struct cures *cures;
    struct samples samples;
    uint64_t mask, rejected;
};

/* 0 to 1: how sure the lower end of a 95 % interval (Wilson) of `part` in `whole` is. */
static double wilson_low(double part, double whole)
{
    double z2 = 1.96 * 1.96, ratio = part / whole;

    return (ratio + z2 / (2 * whole) -
            1.96 * sqrt(ratio * (1 - ratio) / whole + z2 / (4 * whole * whole))) /
           (1 + z2 / whole);
}

/* A nonce by its name, that is a number and goes up. */
static bool numbers_requests(const struct slot *slot)
{
    return slot->normaliser == NORMALISER_COUNTER && slot->hint == HINT_NONCE;
}

static bool supposes(const struct slot *slot)
{
    return (normalisers[slot->normaliser].kind == NORMALISER_SUPPOSES && !numbers_requests(slot)) ||
           slot->number || slot->hint == HINT_IDENTIFIER ||
           (slot->digest_like && slot->hint == HINT_NONE) || slot->rounded_ratio > 0.9;
}

/* Values agree, beyond chance, though the feature differs. What may carry a meaning needs nearly
 * all of them to. */
static bool values_support(const struct trial *trial, bool strict)
{
    double ratio = trial->differ ? (double)trial->differ_agree / (double)trial->differ : 0;

    if (strict)
        return trial->differ >= 5 && ratio >= 0.95 && trial->groups >= 5;
    return trial->differ >= 2 && trial->groups >= 2 && ratio >= 0.2 &&
           ratio > 3 * trial->chance_ratio;
}

/* A name, or a place in a digest's input, makes a nonce likelier than an identifier: the less there
 * is of it, the more inputs must be told apart by the rest. */
static uint32_t groups_wanted(const struct slot *slot)
{
    if (slot->hint == HINT_CLOCK || slot->hint == HINT_NONCE || slot->hint == HINT_SIGNATURE)
        return 4;
    return slot->of_key ? 32 : 16;
}

/* Without help from values: a clock or a nonce that does not come back, and a rest that tells
 * inputs apart. */
static bool stands_alone(const struct search *search, const struct slot *slot,
                         const struct trial *trial, uint64_t mask)
{
    uint32_t enough = groups_wanted(slot);
    bool nonce = slot->normaliser == NORMALISER_UUID || slot->normaliser == NORMALISER_RANDOM ||
                 numbers_requests(slot);
    bool unique = !nonce || slot->distinct >= UNIQUE_MIN * (double)slot->total;

    return unique && slot->returns_ratio <= RETURNS_MAX &&
           search->samples.reuse_ratio <= REUSE_MAX && trial->groups >= enough &&
           trial->effective_groups >= enough / 2.0 &&
           trial_vocabulary(&search->samples, mask) >= enough;
}

/* A spelling that may matter after all (case in codes, white space in programs): the values never
 * agree across it, though nothing shows that they differ each time they are made, and the full keys
 * are themselves read again. */
static bool may_matter(const struct search *search, const struct trial *trial)
{
    const struct samples *samples = &search->samples;
    uint64_t remade = samples->rewrites + trial->same;
    uint64_t agree = samples->rewrites_agree + trial->same_agree;

    return trial->differ >= SPELLING_PAIRS_MIN &&
           (double)trial->differ_agree <= SPELLING_AGREE_MAX * (double)trial->differ &&
           samples->reuse_ratio > RETURNS_MAX && agree == remade;
}

/* How much speaks against leaving the feature out; 0: it stands. */
static double objection(struct search *search, unsigned feature)
{
    struct trial trial = trial_run(&search->samples, search->mask, feature);
    const struct slot *slot = cures_slot(search->cures, feature);
    double follows = trial_follows(&search->samples, &trial), ratio;

    search->cures->confidence[feature] = 0;
    if (follows > 0)
        return 10 + follows;
    if (!trial.split)
        return 0;
    ratio = trial.differ ? wilson_low((double)trial.differ_agree, (double)trial.differ) : 0;
    search->cures->confidence[feature] = MAX(0.5 + 0.5 * ratio, slot ? 0.7 : 0.8);
    if (!slot)
        return may_matter(search, &trial) ? 4 : 0;
    if (values_support(&trial, supposes(slot)))
        return 0;
    if (supposes(slot))
        return 5 + (slot->hint == HINT_IDENTIFIER);
    if (stands_alone(search, slot, &trial, search->mask))
        return 0;
    return 1 + slot->returns_ratio + (slot->normaliser == NORMALISER_TIMESTAMP ? 0 : 0.5) +
           (slot->hint == HINT_NONE ? 1 : 0);
}

static bool take_away_worst(struct search *search)
{
    unsigned worst = FEATURE_NONE;
    double most = 0;

    for (unsigned feature = 0; feature < FEATURES; feature++) {
        double against = search->mask & FEATURE_BIT(feature) ? objection(search, feature) : 0;

        if (against > most) {
            most = against;
            worst = feature;
        }
    }
    if (worst == FEATURE_NONE)
        return false;
    search->mask &= ~FEATURE_BIT(worst);
    search->rejected |= FEATURE_BIT(worst);
    return true;
}

/* A counter in a field of its own that goes up with every request is as good as a clock. */
static bool counts_up(const struct search *search, const struct slot *slot,
                      const struct trial *trial, uint64_t mask)
{
    return slot->normaliser == NORMALISER_COUNTER && slot->name && slot->hint == HINT_NONE &&
           !slot->of_key && stands_alone(search, slot, trial, mask);
}

static bool add_supported(struct search *search)
{
    bool added = false;

    for (unsigned feature = FEATURE_TAIL; feature < FEATURE_SLOTS + search->cures->slots->len;
         feature++) {
        const struct slot *slot = cures_slot(search->cures, feature);
        uint64_t bit = FEATURE_BIT(feature);
        struct trial trial;

        if ((search->mask | search->rejected) & bit)
            continue;
        trial = trial_run(&search->samples, search->mask, feature);
        if (!trial.split || trial_follows(&search->samples, &trial) > 0)
            continue;
        if (!values_support(&trial, true) &&
            !(slot && counts_up(search, slot, &trial, search->mask | bit)))
            continue;
        search->mask |= bit;
        added = true;
    }
    return added;
}

/* What never varied between inputs that are otherwise the same needs no cure, and was not put to
 * the test. */
static uint64_t untried(const struct search *search)
{
    uint64_t mask = 0;

    for (unsigned feature = FEATURE_SLOTS; feature < FEATURES; feature++)
        if (search->mask & FEATURE_BIT(feature) &&
            !trial_run(&search->samples, search->mask, feature).split)
            mask |= FEATURE_BIT(feature);
    return mask;
}

static void run_search(struct search *search)
{
    search->mask = SPELLINGS;
    for (guint i = 0; i < search->cures->slots->len; i++)
        if (!supposes(&g_array_index(search->cures->slots, struct slot, i)))
            search->mask |= FEATURE_BIT(FEATURE_SLOTS + i);
    for (int round = 0; round < ROUNDS; round++) {
        while (take_away_worst(search))
            ;
        if (!add_supported(search))
            break;
    }
    search->mask &= ~untried(search);
    search->cures->mask = search->mask;
}

struct cures *cures_find(const struct cache_model *model, const uint32_t *keys, size_t count)
{
    struct cures *cures = g_new0(struct cures, 1);
    struct search search = {.cures = cures};

    cures->slots = g_array_new(FALSE, FALSE, sizeof(struct slot));
    slots_find(cures, model, keys, MIN(count, SAMPLES_MAX));
    search.samples.array = g_array_new(FALSE, FALSE, sizeof(struct sample));
    g_array_set_clear_func(search.samples.array, free_sample);
    take_samples(cures, model, keys, count, &search.samples);
    take_values(model, &search.samples);
    slots_measure(cures, model, &search.samples);
    run_search(&search);
    g_array_free(search.samples.array, TRUE);
    return cures;
}

void cures_choose(struct cures *cures, uint32_t normaliser_bits)
{
    uint32_t found_bits = 0; /* normalisers of the parts that were found to vary */
    uint64_t found = cures->mask;

    for (guint i = 0; i < cures->slots->len; i++)
        if (found & FEATURE_BIT(FEATURE_SLOTS + i))
            found_bits |= 1u << g_array_index(cures->slots, struct slot, i).normaliser;
    cures->mask = 0;
    for (unsigned feature = 0; feature < FEATURES; feature++) {
        const struct slot *slot = cures_slot(cures, feature);
        uint32_t bit = 1u << cures_normaliser(cures, feature);
        bool contents = slot && slot->digest_like && slot->hint == HINT_NONE;

        if (!(normaliser_bits & bit))
            continue;
        if (!slot || (found_bits & bit ? (found & FEATURE_BIT(feature)) != 0 : !contents))
            cures->mask |= FEATURE_BIT(feature);
    }
}

void cures_free(struct cures *cures)
{
    if (!cures)
        return;
    for (guint i = 0; i < cures->slots->len; i++)
        g_free(g_array_index(cures->slots, struct slot, i).name);
    g_array_free(cures->slots, TRUE);
    map_clear(&cures->features);
    g_free(cures);
}
