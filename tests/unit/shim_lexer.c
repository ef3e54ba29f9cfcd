/* The lexer's classes and normal forms, and what must hold for any bytes. A case is a row. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "text/lexer.h"

static const char marks[LK_CLASSES + 1] = "? .wnftuhrvab";

/* Text whose tokens are written with one mark each: blank SPACE, . PUNCTUATION, w WORD, n NUMBER, f
 * FLOAT, t TIMESTAMP, u UUID, h HEX, r RANDOM, v VERSION, a ADDRESS, b BINARY. */
static const struct {
    const char *text, *classes;
} rows[] = {
    {"", ""},
    {"llm:5d41402abc4b2a76b9719d911017c592", "w.h"},
    {"resp:gpt-4o:550e8400-e29b-41d4-a716-446655440000", "w.w.w.u"},
    {"user:42:profile", "w.n.w"},
    {"session:8f3a9c2b1d", "w.h"},
    {"session:8f3a9c", "w.w"},
    {"{\"request_id\":\"req_9fK2abXcdEFGH1234zz\",\"ts\":1732392000123}", "..w.w...w.r...w..t."},
    {"<object at 0x7f3a2b1c>", ".w w a."},
    /* UUID */
    {"550E8400-E29B-41D4-A716-446655440000", "u"},
    {"12345678-1234-1234-1234-123456789012", "u"},
    {"550e8400-e29b-41d4-a716-4466554400001", "h.w.w.w.n"},
    {"550e8400-e29b-41d4-a716-44665544000", "h.w.w.w.n"},
    /* Timestamps */
    {"2024-01-31", "t"},
    {"2024-02-30", "n.n.n"},
    {"2024-13-01", "n.n.n"},
    {"2024-01-31T23:59:59Z", "t"},
    {"2024-01-31T23:59:59.123456+01:00", "t"},
    {"2024-01-31 23:59:59", "t"},
    {"2024-01-31 at", "t w"},
    {"2024-01-31T24:00", "n.n.w.n"},
    {"20240101T000000Z", "t"},
    {"20240131235959", "t"},
    {"20240101", "n"},
    {"1732392000", "t"},
    {"1732392000.123", "t"},
    {"1732392000123", "t"},
    {"1732392000123456", "t"},
    {"1732392000123456789", "t"},
    {"2208988799", "t"},
    {"2208988800", "n"},
    {"999999999", "n"},
    {"17323920001", "n"},
    /* Numbers */
    {"0", "n"},
    {"007", "n"},
    {"-1", ".n"},
    {"3.14", "f"},
    {"1e5", "f"},
    {"1.5E-3", "f"},
    {"12e+4x", "w.w"},
    {"two\\nlines", "w w"},
    {"a \\r\\n\\t b", "w w"},
    {"C:\\\\name", "w...w"},
    {"\\x\\", ".w."},
    {"2.", "n."},
    {"3.5turbo", "fw"},
    {"1.2.3", "v"},
    {"1.2.3.4.5", "a.n"},
    {"24.12.2024", "f.n"},
    {"12345678901234567890", "n"},
    {"12345678901234567890123456789012", "h"},
    {"v3", "v"},
    {"V10", "v"},
    {"v1.2.0", "v"},
    {"v1.2.0-rc1", "v.w"},
    {"v1beta1", "w"},
    {"v", "w"},
    {"10.0.0.1", "a"},
    {"10.0.0.1:6379", "a.n"},
    {"999.0.0.1", "v"},
    {"0x7f12", "a"},
    {"0x", "w"},
    {"0xyz", "w"},
    /* Hexadecimal, and words of its letters */
    {"facade", "w"},
    {"deadbeef", "w"},
    {"deadbeef1", "h"},
    {"DEADBEEF1", "h"},
    {"DeadBeef1", "w"},
    {"abcdefabcdefabcdefabcdefabcdefab", "h"},
    {"5D41402abc4b2a76b9719d911017c592", "h"},
    /* Random text */
    {"chatcmpl-9xAbCdEfGhIjKlMnOpQrStUvWxY", "w.r"},
    {"LPJNul+wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ=", "r"},
    {"LPJNul-wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ", "r"},
    {"cache-LPJNul-wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ-en", "w.r.w"},
    {"/img/LPJNul+wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ/x.png", ".w.r.w.w"},
    {"V1StGXR8_Z5jdHi6B-myT", "r"},
    {"01ARZ3NDEKTSV4RRFFQ69G5FAV", "r"},
    {"XUFAKrxLKna5cZ2REBfFkg==", "r"},
    {"4o_550e8400-e29b-41d4-a716-446655440000", "w.u"},
    {"gpt4o-5d41402abc4b2a76b9719d911017c592", "w.h"},
    {"5d41402abc4b2a76b9719d911017c592-gpt4o", "h.w"},
    {"a1b2c3d4-e5f6a7b8-c9d0e1f2", "h.h.h"},
    {"X-Amz-Date=20240101T000000Z&Expires=300", "w.w.w.t.w.n"},
    {"/tmp/tmpab12cd/x.png", ".w.w.w.w"},
    /* What is no random text */
    {"internationalization", "w"},
    {"Donaudampfschifffahrtsgesellschaft", "w"},
    {"Rindfleischetikettierung", "w"},
    {"psychophysiological", "w"},
    {"getUserProfileByIdentifier", "w"},
    {"HTTPResponseHeaderParser", "w"},
    {"ABSOLUTELYNOTRANDOM", "w"},
    {"claude-3-5-sonnet-20240620", "w.n.n.w.n"},
    {"text-embedding-3-small", "w.w.n.w"},
    {"user-profile-page/settings-and-preferences", "w.w.w.w.w.w"},
    {"llama3instruct2024", "w"},
    /* White space and UTF-8 */
    {"a \t\r\n b", "w w"},
    {"a\xc2\xa0 b", "w w"},
    {"a\xe3\x80\x80"
     "b\xef\xbb\xbf",
     "w w "},
    {"caf\xc3\xa9", "w"},
    {"\xc3\xa9t\xc3\xa9 2024\xe5\xb9\xb4", "w w"},
    {"\xe6\x97\xa5\xe6\x9c\xac", "w"},
    /* Not text */
    {"llm:\x8a\xff\x01", "w.b"},
    {"\x8a"
     "ab \xff",
     "b"},
    {"\x8a"
     "abcde\xff",
     "bwb"},
    {"a\x7f", "wb"},
    {"\xc0\xaf", "b"},
    {"\xed\xa0\x80", "b"},
    {"\xf0\x9f\x98\x80", "w"},
    {"\xf0\x9f\x98", "b"},
};

