/* Cuts keys and inputs into parts. What the parts hash to under a mask is in canonical.c. */
#define XXH_INLINE_ALL
#include "model/inputs.h"

#include <string.h>
#include <xxhash.h>

#include "model/places.h"
#include "model/structure.h"

#define NESTED_MAX           4   /* JSON in strings in JSON ... */
#define FIELD_BYTES_MAX      256 /* a longer value is no identifier */
#define IDENTIFIER_BYTES_MIN 8

struct text { /* a stretch of text, and where it stands in the source */
    const char *bytes;
    size_t length;
    const uint32_t *origin; /* of each byte, and of the end; NULL: base + position */
    uint32_t base;
};

struct reader {
    struct parts *parts;
    const char *source;
    uint16_t flags; /* for every part */
    bool cut;
    int nested;
};

static uint32_t origin_of(const struct text *text, size_t position)
{
    return text->origin ? text->origin[position] : text->base + (uint32_t)position;
}

static struct text part_of(const struct text *text, size_t start, size_t end)
{
    return (struct text){text->bytes + start, end - start,
                         text->origin ? text->origin + start : NULL, text->base + (uint32_t)start};
}

/* ---- Emitting parts ---- */

static uint32_t open_group(struct reader *reader, enum part_kind kind, uint16_t flags)
{
    struct part part = {
        .kind = (uint8_t)kind, .flags = reader->flags | flags, .feature = FEATURE_NONE};

    g_array_append_val(reader->parts->array, part);
    return reader->parts->array->len - 1;
}

static void close_group(struct reader *reader, uint32_t index, const struct text *text)
{
    struct part *part = parts_at(reader->parts, index);

    part->end = reader->parts->array->len;
    part->offset = origin_of(text, 0);
    part->bytes = origin_of(text, text->length) - part->offset;
}

static bool folds(uint8_t token_class)
{
    return token_class == LK_CLASS_WORD || token_class == LK_CLASS_NUMBER ||
           token_class == LK_CLASS_FLOAT || token_class == LK_CLASS_HEX ||
           token_class == LK_CLASS_UUID || token_class == LK_CLASS_VERSION;
}

static uint64_t folded_hash(const char *bytes, size_t length, uint8_t token_class)
{
    struct lk_token token = {0, (uint32_t)length, token_class};
    char folded[LK_TEXT_MAX];

    if (!folds(token_class) || length > sizeof(folded))
        return XXH3_64bits(bytes, length);
    return XXH3_64bits(folded, lk_fold(bytes, &token, folded, sizeof(folded)));
}

static bool is_ascii(const char *bytes, size_t length)
{
    for (size_t i = 0; i < length; i++)
        if ((unsigned char)bytes[i] >= 0x80)
            return false;
    return true;
}

static void fill_forms(const struct reader *reader, struct part *part, const char *bytes,
                       size_t length)
{
    const char *raw = reader->source + part->offset;
    bool as_written = part->bytes == length && memcmp(raw, bytes, length) == 0;
    char *composed;

    part->forms[FORM_COMPOSED] = XXH3_64bits(bytes, length);
    part->forms[FORM_FOLDED | FORM_COMPOSED] = folded_hash(bytes, length, part->token_class);
    part->forms[0] = as_written ? part->forms[FORM_COMPOSED] : XXH3_64bits(raw, part->bytes);
    part->forms[FORM_FOLDED] = as_written ? part->forms[FORM_FOLDED | FORM_COMPOSED]
                                          : folded_hash(raw, part->bytes, part->token_class);
    if (is_ascii(bytes, length) || part->token_class == LK_CLASS_BINARY)
        return;
    composed = g_utf8_normalize(bytes, (gssize)length, G_NORMALIZE_ALL_COMPOSE);
    if (composed) {
        part->forms[FORM_COMPOSED] = XXH3_64bits(composed, strlen(composed));
        part->forms[FORM_FOLDED | FORM_COMPOSED] =
            folded_hash(composed, strlen(composed), part->token_class);
    }
    g_free(composed);
}

