/* Digests that were remembered, found again in keys, with their inputs as the capture stores them.
 */
// links: shim/cache/inputs.c shim/cache/keydigest.c shim/cache/text.c shim/cache/text_wide.c
#define XXH_INLINE_ALL
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <xxhash.h>

#include <cmocka.h>

#include "cache/inputs.h"
#include "cache/text.h"
#include "capture/capture.h"
#include "config.h"
#include "sys.h"
#include "text/lexer.h"

/* What the module asks of the rest of the shim: records go to this thread's buffer. */
struct lk_config lk_config;
static __thread struct {
    union {
        struct lk_record_input input;
        char bytes[65536];
    } record;
    size_t count;
} written;
static void *memory;
static size_t memory_bytes;

void *lk_sys_make_wiped(void **place, size_t bytes)
{
    void *none = NULL, *made = aligned_alloc(64, (bytes + 63) & ~(size_t)63);
    assert_non_null(made);
    memset(made, 0, bytes);
    usleep(20000); /* so that threads come while it is made */
    if (!__atomic_compare_exchange_n(place, &none, made, false, __ATOMIC_RELEASE,
                                     __ATOMIC_ACQUIRE)) {
        free(made);
        return none;
    }
    memory_bytes = bytes;
    return memory = made;
}

uint64_t lk_sys_random(void)
{
    static uint64_t value = 42;
    return __atomic_add_fetch(&value, 0x9e3779b97f4a7c15u, __ATOMIC_RELAXED);
}

void *lk_record_begin(enum lk_record_type type, size_t bytes, uint64_t time_ns)
{
    if (type != LK_RECORD_INPUT || bytes > 65528)
        return NULL;
    memset(&written.record, 0xee, bytes);
    written.record.input.head =
        (struct lk_record){.type = (uint16_t)type, .bytes = (uint16_t)bytes, .time_ns = time_ns};
    return &written.record;
}

void lk_record_end(void)
{
    written.count++;
}

static int begin_anew(void **state)
{
    (void)state;
    lk_config.hash_keys = false;
    written.count = 0;
    if (memory)
        memset(memory, 0, memory_bytes);
    return 0;
}

/* A stand-in for a digest: what counts is that inputs have different ones. */
static void digest_of(const char *input, size_t bytes, uint8_t digest[32])
{
    for (uint64_t i = 0; i < 4; i++) {
        uint64_t part = XXH3_64bits_withSeed(input, bytes, i + 1);
        memcpy(digest + 8 * i, &part, 8);
    }
}

static void remember(const char *input, size_t bytes)
{
    uint8_t digest[32];
    digest_of(input, bytes, digest);
    lk_input_remember(LK_DIGEST_SHA256, digest, sizeof digest, XXH3_64bits(input, bytes), bytes,
                      input, bytes < LK_TEXT_MAX ? bytes : LK_TEXT_MAX);
}

/* Asks with a key that holds the first `digits` hexadecimal digits of the input's digest. */
static bool ask(const char *input, size_t bytes, size_t digits)
{
    uint8_t digest[32];
    char key[80] = "llm:";
    digest_of(input, bytes, digest);
    for (size_t i = 0; i < 32; i++)
        snprintf(key + 4 + 2 * i, 3, "%02x", digest[i]);
    size_t before = written.count;
    lk_input_write(key, 4 + digits, 99, 1000);
    return written.count == before + 1;
}

static const struct lk_record_input *record(void)
{
    return &written.record.input;
}

static void assert_text(const char *text, size_t bytes)
{
    assert_int_equal(record()->text_bytes, bytes);
    assert_memory_equal(record() + 1, text, bytes);
}

/* ---- Tests ---- */

static void says_nothing_when_nothing_was_digested(void **state)
{
    (void)state;
    assert_false(ask("a", 1, 64));
    remember("b", 1);
    assert_false(ask("a", 1, 64));
}

