/* Digests in keys: every encoding, with what may stand around it, and what is no match. */
// links: shim/cache/keydigest.c
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cache/keydigest.h"

/* SHA-256 of "hello"; XXH64 of "hello", seed 0; a number whose decimal is short. */
static const uint8_t sha256[32] = {0x2c, 0xf2, 0x4d, 0xba, 0x5f, 0xb0, 0xa3, 0x0e, 0x26, 0xe8, 0x3b,
                                   0x2a, 0xc5, 0xb9, 0xe2, 0x9e, 0x1b, 0x16, 0x1e, 0x5c, 0x1f, 0xa7,
                                   0x42, 0x5e, 0x73, 0x04, 0x33, 0x62, 0x93, 0x8b, 0x98, 0x24};
static const uint8_t xxh64[8] = {0x26, 0xc7, 0x82, 0x7d, 0x88, 0x9f, 0x6d, 0xa3};
static const uint8_t negative[8] = {0xff, 0xff, 0xff, 0xf0, 0x00, 0x00, 0x00, 0x2a};
static const uint8_t little[8] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xf0};
static const uint8_t xxh32[4] = {0xfb, 0x00, 0x77, 0xf9};

#define HEX    "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"
#define BASE64 "LPJNul+wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ"
#define URL    "LPJNul-wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ"

struct match {
    const uint8_t *digest;
    size_t digest_bytes;
    size_t offset, bytes;
    int encoding;
    int asked;
};

static bool knows(void *context, uint32_t first_bytes)
{
    struct match *match = context;
    match->asked++;
    return memcmp(&first_bytes, match->digest, 4) == 0;
}

static void found(void *context, const struct lk_key_part *part)
{
    struct match *match = context;
    size_t bytes = lk_key_part_match(part, match->digest, match->digest_bytes);
    if (bytes > match->bytes) {
        match->offset = part->offset;
        match->bytes = bytes;
        match->encoding = part->encoding;
    }
}

static struct match look(const void *key, size_t bytes, const uint8_t *digest, size_t digest_bytes)
{
    struct match match = {.digest = digest, .digest_bytes = digest_bytes};
    /* A copy of its own size, so that a sanitizer sees what is read beyond. */
    char *copy = malloc(bytes ? bytes : 1);
    assert_non_null(copy);
    memcpy(copy, key, bytes);
    lk_key_digests(copy, bytes, &(struct lk_key_search){knows, found, &match});
    free(copy);
    return match;
}

static const struct {
    const char *key;
    const uint8_t *digest;
    size_t digest_bytes;
    int encoding; /* 0: no match */
    size_t offset, bytes;
} rows[] = {
    /* Hexadecimal */
    {HEX, sha256, 32, LK_ENCODING_HEX, 0, 64},
    {"llm:" HEX, sha256, 32, LK_ENCODING_HEX, 4, 64},
    {"llm:v2:" HEX ":en", sha256, 32, LK_ENCODING_HEX, 7, 64},
    {"LLM:2CF24DBA5FB0A30E26E83B2AC5B9E29E1B161E5C1FA7425E73043362938B9824", sha256, 32,
     LK_ENCODING_HEX, 4, 64},
    {"llm:2cf24dba5fb0a30e", sha256, 32, LK_ENCODING_HEX, 4, 16},
    {"llm:2cf24dba", sha256, 32, LK_ENCODING_HEX, 4, 8},
    {"llm:2cf24dba5", sha256, 32, LK_ENCODING_HEX, 4, 9},
    {"llm:2cf24db", sha256, 32, 0, 0, 0},
    {"llm:2cf24dba5fb0a30f", sha256, 32, 0, 0, 0},
    {"llm:2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9825", sha256, 32, 0, 0, 0},
    {"cache" HEX, sha256, 32, LK_ENCODING_HEX, 5, 64},
    {"feed" HEX, sha256, 32, LK_ENCODING_HEX, 4, 64},
    {HEX "ed", sha256, 32, LK_ENCODING_HEX, 0, 64},
    {"k-" HEX "-x", sha256, 32, LK_ENCODING_HEX, 2, 64},
    {"k:26c7827d889f6da3", xxh64, 8, LK_ENCODING_HEX, 2, 16},
    {"k:a36d9f887d82c726", xxh64, 8, LK_ENCODING_HEX, 2, 16},
    {"k:fb0077f9", xxh32, 4, LK_ENCODING_HEX, 2, 8},
    {"k:fb0077f9fb0077f9", xxh32, 4, 0, 0, 0},
    /* As a UUID; version 5 overwrites six bits */
    {"doc:2cf24dba-5fb0-a30e-26e8-3b2ac5b9e29e", sha256, 32, LK_ENCODING_HEX, 4, 36},
    {"doc:2cf24dba-5fb0-530e-a6e8-3b2ac5b9e29e:x", sha256, 32, LK_ENCODING_HEX, 4, 36},
    {"doc:2cf24dba5fb0530ea6e83b2ac5b9e29e", sha256, 32, LK_ENCODING_HEX, 4, 32},
    {"doc:2cf24dba-5fb0-530e-a6e8-3b2ac5b9e29f", sha256, 32, 0, 0, 0},
    /* Base64 */
    {"llm:" BASE64 "=", sha256, 32, LK_ENCODING_BASE64, 4, 43},
    {"llm:" BASE64, sha256, 32, LK_ENCODING_BASE64, 4, 43},
    {"cache-" URL, sha256, 32, LK_ENCODING_BASE64, 6, 43},
    {"cache-" URL "-en", sha256, 32, LK_ENCODING_BASE64, 6, 43},
    {"cache/" BASE64 "/en", sha256, 32, LK_ENCODING_BASE64, 6, 43},
    {"llm:LPJNul-wow4m6Dsq", sha256, 32, LK_ENCODING_BASE64, 4, 16},
    {"llm:LPJNul-wow4m6Dsq-en", sha256, 32, LK_ENCODING_BASE64, 4, 16},
    {"llm:LPJNul-w", sha256, 32, LK_ENCODING_BASE64, 4, 8},
    {"llm:LPJNul-", sha256, 32, 0, 0, 0},
    {"llm:LPJNul-wow4m6Dsz", sha256, 32, 0, 0, 0},
    {"llm:JseCfYifbaM=", xxh64, 8, LK_ENCODING_BASE64, 4, 11},
    /* Decimal */
    {"triton:2794345569481354659", xxh64, 8, LK_ENCODING_DECIMAL, 7, 19},
    {"triton:2794345569481354659:x", xxh64, 8, LK_ENCODING_DECIMAL, 7, 19},
    {"triton:2794345569481354658", xxh64, 8, 0, 0, 0},
    {"triton:279434556948135465", xxh64, 8, 0, 0, 0},
    {"triton:11776244009213806374", xxh64, 8, LK_ENCODING_DECIMAL, 7, 20}, /* little-endian */
    {"k:-68719476694", negative, 8, LK_ENCODING_DECIMAL, 2, 12},
    {"k:-1080863910568919041", little, 8, LK_ENCODING_DECIMAL, 2, 20}, /* little-endian */
    {"k:18446744004990074922", negative, 8, LK_ENCODING_DECIMAL, 2, 20},
    {"k:4211111929", xxh32, 4, LK_ENCODING_DECIMAL, 2, 10},
    {"k:20329878786436204988385760252021328656300425018755239228739303522659023427620", sha256, 32,
     LK_ENCODING_DECIMAL, 2, 77},
    {"k:3238736544897475342", sha256, 32, LK_ENCODING_DECIMAL, 2, 19}, /* of its first 8 bytes */
    /* What is none */
    {"", sha256, 32, 0, 0, 0},
    {"user:42:profile", sha256, 32, 0, 0, 0},
};