static uint32_t emit_token(struct reader *reader, const struct text *text, size_t start, size_t end,
                           uint8_t token_class, uint16_t flags)
{
    struct part part = {.kind = PART_TOKEN,
                        .token_class = token_class,
                        .flags = reader->flags | flags,
                        .feature = FEATURE_NONE};

    part.end = reader->parts->array->len + 1;
    part.offset = origin_of(text, start);
    part.bytes = origin_of(text, end) - part.offset;
    fill_forms(reader, &part, text->bytes + start, end - start);
    g_array_append_val(reader->parts->array, part);
    return part.end - 1;
}

static void emit_layout(struct reader *reader, const struct text *text, size_t start, size_t end)
{
    if (end > start)
        emit_token(reader, text, start, end, LK_CLASS_SPACE, PART_LAYOUT);
}

static bool is_delimiter(const char *text, const struct lk_token *token)
{
    return token->token_class == LK_CLASS_PUNCTUATION && text[token->offset] &&
           strchr(":=|", text[token->offset]);
}

static void emit_lexed(struct reader *reader, const struct text *text, size_t start, size_t end)
{
    struct lk_token *tokens = reader->parts->tokens;
    size_t count = lk_lex(text->bytes + start, end - start, tokens, LK_TEXT_MAX);

    for (size_t i = 0; i < count; i++)
        emit_token(reader, text, start + tokens[i].offset,
                   start + tokens[i].offset + tokens[i].bytes, tokens[i].token_class,
                   is_delimiter(text->bytes + start, &tokens[i]) ? PART_DELIMITER : 0);
}

/* ---- Fields: values that are one thing ---- */

static bool is_volatile(uint8_t token_class)
{
    return token_class == LK_CLASS_TIMESTAMP || token_class == LK_CLASS_UUID ||
           token_class == LK_CLASS_HEX || token_class == LK_CLASS_RANDOM;
}

/* "req-5f2c...", "AKIA.../20260101/s3": several tokens, one identifier, whatever it is made of by
 * chance. 0: no such thing; else its class. */
static uint8_t identifier_class(struct reader *reader, const struct text *text)
{
    struct lk_token *tokens = reader->parts->tokens;
    uint8_t found = LK_CLASS_WORD;
    size_t count;

    if (text->length > FIELD_BYTES_MAX || text->length < IDENTIFIER_BYTES_MIN ||
        !g_ascii_isalnum(text->bytes[0]))
        return 0;
    for (size_t i = 0; i < text->length; i++)
        if (!g_ascii_isalnum(text->bytes[i]) &&
            (!text->bytes[i] || !strchr("_-.%+/=~", text->bytes[i])))
            return 0;
    count = lk_lex(text->bytes, text->length, tokens, LK_TEXT_MAX);
    if (count < 2)
        return 0;
    for (size_t i = 0; i < count && found == LK_CLASS_WORD; i++)
        if (is_volatile(tokens[i].token_class))
            found = tokens[i].token_class;
    return found;
}

/* ---- Text ---- */

static size_t emit_value(struct reader *reader, const struct text *text, size_t start,
                         const struct field *name);
static uint32_t emit_leaf(struct reader *reader, const struct text *text, const struct field *name,
                          uint16_t flags);

static struct field name_under(const struct field *parent, const struct text *text, size_t start,
                               size_t end)
{
    uint32_t offset = origin_of(text, start);
    uint64_t hash = XXH3_64bits(text->bytes + start, end - start);

    return (struct field){hash_mix(parent->path, hash), offset, origin_of(text, end) - offset};
}

static size_t emit_pairs(struct reader *reader, const struct text *text, size_t start, size_t end,
                         const struct structure_list *list, const struct field *name)
{
    uint32_t set = open_group(reader, PART_SET, 0), first;
    struct text whole = part_of(text, start, end);
    size_t i = start, name_end, value_end;

    while (i < end && structure_pair(text->bytes, i, end, list, &name_end, &value_end)) {
        struct field field = name_under(name, text, i, name_end);
        struct text value = part_of(text, name_end + 1, value_end),
                    pair = part_of(text, i, value_end);
        uint32_t group = open_group(reader, PART_SEQUENCE, 0);

        emit_token(reader, text, i, name_end, LK_CLASS_WORD, PART_NAME);
        first = emit_leaf(reader, &value, &field, 0);
        for (uint32_t part = first; list->separator == '&' && part < reader->parts->array->len;
             part++)
            parts_at(reader->parts, part)->flags |= PART_QUERY;
        close_group(reader, group, &pair);
        i = value_end < end ? structure_skip_space(text->bytes, value_end + 1, end) : end;
    }
    close_group(reader, set, &whole);
    return end;
}

