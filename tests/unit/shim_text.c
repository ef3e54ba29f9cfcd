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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hashes_are_the_same_however_they_are_taken),
        cmocka_unit_test(wide_registers_do_not_matter),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
