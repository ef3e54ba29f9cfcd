/* Texts and hashes for the capture: as they are, or keyed with a secret of this run. */
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
static uint64_t secret[XXH_SECRET_DEFAULT_SIZE / sizeof(uint64_t)];
static uint32_t secret_made;

static void make_secret(void)
{
    for (size_t i = 0; i < sizeof secret / sizeof *secret; i++) {
        uint64_t none = 0, random = lk_sys_random() | 1;
        __atomic_compare_exchange_n(&secret[i], &none, random, false, __ATOMIC_ACQ_REL,
                                    __ATOMIC_ACQUIRE);
    }
    __atomic_store_n(&secret_made, 1, __ATOMIC_RELEASE);
}

static void need_secret(void)
{
    if (!__atomic_load_n(&secret_made, __ATOMIC_ACQUIRE))
        make_secret();
}

/* Whether a text is long enough, and the processor wide enough. */
static bool is_wide(size_t bytes)
{
    return bytes >= LK_WIDE_LEAST && lk_machine_is_wide();
}

static uint64_t keyed(const void *text, size_t bytes)
{
    need_secret();
    if (is_wide(bytes))
        return lk_wide_hash_keyed(text, bytes, secret, sizeof secret);
    return XXH3_64bits_withSecret(text, bytes, secret, sizeof secret);
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
    return XXH3_64bits_digest(state_of(hasher));
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
