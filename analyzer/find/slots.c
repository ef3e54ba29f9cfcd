/* The slots of one template's inputs: which there are, what stands in them, and how that comes and
 * goes over time. */
#include "find/cures.h"

#include <string.h>

#define SLOT_AGREEMENT 0.9  /* share of a slot's parts that must look alike */
#define SLOT_SHARE_MIN 0.01 /* of the keys that must have it */
#define RISES_MIN      0.8  /* share of numbers that are larger than the one before, of a counter */

static const char *source_of(const struct cache_model *model, const struct cache_key *key,
                             const struct part *part)
{
    return part->flags & PART_OF_KEY || key->input == CACHE_NONE
               ? key->text
               : model_input(model, key->input)->text;
}

static bool is_digest_length(const struct part *part)
{
    static const uint32_t lengths[] = {32, 40, 56, 64, 96, 128};

    for (size_t i = 0; i < G_N_ELEMENTS(lengths); i++)
        if (part->token_class == LK_CLASS_HEX && part->bytes == lengths[i])
            return true;
    return false;
}

static void note_part(GArray *slots, struct map *known, const struct cache_model *model,
                      const struct cache_key *key, const struct part *part)
{
    bool added;
    uint32_t *index = map_put(known, part->slot, &added);
    struct slot *slot;

    if (added) {
        struct slot fresh = {.id = part->slot, .of_key = part->flags & PART_OF_KEY};

        if (part->name_bytes && !key->hashed) {
            const char *name = source_of(model, key, part) + part->name_offset;

            fresh.name = g_utf8_make_valid(name, part->name_bytes);
            fresh.hint = name_hint(name, part->name_bytes);
            if (fresh.hint == HINT_SIGNATURE && !(part->flags & PART_QUERY))
                fresh.hint = HINT_NONE;
        }
        *index = slots->len;
        g_array_append_val(slots, fresh);
    }
    slot = &g_array_index(slots, struct slot, *index);
    slot->counts[slot_normaliser(part, slot->hint)]++;
    slot->total++;
    slot->numbers += part->token_class == LK_CLASS_NUMBER;
    slot->digest_like |= is_digest_length(part);
}

/* What most of its parts look like; now this, now that (digits that happen to be a date): random.
 * NORMALISER_NONE when they are contents. */
static enum normaliser settle_normaliser(struct slot *slot)
{
    enum normaliser best = 0;

    for (unsigned n = 1; n < NORMALISERS; n++)
        if (slot->counts[n] > slot->counts[best])
            best = (enum normaliser)n;
    slot->number =
        (double)slot->counts[NORMALISER_COUNTER] > (1 - SLOT_AGREEMENT) * (double)slot->total;
    if ((double)slot->counts[NORMALISER_NONE] > (1 - SLOT_AGREEMENT) * (double)slot->total)
        return NORMALISER_NONE;
    return (double)slot->counts[best] >= SLOT_AGREEMENT * (double)slot->total ? best
                                                                              : NORMALISER_RANDOM;
}

static gint by_total(gconstpointer a, gconstpointer b)
{
    const struct slot *x = a, *y = b;

    if (x->total != y->total)
        return x->total < y->total ? 1 : -1;
    return (x->id > y->id) - (x->id < y->id);
}

void slots_find(struct cures *cures, const struct cache_model *model, const uint32_t *keys,
                size_t count)
{
    GArray *found = g_array_new(FALSE, FALSE, sizeof(struct slot));
    struct map known = {0};
    struct parts *parts = parts_new();

    for (size_t i = 0; i < count; i++) {
        const struct cache_key *key = model_key(model, keys[i]);

        cures_read(cures, model, keys[i], parts);
        for (guint k = 0; k < parts->array->len; k++)
            if (parts_at(parts, k)->slot)
                note_part(found, &known, model, key, parts_at(parts, k));
    }
    g_array_sort(found, by_total);
    for (guint i = 0; i < found->len; i++) {
        struct slot *slot = &g_array_index(found, struct slot, i);

        slot->normaliser = settle_normaliser(slot);
        slot->feature = FEATURE_SLOTS + cures->slots->len;
        if (slot->normaliser == NORMALISER_NONE || slot->feature >= FEATURES ||
            (double)slot->total < MAX(2, SLOT_SHARE_MIN * (double)count)) {
            g_free(slot->name);
            continue;
        }
        *map_put(&cures->features, slot->id, NULL) = slot->feature;
        g_array_append_val(cures->slots, *slot);
    }
    g_array_free(found, TRUE);
    map_clear(&known);
    parts_free(parts);
}