static void lexes_each_row_as_it_says(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct lk_token tokens[64];
        char classes[65] = "";
        size_t count = lk_lex(rows[i].text, strlen(rows[i].text), tokens, 64);
        for (size_t j = 0; j < count; j++)
            classes[j] = marks[tokens[j].token_class];
        if (strcmp(classes, rows[i].classes) != 0)
            fail_msg("\"%s\": \"%s\", not \"%s\"", rows[i].text, classes, rows[i].classes);
    }
}

/* ---- Any bytes ---- */

static uint64_t next_random(uint64_t *seed)
{
    *seed = *seed * 6364136223846793005u + 1442695040888963407u;
    return *seed >> 33;
}

static void check_cover(const char *text, size_t bytes)
{
    static struct lk_token tokens[4096];
    size_t count = lk_lex(text, bytes, tokens, 4096);
    uint32_t at = 0;
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(tokens[i].offset, at);
        assert_true(tokens[i].bytes > 0);
        assert_in_range(tokens[i].token_class, 1, LK_CLASSES - 1);
        char folded[8];
        assert_true(lk_fold(text, &tokens[i], folded, sizeof folded) <= sizeof folded);
        at += tokens[i].bytes;
    }
    assert_int_equal(at, bytes);
}

static void covers_any_bytes_without_a_gap(void **state)
{
    static const char likely[] =
        "0123456789abcdefABCDEFGxyzT:-_/+.=e \xc3\xa9\xe2\x80\x80\x8a\x01{\"";
    uint64_t seed = 42;
    char text[300];
    (void)state;
    for (int round = 0; round < 20000; round++) {
        size_t bytes = next_random(&seed) % sizeof text;
        for (size_t i = 0; i < bytes; i++)
            text[i] = round % 2 ? (char)next_random(&seed)
                                : likely[next_random(&seed) % (sizeof likely - 1)];
        check_cover(text, bytes);
    }
}

