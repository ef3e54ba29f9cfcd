/* Misses whose input was cached under another key, template by template, and the finding that says
 * so. */
#include "find/duplicates.h"

#include <math.h>
#include <string.h>

#include "find/cache_faults.h"
#include "find/equal_values.h"
#include "find/evidence.h"
#include "find/predict.h"

#define PAIRS_ALIGNED  2000 /* of the duplicates, evenly spread: shares are taken from these */
#define EVIDENCE_MAX   5
#define CALL_SITES_MAX 5

/* ---- Who was cached under another key ---- */

struct entries {    /* entries by input: each a list of keys, the latest written first */
    uint32_t *head; /* of each identity; CACHE_NONE */
    uint32_t *next; /* of each key */
    uint8_t *listed;
};

static struct entries entries_new(const struct cache_model *model,
                                  const struct identities *identities)
{
    struct entries entries = {g_new(uint32_t, identities->count + 1),
                              g_new(uint32_t, model->keys->len + 1),
                              g_new0(uint8_t, model->keys->len + 1)};

    memset(entries.head, 0xff, sizeof(uint32_t) * (identities->count + 1));
    return entries;
}

static void entries_clear(struct entries *entries)
{
    g_free(entries->head);
    g_free(entries->next);
    g_free(entries->listed);
}

static void entries_add(struct entries *entries, uint32_t identity, uint32_t key)
{
    if (entries->listed[key])
        return;
    entries->listed[key] = 1;
    entries->next[key] = entries->head[identity];
    entries->head[identity] = key;
}

/* The latest key of that input whose entry can be had; forgets those that are gone. */
static uint32_t entries_find(struct entries *entries, const struct replay *replay,
                             uint32_t identity, int64_t time_ns)
{
    uint32_t *head = &entries->head[identity];

    while (*head != CACHE_NONE && !key_alive(&replay->states[*head], time_ns)) {
        entries->listed[*head] = 0;
        *head = entries->next[*head];
    }
    return *head;
}

/* Marks the misses; returns them, of all templates, in order. */
static GArray *mark_duplicates(struct cache_model *model, const struct identities *identities)
{
    GArray *found = g_array_new(FALSE, FALSE, sizeof(struct duplicate));
    struct entries entries = entries_new(model, identities);
    struct replay replay = replay_new(model);

    for (guint i = 0; i < model->accesses->len; i++) {
        struct cache_access *access = model_access(model, i);

        replay_step(&replay, i);
        if (access->key == CACHE_NONE)
            continue;
        if (access->cause == CAUSE_FIRST_SEEN) {
            struct duplicate duplicate = {
                i, entries_find(&entries, &replay, identities->of[access->key], access->time_ns),
                access->key};

            if (duplicate.key_a != CACHE_NONE) {
                access->cause = CAUSE_DUPLICATE_INPUT;
                g_array_append_val(found, duplicate);
            }
        }
        if (access->flags & (ACCESS_WRITE | ACCESS_HIT))
            entries_add(&entries, identities->of[access->key], access->key);
    }
    entries_clear(&entries);
    replay_clear(&replay);
    return found;
}

/* ---- What varies ---- */

struct pairing { /* pairs of one template, side by side */
    struct cache_model *model;
    const struct cures *cures;
    struct parts *a, *b;
    GArray *mismatches;
    struct variation variations[FEATURES];
    uint64_t salted; /* pairs without any difference in the input */
    uint64_t aligned;
};

static void align_pair(struct pairing *pairing, const struct duplicate *pair)
{
    g_array_set_size(pairing->mismatches, 0);
    cures_read(pairing->cures, pairing->model, pair->key_a, pairing->a);
    cures_read(pairing->cures, pairing->model, pair->key_b, pairing->b);
    evidence_align(pairing->cures, pairing->a, pairing->b, pairing->mismatches);
}

