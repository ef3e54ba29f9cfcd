/* Tokens of keys, and where two texts differ. */
#include "find/key_tokens.h"

#include <string.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#define DIGEST_HEX_MIN    32 /* digits: MD5's; what is shorter may be a number of something */
#define DIGEST_NUMBER_MIN 16 /* digits: of a 64-bit number nearly always more */
#define DIGEST_BINARY_MIN 16

uint64_t text_hash(const char *text, size_t bytes)
{
    return XXH3_64bits(text, bytes);
}

static uint64_t folded_hash(const char *text, const struct lk_token *token)
{
    char folded[LK_TEXT_MAX];

    return text_hash(folded, lk_fold(text, token, folded, sizeof(folded)));
}

/* A hash as a number may look like a time in nanoseconds. */
static bool is_64_bits(const char *text, uint32_t bytes)
{
    for (uint32_t i = 0; i < bytes; i++)
        if (!g_ascii_isdigit(text[i]))
            return false;
    return bytes == 19;
}

static void hidden_tokens(const struct cache_key *key, GArray *tokens)
{
    for (size_t at = 0; at + sizeof(struct lk_token_hash) <= key->text_bytes;
         at += sizeof(struct lk_token_hash)) {
        struct lk_token_hash hidden;
        struct key_token token = {0};

        memcpy(&hidden, key->text + at, sizeof(hidden));
        token.token_class = hidden.token_class;
        token.bytes = hidden.bytes;
        token.hash = hash_mix(hidden.folded_hash, hidden.token_class);
        g_array_append_val(tokens, token);
    }
}

void key_tokens(const struct cache_key *key, GArray *tokens)
{
    struct lk_lexer lexer = lk_lexer(key->text, key->text_bytes);
    struct lk_token next;

    g_array_set_size(tokens, 0);
    if (key->hashed) {
        hidden_tokens(key, tokens);
        return;
    }
    while (lk_lex_next(&lexer, &next)) {
        struct key_token token = {next.token_class, next.offset, next.bytes,
                                  folded_hash(key->text, &next)};

        if (next.token_class == LK_CLASS_TIMESTAMP &&
            is_64_bits(key->text + next.offset, next.bytes))
            token.token_class = LK_CLASS_NUMBER;
        g_array_append_val(tokens, token);
    }
}

bool token_speaks(const struct key_token *token)
{
    return token->token_class != LK_CLASS_PUNCTUATION && token->token_class != LK_CLASS_SPACE;
}

bool token_is_digest(const struct key_token *token)
{
    static const uint32_t least[LK_CLASSES] = {[LK_CLASS_HEX] = DIGEST_HEX_MIN,
                                               [LK_CLASS_NUMBER] = DIGEST_NUMBER_MIN,
                                               [LK_CLASS_BINARY] = DIGEST_BINARY_MIN};

    return token->token_class < LK_CLASSES && least[token->token_class] &&
           token->bytes >= least[token->token_class];
}

/* ---- Where two texts differ ---- */

static struct lk_token *cut(const char *text, size_t bytes, size_t *count)
{
    struct lk_token *tokens = g_new(struct lk_token, bytes + 1);

    *count = lk_lex(text, bytes, tokens, bytes + 1);
    return tokens;
}

static bool same_token(const char *a, const struct lk_token *x, const char *b,
                       const struct lk_token *y)
{
    return x->bytes == y->bytes && memcmp(a + x->offset, b + y->offset, x->bytes) == 0;
}

static struct span span_of(const char *text, const struct lk_token *tokens, size_t from, size_t to)
{
    if (from == to)
        return (struct span){"", 0, SIZE_MAX};
    return (struct span){text + tokens[from].offset,
                         tokens[to - 1].offset + tokens[to - 1].bytes - tokens[from].offset,
                         tokens[from].offset};
}

void texts_differ(const char *a, size_t a_bytes, const char *b, size_t b_bytes, struct span *a_span,
                  struct span *b_span)
{
    size_t a_count, b_count, start = 0;
    struct lk_token *x = cut(a, a_bytes, &a_count), *y = cut(b, b_bytes, &b_count);

    while (start < MIN(a_count, b_count) && same_token(a, &x[start], b, &y[start]))
        start++;
    while (MIN(a_count, b_count) > start && same_token(a, &x[a_count - 1], b, &y[b_count - 1])) {
        a_count--;
        b_count--;
    }
    *a_span = span_of(a, x, start, a_count);
    *b_span = span_of(b, y, start, b_count);
    g_free(x);
    g_free(y);
}

const char *difference_class(const struct span *a, const struct span *b)
{
    struct lk_token token = {0};
    struct lk_lexer lexer = lk_lexer(b->bytes ? b->text : a->text, b->bytes ? b->bytes : a->bytes);

    if (a->bytes == b->bytes && g_ascii_strncasecmp(a->text, b->text, a->bytes) == 0)
        return normalisers[NORMALISER_CASE].name;
    if (lk_lex_next(&lexer, &token))
        for (unsigned n = 0; n < NORMALISERS; n++)
            if (strcmp(normalisers[n].name, lk_class_name(token.token_class)) == 0)
                return normalisers[n].name;
    return normalisers[NORMALISER_IDENTIFIER].name;
}
