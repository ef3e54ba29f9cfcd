/*
 * Digests in a key's text: finds what may be one, hexadecimal, base64, decimal or raw, and says
 * whether it spells a given digest. Pure.
 */
#ifndef LK_CACHE_KEYDIGEST_H
#define LK_CACHE_KEYDIGEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "capture/layout.h"

#define LK_DIGEST_MAX 64u

/* A part of a key that may spell a digest. */
struct lk_key_part {
    uint32_t offset, bytes;       /* within the key */
    uint16_t encoding;            /* enum lk_digest_encoding */
    bool uuid;                    /* hex with dashes, or of a UUID's length: six bits may differ */
    uint32_t bits;                /* of value that it spells: at most 8 * LK_DIGEST_MAX */
    uint8_t value[LK_DIGEST_MAX]; /* the bytes it spells, zeros after them */
    const char *text;             /* the part itself */
};

/* `knows` is asked first whether any digest begins with these 4 bytes (in the memory's order);
 * `found` then gets the part. Bounded: the first LK_TEXT_MAX bytes of the key, and so many parts.
 */
struct lk_key_search {
    bool (*knows)(void *context, uint32_t first_bytes);
    void (*found)(void *context, const struct lk_key_part *part);
    void *context;
};
void lk_key_digests(const void *key, size_t bytes, const struct lk_key_search *search);

/* How many of the part's bytes spell this digest from its beginning on, whole or truncated; 0 if it
 * is another one, or too little to tell: 8 hexadecimal digits, 8 characters of base64, all digits
 * of a decimal, 8 raw bytes (or all 4 of a digest of 4). */
size_t lk_key_part_match(const struct lk_key_part *part, const void *digest, size_t digest_bytes);

#endif