static void note_field(struct pairing *pairing, const struct duplicate *pair,
                       const struct mismatch *mismatch)
{
    const struct cache_key *key = model_key(pairing->model, pair->key_b);
    struct variation *variation = &pairing->variations[mismatch->feature];
    const char *source = mismatch->of_key || key->input == CACHE_NONE
                             ? key->text
                             : model_input(pairing->model, key->input)->text;
    char *name;

    if (!mismatch->field_bytes || key->hashed || variation->many_fields) {
        variation->many_fields = true;
        return;
    }
    name = g_utf8_make_valid(source + mismatch->field_offset, mismatch->field_bytes);
    if (g_ptr_array_find_with_equal_func(variation->fields, name, g_str_equal, NULL)) {
        g_free(name);
    } else {
        variation->many_fields = variation->fields->len == FIELDS_NAMED;
        g_ptr_array_add(variation->fields, name);
    }
}

static void count_pair(struct pairing *pairing, const struct duplicate *pair)
{
    uint64_t features;

    align_pair(pairing, pair);
    features = evidence_features(pairing->mismatches);
    for (unsigned feature = 0; feature < FEATURES; feature++)
        pairing->variations[feature].share_ratio += features & FEATURE_BIT(feature) ? 1 : 0;
    for (guint i = 0; i < pairing->mismatches->len; i++)
        note_field(pairing, pair, &g_array_index(pairing->mismatches, struct mismatch, i));
    pairing->salted += features == 0;
    pairing->aligned++;
}

static gint by_share(gconstpointer a, gconstpointer b)
{
    const struct variation *x = a, *y = b;

    if (x->share_ratio < y->share_ratio || x->share_ratio > y->share_ratio)
        return x->share_ratio < y->share_ratio ? 1 : -1;
    return (int)x->feature - (int)y->feature;
}

static struct pairing pairing_new(struct cache_model *model, const struct cures *cures)
{
    struct pairing pairing = {.model = model, .cures = cures, .a = parts_new(), .b = parts_new()};

    pairing.mismatches = g_array_new(FALSE, FALSE, sizeof(struct mismatch));
    for (unsigned feature = 0; feature < FEATURES; feature++) {
        pairing.variations[feature].feature = feature;
        pairing.variations[feature].normaliser = cures_normaliser(cures, feature);
        pairing.variations[feature].fields = g_ptr_array_new_with_free_func(g_free);
    }
    return pairing;
}

static void pairing_clear(struct pairing *pairing)
{
    for (unsigned feature = 0; feature < FEATURES; feature++)
        g_ptr_array_free(pairing->variations[feature].fields, TRUE);
    parts_free(pairing->a);
    parts_free(pairing->b);
    g_array_free(pairing->mismatches, TRUE);
}

static void measure_variations(struct pairing *pairing, struct duplicates *duplicates)
{
    size_t wanted = MIN(duplicates->count, PAIRS_ALIGNED);

    for (size_t i = 0; i < wanted; i++)
        count_pair(pairing, &duplicates->all[i * duplicates->count / wanted]);
    for (unsigned feature = 0; feature < FEATURES; feature++) {
        struct variation *variation = &pairing->variations[feature];

        if (variation->share_ratio <= 0 || variation->normaliser == NORMALISER_NONE)
            continue;
        variation->share_ratio /= (double)pairing->aligned;
        g_array_append_val(duplicates->variations, *variation);
    }
    g_array_sort(duplicates->variations, by_share);
}

/* ---- Evidence ---- */

static bool values_agree(const struct cache_model *model, const struct map *values,
                         const struct duplicate *pair)
{
    const uint32_t *a = map_find(values, hash_mix(pair->key_a, 1)),
                   *b = map_find(values, hash_mix(pair->key_b, 1));

    return a && b && model_access(model, *a)->value_hash == model_access(model, *b)->value_hash;
}

/* The latest long value of each key: its write. */
static struct map list_values(const struct cache_model *model)
{
    struct map values = {0};

    for (guint i = 0; i < model->accesses->len; i++) {
        const struct cache_access *access = model_access(model, i);

        if (access->key != CACHE_NONE && access->flags & ACCESS_WRITE &&
            access->value_bytes >= VALUE_BYTES_MIN)
            *map_put(&values, hash_mix(access->key, 1), NULL) = i;
    }
    return values;
}

