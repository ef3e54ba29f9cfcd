/* Which texts are the same input under which features, and which never are. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <string.h>

#include "model/inputs.h"

#define BIT(name) FEATURE_BIT(FEATURE_##name)
#define ALL       (BIT(WHITESPACE) | BIT(CASE) | BIT(UNICODE) | BIT(ORDER) | BIT(NUMBER_FORMAT))

static uint64_t hash_text(const char *text, uint64_t mask)
{
    struct cache_key key = {
        .text = text, .text_bytes = (uint32_t)strlen(text), .key_bytes = (uint32_t)strlen(text)};
    struct parts *parts = parts_new();
    uint64_t hash;

    parts_read(parts, &key, NULL);
    hash = parts_hash(parts, mask);
    parts_free(parts);
    return hash;
}

/* Equal under exactly `needed` and whatever more; different if any bit of it is missing. */
static void check_equal(const char *a, const char *b, uint64_t needed)
{
    assert_true(hash_text(a, ALL) == hash_text(b, ALL));
    assert_true(hash_text(a, needed) == hash_text(b, needed));
    for (unsigned feature = 0; feature < FEATURE_TAIL; feature++)
        if (needed & FEATURE_BIT(feature))
            assert_true(hash_text(a, ALL & ~FEATURE_BIT(feature)) !=
                        hash_text(b, ALL & ~FEATURE_BIT(feature)));
}

static void check_different(const char *a, const char *b)
{
    assert_true(hash_text(a, ALL) != hash_text(b, ALL));
}

static void test_equal(void **state)
{
    (void)state;
    check_equal("How do I pay?", "How do I pay?", 0);
    check_equal("How do I pay?", "  how DO\t\n I pay? ", BIT(CASE) | BIT(WHITESPACE));
    check_equal("{\"a\":1,\"b\":\"x\"}", "{\"b\":\"x\",\"a\":1}", BIT(ORDER));
    check_equal("{\"a\":1,\"b\":\"x\"}", "{\n  \"a\": 1,\n  \"b\": \"x\"\n}\n", BIT(WHITESPACE));
    check_equal("{\"a\": 1, \"b\": {\"c\": [1, 2], \"d\": null}}",
                "{\"b\":{\"d\":null,\"c\":[1,2]},\"a\":1}", BIT(ORDER) | BIT(WHITESPACE));
    check_equal("{\"t\":0.50}", "{\"t\":0.5}", BIT(NUMBER_FORMAT));
    check_equal("{\"t\":1.0}", "{\"t\":1}", BIT(NUMBER_FORMAT));
    check_equal("{\"q\":\"a\\nb\"}", "{\"q\":\"a b\"}", BIT(WHITESPACE));
    check_equal("{\"q\":\"caf\\u00e9\"}", "{\"q\":\"caf\xc3\xa9\"}", BIT(UNICODE));
    check_equal("cafe\xcc\x81", "caf\xc3\xa9", BIT(UNICODE));
    check_equal("{'a': True, 'b': 'x'}", "{'b': 'x', 'a': True}", BIT(ORDER));
    check_equal("GET /i?a=1&b=2", "GET /i?b=2&a=1", BIT(ORDER));
    check_equal("q=how do I pay&k=1", "k=1&q=how do I pay", BIT(ORDER));
    check_equal("model=x, top_p=0.9, n=1", "n=1, model=x, top_p=0.9", BIT(ORDER));
    check_equal("ask {\"a\":1,\"b\":2} now", "ask {\"b\":2,\"a\":1} now", BIT(ORDER));
    check_equal("{\"p\":\"{\\\"a\\\":1,\\\"b\\\":\\\"X y\\\"}\"}",
                "{\"p\":\"{\\\"b\\\":\\\"x  y\\\",\\\"a\\\":1}\"}",
                BIT(ORDER) | BIT(CASE) | BIT(WHITESPACE));
}

