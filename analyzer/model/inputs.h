/*
 * An input, or a key, as a tree of parts: what is compared to find out whether two inputs are the
 * same. The same tree in text mode (from the lexer) and in hash mode (from the stored token hashes,
 * as one flat set).
 *
 * Structure that means nothing is laid open: JSON objects (also inside text, and inside strings of
 * JSON), query strings and lists of name=value are sets, whose order can be left out of account; a
 * JSON string is what it says, not how it is escaped; the digest in a key is replaced by its input.
 *
 * A part that may hold a clock, a nonce and the like has a slot: the place that it takes in every
 * input of the template
 * (`request_id`, the last token of `note`, the first timestamp of the text). Whether parts of a
 * slot are left out is the finder's business: a mask of features says it.
 */
#ifndef LEAKEY_MODEL_INPUTS_H
#define LEAKEY_MODEL_INPUTS_H

#include "model/cache.h"
#include "text/lexer.h"

enum part_kind { PART_TOKEN, PART_SEQUENCE, PART_SET };

enum part_flag {
    PART_LAYOUT = 1u << 0,    /* white space between JSON's own tokens */
    PART_STRING = 1u << 1,    /* a JSON string: "1" is not 1 */
    PART_OF_KEY = 1u << 2,    /* its source is the key, not the input */
    PART_NAME = 1u << 3,      /* a member's name */
    PART_FLAT = 1u << 4,      /* hash mode: a set of tokens */
    PART_TEMPORARY = 1u << 5, /* what follows /tmp/ */
    PART_FIELD =
        1u << 6, /* the slot is a member, or what follows a name: it has a name of its own */
    PART_QUERY = 1u << 7,     /* a parameter of a URL */
    PART_DELIMITER = 1u << 8, /* punctuation between fields: blanks around it mean nothing */
};

/* Features: bits of a mask. The first few change how parts are spelled, the others leave out the
 * parts of one slot. */
enum feature {
    FEATURE_WHITESPACE,
    FEATURE_CASE,
    FEATURE_UNICODE,
    FEATURE_ORDER,
    FEATURE_NUMBER_FORMAT,
    FEATURE_TAIL,  /* what lies beyond the stored text is left out of account */
    FEATURE_SLOTS, /* the first slot's */
    FEATURES = 64,
    FEATURE_NONE = 0xff
};
#define FEATURE_BIT(feature) (1ull << (feature))

enum part_form { FORM_FOLDED = 1, FORM_COMPOSED = 2 }; /* bits of an index into forms */

struct part {
    uint8_t kind;        /* enum part_kind */
    uint8_t token_class; /* enum lk_class */
    uint8_t feature;     /* of its slot; FEATURE_NONE */
    uint16_t flags;
    uint32_t end;                     /* index after its last descendant */
    uint32_t offset, bytes;           /* in the source */
    uint32_t name_offset, name_bytes; /* of the slot's name in the source; 0 bytes: none */
    uint64_t forms[4]; /* hashes as written, folded (case, or a number's value), composed (Unicode,
                          escapes), both */
    uint64_t slot;     /* 0: none */
};

struct parts {
    GArray *array; /* struct part, depth first; [0] is the root */
    uint64_t tail; /* hash of what the stored text does not show; 0: nothing */
    GPtrArray *buffers;
    struct lk_token *tokens;
};

struct parts *parts_new(void);
void parts_free(struct parts *parts);

/* Cuts a key, and what its digest stands for (NULL: the key is all there is), into parts; what was
 * there is gone. */
void parts_read(struct parts *parts, const struct cache_key *key, const struct cache_input *input);

/* Gives each part the feature of its slot: `features` maps slots to features. */
void parts_mark(struct parts *parts, const struct map *features);

/* The hash of all that the mask's features leave. Equal for equal inputs. */
uint64_t parts_hash(const struct parts *parts, uint64_t mask);
uint64_t parts_hash_at(const struct parts *parts, uint32_t index, uint64_t mask);

/* Which spelling a token has under the mask: an index into forms. */
unsigned part_form(const struct part *part, uint64_t mask);

static inline struct part *parts_at(const struct parts *parts, uint32_t index)
{
    return &g_array_index(parts->array, struct part, index);
}

#endif