static void writes_what_the_key_holds(void **state)
{
    (void)state;
    remember("what is it?", 11);
    assert_true(ask("what is it?", 11, 64));
    assert_int_equal(record()->head.bytes, sizeof *record() + 11);
    assert_int_equal(record()->head.time_ns, 1000);
    assert_int_equal(record()->key_hash, 99);
    assert_int_equal(record()->fingerprint, XXH3_64bits("what is it?", 11));
    assert_int_equal(record()->input_bytes, 11);
    assert_int_equal(record()->algorithm, LK_DIGEST_SHA256);
    assert_int_equal(record()->encoding, LK_ENCODING_HEX);
    assert_int_equal(record()->digest_offset, 4);
    assert_int_equal(record()->digest_bytes, 64);
    assert_int_equal(record()->reserved, 0);
    assert_text("what is it?", 11);
    assert_true(ask("what is it?", 11, 16));
    assert_int_equal(record()->digest_bytes, 16);
}

static void keeps_the_beginning_of_long_inputs(void **state)
{
    static char input[3 * LK_TEXT_MAX];
    (void)state;
    memset(input, 'x', sizeof input);
    remember(input, sizeof input);
    assert_true(ask(input, sizeof input, 64));
    assert_int_equal(record()->input_bytes, sizeof input);
    assert_int_equal(record()->fingerprint, XXH3_64bits(input, sizeof input));
    assert_text(input, LK_TEXT_MAX);
}

static void prefers_the_longest_then_the_latest(void **state)
{
    uint8_t digest[32];
    (void)state;
    digest_of("a", 1, digest);
    /* The same first 8 bytes of another input's digest, remembered later. */
    remember("a", 1);
    uint8_t other[8];
    memcpy(other, digest, 8);
    lk_input_remember(LK_DIGEST_XXH64, other, 8, XXH3_64bits("b", 1), 1, "b", 1);
    assert_true(ask("a", 1, 64));
    assert_text("a", 1);
    assert_true(ask("a", 1, 16));
    assert_text("b", 1);
}

static void forgets_the_oldest(void **state)
{
    char input[32];
    int found = 0, bytes;
    (void)state;
    for (int i = 0; i < 40000; i++) {
        bytes = snprintf(input, sizeof input, "input %d", i);
        remember(input, (size_t)bytes);
    }
    assert_false(ask("input 0", 7, 64));
    assert_false(ask("input 23000", 11, 64));
    for (int i = 24000; i < 40000; i++) {
        bytes = snprintf(input, sizeof input, "input %d", i);
        if (ask(input, (size_t)bytes, 64)) {
            assert_text(input, (size_t)bytes);
            found++;
        }
    }
    assert_in_range(found, 15900, 16000); /* a bucket may overflow */
}

/* An input that is digested again and again does not push out the others. */
static void repeated_inputs_take_one_place(void **state)
{
    (void)state;
    remember("rare", 4);
    for (int i = 0; i < 100000; i++)
        remember("hot", 3);
    assert_true(ask("rare", 4, 64));
    assert_true(ask("hot", 3, 64));
}

/* The text is gone, the fingerprint still tells which input it was. */
static void text_that_was_overwritten_is_left_out(void **state)
{
    static char input[LK_TEXT_MAX];
    (void)state;
    for (int i = 0; i < 3000; i++) {
        if (i == 500)
            remember("first", 5);
        memset(input, 'x', sizeof input);
        memcpy(input, &i, sizeof i);
        remember(input, sizeof input);
    }
    assert_true(ask("first", 5, 64));
    assert_int_equal(record()->text_bytes, 0);
    assert_int_equal(record()->fingerprint, XXH3_64bits("first", 5));
    assert_true(ask(input, sizeof input, 64));
    assert_text(input, sizeof input);
}

