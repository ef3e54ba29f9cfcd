/* Templates and verbs, in the capture's tables. */
#define _GNU_SOURCE
#include "cache/templates.h"

#include <string.h>

#include "cache/names.h"
#include "cache/sketch.h"
#include "cache/text.h"
#include "capture/capture.h"
#include "config.h"
#include "sys.h"
#include "text/template.h"

#define PER_EXTENT ((LK_GRANULE - sizeof(struct lk_extent)) / sizeof(struct lk_template))
#define EXTENTS    (LK_TEMPLATES_MAX / PER_EXTENT + 1)

#define SKETCH_GRANULES 4ul
#define PER_SKETCHES    ((SKETCH_GRANULES * LK_GRANULE - sizeof(struct lk_extent)) / LK_SKETCH_BYTES)
#define SKETCHES        (LK_TEMPLATES_MAX / PER_SKETCHES + 1)

#define VERBS ((LK_GRANULE - sizeof(struct lk_extent)) / sizeof(struct lk_verb))

#define KEYS   8192u  /* keys whose template is remembered */
#define PAIRS  65536u /* words, each at its place */
#define PLACES 16384u /* in templates where words stand */
#define PROBES 32u

/* What has not been handed out yet is zero, and zeros are what a child by fork finds. */
static struct state {
    uint64_t keys[KEYS]; /* upper 48 bits of a key's hash, template */
    uint64_t pairs[PAIRS];
    uint64_t places[PLACES]; /* upper 48 bits of a hash, number of words */
    struct lk_names templates, verbs;
    struct lk_template *records[LK_TEMPLATES_MAX]; /* of those that were asked for */
    struct lk_extent *template_extents[EXTENTS];
    struct lk_extent *sketch_extents[SKETCHES];
    struct lk_extent *verb_extent;
    uint16_t known_verbs[LK_COMMAND_INFOS_MAX]; /* by lk_command_info_index */
} * state;

void lk_templates_init(void)
{
    state = lk_sys_memory_wiped(sizeof *state);
}

/* ---- Words ---- */

static uint64_t mix(uint64_t a, uint64_t b)
{
    a = (a ^ (b << 29 | b >> 35)) * 0x9e3779b97f4a7c15u;
    a = (a ^ a >> 32) * 0xd6e8feb86659fd93u;
    return a ^ a >> 29;
}

/* Adds n to the number of words at a place, and returns what it was; LK_WORDS_MAX when there is no
 * room to count. */
static uint64_t count_words(uint64_t place_hash, uint64_t n)
{
    uint64_t mine = place_hash & ~0xffffull;
    for (uint32_t i = 0; i < PROBES; i++) {
        uint64_t *slot = &state->places[((place_hash >> 16) + i) % PLACES];
        uint64_t held = __atomic_load_n(slot, __ATOMIC_RELAXED);
        while (!held || ((held ^ mine) & ~0xffffull) == 0) {
            if (!n)
                return held & 0xffff;
            if (__atomic_compare_exchange_n(slot, &held, (held ? held : mine) + n, false,
                                            __ATOMIC_RELAXED, __ATOMIC_RELAXED))
                return held & 0xffff;
        }
    }
    return LK_WORDS_MAX;
}

static bool keeps_word(void *context, uint64_t prefix_hash, uint64_t word_hash)
{
    uint64_t place = mix(prefix_hash, 1) | 1ull << 63, pair = mix(prefix_hash, word_hash) | 1;
    (void)context;
    for (uint32_t i = 0; i < PROBES; i++) {
        uint64_t *slot = &state->pairs[((pair >> 8) + i) % PAIRS];
        uint64_t held = __atomic_load_n(slot, __ATOMIC_RELAXED);
        if (!held) {
            if (count_words(place, 0) >= LK_WORDS_MAX)
                return false;
            if (__atomic_compare_exchange_n(slot, &held, pair, false, __ATOMIC_RELAXED,
                                            __ATOMIC_RELAXED)) {
                count_words(place, 1);
                return true;
            }
        }
        if (held == pair)
            return true;
    }
    return false;
}

/* With --keys hash a word is told from others, and no more. */
static size_t hidden_name(const char *word, uint32_t bytes, bool is_version, char *out)
{
    return lk_text_pseudonym(word, bytes, is_version ? "version" : "word", out);
}
static_assert(LK_PSEUDONYM_MAX <= LK_TEMPLATE_WORD, "room for a name");

/* ---- Templates ---- */

static struct lk_template *place_template(uint32_t id)
{
    struct lk_extent *extent =
        lk_extent_at(&state->template_extents[id / PER_EXTENT], LK_EXTENT_TEMPLATES, 1,
                     id - id % PER_EXTENT, PER_EXTENT, 0);
    if (!extent)
        return NULL;
    struct lk_template *record = (struct lk_template *)(extent + 1) + id % PER_EXTENT;
    __atomic_store_n(&state->records[id], record, __ATOMIC_RELEASE);
    return record;
}

struct lk_template *lk_template_at(uint32_t id)
{
    if (!state || id >= LK_TEMPLATES_MAX)
        return NULL;
    struct lk_template *known = __atomic_load_n(&state->records[id], __ATOMIC_ACQUIRE);
    return known ? known : place_template(id);
}