/* If structure starts at `i` within a text: emits it and returns its end; else `i`. */
static size_t emit_structure(struct reader *reader, const struct text *text, size_t *plain,
                             size_t i, const struct field *name)
{
    bool word_starts =
        i == 0 || !(g_ascii_isalnum(text->bytes[i - 1]) || strchr("_.-=%", text->bytes[i - 1]));
    size_t end = SIZE_MAX, made_up = 0;
    struct structure_list list = {0, false};
    char c = text->bytes[i];

    if (c == '{')
        end = structure_value_end(text->bytes, i, text->length, reader->cut);
    else if (c == '/' || c == '\\')
        end = structure_temporary(text->bytes, i, text->length, &made_up, &end) ? end : SIZE_MAX;
    else if (word_starts && (g_ascii_isalpha(c) || c == '_'))
        end = structure_pairs_end(text->bytes, i, text->length, &list);
    if (end == SIZE_MAX)
        return i;
    emit_lexed(reader, text, *plain, made_up ? made_up : i);
    if (c == '{') {
        emit_value(reader, text, i, name);
    } else if (made_up) {
        uint32_t index = emit_token(reader, text, made_up, end, LK_CLASS_RANDOM, PART_TEMPORARY);

        places_put(parts_at(reader->parts, index), name->path, PLACE_NAMED, PART_TEMPORARY);
    } else {
        emit_pairs(reader, text, i, end, &list, name);
    }
    *plain = end;
    return end;
}

static void emit_run(struct reader *reader, const struct text *text, const struct field *name)
{
    size_t plain = 0, i = 0;

    while (i < text->length) {
        size_t next = emit_structure(reader, text, &plain, i, name);

        i = next > i ? next : i + 1;
    }
    emit_lexed(reader, text, plain, text->length);
}

/* A text as a whole: one value of JSON, one identifier, or a run of words and structures. Returns
 * its group. */
static uint32_t emit_leaf(struct reader *reader, const struct text *text, const struct field *name,
                          uint16_t flags)
{
    uint32_t group = open_group(reader, PART_SEQUENCE, flags);
    size_t start = structure_skip_space(text->bytes, 0, text->length), end = SIZE_MAX;
    uint8_t token_class = name->bytes ? identifier_class(reader, text) : 0;

    if (start < text->length && strchr("{[", text->bytes[start]) && text->bytes[start] &&
        reader->nested < NESTED_MAX)
        end = structure_value_end(text->bytes, start, text->length, reader->cut);
    if (end != SIZE_MAX && structure_skip_space(text->bytes, end, text->length) == text->length) {
        reader->nested++;
        emit_layout(reader, text, 0, start);
        emit_value(reader, text, start, name);
        emit_layout(reader, text, end, text->length);
        reader->nested--;
    } else if (token_class) {
        emit_token(reader, text, 0, text->length, token_class, 0);
    } else {
        emit_run(reader, text, name);
    }
    places_assign(reader->parts, group, reader->source, name);
    close_group(reader, group, text);
    return group;
}

/* ---- JSON ---- */

static struct text decode_string(struct reader *reader, const struct text *text)
{
    char *bytes = g_malloc(text->length + 8), *end = bytes;
    uint32_t *origin = g_new(uint32_t, text->length + 9);