static void hash_mode_writes_no_text(void **state)
{
    static const char input[] = "Ask 42 Times";
    (void)state;
    lk_config.hash_keys = true;
    remember(input, 12);
    assert_true(ask(input, 12, 64));
    assert_true(record()->fingerprint != XXH3_64bits(input, 12));
    assert_int_equal(record()->fingerprint, lk_text_rekey(XXH3_64bits(input, 12)));
    const struct lk_token_hash *tokens = (const void *)(record() + 1);
    assert_int_equal(record()->text_bytes, 5 * sizeof *tokens);
    assert_int_equal(tokens[0].token_class, LK_CLASS_WORD);
    assert_int_equal(tokens[0].bytes, 3);
    assert_int_equal(tokens[0].folded_hash, (uint32_t)lk_text_hash("ask", 3));
    assert_int_equal(tokens[0].hash, lk_text_hash("Ask", 3));
    assert_int_equal(tokens[2].token_class, LK_CLASS_NUMBER);
    assert_true(lk_text_hash("Ask", 3) != XXH3_64bits("Ask", 3));
    for (size_t i = 0; i + 3 <= written.record.input.head.bytes; i++) {
        assert_memory_not_equal(written.record.bytes + i, "Ask", 3);
        assert_memory_not_equal(written.record.bytes + i, "ask", 3);
    }
}

static void hash_mode_fits_a_record(void **state)
{
    static char text[2 * LK_TEXT_MAX], out[65536];
    (void)state;
    lk_config.hash_keys = true;
    memset(text, ':', sizeof text);
    size_t stored = lk_text_stored_bytes(text, sizeof text);
    assert_in_range(stored, 16, 40000);
    memset(out, 0x55, sizeof out);
    lk_text_store(out, stored, text, sizeof text);
    const struct lk_token_hash *tokens = (const void *)out;
    size_t count = stored / sizeof *tokens, covered = 0;
    for (size_t i = 0; i < count; i++)
        covered += tokens[i].bytes;
    assert_int_equal(covered, LK_TEXT_MAX); /* the last one takes the rest */
    assert_int_equal(out[stored], 0x55);
}

/* ---- Threads ---- */

#define THREADS 4
#define ROUNDS  4000

/* NULL when all was right. */
static void *remember_and_ask(void *number)
{
    char input[64];
    for (int i = 0; i < ROUNDS; i++) {
        int bytes = snprintf(input, sizeof input, "thread %d input %d", (int)(uintptr_t)number, i);
        remember(input, (size_t)bytes);
        if (!ask(input, (size_t)bytes, 64))
            continue; /* its bucket was full */
        if (record()->text_bytes != (size_t)bytes || memcmp(record() + 1, input, (size_t)bytes))
            return &written;
    }
    return written.count < ROUNDS * 9 / 10 ? &written : NULL;
}

static void threads_find_their_own(void **state)
{
    pthread_t threads[THREADS];
    (void)state;
    for (uintptr_t i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, remember_and_ask, (void *)i), 0);
    for (int i = 0; i < THREADS; i++) {
        void *wrong;
        pthread_join(threads[i], &wrong);
        assert_null(wrong);
    }
}

static void *remember_one(void *number)
{
    char input[64];
    remember(input, (size_t)snprintf(input, sizeof input, "first %d", (int)(uintptr_t)number));
    return NULL;
}

/* Threads come at once, before there is any memory for inputs: what each had digested is known.
 * Has to run before the others. */
static void nobody_loses_the_first_input(void **state)
{
    pthread_t threads[THREADS];
    (void)state;
    assert_null(memory);
    for (uintptr_t i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, remember_one, (void *)i), 0);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    for (int i = 0; i < THREADS; i++) {
        char input[64];
        int bytes = snprintf(input, sizeof input, "first %d", i);
        assert_true(ask(input, (size_t)bytes, 64));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nobody_loses_the_first_input),
        cmocka_unit_test_setup(says_nothing_when_nothing_was_digested, begin_anew),
        cmocka_unit_test_setup(writes_what_the_key_holds, begin_anew),
        cmocka_unit_test_setup(keeps_the_beginning_of_long_inputs, begin_anew),
        cmocka_unit_test_setup(prefers_the_longest_then_the_latest, begin_anew),
        cmocka_unit_test_setup(forgets_the_oldest, begin_anew),
        cmocka_unit_test_setup(repeated_inputs_take_one_place, begin_anew),
        cmocka_unit_test_setup(text_that_was_overwritten_is_left_out, begin_anew),
        cmocka_unit_test_setup(hash_mode_writes_no_text, begin_anew),
        cmocka_unit_test_setup(hash_mode_fits_a_record, begin_anew),
        cmocka_unit_test_setup(threads_find_their_own, begin_anew),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
