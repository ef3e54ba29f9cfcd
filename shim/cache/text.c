/* Texts and hashes for the capture: as they are, or keyed with a secret of this run. */
#define _GNU_SOURCE
#include "cache/text.h"

#define XXH_INLINE_ALL
#include <stdbool.h>
#include <string.h>
#include <xxhash.h>

#include "cache/text_wide.h"
#include "capture/layout.h"
#include "config.h"
#include "machine.h"
#include "sys.h"
#include "text/lexer.h"

/* A text of 4 KiB may have 4,096 tokens, whose hashes would fit no record. */
#define TOKENS_MAX 2048u
#define FOLD_ROOM  256u /* a longer token's normal form counts by its beginning */

/* ---- The secret ---- */

/* Each word is 0 until somebody makes it; whoever is second takes the first one's. So all threads
 * have the same, none waits, and a child by fork keeps its parent's. */
static uint64_t secret[XXH_SECRET_DEFAULT_SIZE / sizeof(uint64_t)], seal_key[2];
static uint32_t secret_made;

static void make_secret(void)
{
    static const size_t words = sizeof secret / sizeof *secret;
    for (size_t i = 0; i < words + 2; i++) {
        uint64_t none = 0, random = lk_sys_random() | 1;
        __atomic_compare_exchange_n(i < words ? &secret[i] : &seal_key[i - words], &none, random,
                                    false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE);
    }
    __atomic_store_n(&secret_made, 1, __ATOMIC_RELEASE);
}

static void need_secret(void)
{
    if (!__atomic_load_n(&secret_made, __ATOMIC_ACQUIRE))
        make_secret();
}

static void mix_words(uint64_t v[4], int rounds)
{
    for (int i = 0; i < rounds; i++) {
        v[0] += v[1], v[1] = v[1] << 13 | v[1] >> 51, v[1] ^= v[0], v[0] = v[0] << 32 | v[0] >> 32;
        v[2] += v[3], v[3] = v[3] << 16 | v[3] >> 48, v[3] ^= v[2];
        v[0] += v[3], v[3] = v[3] << 21 | v[3] >> 43, v[3] ^= v[0];
        v[2] += v[1], v[1] = v[1] << 17 | v[1] >> 47, v[1] ^= v[2], v[2] = v[2] << 32 | v[2] >> 32;
    }
}

uint64_t lk_text_seal(const uint64_t key[2], uint64_t word)
{
    const uint64_t last = (uint64_t)8 << 56; /* the length, in the word after */
    uint64_t v[4] = {key[0] ^ 0x736f6d6570736575u, key[1] ^ 0x646f72616e646f6du,
                     key[0] ^ 0x6c7967656e657261u, key[1] ^ 0x7465646279746573u ^ word};
    mix_words(v, 2);
    v[0] ^= word, v[3] ^= last;
    mix_words(v, 2);
    v[0] ^= last, v[2] ^= 0xff;
    mix_words(v, 4);
    return v[0] ^ v[1] ^ v[2] ^ v[3];
}

/* Whether a text is long enough, and the processor wide enough. */
static bool is_wide(size_t bytes)
{
    return bytes >= LK_WIDE_LEAST && lk_machine_is_wide();
}

/* XXH3 is no cipher, not even with a secret: of a text of up to 8 bytes it is one-to-one, and one
 * known word tells what undoes it. So what it gives is sealed. */
static uint64_t keyed(const void *text, size_t bytes)
{
    need_secret();
    return lk_text_seal(seal_key, is_wide(bytes)
                                      ? lk_wide_hash_keyed(text, bytes, secret, sizeof secret)
                                      : XXH3_64bits_withSecret(text, bytes, secret, sizeof secret));
}

uint64_t lk_text_hash(const void *text, size_t bytes)
{
    if (lk_config.hash_keys)
        return keyed(text, bytes);
    return is_wide(bytes) ? lk_wide_hash(text, bytes) : XXH3_64bits(text, bytes);
}

