/* Template by template: cures for its keys, then a number for each input. */
#include "find/identities.h"

#include <math.h>
#include <string.h>

#include "find/equal_values.h"

struct unit {                   /* the keys of one template that are compared with each other */
    GArray *with_input, *plain; /* uint32_t */
};

static struct unit *list_units(const struct cache_model *model)
{
    struct unit *units = g_new0(struct unit, model->templates->len);

    for (guint t = 0; t < model->templates->len; t++) {
        units[t].with_input = g_array_new(FALSE, FALSE, sizeof(uint32_t));
        units[t].plain = g_array_new(FALSE, FALSE, sizeof(uint32_t));
    }
    for (guint i = 0; i < model->keys->len; i++) {
        const struct cache_key *key = model_key(model, i);
        struct unit *unit = &units[key->template_index];

        g_array_append_val(key->input == CACHE_NONE ? unit->plain : unit->with_input, i);
    }
    return units;
}

static void free_units(const struct cache_model *model, struct unit *units)
{
    for (guint t = 0; t < model->templates->len; t++) {
        g_array_free(units[t].with_input, TRUE);
        g_array_free(units[t].plain, TRUE);
    }
    g_free(units);
}

/* `apart`, of each key: what keeps it apart from others of the same input; NULL: nothing. */
static void number_keys(struct identities *identities, const struct cache_model *model,
                        const struct cures *cures, const GArray *keys, const uint32_t *apart)
{
    struct parts *parts = parts_new();
    struct map numbers = {0};

    for (guint i = 0; i < keys->len; i++) {
        uint32_t key = g_array_index(keys, uint32_t, i), *number;
        uint64_t place = key_place(model_key(model, key));
        bool added;

        cures_read(cures, model, key, parts);
        if (apart != NULL)
            place = hash_mix(place, apart[key] + 1);
        number = map_put(&numbers, hash_mix(place, parts_hash(parts, cures->mask)), &added);
        if (added)
            *number = (uint32_t)identities->count++;
        identities->of[key] = *number;
    }
    map_clear(&numbers);
    parts_free(parts);
}

static void number_alone(struct identities *identities, const GArray *keys)
{
    for (guint i = 0; i < keys->len; i++)
        identities->of[g_array_index(keys, uint32_t, i)] = (uint32_t)identities->count++;
}

static void number_unit(struct identities *identities, const struct cache_model *model,
                        const struct unit *unit, uint32_t template_index)
{
    bool by_input = unit->with_input->len >= unit->plain->len;
    const GArray *compared = by_input ? unit->with_input : unit->plain;
    size_t before;

    number_alone(identities, by_input ? unit->plain : unit->with_input);
    identities->by_input[template_index] = by_input ? unit->with_input->len : 0;
    if (compared->len < 2 || model_template(model, template_index)->ring_misses < 2) {
        number_alone(identities, compared);
        return;
    }
    identities->cures[template_index] =
        cures_find(model, (const uint32_t *)(const void *)compared->data, compared->len);
    before = identities->count;
    number_keys(identities, model, identities->cures[template_index], compared, NULL);
    if (!by_input && identities->count - before == compared->len) /* texts say nothing */
        identities->by_value[template_index] = equal_values_number(identities, model, compared);
}

static struct identities *empty(const struct cache_model *model)
{
    struct identities *identities = g_new0(struct identities, 1);

    identities->template_count = model->templates->len;
    identities->of = g_new0(uint32_t, model->keys->len + 1);
    identities->cures = g_new0(struct cures *, model->templates->len);
    identities->by_input = g_new0(uint32_t, model->templates->len);
    identities->by_value = g_new0(bool, model->templates->len);
    return identities;
}

struct identities *identities_new(const struct cache_model *model)
{
    struct identities *identities = empty(model);
    struct unit *units = list_units(model);

    for (guint t = 0; t < model->templates->len; t++)
        number_unit(identities, model, &units[t], t);
    free_units(model, units);
    return identities;
}

/* ---- As asked for ---- */