static void give_sketch(struct lk_template *record, uint32_t id)
{
    struct lk_extent *extent =
        lk_extent_at(&state->sketch_extents[id / PER_SKETCHES], LK_EXTENT_SKETCHES, SKETCH_GRANULES,
                     id - id % PER_SKETCHES, PER_SKETCHES, 0);
    if (extent)
        __atomic_store_n(
            &record->sketch_offset,
            lk_capture_offset((char *)(extent + 1) + id % PER_SKETCHES * LK_SKETCH_BYTES),
            __ATOMIC_RELEASE);
}

static uint32_t make_template(const char *text, size_t bytes, uint64_t hash)
{
    uint32_t id = lk_names_take(&state->templates, LK_TEMPLATES_MAX - 1);
    struct lk_template *record = id ? lk_template_at(id) : NULL;
    if (!record) {
        if (id)
            lk_names_give_back(&state->templates, id);
        return 0;
    }
    memcpy(record->text, text, bytes);
    record->hash = hash;
    record->text_bytes = (uint32_t)bytes;
    give_sketch(record, id);
    uint32_t tied = lk_names_tie(&state->templates, hash, id);
    if (tied == id) {
        lk_add(&lk_capture_header()->templates, 1);
    } else {
        record->text_bytes = 0;
        lk_names_give_back(&state->templates, id);
    }
    return tied;
}

static uint32_t find_template(const char *key, size_t bytes, bool *fresh)
{
    char text[LK_TEMPLATE_TEXT];
    const struct lk_template_words words = {.keeps = keeps_word,
                                            .names = lk_config.hash_keys ? hidden_name : NULL};
    size_t used =
        lk_template(key, bytes < LK_TEXT_MAX ? bytes : LK_TEXT_MAX, text, sizeof text, &words);
    if (!used) /* the empty key; a template without a text is none */
        used = (size_t)(stpcpy(text, "<text>") - text);
    uint64_t hash = lk_text_hash(text, used);
    uint32_t id = lk_names_find(&state->templates, hash);
    if (id)
        return id;
    *fresh = true;
    id = make_template(text, used, hash);
    struct lk_template *rest = id ? NULL : lk_template_at(0);
    if (rest && !rest->sketch_offset)
        give_sketch(rest, 0);
    return id;
}

uint32_t lk_template_of(const char *key, size_t bytes, uint64_t key_hash, bool *fresh)
{
    *fresh = false;
    if (!state)
        return 0;
    uint64_t *remembered = &state->keys[key_hash % KEYS];
    uint64_t held = __atomic_load_n(remembered, __ATOMIC_RELAXED);
    if (held && ((held ^ key_hash) & ~0xffffull) == 0)
        return held & 0xffff;
    uint32_t id = find_template(key, bytes, fresh);
    __atomic_store_n(remembered, (key_hash & ~0xffffull) | id, __ATOMIC_RELAXED);
    return id;
}

void lk_template_used(struct lk_template *record, uint64_t key_hash, uint64_t time_ns)
{
    uint64_t none = 0, offset = __atomic_load_n(&record->sketch_offset, __ATOMIC_ACQUIRE);
    if (offset)
        lk_sketch_add((uint8_t *)lk_capture_base() + offset, key_hash);
    if (!__atomic_load_n(&record->first_ns, __ATOMIC_RELAXED))
        __atomic_compare_exchange_n(&record->first_ns, &none, time_ns, false, __ATOMIC_RELAXED,
                                    __ATOMIC_RELAXED);
    __atomic_store_n(&record->last_ns, time_ns, __ATOMIC_RELAXED);
}

/* ---- Verbs ---- */

static struct lk_verb *verb_at(uint32_t id)
{
    struct lk_extent *extent = lk_extent_at(&state->verb_extent, LK_EXTENT_VERBS, 1, 0, VERBS, 0);
    return extent && id < VERBS ? (struct lk_verb *)(extent + 1) + id : NULL;
}

static uint32_t make_verb(const struct lk_command *command)
{
    uint32_t id = lk_names_take(&state->verbs, VERBS - 1);
    struct lk_verb *verb = id ? verb_at(id) : NULL;
    if (!verb) {
        if (id)
            lk_names_give_back(&state->verbs, id);
        return 0;
    }
    memcpy(verb->name, command->name, sizeof verb->name);
    uint32_t tied = lk_names_tie(&state->verbs, command->name_hash, id);
    if (tied == id) {
        lk_add(&lk_capture_header()->verbs, 1);
    } else {
        memset(verb->name, 0, sizeof verb->name);
        lk_names_give_back(&state->verbs, id);
    }
    return tied;
}

uint16_t lk_verb_count(const struct lk_command *command)
{
    if (!state)
        return 0;
    size_t index = lk_command_info_index(command->info);
    if (lk_config.hash_keys && index + 1 == lk_command_infos()) { /* its name may be anything */
        struct lk_verb *any = verb_at(0);
        if (any)
            lk_add(&any->calls, 1);
        return 0;
    }
    uint16_t *known = index + 1 < lk_command_infos() ? &state->known_verbs[index] : NULL;
    uint32_t id = known ? __atomic_load_n(known, __ATOMIC_RELAXED) : 0;
    if (!id) {
        id = lk_names_find(&state->verbs, command->name_hash);
        if (!id)
            id = make_verb(command);
        if (known)
            __atomic_store_n(known, (uint16_t)id, __ATOMIC_RELAXED);
    }
    struct lk_verb *verb = verb_at(id);
    if (verb)
        lk_add(&verb->calls, 1);
    return (uint16_t)id;
}
