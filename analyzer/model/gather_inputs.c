/* Digests' inputs: which command each belongs to, and which of its key's inputs it is. */
#include <string.h>

#include "model/gathering.h"

static uint32_t take_place(struct gathering *gathering)
{
    GArray *spare = gathering->free_places;
    struct waiting_input waiting = {.text = NULL};

    if (spare->len) {
        uint32_t place = g_array_index(spare, uint32_t, spare->len - 1);

        g_array_set_size(spare, spare->len - 1);
        return place;
    }
    waiting.text = g_byte_array_new();
    g_array_append_val(gathering->waiting, waiting);
    return gathering->waiting->len - 1;
}

static uint64_t input_place(const struct gathering *gathering, uint32_t thread, uint64_t key_hash)
{
    return hash_mix(hash_mix(gathering->index + 1, thread), key_hash);
}

void gather_input(struct gathering *gathering, const struct event *event)
{
    const struct lk_record_input *record = (const struct lk_record_input *)event->record;
    size_t bytes;
    const char *text = event_text(event->record, &bytes);
    bool added;
    uint32_t *place = map_put(&gathering->inputs,
                              input_place(gathering, event->thread, record->key_hash), &added);
    struct waiting_input *waiting;

    if (added)
        *place = take_place(gathering);
    waiting = &g_array_index(gathering->waiting, struct waiting_input, *place);
    waiting->input = (struct cache_input){.fingerprint = record->fingerprint,
                                          .input_bytes = record->input_bytes,
                                          .text_bytes = (uint32_t)bytes,
                                          .digest_offset = record->digest_offset,
                                          .digest_bytes = record->digest_bytes,
                                          .algorithm = record->algorithm};
    g_byte_array_set_size(waiting->text, 0);
    if (bytes)
        g_byte_array_append(waiting->text, (const guint8 *)text, (guint)bytes);
}

/* The input becomes one of the model's. */
static uint32_t keep_input(struct cache_model *model, const struct waiting_input *waiting)
{
    struct cache_input input = waiting->input;

    input.text = arena_copy(&model->texts, waiting->text->data, waiting->text->len);
    g_array_append_val(model->inputs, input);
    return model->inputs->len - 1;
}

/* The same part of the key may stand for several inputs: a digest that was cut short, a weak one.
 * One that was found elsewhere in the key, or by another algorithm, says nothing about them. */
static bool stands_for(const struct cache_input *known, const struct cache_input *input)
{
    return known->digest_offset == input->digest_offset &&
           known->digest_bytes == input->digest_bytes && known->algorithm == input->algorithm;
}

/* An input that is not the key's first: which one it is. */
static uint8_t other_asker(struct gathering *gathering, uint32_t key,
                           const struct waiting_input *asked)
{
    struct cache_model *model = gathering->model;
    uint64_t place = hash_mix(hash_mix(key + 1, 2), asked->input.fingerprint);
    bool added;
    uint32_t *count = map_put(&gathering->others, hash_mix(key + 1, 1), NULL), number = *count;
    uint32_t *known;
    struct cache_other other = {.key = key, .asker = (uint8_t)(ASKER_OTHER + number)};

    if (number == OTHER_INPUTS_MAX || model->others->len == OTHERS_KEPT_MAX) {
        known = map_find(&gathering->others, place);
        return known ? (uint8_t)*known : ASKER_MANY;
    }
    known = map_put(&gathering->others, place, &added);
    if (!added)
        return (uint8_t)*known;
    *known = other.asker;
    ++*map_put(&gathering->others, hash_mix(key + 1, 1), NULL);
    other.input = keep_input(model, asked);
    g_array_append_val(model->others, other);
    return other.asker;
}

static uint8_t asker_of(struct gathering *gathering, uint32_t key_index,
                        const struct waiting_input *asked)
{
    struct cache_key *key = model_key(gathering->model, key_index);
    const struct cache_input *first;

    if (key->input == CACHE_NONE) {
        key->input = keep_input(gathering->model, asked);
        return ASKER_FIRST;
    }
    first = model_input(gathering->model, key->input);
    if (asked->input.fingerprint == first->fingerprint)
        return ASKER_FIRST;
    return stands_for(first, &asked->input) ? other_asker(gathering, key_index, asked)
                                            : ASKER_UNKNOWN;
}

/* The input that waits for this command, if there is one: the first stays with its key. Returns
 * which of the key's inputs it is. */
uint8_t gather_attach_input(struct gathering *gathering, const struct event *event,
                            uint32_t key_index)
{
    const struct lk_record_command *record = (const struct lk_record_command *)event->record;
    uint64_t where = input_place(gathering, event->thread, record->key_hash);
    const uint32_t *waiting = map_find(&gathering->inputs, where);
    uint32_t place;

    if (!waiting)
        return ASKER_UNKNOWN;
    place = *waiting;
    map_remove(&gathering->inputs, where);
    g_array_append_val(gathering->free_places, place);
    return asker_of(gathering, key_index,
                    &g_array_index(gathering->waiting, struct waiting_input, place));
}