static void test_different(void **state)
{
    (void)state;
    check_different("dog bites man", "man bites dog");
    check_different("ab", "a b");
    /* Only a whole text is a form: what stands behind a URL is not of it. */
    check_different("GET /i?a=1&b=2 and pay", "GET /i?b=2 and pay&a=1");
    check_different("{\"a\":1,\"b\":2}", "{\"a\":2,\"b\":1}");
    check_different("{\"a\":1}", "{\"a\":\"1\"}");
    check_different("{\"a\":[1,2]}", "{\"a\":[2,1]}");
    check_different("{\"a\":1}", "{\"a\":1,\"b\":1}");
    check_different("{\"a\":1}", "{\"a\":-1}");
    check_different("error 1044", "error 1045");
    check_different("{\"a\":{\"b\":1}}", "{\"a\":[{\"b\":1}]}");
    check_different("v1", "v2");
    check_different("", "x");
    check_different("0.2", "0.7");
}

static struct parts *read_parts(const char *key_text, const char *input_text,
                                uint32_t digest_offset)
{
    struct cache_key key = {.text = key_text, .text_bytes = (uint32_t)strlen(key_text)};
    struct cache_input input = {.text = input_text, .digest_offset = (uint16_t)digest_offset};
    struct parts *parts = parts_new();

    key.key_bytes = key.text_bytes;
    input.text_bytes = (uint32_t)strlen(input_text);
    input.input_bytes = input.text_bytes;
    input.digest_bytes = (uint16_t)(key.text_bytes - digest_offset);
    parts_read(parts, &key, &input);
    return parts;
}

/* The digest is no part of the identity, the rest of the key is. */
static void test_digest_in_key(void **state)
{
    struct parts *a = read_parts("llm:aaaa", "what?", 4), *b = read_parts("llm:bbbb", "what?", 4);
    struct parts *c = read_parts("emb:aaaa", "what?", 4), *d = read_parts("llm:aaaa", "who?", 4);

    (void)state;
    assert_true(parts_hash(a, ALL) == parts_hash(b, ALL));
    assert_true(parts_hash(a, ALL) != parts_hash(c, ALL));
    assert_true(parts_hash(a, ALL) != parts_hash(d, ALL));
    parts_free(a);
    parts_free(b);
    parts_free(c);
    parts_free(d);
}

/* What was not stored may differ: the fingerprint of the whole counts until the tail is left out of
 * account. */
static void test_cut_input(void **state)
{
    struct cache_key key = {.text = "k", .text_bytes = 1, .key_bytes = 1};
    struct cache_input a = {.text = "{\"p\":\"long te",
                            .text_bytes = 13,
                            .input_bytes = 9000,
                            .fingerprint = 1},
                       b = a;
    struct parts *x = parts_new(), *y = parts_new();

    (void)state;
    b.fingerprint = 2;
    parts_read(x, &key, &a);
    parts_read(y, &key, &b);
    assert_true(parts_hash(x, ALL) != parts_hash(y, ALL));
    assert_true(parts_hash(x, ALL | BIT(TAIL)) == parts_hash(y, ALL | BIT(TAIL)));
    parts_free(x);
    parts_free(y);
}

static uint64_t slot_of(const struct parts *parts, const char *source, const char *text)
{
    for (guint i = 0; i < parts->array->len; i++) {
        const struct part *part = parts_at(parts, i);

        if (part->kind == PART_TOKEN && part->bytes == strlen(text) &&
            memcmp(source + part->offset, text, part->bytes) == 0)
            return part->slot;
    }
    return 0;
}

/* The same field has the same slot wherever it stands and whatever it looks like; another field
 * another. */
