// A text that comes in pieces has the hash of one that is whole, plain and keyed.
// links: shim/cache/text.c
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "cache/text.h"
#include "config.h"
#include "sys.h"

struct lk_config lk_config;

uint64_t lk_sys_random(void)
{
    static uint64_t value = 42;
    return value += 0x9e3779b97f4a7c15u;
}

static char text[70000];

static uint64_t hash_in_pieces(size_t bytes, size_t piece)
{
    struct lk_text_hasher hasher;
    memset(&hasher, 0xee, sizeof hasher); /* whatever was there before */
    lk_text_hash_begin(&hasher);
    for (size_t at = 0; at < bytes; at += piece)
        lk_text_hash_add(&hasher, text + at, piece < bytes - at ? piece : bytes - at);
    return lk_text_hash_end(&hasher);
}

/* Lengths around every border of the hash function: 16, 128, 240, 256, 1024. */
static void pieces_have_the_hash_of_the_whole(void **state)
{
    static const size_t pieces[] = {1, 3, 64, 255, 256, 4096, 65536};
    (void)state;
    for (size_t i = 0; i < sizeof text; i++)
        text[i] = (char)(i * 31 + i / 251);
    for (size_t bytes = 0; bytes < sizeof text; bytes += bytes < 1100 ? 1 : 9973)
        for (size_t i = 0; i < sizeof pieces / sizeof *pieces; i++)
            assert_int_equal(hash_in_pieces(bytes, pieces[i]), lk_text_hash(text, bytes));
}

static void keyed_pieces_have_the_hash_of_the_keyed_whole(void **state)
{
    uint64_t plain = lk_text_hash(text, 300), plain_short = lk_text_hash(text, 10);
    lk_config.hash_keys = true;
    pieces_have_the_hash_of_the_whole(state);
    assert_int_not_equal(lk_text_hash(text, 300), plain);
    assert_int_not_equal(lk_text_hash(text, 10), plain_short);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pieces_have_the_hash_of_the_whole),
        cmocka_unit_test(keyed_pieces_have_the_hash_of_the_keyed_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