static void last_token_takes_the_rest(void **state)
{
    struct lk_token tokens[3];
    (void)state;
    assert_int_equal(lk_lex("a:b:c", 5, tokens, 3), 3);
    assert_int_equal(tokens[2].offset, 2);
    assert_int_equal(tokens[2].bytes, 3);
    assert_int_equal(tokens[2].token_class, LK_CLASS_WORD);
    assert_int_equal(lk_lex("a:b", 3, tokens, 3), 3);
    assert_int_equal(tokens[2].bytes, 1);
    assert_int_equal(lk_lex("a", 1, tokens, 0), 0);
}

/* Random base62 of the usual lengths is found, but for a few. */
static void finds_random_text(void **state)
{
    static const char base62[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    uint64_t seed = 7;
    int found = 0, rounds = 2000;
    (void)state;
    for (int round = 0; round < rounds; round++) {
        char text[24];
        struct lk_token tokens[2];
        for (size_t i = 0; i < sizeof text; i++)
            text[i] = base62[next_random(&seed) % 62];
        found +=
            lk_lex(text, sizeof text, tokens, 2) == 1 && tokens[0].token_class == LK_CLASS_RANDOM;
    }
    assert_in_range(found, rounds * 97 / 100, rounds);
}

/* ---- Normal forms ---- */

static const struct {
    const char *text, *folded;
} folds[] = {
    {"Hello", "hello"},
    {"STRASSE", "strasse"},
    {"\xc3\x84\xc3\x96\xc3\x9c\xc3\x97", "\xc3\xa4\xc3\xb6\xc3\xbc\xc3\x97"},
    {"\xce\x91\xce\xa9\xce\x86\xce\x8c\xce\x8f", "\xce\xb1\xcf\x89\xce\xac\xcf\x8c\xcf\x8e"},
    {"\xd0\x81\xd0\x9b\xd0\x9a\xd0\xb0", "\xd1\x91\xd0\xbb\xd0\xba\xd0\xb0"},
    {"007", "7"},
    {"0", "0"},
    {"000", "0"},
    {"100", "100"},
    {"1.0", "1"},
    {"0.50", "0.5"},
    {"00.0", "0"},
    {"1.5e3", "1500"},
    {"1e3", "1000"},
    {"12E-4", "0.0012"},
    {"0.1e1", "1"},
    {"12.50e1", "125"},
    {"1e300", "1e300"},
    {" \t\r\n", " "},
    {"2024-01-31T00:00:00Z", "2024-01-31t00:00:00z"},
    {"5D41402ABC4B2A76B9719D911017C592", "5d41402abc4b2a76b9719d911017c592"},
    {"XUFAKrxLKna5cZ2REBfFkg==", "XUFAKrxLKna5cZ2REBfFkg=="},
};

static void folds_each_row_as_it_says(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof folds / sizeof *folds; i++) {
        struct lk_token token;
        char folded[64];
        size_t bytes = strlen(folds[i].text);
        assert_int_equal(lk_lex(folds[i].text, bytes, &token, 1), 1);
        assert_int_equal(token.bytes, bytes);
        size_t used = lk_fold(folds[i].text, &token, folded, sizeof folded - 1);
        folded[used] = 0;
        assert_string_equal(folded, folds[i].folded);
    }
}

static void fold_keeps_to_its_room(void **state)
{
    struct lk_token token = {.offset = 0, .bytes = 5, .token_class = LK_CLASS_WORD};
    char folded[4] = "zzz";
    (void)state;
    assert_int_equal(lk_fold("HELLO", &token, folded, 2), 2);
    assert_string_equal(folded, "hez");
    assert_int_equal(lk_fold("HELLO", &token, folded, 0), 0);
}

static void every_class_has_a_name(void **state)
{
    (void)state;
    for (int i = 1; i < LK_CLASSES; i++)
        assert_string_not_equal(lk_class_name((enum lk_class)i), "unknown");
    assert_string_equal(lk_class_name((enum lk_class)0), "unknown");
    assert_string_equal(lk_class_name(LK_CLASSES), "unknown");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lexes_each_row_as_it_says),
        cmocka_unit_test(covers_any_bytes_without_a_gap),
        cmocka_unit_test(last_token_takes_the_rest),
        cmocka_unit_test(finds_random_text),
        cmocka_unit_test(folds_each_row_as_it_says),
        cmocka_unit_test(fold_keeps_to_its_room),
        cmocka_unit_test(every_class_has_a_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
