/* Hashes of texts for tests. */
#include "common/played_text.h"

#include "cache/text.h"

uint64_t played_hash(uint64_t hash, const void *text, size_t bytes)
{
    const unsigned char *at = text;
    for (size_t i = 0; i < bytes; i++)
        hash = (hash ^ at[i]) * 1099511628211u;
    return hash;
}

uint64_t lk_text_hash(const void *text, size_t bytes)
{
    return played_hash(PLAYED_HASH_BEGIN, text, bytes);
}

void lk_text_hash_begin(struct lk_text_hasher *hasher)
{
    hasher->state[0] = PLAYED_HASH_BEGIN;
}

void lk_text_hash_add(struct lk_text_hasher *hasher, const void *text, size_t bytes)
{
    hasher->state[0] = played_hash(hasher->state[0], text, bytes);
}

uint64_t lk_text_hash_end(const struct lk_text_hasher *hasher)
{
    return hasher->state[0];
}