static bool is_rounded(const char *text, uint32_t bytes)
{
    uint64_t number = 0;

    if (bytes >= 10 && text[4] == '-' && text[7] == '-')
        return bytes <= 16 || (bytes >= 19 && memcmp(text + 17, "00", 2) == 0);
    for (uint32_t i = 0; i < bytes && i < 19; i++) {
        if (!g_ascii_isdigit(text[i]))
            return false;
        number = number * 10 + (uint64_t)(text[i] - '0');
    }
    return number % 60 == 0 && (bytes <= 10 || number % 60000 == 0);
}

/* By value, of decimal integers without leading zeros. */
static bool is_larger(const char *text, uint32_t bytes, const char *than, uint32_t than_bytes)
{
    return bytes != than_bytes ? bytes > than_bytes : memcmp(text, than, bytes) > 0;
}

struct latest { /* text in a slot */
    const char *text;
    uint32_t bytes;
};

static void measure_text(struct slot *slot, struct latest *latest, const char *text,
                         const struct part *part)
{
    slot->rounded_ratio += part->token_class == LK_CLASS_TIMESTAMP && is_rounded(text, part->bytes);
    slot->rises_ratio += latest->text && is_larger(text, part->bytes, latest->text, latest->bytes);
    *latest = (struct latest){text, part->bytes};
}

/* What plain numbers are, by the way they go. */
static void tell_numbers(struct slot *slot)
{
    if (slot->normaliser == NORMALISER_RANDOM && slot->hint == HINT_NONCE &&
        slot->numbers == slot->total && slot->rises_ratio > RISES_MIN)
        slot->normaliser =
            NORMALISER_COUNTER; /* of requests, as its name says: as free as a nonce */
    if (slot->normaliser != NORMALISER_COUNTER || slot->rises_ratio > RISES_MIN)
        return;
    slot->normaliser = slot->distinct >= UNIQUE_MIN * (double)slot->total ? NORMALISER_RANDOM
                                                                          : NORMALISER_IDENTIFIER;
}

/* How the texts of each slot come and go over time. */
void slots_measure(struct cures *cures, const struct cache_model *model,
                   const struct samples *samples)
{
    uint32_t between =
        CLAMP(samples->array->len / 32, 4, 32); /* answers come in another order than requests */
    struct latest latest[FEATURES] = {{NULL, 0}};
    struct map last = {0};

    for (guint i = 0; i < samples->array->len; i++) {
        const struct sample *sample = &g_array_index(samples->array, struct sample, i);
        const struct cache_key *key = model_key(model, sample->key);

        for (guint k = 0; k < sample->parts->len; k++) {
            const struct part *part = &g_array_index(sample->parts, struct part, k);
            struct slot *slot;
            uint32_t *seen;
            bool added;

            if (part->feature >= FEATURES)
                continue;
            slot = &g_array_index(cures->slots, struct slot, part->feature - FEATURE_SLOTS);
            seen = map_put(&last, hash_mix(part->slot, part->forms[0]), &added);
            slot->distinct += added;
            slot->returns_ratio += !added && i - *seen > between;
            if (!key->hashed)
                measure_text(slot, &latest[part->feature],
                             source_of(model, key, part) + part->offset, part);
            *seen = i;
        }
    }
    for (guint i = 0; i < cures->slots->len; i++) {
        struct slot *slot = &g_array_index(cures->slots, struct slot, i);

        slot->returns_ratio /= (double)slot->total;
        slot->rounded_ratio /= (double)slot->total;
        slot->rises_ratio /= (double)slot->total;
        tell_numbers(slot);
    }
    map_clear(&last);
}