/* Of each key: the capture that used it first. */
static uint32_t *first_captures(const struct cache_model *model)
{
    uint32_t *captures = g_new0(uint32_t, model->keys->len + 1);

    for (guint i = model->accesses->len; i > 0; i--) {
        const struct cache_access *access = model_access(model, i - 1);

        if (access->key != CACHE_NONE)
            captures[access->key] = access_connection(model, access)->capture;
    }
    return captures;
}

static bool digests_differ(const struct cache_model *model, const struct cache_key *a,
                           const struct cache_key *b)
{
    const struct cache_input *x = model_input(model, a->input), *y = model_input(model, b->input);

    return !a->hashed && x->digest_bytes == y->digest_bytes &&
           x->digest_offset + x->digest_bytes <= a->text_bytes &&
           y->digest_offset + y->digest_bytes <= b->text_bytes &&
           memcmp(a->text + x->digest_offset, b->text + y->digest_offset, x->digest_bytes) != 0;
}

/* Whether there are two keys with digests of the very same input that differ. */
static bool is_salted(const struct cache_model *model, const GArray *keys)
{
    struct map inputs = {0};
    bool salted = false;

    for (guint i = 0; i < keys->len && !salted; i++) {
        uint32_t index = g_array_index(keys, uint32_t, i), *first;
        const struct cache_key *key = model_key(model, index);
        bool added;

        if (key->input == CACHE_NONE)
            continue;
        first = map_put(
            &inputs, hash_mix(key_place(key), model_input(model, key->input)->fingerprint), &added);
        if (added)
            *first = index;
        salted = digests_differ(model, key, model_key(model, *first));
    }
    map_clear(&inputs);
    return salted;
}

static void number_chosen(struct identities *identities, const struct cache_model *model,
                          const GArray *keys, uint32_t normaliser_bits, const uint32_t *captures)
{
    struct cures *cures;
    bool apart;

    if (keys->len < 2 || normaliser_bits == 0) {
        number_alone(identities, keys);
        return;
    }
    cures = cures_find(model, (const uint32_t *)(const void *)keys->data, keys->len);
    cures_choose(cures, normaliser_bits);
    apart = !(normaliser_bits & (1u << NORMALISER_SALT)) && is_salted(model, keys);
    number_keys(identities, model, cures, keys, apart ? captures : NULL);
    cures_free(cures);
}

struct identities *identities_chosen(const struct cache_model *model, uint32_t normaliser_bits)
{
    struct identities *identities = empty(model);
    struct unit *units = list_units(model);
    uint32_t *captures = first_captures(model);

    for (guint t = 0; t < model->templates->len; t++) {
        number_chosen(identities, model, units[t].with_input, normaliser_bits, captures);
        number_chosen(identities, model, units[t].plain, normaliser_bits, captures);
    }
    g_free(captures);
    free_units(model, units);
    return identities;
}

void identities_free(struct identities *identities)
{
    if (!identities)
        return;
    for (uint32_t t = 0; t < identities->template_count; t++)
        cures_free(identities->cures[t]);
    g_free(identities->of);
    g_free(identities->cures);
    g_free(identities->by_input);
    g_free(identities->by_value);
    g_free(identities);
}

/* A digest in the key's own text, of an input that was not seen. */
static bool is_opaque(const char *template_name)
{
    static const char *const names[] = {"<md5>",    "<sha1>",   "<sha224>", "<sha256>",
                                        "<sha384>", "<sha512>", "<hex>",    "<binary>"};

    for (size_t i = 0; i < G_N_ELEMENTS(names); i++)
        if (strstr(template_name, names[i]))
            return true;
    return false;
}

double identities_count(const struct identities *identities, const struct cache_model *model,
                        uint32_t template_index)
{
    const struct cache_template *template = model_template(model, template_index);
    struct map seen = {0};
    double count;

    if (!model->complete || !template->key_count ||
        (is_opaque(template->report->name) &&
         identities->by_input[template_index] < template->key_count))
        return NAN;
    for (guint i = 0; i < model->keys->len; i++) {
        const struct cache_key *key = model_key(model, i);

        if (key->template_index == template_index && key->reads + key->writes)
            map_put(&seen, hash_mix(identities->of[i], 5), NULL);
    }
    count = (double)seen.used;
    map_clear(&seen);
    return count;
}