static double confidence_of(const struct pairing *pairing, uint64_t features, bool agree)
{
    double confidence = 0.99;

    for (unsigned feature = 0; feature < FEATURES && !agree; feature++)
        if (features & FEATURE_BIT(feature) && pairing->cures->confidence[feature] > 0)
            confidence = MIN(confidence, pairing->cures->confidence[feature]);
    return confidence;
}

/* Pairs that show what the ones before them did not; then, any. */
static void add_evidence(struct pairing *pairing, const struct duplicates *duplicates,
                         struct finding *finding)
{
    struct map values = list_values(pairing->model);
    size_t wanted = MIN(duplicates->count, PAIRS_ALIGNED);
    uint64_t covered = 0;

    for (int fill = 0; fill < 2; fill++) {
        for (size_t i = 0; i < wanted && finding->evidence->len < EVIDENCE_MAX; i++) {
            const struct duplicate *pair = &duplicates->all[i * duplicates->count / wanted];
            uint64_t features;
            double confidence;

            if (fill && i % MAX(1, wanted / EVIDENCE_MAX) != wanted / EVIDENCE_MAX / 2)
                continue;
            align_pair(pairing, pair);
            features = evidence_features(pairing->mismatches);
            if (!fill && !(features & ~covered))
                continue;
            covered |= features;
            confidence =
                confidence_of(pairing, features, values_agree(pairing->model, &values, pair));
            g_ptr_array_add(finding->evidence,
                            evidence_new(pairing->model, pairing->cures, pair->key_a, pair->key_b,
                                         confidence, pairing->a, pairing->b, pairing->mismatches));
        }
    }
    map_clear(&values);
}

/* ---- The finding ---- */

static void add_varying(struct report *report, const struct duplicates *duplicates,
                        const struct pairing *pairing, struct finding *finding)
{
    struct varying salt = {normalisers[NORMALISER_SALT].name,
                           (double)pairing->salted / (double)pairing->aligned};

    (void)report;
    for (guint i = 0; i < duplicates->variations->len; i++) {
        const struct variation *variation =
            &g_array_index(duplicates->variations, struct variation, i);
        struct varying varying = {normalisers[variation->normaliser].name, variation->share_ratio};
        bool known = false;

        for (guint k = 0; k < finding->varying->len; k++)
            known |=
                g_array_index(finding->varying, struct varying, k).class_name == varying.class_name;
        if (!known) /* several slots of one class: the most frequent speaks for it */
            g_array_append_val(finding->varying, varying);
    }
    if (pairing->salted)
        g_array_append_val(finding->varying, salt);
}

static void add_metrics(struct cache_model *model, const struct duplicates *duplicates,
                        struct finding *finding)
{
    const struct template_report *report = duplicates->template->report;
    double scale = (double)report->misses / (double)MAX(1, duplicates->template->ring_misses);
    double seconds = 0, bytes = 0;

    for (size_t i = 0; i < duplicates->count; i++) {
        const struct cache_access *miss = model_access(model, duplicates->all[i].access);
        double recompute = access_recompute_seconds(model, miss);

        seconds += isnan(recompute) ? 0 : recompute;
        bytes += miss->partner == CACHE_NONE
                     ? 0
                     : (double)model_access(model, miss->partner)->value_bytes;
    }
    finding_metric(finding, "duplicate_miss_count", (double)report->causes.duplicate_input);
    finding_metric(finding, "duplicate_miss_ratio",
                   (double)report->causes.duplicate_input / (double)report->misses);
    finding_metric(finding, "distinct_keys_count", report->distinct_keys);
    finding_metric(finding, "distinct_inputs_count", report->distinct_inputs);
    finding_metric(finding, "wasted_recompute_seconds", seconds * scale);
    finding_metric(finding, "wasted_redis_bytes", bytes * scale);
}