static void finds_the_digest_of_each_row(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct match m =
            look(rows[i].key, strlen(rows[i].key), rows[i].digest, rows[i].digest_bytes);
        if (m.bytes != rows[i].bytes || m.offset != rows[i].offset ||
            m.encoding != rows[i].encoding)
            fail_msg("\"%s\": encoding %d at %zu, %zu bytes", rows[i].key, m.encoding, m.offset,
                     m.bytes);
    }
}

static void finds_raw_bytes(void **state)
{
    char key[64] = "llm:v2:";
    (void)state;
    memcpy(key + 7, sha256, 32);
    memcpy(key + 39, ":en", 3);
    struct match m = look(key, 42, sha256, 32);
    assert_int_equal(m.encoding, LK_ENCODING_RAW);
    assert_int_equal(m.offset, 7);
    assert_int_equal(m.bytes, 32);
    m = look(key, 7 + 16, sha256, 32);
    assert_int_equal(m.bytes, 16);
    m = look(key, 7 + 7, sha256, 32);
    assert_int_equal(m.bytes, 0);
    for (int i = 0; i < 8; i++)
        key[7 + i] = (char)xxh64[7 - i]; /* as the memory of this machine has the number */
    m = look(key, 7 + 8, xxh64, 8);
    assert_int_equal(m.encoding, LK_ENCODING_RAW);
    assert_int_equal(m.offset, 7);
    assert_int_equal(m.bytes, 8);
    for (int i = 0; i < 4; i++)
        key[7 + i] = (char)xxh32[3 - i];
    m = look(key, 7 + 4, xxh32, 4);
    assert_int_equal(m.bytes, 4);
}

static void asks_nothing_of_short_words(void **state)
{
    static const char key[] = "user:42:profile:en-US:{a}.b c.d";
    (void)state;
    struct match m = look(key, sizeof key - 1, sha256, 32);
    assert_int_equal(m.asked, 0);
}

/* However long and whatever it holds, a key costs no more than so many questions. */
static void is_bounded(void **state)
{
    static char key[1 << 16];
    (void)state;
    memset(key, 'a', sizeof key);
    assert_in_range(look(key, sizeof key, sha256, 32).asked, 1, 10);
    memset(key, '-', sizeof key);
    assert_in_range(look(key, sizeof key, sha256, 32).asked, 0, 20);
    memset(key, 0x8a, sizeof key);
    assert_in_range(look(key, sizeof key, sha256, 32).asked, 1, 300);
    for (size_t i = 0; i < sizeof key; i++)
        key[i] = i % 9 == 8 ? ':' : (char)('0' + i % 10);
    assert_in_range(look(key, sizeof key, sha256, 32).asked, 1, LK_TEXT_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_the_digest_of_each_row),
        cmocka_unit_test(finds_raw_bytes),
        cmocka_unit_test(asks_nothing_of_short_words),
        cmocka_unit_test(is_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
