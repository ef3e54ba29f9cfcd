/* Compiled for processors with AVX2 (Makefile). */
#include "cache/text_wide.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

uint64_t lk_wide_hash(const void *text, size_t bytes)
{
    return XXH3_64bits(text, bytes);
}

uint64_t lk_wide_hash_keyed(const void *text, size_t bytes, const void *secret, size_t secret_bytes)
{
    return XXH3_64bits_withSecret(text, bytes, secret, secret_bytes);
}