    g_ptr_array_add(reader->parts->buffers, bytes);
    g_ptr_array_add(reader->parts->buffers, origin);
    for (size_t i = 0; i < text->length;) {
        size_t used = 1, meant = 1;
        char out[8] = {text->bytes[i]};

        if (text->bytes[i] == '\\')
            used = structure_escape(text->bytes + i, text->length - i, out, &meant);
        for (size_t k = 0; k < meant; k++) {
            origin[end - bytes] = origin_of(text, i);
            *end++ = out[k];
        }
        i += used;
    }
    origin[end - bytes] = origin_of(text, text->length);
    return (struct text){bytes, (size_t)(end - bytes), origin, 0};
}

static size_t emit_scalar(struct reader *reader, const struct text *text, size_t start,
                          const struct field *name)
{
    size_t end = structure_scalar_end(text->bytes, start, text->length, reader->cut);
    bool quoted = text->bytes[start] == '"' || text->bytes[start] == '\'';
    bool closed = quoted && end > start + 1 && text->bytes[end - 1] == text->bytes[start];
    struct text content = part_of(text, start + quoted, end - closed);

    if (quoted && memchr(content.bytes, '\\', content.length))
        content = decode_string(reader, &content);
    emit_leaf(reader, &content, name, quoted ? PART_STRING : 0);
    return end;
}

static size_t emit_member(struct reader *reader, const struct text *text, size_t start,
                          const struct field *name)
{
    size_t end = structure_scalar_end(text->bytes, start, text->length, reader->cut), colon, value;
    bool quoted = text->bytes[start] == '"' || text->bytes[start] == '\'';
    size_t inner = start + quoted, inner_end = end > inner ? end - quoted : inner;
    struct field field = name_under(name, text, inner, inner_end);
    uint32_t group = open_group(reader, PART_SEQUENCE, 0);
    struct text whole;

    emit_token(reader, text, inner, inner_end, LK_CLASS_WORD, PART_NAME);
    colon = structure_skip_space(text->bytes, end, text->length);
    emit_layout(reader, text, end, colon);
    end = colon;
    if (colon < text->length) {
        value = structure_skip_space(text->bytes, colon + 1, text->length);
        emit_layout(reader, text, colon + 1, value);
        end = value < text->length ? emit_value(reader, text, value, &field) : value;
    }
    whole = part_of(text, start, end);
    close_group(reader, group, &whole);
    return end;
}

/* The value has been found whole, or cut at the text's end, by structure_value_end. */
static size_t emit_value(struct reader *reader, const struct text *text, size_t start,
                         const struct field *name)
{
    bool object = text->bytes[start] == '{';
    size_t i = start + 1, next;
    struct text whole;
    uint32_t group;

    if (!object && text->bytes[start] != '[')
        return emit_scalar(reader, text, start, name);
    group = open_group(reader, object ? PART_SET : PART_SEQUENCE, 0);
    for (;;) {
        next = structure_skip_space(text->bytes, i, text->length);
        emit_layout(reader, text, i, next);
        i = next;
        if (i >= text->length || text->bytes[i] == '}' || text->bytes[i] == ']')
            break;
        if (text->bytes[i] == ',')
            i++;
        else
            i = object ? emit_member(reader, text, i, name) : emit_value(reader, text, i, name);
    }
    i = MIN(i + 1, text->length);
    whole = part_of(text, start, i);
    close_group(reader, group, &whole);
    return i;
}

/* ---- Keys and inputs ---- */

static void read_text(struct reader *reader, const char *bytes, size_t start, size_t end)
{
    struct text text = {bytes + start, end - start, NULL, (uint32_t)start};
    struct field name = {0};

    reader->source = bytes;
    if (end > start)
        emit_leaf(reader, &text, &name, 0);
}