static void test_slots(void **state)
{
    const char *one =
        "{\"ts\":1790000000123,\"request_id\":\"req-0123456789ab\",\"note\":\"x 17 y 18 z\"}";
    const char *two =
        "{\"request_id\": \"req-999999999999\", \"ts\": 1790000000456, \"note\":\"uu 5 vv 6 w\"}";
    struct parts *a = read_parts("k", one, 1), *b = read_parts("k", two, 1);

    (void)state;
    assert_true(slot_of(a, one, "1790000000123") != 0);
    assert_true(slot_of(a, one, "1790000000123") == slot_of(b, two, "1790000000456"));
    assert_true(slot_of(a, one, "req-0123456789ab") != 0);
    assert_true(slot_of(a, one, "req-0123456789ab") == slot_of(b, two, "req-999999999999"));
    assert_true(slot_of(a, one, "17") == slot_of(b, two, "5"));
    assert_true(slot_of(a, one, "18") == slot_of(b, two, "6"));
    assert_true(slot_of(a, one, "17") != slot_of(a, one, "18"));
    assert_true(slot_of(a, one, "1790000000123") != slot_of(a, one, "req-0123456789ab"));
    parts_free(a);
    parts_free(b);
}

/* A feature that is marked and masked takes its part out, and nothing else. */
static void test_dropping(void **state)
{
    const char *texts[] = {"{\"ts\":1790000000123,\"q\":\"x\"}",
                           "{\"ts\":1790000000999,\"q\":\"x\"}",
                           "{\"ts\":1790000000123,\"q\":\"y\"}"};
    uint64_t hashes[3], kept[3];
    struct map features = {0};

    (void)state;
    for (int i = 0; i < 3; i++) {
        struct parts *parts = read_parts("k", texts[i], 1);

        *map_put(&features, slot_of(parts, texts[i], i == 1 ? "1790000000999" : "1790000000123"),
                 NULL) = FEATURE_SLOTS;
        parts_mark(parts, &features);
        hashes[i] = parts_hash(parts, ALL | BIT(SLOTS));
        kept[i] = parts_hash(parts, ALL);
        parts_free(parts);
    }
    assert_true(hashes[0] == hashes[1] && hashes[0] != hashes[2]);
    assert_true(kept[0] != kept[1] && kept[0] != kept[2]);
    map_clear(&features);
}

/* Any bytes at all: nothing is read that is not there, and every part lies within its source. */
static void test_any_bytes(void **state)
{
    static const char alphabet[] = "{}[]\"'\\:,=&?;/ \n\tabcdu0123456789.-+<>%\xc3\xa9\x80\xff";
    uint64_t random = 1;

    (void)state;
    for (int round = 0; round < 20000; round++) {
        char *text = g_malloc(64); /* on the heap, so that a sanitizer sees an overrun */
        struct cache_key key = {.text = text, .key_bytes = 64 + round % 2, .text_bytes = 64};
        struct cache_input input = {.text = text,
                                    .text_bytes = 64,
                                    .input_bytes = 64 + round % 2,
                                    .digest_offset = (uint16_t)(round % 80),
                                    .digest_bytes = (uint16_t)(round % 7)};
        struct parts *parts = parts_new();

        for (int i = 0; i < 64; i++) {
            random = hash_mix(random, 1);
            text[i] = random % 50 == 0 ? '\0' : alphabet[random % (sizeof(alphabet) - 1)];
        }
        parts_read(parts, &key, round % 3 ? &input : NULL);
        for (guint i = 0; i < parts->array->len; i++) {
            const struct part *part = parts_at(parts, i);

            assert_true(part->offset + part->bytes <= 64);
            assert_true(part->name_offset + part->name_bytes <= 64);
            assert_true(part->end > i && part->end <= parts->array->len);
        }
        assert_true(parts_hash(parts, ALL) == parts_hash(parts, ALL));
        parts_free(parts);
        g_free(text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_equal),         cmocka_unit_test(test_different),
        cmocka_unit_test(test_digest_in_key), cmocka_unit_test(test_cut_input),
        cmocka_unit_test(test_slots),         cmocka_unit_test(test_dropping),
        cmocka_unit_test(test_any_bytes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