static_assert(sizeof(XXH3_state_t) <= sizeof(struct lk_text_hasher), "room for the state");

static XXH3_state_t *state_of(const struct lk_text_hasher *hasher)
{
    return (XXH3_state_t *)(uintptr_t)hasher;
}

void lk_text_hash_begin(struct lk_text_hasher *hasher)
{
    if (lk_config.hash_keys) {
        need_secret();
        XXH3_64bits_reset_withSecret(state_of(hasher), secret, sizeof secret);
    } else {
        XXH3_64bits_reset(state_of(hasher));
    }
}

void lk_text_hash_add(struct lk_text_hasher *hasher, const void *text, size_t bytes)
{
    XXH3_64bits_update(state_of(hasher), text, bytes);
}

uint64_t lk_text_hash_end(const struct lk_text_hasher *hasher)
{
    uint64_t hash = XXH3_64bits_digest(state_of(hasher));
    return lk_config.hash_keys ? lk_text_seal(seal_key, hash) : hash;
}

uint64_t lk_text_rekey(uint64_t fingerprint)
{
    return lk_config.hash_keys ? keyed(&fingerprint, sizeof fingerprint) : fingerprint;
}

/* ---- Texts ---- */

static size_t first_part(size_t bytes)
{
    return bytes < LK_TEXT_MAX ? bytes : LK_TEXT_MAX;
}

size_t lk_text_stored_bytes(const void *text, size_t bytes)
{
    if (!lk_config.hash_keys)
        return first_part(bytes);
    struct lk_lexer lexer = lk_lexer(text, first_part(bytes));
    struct lk_token token;
    size_t tokens = 0;
    while (tokens < TOKENS_MAX && lk_lex_next(&lexer, &token))
        tokens++;
    return tokens * sizeof(struct lk_token_hash);
}

static struct lk_token_hash token_hash(const char *text, const struct lk_token *token)
{
    char folded[FOLD_ROOM];
    size_t folded_bytes = lk_fold(text, token, folded, sizeof folded);
    return (struct lk_token_hash){
        .token_class = token->token_class,
        .bytes = (uint16_t)(token->bytes < UINT16_MAX ? token->bytes : UINT16_MAX),
        .folded_hash = (uint32_t)keyed(folded, folded_bytes),
        .hash = keyed(text + token->offset, token->bytes),
    };
}

void lk_text_store(void *out, size_t stored_bytes, const void *text, size_t bytes)
{
    if (!lk_config.hash_keys) {
        size_t part = first_part(bytes) < stored_bytes ? first_part(bytes) : stored_bytes;
        memcpy(out, text, part);
        memset((char *)out + part, 0, stored_bytes - part);
        return;
    }
    struct lk_token_hash *hashes = out;
    struct lk_lexer lexer = lk_lexer(text, first_part(bytes));
    struct lk_token token;
    size_t room = stored_bytes / sizeof *hashes, used = 0;
    while (used < room && lk_lex_next(&lexer, &token)) {
        if (used + 1 == TOKENS_MAX && lexer.at < lexer.bytes) { /* the last one takes the rest */
            token.bytes = lexer.bytes - token.offset;
            token.token_class = LK_CLASS_WORD;
        }
        hashes[used++] = token_hash(text, &token);
    }
    memset(hashes + used, 0, stored_bytes - used * sizeof *hashes);
}

size_t lk_text_pseudonym(const char *text, size_t bytes, const char *kind, char *out)
{
    static const char digits[] = "0123456789abcdef";
    uint32_t hash = (uint32_t)keyed(text, bytes);
    char *end = stpcpy(stpcpy(stpcpy(out, "<"), kind), "-");
    for (int shift = 28; shift >= 0; shift -= 4)
        *end++ = digits[hash >> shift & 15];
    *end++ = '>';
    return (size_t)(end - out);
}
