/* Templates: the tokens of a key, one after the other, as they are or by the name of their class.
 */
#include "text/template.h"

#include <string.h>

#include "text/kinds.h"
#include "text/lexer.h"
#include "text/models.h"
#include "text/utf8.h"

#define PARTS_MAX 24u /* that are no punctuation */
#define WORD_MAX  LK_TEMPLATE_WORD
#define LEAD_MAX  24u

/* A template on its way. */
struct builder {
    char *out;
    size_t used, room;
    size_t mark;   /* bytes used up to the last strong separator: where free text would begin */
    uint64_t hash; /* of all that was put */
    uint32_t parts;
    bool hashed; /* somebody asks for the hash */
    bool done;
    bool shows_lead; /* a namespace keeps its name, whatever becomes of other words */
    bool has_lead;   /* and there is one, */
    bool varies;     /* with something of a class after it */
};

/* ---- Output ---- */

static uint64_t mix(uint64_t hash, uint64_t word)
{
    hash = (hash ^ word) * 0x9e3779b97f4a7c15u;
    return hash ^ hash >> 32;
}

static uint64_t hash_of(const char *text, size_t bytes)
{
    uint64_t hash = bytes;
    for (; bytes >= 8; text += 8, bytes -= 8) {
        uint64_t word;
        memcpy(&word, text, 8);
        hash = mix(hash, word);
    }
    uint64_t rest = 0;
    for (size_t i = 0; i < bytes; i++)
        rest = rest << 8 | (unsigned char)text[i];
    return mix(hash, rest);
}

/* memcpy of what is mostly a word, without a call. */
static inline void copy(char *out, const char *text, size_t bytes)
{
    if (bytes > 16) {
        memcpy(out, text, bytes);
    } else if (bytes >= 8) {
        memcpy(out + (bytes - 8), text + (bytes - 8), 8);
        memcpy(out, text, 8);
    } else if (bytes >= 4) {
        memcpy(out + (bytes - 4), text + (bytes - 4), 4);
        memcpy(out, text, 4);
    } else {
        for (size_t i = 0; i < bytes; i++)
            out[i] = text[i];
    }
}

/* One more than the room may be used: that says that it was cut. */
static inline void put(struct builder *b, const char *text, size_t bytes)
{
    size_t left = b->used < b->room ? b->room - b->used : 0;
    bool cut = bytes > left;
    if (cut)
        bytes = left;
    copy(b->out + b->used, text, bytes);
    b->used = cut ? b->room + 1 : b->used + bytes;
    b->done |= cut;
}

static void put_hashed(struct builder *b, const char *text, size_t bytes)
{
    if (b->hashed)
        b->hash = mix(b->hash, hash_of(text, bytes));
    put(b, text, bytes);
}

static void put_name(struct builder *b, const char *name)
{
    put_hashed(b, name, strlen(name));
}

/* Ends the template: from the last strong separator on, all is `name`. */
static void end_with(struct builder *b, const char *name)
{
    if (b->used > b->mark)
        b->used = b->mark;
    put_name(b, name);
    b->done = true;
}

/* Cuts at a character's beginning, with "..." in the room that there is. */
static size_t finish(struct builder *b)
{
    if (b->used <= b->room)
        return b->used;
    size_t dots = b->room < 3 ? b->room : 3, at = b->room - dots;
    while (at > 0 && (unsigned char)b->out[at] >> 6 == 2)
        at--;
    memcpy(b->out + at, "...", dots);
    return at + dots;
}

/* ---- Tokens ---- */

static const char *digest_name(uint32_t digits)
{
    switch (digits) {
    case 32:
        return "<md5>";
    case 40:
        return "<sha1>";
    case 56:
        return "<sha224>";
    case 64:
        return "<sha256>";
    case 96:
        return "<sha384>";
    case 128:
        return "<sha512>";
    default:
        return "<hex>";
    }
}

static const char *name_of(const struct lk_token *token)
{
    static const char *const names[LK_CLASSES] = {
        [LK_CLASS_NUMBER] = "<number>",       [LK_CLASS_FLOAT] = "<float>",
        [LK_CLASS_TIMESTAMP] = "<timestamp>", [LK_CLASS_UUID] = "<uuid>",
        [LK_CLASS_RANDOM] = "<random>",       [LK_CLASS_ADDRESS] = "<address>",
    };
    return token->token_class == LK_CLASS_HEX ? digest_name(token->bytes)
                                              : names[token->token_class];
}

static bool is_strong(char byte)
{
    return byte == ':' || byte == '/' || byte == '|' || byte == '#' || byte == '=' || byte == '&' ||
           byte == '?' || byte == ';';
}

