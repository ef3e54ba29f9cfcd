// Hashes of texts: in one piece or in many, narrow registers or wide, plain or keyed.
// links: shim/cache/text.c shim/cache/text_wide.c
#define XXH_INLINE_ALL
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <xxhash.h>

#include <cmocka.h>

#include "cache/text.h"
#include "cache/text_wide.h"
#include "config.h"
#include "machine.h"
#include "sys.h"

struct lk_config lk_config;

uint64_t lk_sys_random(void)
{
    static uint64_t state = 1;
    return state = state * 6364136223846793005u + 1442695040888963407u;
}

static char text[6000];

static uint64_t in_pieces(size_t bytes, size_t piece)
{
    struct lk_text_hasher hasher;
    lk_text_hash_begin(&hasher);
    for (size_t at = 0; at < bytes; at += piece)
        lk_text_hash_add(&hasher, text + at, bytes - at < piece ? bytes - at : piece);
    return lk_text_hash_end(&hasher);
}

static void hashes_are_the_same_however_they_are_taken(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof text; i++)
        text[i] = (char)(lk_sys_random() >> 40);
    for (size_t bytes = 0; bytes < sizeof text; bytes += bytes < 600 ? 1 : 97) {
        lk_config.hash_keys = false;
        uint64_t plain = lk_text_hash(text, bytes);
        assert_int_equal(plain, XXH3_64bits(text, bytes));
        assert_int_equal(plain, in_pieces(bytes, 1 + bytes / 3));
        lk_config.hash_keys = true;
        uint64_t keyed = lk_text_hash(text, bytes);
        assert_int_not_equal(keyed, plain);
        assert_int_equal(keyed, in_pieces(bytes, 64));
        assert_int_equal(keyed, in_pieces(bytes, 1 + bytes / 2));
    }
}

static void wide_registers_do_not_matter(void **state)
{
    static const unsigned char secret[XXH_SECRET_DEFAULT_SIZE] = {1, 2, 3};
    (void)state;
    if (!lk_machine_is_wide())
        skip();
    for (size_t bytes = 0; bytes < sizeof text; bytes += bytes < 600 ? 1 : 97) {
        assert_int_equal(lk_wide_hash(text, bytes), XXH3_64bits(text, bytes));
        assert_int_equal(lk_wide_hash_keyed(text, bytes, secret, sizeof secret),
                         XXH3_64bits_withSecret(text, bytes, secret, sizeof secret));
    }
}

/* The vector of the authors' reference for these 8 bytes: 62 24 93 9a 79 f5 f5 93. */
static void the_seal_is_siphash(void **state)
{
    const uint64_t key[2] = {0x0706050403020100u, 0x0f0e0d0c0b0a0908u};
    (void)state;
    assert_true(lk_text_seal(key, 0x0706050403020100u) == 0x93f5f5799a932462u);
}

/* Undoes the last steps of what XXH3 does to a text of 8 bytes. What is left is a linear image of
 * the text xor something secret. */
static uint64_t unmixed(uint64_t hash)
{
    const uint64_t prime = 0x9fb21c651e98df25u;
    uint64_t inverse = prime;
    for (int i = 0; i < 6; i++)
        inverse *= 2 - prime * inverse;
    hash ^= hash >> 28 ^ hash >> 56;
    hash *= inverse;
    hash ^= (hash >> 35) + 8;
    return hash * inverse;
}

static uint64_t image_of(const char *word)
{
    uint32_t half[2];
    memcpy(half, word, sizeof half);
    uint64_t x = half[1] + ((uint64_t)half[0] << 32);
    return x ^ (x << 49 | x >> 15) ^ (x << 24 | x >> 40);
}

/* Whether the hash of a word that is known tells a word that is not. */
static bool tells(uint64_t known_hash, uint64_t other_hash)
{
    return (unmixed(known_hash) ^ unmixed(other_hash)) ==
           (image_of("password") ^ image_of("hunter22"));
}

static void a_known_word_tells_no_other(void **state)
{
    static const unsigned char secret[XXH_SECRET_DEFAULT_SIZE] = {7, 1, 0, 9, 200, 33, 18, 5, 77};
    (void)state;
    lk_config.hash_keys = true;
    assert_true(tells(XXH3_64bits_withSecret("password", 8, secret, sizeof secret),
                      XXH3_64bits_withSecret("hunter22", 8, secret, sizeof secret)));
    assert_false(tells(lk_text_hash("password", 8), lk_text_hash("hunter22", 8)));
    uint64_t words[2];
    memcpy(&words[0], "password", 8);
    memcpy(&words[1], "hunter22", 8);
    assert_false(tells(lk_text_rekey(words[0]), lk_text_rekey(words[1])));
}

static void a_pseudonym_is_the_same_for_the_same_word(void **state)
{
    char a[LK_PSEUDONYM_MAX], b[LK_PSEUDONYM_MAX];
    (void)state;
    lk_config.hash_keys = true;
    assert_int_equal(lk_text_pseudonym("hunter2", 7, "word", a), 15);
    assert_int_equal(lk_text_pseudonym("hunter2", 7, "word", b), 15);
    assert_memory_equal(a, b, 15);
    assert_memory_equal(a, "<word-", 6);
    assert_int_equal(lk_text_pseudonym("hunter3", 7, "version", b), 18);
    assert_true(memcmp(a + 6, b + 9, 8) != 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hashes_are_the_same_however_they_are_taken),
        cmocka_unit_test(wide_registers_do_not_matter),
        cmocka_unit_test(the_seal_is_siphash),
        cmocka_unit_test(a_known_word_tells_no_other),
        cmocka_unit_test(a_pseudonym_is_the_same_for_the_same_word),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