static GPtrArray *call_sites_of(struct cache_model *model, const struct duplicates *duplicates)
{
    uint32_t *accesses = g_new(uint32_t, duplicates->count);
    GPtrArray *stacks;

    for (size_t i = 0; i < duplicates->count; i++)
        accesses[i] = duplicates->all[i].access;
    stacks = cache_model_call_sites(model, accesses, duplicates->count, CALL_SITES_MAX);
    g_free(accesses);
    return stacks;
}

/* What varies in the texts of keys and inputs. */
static void tell_variations(struct cache_model *model, struct pairing *pairing,
                            const struct duplicates *duplicates, struct finding *finding)
{
    finding->message = wording_message(model->report, duplicates);
    finding->remedy = wording_remedy(model->report, duplicates);
    add_varying(model->report, duplicates, pairing, finding);
    add_evidence(pairing, duplicates, finding);
}

/* Values alone may be labels after all: then it is a warning. */
static struct finding *duplicates_finding(struct cache_model *model,
                                          const struct duplicates *duplicates, bool by_value)
{
    double share = (double)duplicates->count / (double)MAX(1, duplicates->template->ring_misses);
    bool serious = !by_value && (double)duplicates->count >= thresholds.duplicate_misses_error &&
                   share >= thresholds.duplicate_share_error;
    struct finding *finding = report_finding(model->report, "duplicate-input-miss",
                                             serious ? SEVERITY_ERROR : SEVERITY_WARNING);

    finding->template_name = duplicates->template->report->name;
    add_metrics(model, duplicates, finding);
    finding->call_sites = call_sites_of(model, duplicates);
    return finding;
}

/* Nothing varies but the digest from process to process, and that was told. */
static bool salt_alone(const struct cache_model *model, const struct identities *identities,
                       uint32_t template_index, const struct duplicates *duplicates)
{
    return (identities->by_value[template_index] || !duplicates->variations->len) &&
           fault_told(model, template_index, "salted-key");
}

static void report_duplicates(struct cache_model *model, const struct identities *identities,
                              uint32_t template_index, const struct duplicate *all, size_t count)
{
    struct duplicates duplicates = {.template = model_template(model, template_index),
                                    .cures = identities->cures[template_index],
                                    .all = all,
                                    .count = count};
    double share = (double)count / (double)MAX(1, duplicates.template->ring_misses);
    struct pairing pairing;

    if ((double)count < thresholds.duplicate_misses_min || share < thresholds.duplicate_share_min ||
        !duplicates.cures)
        return;
    duplicates.variations = g_array_new(FALSE, FALSE, sizeof(struct variation));
    pairing = pairing_new(model, duplicates.cures);
    if (!identities->by_value[template_index])
        measure_variations(&pairing, &duplicates);
    if (!salt_alone(model, identities, template_index, &duplicates)) {
        bool by_value = identities->by_value[template_index];
        struct finding *finding = duplicates_finding(model, &duplicates, by_value);

        if (by_value)
            equal_values_tell(model, &duplicates, finding);
        else
            tell_variations(model, &pairing, &duplicates, finding);
        finding->predicted =
            predict_cured(model, identities->of, identities->count, template_index);
    }
    pairing_clear(&pairing);
    g_array_free(duplicates.variations, TRUE);
}

static void report_templates(struct cache_model *model, const struct identities *identities,
                             const GArray *found)
{
    struct duplicate *of_template = g_new(struct duplicate, found->len + 1);

    for (guint t = 0; t < model->templates->len; t++) {
        size_t count = 0;

        for (guint i = 0; i < found->len; i++) {
            const struct duplicate *duplicate = &g_array_index(found, struct duplicate, i);

            if (model_key(model, duplicate->key_b)->template_index == t)
                of_template[count++] = *duplicate;
        }
        report_duplicates(model, identities, t, of_template, count);
    }
    g_free(of_template);
}

void find_duplicates(struct cache_model *model, const struct identities *identities)
{
    GArray *found = mark_duplicates(model, identities);

    cache_model_publish_causes(model);
    for (guint t = 0; t < model->templates->len; t++)
        model_template(model, t)->report->distinct_inputs = identities_count(identities, model, t);
    report_templates(model, identities, found);
    g_array_free(found, TRUE);
}
