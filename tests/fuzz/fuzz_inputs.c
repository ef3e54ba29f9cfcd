// Two texts as keys and inputs under libFuzzer (`make fuzz`): cut into parts (JSON, query strings,
// lists), hashed under every mask of normalisers, and shown where they differ.
#include <stdlib.h>
#include <string.h>

#include "find/key_tokens.h"
#include "find/normalise.h"
#include "model/map.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static void require(bool holds)
{
    if (!holds)
        abort();
}

/* A tree: what is in a part ends within it, and lies in a text that is there. */
static void check_tree(const struct parts *parts, size_t key_bytes, size_t input_bytes)
{
    uint32_t count = parts->array->len;
    require(count != 0 && parts_at(parts, 0)->end == count);
    for (uint32_t i = 0; i < count; i++) {
        const struct part *part = parts_at(parts, i);
        size_t room = part->flags & PART_OF_KEY ? key_bytes : MAX(key_bytes, input_bytes);
        require(part->end > i && part->end <= count);
        require(part->offset <= room && part->bytes <= room - part->offset);
        require(part->name_bytes == 0 || part->name_offset + part->name_bytes <= room);
        slot_normaliser(part, HINT_NONE);
    }
}

static void mark_slots(struct parts *parts)
{
    struct map features = {0};
    uint32_t next = FEATURE_SLOTS;
    for (uint32_t i = 0; i < parts->array->len && next < FEATURES; i++) {
        bool added;
        uint64_t slot = parts_at(parts, i)->slot;
        uint32_t *feature = slot == 0 ? NULL : map_put(&features, slot, &added);
        if (feature != NULL && added)
            *feature = next++;
    }
    parts_mark(parts, &features);
    map_clear(&features);
}

static void hash_all(const struct parts *parts, uint64_t mask)
{
    for (unsigned i = 0; i < FEATURE_SLOTS; i++)
        parts_hash(parts, FEATURE_BIT(i));
    require(parts_hash(parts, mask) == parts_hash(parts, mask));
    parts_hash(parts, UINT64_MAX);
}

static void compare(const char *a, size_t a_bytes, const char *b, size_t b_bytes)
{
    struct span x, y;
    texts_differ(a, a_bytes, b, b_bytes, &x, &y);
    require(x.bytes <= a_bytes && y.bytes <= b_bytes);
    require(difference_class(&x, &y) != NULL);
    require(name_hint(a, a_bytes) <= HINT_SIGNATURE);
}

/* Of its own size, so that who looks beyond it is caught. */
static char *copy_of(const uint8_t *bytes, size_t size)
{
    return size == 0 ? g_malloc(1) : g_memdup2(bytes, size);
}

/* The first eight bytes are a mask and where a digest is; then a key, a new line, an input. */
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    uint8_t choices[8];
    uint64_t mask;
    if (size < sizeof choices)
        return 0;
    memcpy(choices, bytes, sizeof choices);
    memcpy(&mask, bytes, sizeof mask);
    bytes += sizeof choices;
    size = MIN(size - sizeof choices, 2 * LK_TEXT_MAX);
    const uint8_t *line = size == 0 ? NULL : memchr(bytes, '\n', size);
    size_t key_bytes = line == NULL ? size : (size_t)(line - bytes);
    size_t skip = line == NULL ? size : key_bytes + 1, input_bytes = size - skip;
    char *key_text = copy_of(bytes, key_bytes), *input_text = copy_of(bytes + skip, input_bytes);
    const struct cache_input input = {.text = input_text,
                                      .input_bytes = input_bytes + choices[7] % 3,
                                      .text_bytes = (uint32_t)input_bytes,
                                      .digest_offset = choices[5],
                                      .digest_bytes = choices[6]};
    struct cache_key key = {.text = key_text,
                            .text_bytes = (uint32_t)key_bytes,
                            .key_bytes = (uint32_t)key_bytes,
                            .hashed = choices[7] % 8 == 7};
    struct parts *parts = parts_new();
    parts_read(parts, &key, line == NULL ? NULL : &input);
    if (!key.hashed)
        check_tree(parts, key_bytes, input_bytes);
    mark_slots(parts);
    hash_all(parts, mask);
    parts_free(parts);
    compare(key_text, key_bytes, input_text, input_bytes);
    g_free(key_text);
    g_free(input_text);
    return 0;
}
