/* One hypothesis put to the test: what becomes of the groups, and what the stored values say. */
#include "find/cures.h"

#include <math.h>

/* A value in more groups than that is a refusal, a default, an empty list. */
#define POPULAR_GROUPS    3
#define VOCABULARY_GROUPS 512
#define PAIRS_MIN         3

struct labels {      /* of each sample */
    uint64_t *group; /* with the feature left out */
    uint64_t *finer; /* with it */
};

static uint64_t hash_sample(const struct sample *sample, uint64_t mask)
{
    struct parts parts = {.array = sample->parts};

    parts.tail = parts_at(&parts, 0)->forms[0];
    return parts_hash(&parts, mask);
}

static struct labels labels_new(const struct samples *samples, uint64_t mask, unsigned feature)
{
    struct labels labels = {g_new(uint64_t, samples->array->len + 1),
                            g_new(uint64_t, samples->array->len + 1)};

    for (guint i = 0; i < samples->array->len; i++) {
        const struct sample *sample = &g_array_index(samples->array, struct sample, i);

        labels.group[i] = hash_sample(sample, mask | FEATURE_BIT(feature));
        labels.finer[i] = hash_sample(sample, mask & ~FEATURE_BIT(feature));
    }
    return labels;
}

/* How many groups each value turns up in. */
static void count_popularity(const struct samples *samples, const struct labels *labels,
                             struct map *popularity)
{
    struct map seen = {0};

    for (guint i = 0; i < samples->array->len; i++) {
        uint64_t value = g_array_index(samples->array, struct sample, i).value;
        bool added;

        if (!value)
            continue;
        map_put(&seen, hash_mix(value, labels->group[i]), &added);
        if (added)
            ++*map_put(popularity, value, NULL);
    }
    map_clear(&seen);
}

static void count_groups(const struct samples *samples, const struct labels *labels,
                         struct trial *trial)
{
    struct map groups = {0}, finer = {0}, splits = {0};
    double squares = 0, total = samples->array->len;

    for (guint i = 0; i < samples->array->len; i++) {
        bool new_group, new_finer, new_split;
        uint32_t *members = map_put(&groups, labels->group[i], &new_group);

        squares += 2.0 * *members + 1; /* (n + 1)^2 - n^2 */
        ++*members;
        map_put(&finer, labels->finer[i], &new_finer);
        if (new_finer && !new_group) {
            map_put(&splits, labels->group[i], &new_split);
            trial->split += new_split;
        }
    }
    trial->groups = (uint32_t)groups.used;
    trial->effective_groups = squares > 0 ? total * total / squares : 0;
    map_clear(&groups);
    map_clear(&finer);
    map_clear(&splits);
}

/* Pairs of neighbours in time: within a group, within its finer part, and (for chance) of different
 * groups. */
static void compare_values(const struct samples *samples, const struct labels *labels,
                           struct trial *trial)
{
    struct map popularity = {0}, last_group = {0}, last_finer = {0};
    uint64_t chances = 0, chance_agree = 0, before = 0, before_group = 0;

    count_popularity(samples, labels, &popularity);
    for (guint i = 0; i < samples->array->len; i++) {
        uint64_t value = g_array_index(samples->array, struct sample, i).value;
        uint32_t *group, *finer;

        if (!value || *map_find(&popularity, value) > POPULAR_GROUPS)
            continue;
        group = map_put(&last_group, labels->group[i], NULL);
        finer = map_put(&last_finer, labels->finer[i], NULL);
        if (*finer) {
            trial->same++;
            trial->same_agree +=
                value == g_array_index(samples->array, struct sample, *finer - 1).value;
        }
        if (*group && labels->finer[*group - 1] != labels->finer[i]) {
            trial->differ++;
            trial->differ_agree +=
                value == g_array_index(samples->array, struct sample, *group - 1).value;
        }
        if (before && before_group != labels->group[i]) {
            chances++;
            chance_agree += value == before;
        }
        before = value;
        before_group = labels->group[i];
        *group = *finer = i + 1;
    }
    trial->chance_ratio = chances ? (double)chance_agree / (double)chances : 0;
    map_clear(&popularity);
    map_clear(&last_group);
    map_clear(&last_finer);
}

struct trial trial_run(const struct samples *samples, uint64_t mask, unsigned feature)
{
    struct labels labels = labels_new(samples, mask, feature);
    struct trial trial = {0};

    count_groups(samples, &labels, &trial);
    compare_values(samples, &labels, &trial);
    g_free(labels.group);
    g_free(labels.finer);
    return trial;
}

double trial_follows(const struct samples *samples, const struct trial *trial)
{
    double same = (double)(trial->same + samples->rewrites), differ = (double)trial->differ;
    double same_ratio, differ_ratio, pooled, error;

    if (same < PAIRS_MIN || differ < PAIRS_MIN)
        return 0;
    same_ratio = (double)(trial->same_agree + samples->rewrites_agree) / same;
    differ_ratio = (double)trial->differ_agree / differ;
    if (same_ratio < 0.5 || differ_ratio > 0.5 * same_ratio)
        return 0;
    pooled = (same_ratio * same + differ_ratio * differ) / (same + differ);
    error = sqrt(pooled * (1 - pooled) * (1 / same + 1 / differ));
    return error <= 0 || (same_ratio - differ_ratio) / error >= 2.3 ? same_ratio - differ_ratio : 0;
}

static bool tells(const struct part *part, uint64_t mask)
{
    if (part->kind != PART_TOKEN || part->flags & PART_NAME ||
        (part->feature < FEATURES && mask & FEATURE_BIT(part->feature)))
        return false;
    return part->token_class == LK_CLASS_WORD || part->token_class == LK_CLASS_HEX ||
           part->token_class == LK_CLASS_RANDOM || part->token_class == LK_CLASS_UUID;
}

uint32_t trial_vocabulary(const struct samples *samples, uint64_t mask)
{
    struct map groups = {0}, words = {0}, pairs = {0};
    uint32_t different = 0;

    for (guint i = 0; i < samples->array->len && groups.used < VOCABULARY_GROUPS; i++) {
        const struct sample *sample = &g_array_index(samples->array, struct sample, i);
        uint64_t group = hash_sample(sample, mask);
        bool added;

        map_put(&groups, group, &added);
        for (guint k = 0; added && k < sample->parts->len; k++) {
            const struct part *part = &g_array_index(sample->parts, struct part, k);
            bool new_pair;

            if (!tells(part, mask))
                continue;
            map_put(&pairs, hash_mix(group, part->forms[part_form(part, mask)]), &new_pair);
            if (new_pair)
                ++*map_put(&words, part->forms[part_form(part, mask)], NULL);
        }
    }
    for (size_t i = 0; i < words.capacity; i++)
        different += words.slots[i].key && words.slots[i].value < groups.used;
    map_clear(&groups);
    map_clear(&words);
    map_clear(&pairs);
    return different;
}
