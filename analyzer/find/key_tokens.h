/*
 * A key as a row of tokens, in text mode and in hash mode alike: what rules look at that compare
 * keys of different templates or processes.
 */
#ifndef LEAKEY_FIND_KEY_TOKENS_H
#define LEAKEY_FIND_KEY_TOKENS_H

#include "find/evidence.h"

struct key_token {
    uint8_t token_class;    /* enum lk_class */
    uint32_t offset, bytes; /* in the key; hash mode: offset is 0 */
    uint64_t hash;          /* of its normal form: spelled in two ways, equal */
};

/* Of struct key_token; what was there is gone. */
void key_tokens(const struct cache_key *key, GArray *tokens);

/* A hash of any bytes. */
uint64_t text_hash(const char *text, size_t bytes);

/* A word, not punctuation or a blank. */
bool token_speaks(const struct key_token *token);
/* As long as digests are, whole or cut, and of one's class: hexadecimal, raw or a large number. */
bool token_is_digest(const struct key_token *token);

/* What is left of two texts without the tokens that they begin and end with in common. */
void texts_differ(const char *a, size_t a_bytes, const char *b, size_t b_bytes, struct span *a_span,
                  struct span *b_span);
/* The normaliser that such a difference is said with: its class where that is one's name. */
const char *difference_class(const struct span *a, const struct span *b);

#endif