static void read_hashes(struct reader *reader, const char *bytes, size_t stored, size_t skip,
                        size_t skip_end)
{
    uint32_t group = open_group(reader, PART_SET, PART_FLAT);
    struct text none = {"", 0, NULL, 0};
    uint64_t word = 0, since = 0; /* the latest word, and what came after it */
    size_t position = 0;

    for (size_t i = 0; i + sizeof(struct lk_token_hash) <= stored;
         i += sizeof(struct lk_token_hash)) {
        struct lk_token_hash token;
        struct part part = {.kind = PART_TOKEN, .flags = reader->flags, .feature = FEATURE_NONE};

        memcpy(&token, bytes + i, sizeof(token));
        part.token_class = token.token_class;
        part.end = reader->parts->array->len + 1;
        part.offset = (uint32_t)position;
        part.bytes = token.bytes;
        part.forms[0] = part.forms[FORM_COMPOSED] = token.hash;
        part.forms[FORM_FOLDED] = part.forms[FORM_FOLDED | FORM_COMPOSED] =
            folds(token.token_class) ? token.folded_hash : token.hash;
        position += token.bytes;
        if (position > skip && position - token.bytes < skip_end)
            continue;
        if (part.token_class == LK_CLASS_WORD)
            word = token.folded_hash, since = 0;
        else if (places_has_content(&part))
            places_put(&part, word, PLACE_NAMED, since++);
        g_array_append_val(reader->parts->array, part);
    }
    close_group(reader, group, &none);
}

static void read_key(struct reader *reader, const struct cache_key *key,
                     const struct cache_input *input)
{
    size_t digest = input ? MIN(input->digest_offset, key->text_bytes) : key->text_bytes;
    size_t digest_end =
        input ? MIN(digest + input->digest_bytes, key->text_bytes) : key->text_bytes;

    reader->flags = PART_OF_KEY;
    if (key->hashed) {
        read_hashes(reader, key->text, key->text_bytes, input ? input->digest_offset : SIZE_MAX,
                    input ? (size_t)input->digest_offset + input->digest_bytes : 0);
        return;
    }
    reader->cut = key->key_bytes > key->text_bytes;
    read_text(reader, key->text, 0, digest);
    read_text(reader, key->text, digest_end, key->text_bytes);
    if (reader->cut)
        reader->parts->tail = hash_mix(XXH3_64bits(key->text, key->text_bytes), key->key_bytes);
}

static void read_input(struct reader *reader, const struct cache_key *key,
                       const struct cache_input *input)
{
    reader->flags = 0;
    if (key->hashed) {
        read_hashes(reader, input->text, input->text_bytes, SIZE_MAX, 0);
        return;
    }
    reader->cut = input->input_bytes > input->text_bytes;
    read_text(reader, input->text, 0, input->text_bytes);
}

/* Hash mode stores hashes of the first LK_TEXT_MAX bytes, too. */
static bool input_is_cut(const struct cache_key *key, const struct cache_input *input)
{
    return input->input_bytes > (key->hashed ? LK_TEXT_MAX : input->text_bytes);
}

void parts_read(struct parts *parts, const struct cache_key *key, const struct cache_input *input)
{
    struct reader reader = {.parts = parts};
    struct text none = {"", 0, NULL, 0};
    uint32_t root;

    g_array_set_size(parts->array, 0);
    g_ptr_array_set_size(parts->buffers, 0);
    parts->tail = 0;
    root = open_group(&reader, PART_SEQUENCE, 0);
    read_key(&reader, key, input);
    if (input) {
        read_input(&reader, key, input);
        if (input_is_cut(key, input))
            parts->tail = hash_mix(input->fingerprint, 1);
    }
    close_group(&reader, root, &none);
}

void parts_mark(struct parts *parts, const struct map *features)
{
    for (guint i = 0; i < parts->array->len; i++) {
        struct part *part = parts_at(parts, i);
        const uint32_t *feature = part->slot ? map_find(features, part->slot) : NULL;

        part->feature = feature ? (uint8_t)*feature : FEATURE_NONE;
    }
}

struct parts *parts_new(void)
{
    struct parts *parts = g_new0(struct parts, 1);

    parts->array = g_array_new(FALSE, FALSE, sizeof(struct part));
    parts->buffers = g_ptr_array_new_with_free_func(g_free);
    parts->tokens = g_new(struct lk_token, LK_TEXT_MAX);
    return parts;
}

void parts_free(struct parts *parts)
{
    if (!parts)
        return;
    g_array_free(parts->array, TRUE);
    g_ptr_array_free(parts->buffers, TRUE);
    g_free(parts->tokens);
    g_free(parts);
}