/* {"a": 1}, ["a"], {'a': 1}, ('a', 1), "a": a body of JSON or of another language's values. A hash
 * tag of Redis, {user}, is none. */
static bool begins_body(const char *key, uint32_t bytes, uint32_t at)
{
    char next = at + 1 < bytes ? key[at + 1] : 0;
    if (key[at] == '"')
        return true;
    return (key[at] == '{' || key[at] == '[' || key[at] == '(') &&
           (next == '"' || next == '\'' || next == '{' || next == '[');
}

/* White space in a raw digest is no sign of a text. */
static bool is_binary(const char *text, uint32_t bytes)
{
    for (uint32_t at = 0, length; at < bytes; at += length) {
        uint8_t kind = lk_kind(text[at]);
        length = kind & LK_KIND_HIGH ? lk_utf8_length(text + at, bytes - at) : 1;
        if (!length || (kind & LK_KIND_CONTROL))
            return true;
    }
    return false;
}

/* What a key begins with, as programs name their caches: "llm:". */
static bool is_lead(const struct builder *b, const struct lk_lexer *lexer,
                    const struct lk_token *token)
{
    const char *word = lexer->text + token->offset;
    if (!b->shows_lead || token->offset || token->token_class != LK_CLASS_WORD ||
        token->bytes > LEAD_MAX || token->bytes >= lexer->bytes || !is_strong(word[token->bytes]))
        return false;
    for (uint32_t i = 0; i < token->bytes; i++)
        if (!(word[i] >= 'a' && word[i] <= 'z') && !(i && word[i] >= '0' && word[i] <= '9') &&
            word[i] != '_')
            return false;
    return true;
}

static void put_word(struct builder *b, const struct lk_lexer *lexer, const struct lk_token *token,
                     const struct lk_template_words *words)
{
    const char *word = lexer->text + token->offset;
    uint32_t bytes = token->bytes;
    bool is_version = token->token_class == LK_CLASS_VERSION, lead = is_lead(b, lexer, token);
    char name[LK_TEMPLATE_WORD];
    b->has_lead |= lead;
    if (bytes > WORD_MAX ||
        (words->keeps && !words->keeps(words->context, b->hash, hash_of(word, bytes))))
        put_name(b, "<text>");
    else if (words->names && !lead)
        put_hashed(b, name, words->names(word, bytes, is_version, name));
    else
        put_hashed(b, word, bytes);
}

static void put_punctuation(struct builder *b, const struct lk_lexer *lexer, uint32_t at)
{
    const char *key = lexer->text;
    if (begins_body(key, lexer->bytes, at)) {
        end_with(b, "<text>");
        return;
    }
    put_hashed(b, key + at, 1);
    if (is_strong(key[at]))
        b->mark = b->used;
}

static void put_part(struct builder *b, struct lk_lexer *lexer, const struct lk_token *token,
                     const struct lk_template_words *words)
{
    uint32_t model;
    if (++b->parts > PARTS_MAX) {
        put_name(b, "<text>");
        b->done = true;
    } else if (token->token_class == LK_CLASS_WORD &&
               (model = lk_model_name(lexer->text, lexer->bytes, token->offset))) {
        put_name(b, "<model>");
        b->varies = true;
        lexer->at = token->offset + model;
    } else if (token->token_class == LK_CLASS_WORD || token->token_class == LK_CLASS_VERSION) {
        put_word(b, lexer, token, words);
    } else {
        put_name(b, name_of(token));
        b->varies = true;
    }
}

static struct builder build(const char *key, size_t bytes, struct builder b,
                            const struct lk_template_words *words)
{
    struct lk_lexer lexer = lk_lexer(key, bytes);
    struct lk_token token;
    while (!b.done && lk_lex_next(&lexer, &token)) {
        switch ((enum lk_class)token.token_class) {
        case LK_CLASS_PUNCTUATION:
            put_punctuation(&b, &lexer, token.offset);
            break;
        case LK_CLASS_SPACE:
            end_with(&b, is_binary(key + lexer.at, lexer.bytes - lexer.at) ? "<binary>" : "<text>");
            break;
        case LK_CLASS_BINARY:
            end_with(&b, "<binary>");
            break;
        default:
            put_part(&b, &lexer, &token, words);
        }
    }
    return b;
}

size_t lk_template(const char *key, size_t bytes, char *out, size_t room,
                   const struct lk_template_words *words)
{
    const struct builder empty = {.out = out, .room = room, .hashed = words->keeps != NULL};
    struct builder b = empty;
    b.shows_lead = words->names != NULL;
    b = build(key, bytes, b, words);
    if (b.has_lead && !b.varies) /* words and nothing else: may be anybody's */
        b = build(key, bytes, empty, words);
    return finish(&b);
}
