/* Computations of digests, from their begin to what is remembered. */
// links: shim/cache/digest_context.c
#define XXH_INLINE_ALL
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include <cmocka.h>

#include "cache/digest_context.h"
#include "cache/inputs.h"
#include "capture/state.h"
#include "config.h"
#include "sys.h"

/* What the module asks of the rest of the shim. */
__thread struct lk_thread lk_self __attribute__((tls_model("initial-exec")));
struct lk_config lk_config = {.cache = true};
static struct lk_state shim_state;
struct lk_state *lk_state = &shim_state;
static void *memory;
static size_t memory_bytes;
static uint32_t dropped;

void *lk_sys_make_wiped(void **place, size_t bytes)
{
    void *none = NULL, *made = aligned_alloc(64, (bytes + 63) & ~(size_t)63);
    assert_non_null(made);
    memset(made, 0, bytes);
    if (!__atomic_compare_exchange_n(place, &none, made, false, __ATOMIC_RELEASE,
                                     __ATOMIC_ACQUIRE)) {
        free(made);
        return none;
    }
    memory_bytes = bytes;
    return memory = made;
}

void lk_drop(enum lk_drop why)
{
    assert_int_equal(why, LK_DROP_NO_STATE);
    __atomic_fetch_add(&dropped, 1, __ATOMIC_RELAXED);
}

/* The latest that was remembered, and how many were. */
static __thread struct {
    uint64_t fingerprint, input_bytes;
    size_t text_bytes, count;
    char text[LK_TEXT_MAX];
    uint8_t digest[LK_TEXT_MAX];
} remembered;

void lk_input_remember(enum lk_digest_algorithm algorithm, const void *digest, size_t digest_bytes,
                       uint64_t fingerprint, uint64_t input_bytes, const void *text,
                       size_t text_bytes)
{
    (void)algorithm;
    assert_int_equal(lk_self.depth, LK_RECORDING);
    remembered.fingerprint = fingerprint;
    remembered.input_bytes = input_bytes;
    remembered.text_bytes = text_bytes;
    memcpy(remembered.text, text, text_bytes);
    memcpy(remembered.digest, digest, digest_bytes);
    remembered.count++;
    errno = EBADF; /* whatever happens here, the host must not see it */
}

static void finish(const void *context)
{
    lk_digest_result(context, LK_DIGEST_SHA256, "0123456789abcdef0123456789abcdef", 32);
}

static void assert_remembered(const char *input, size_t bytes)
{
    assert_int_equal(remembered.input_bytes, bytes);
    assert_int_equal(remembered.fingerprint, XXH3_64bits(input, bytes));
    assert_int_equal(remembered.text_bytes, bytes < LK_TEXT_MAX ? bytes : LK_TEXT_MAX);
    assert_memory_equal(remembered.text, input, remembered.text_bytes);
}

static int begin_anew(void **state)
{
    (void)state;
    if (memory)
        memset(memory, 0, memory_bytes);
    remembered.count = 0;
    dropped = 0;
    return 0;
}

/* ---- Tests ---- */

static void pieces_add_up(void **state)
{
    static const size_t sizes[] = {1,    2,    255,  256,  LK_TEXT_MAX - 1, LK_TEXT_MAX,
                                   4097, 5000, 8192, 8193, 100000};
    static char input[100000];
    int context = 0;
    (void)state;
    for (size_t i = 0; i < sizeof input; i++)
        input[i] = (char)(i * 7 + i / 251);
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        for (size_t piece = 1; piece < 9000; piece = piece * 5 + 1) {
            lk_digest_begin(&context);
            for (size_t at = 0; at < sizes[i]; at += piece)
                lk_digest_update(&context, input + at,
                                 sizes[i] - at < piece ? sizes[i] - at : piece);
            finish(&context);
            assert_remembered(input, sizes[i]);
        }
    }
}

static void a_copy_goes_its_own_way(void **state)
{
    static char input[LK_TEXT_MAX + 10];
    int context = 0, copy = 0;
    (void)state;
    memset(input, 'x', sizeof input);
    lk_digest_begin(&context);
    lk_digest_update(&context, "ab", 2);
    lk_digest_copy(&copy, &context);
    finish(&copy);
    assert_remembered("ab", 2);
    lk_digest_forget(&copy);
    lk_digest_update(&context, "c", 1);
    finish(&context);
    assert_remembered("abc", 3);
    /* One that is longer than its text. */
    lk_digest_begin(&context);
    lk_digest_update(&context, input, LK_TEXT_MAX + 1);
    lk_digest_copy(&copy, &context);
    lk_digest_update(&copy, input, 9);
    finish(&copy);
    assert_remembered(input, sizeof input);
    finish(&context);
    assert_remembered(input, LK_TEXT_MAX + 1);
    /* Of what is not followed, there is none. */
    lk_digest_forget(&context);
    lk_digest_copy(&copy, &context);
    remembered.count = 0;
    finish(&copy);
    assert_int_equal(remembered.count, 0);
}

static void begins_again_and_forgets(void **state)
{
    int context = 0, other = 0;
    (void)state;
    lk_digest_begin(&context);
    lk_digest_update(&context, "old", 3);
    lk_digest_begin(&context);
    lk_digest_update(&context, "new", 3);
    finish(&context);
    assert_remembered("new", 3);
    finish(&context); /* xxHash goes on after a digest */
    assert_int_equal(remembered.count, 2);
    lk_digest_forget(&context);
    lk_digest_update(&context, "x", 1);
    finish(&context);
    finish(&other);
    lk_digest_begin(&context);
    finish(&context); /* nothing digested */
    assert_int_equal(remembered.count, 2);
}

static void does_nothing_inside_the_shim_or_another_digest(void **state)
{
    int context = 0;
    (void)state;
    lk_digest_begin(&context);
    lk_digest_update(&context, "a", 1);
    lk_digest_call();
    lk_digest_update(&context, "b", 1);
    finish(&context);
    lk_digest_begin(&context);
    lk_digest_return();
    lk_self.depth++;
    lk_digest_update(&context, "c", 1);
    finish(&context);
    lk_digest_once(LK_DIGEST_MD5, "0123456789abcdef", 16, "c", 1);
    lk_self.depth--;
    assert_int_equal(remembered.count, 0);
    finish(&context);
    assert_remembered("a", 1);
    lk_config.cache = false;
    lk_digest_begin(&context);
    lk_config.cache = true;
    lk_state = NULL;
    lk_digest_begin(&context);
    lk_state = &shim_state;
    finish(&context);
    assert_remembered("a", 1);
}

static void keeps_errno_and_depth(void **state)
{
    int context = 0;
    (void)state;
    errno = ENOENT;
    lk_digest_begin(&context);
    lk_digest_update(&context, "a", 1);
    finish(&context);
    lk_digest_once(LK_DIGEST_MD5, "0123456789abcdef", 16, "a", 1);
    lk_digest_forget(&context);
    assert_int_equal(remembered.count, 2);
    assert_int_equal(errno, ENOENT);
    assert_int_equal(lk_self.depth, 0);
}

static void takes_all_at_once(void **state)
{
    char buffer[64] = "input that its own digest overwrites";
    (void)state;
    lk_digest_once(LK_DIGEST_MD5, "0123456789abcdef", 16, "hello", 5);
    assert_remembered("hello", 5);
    lk_digest_once(LK_DIGEST_MD5, buffer, 16, buffer, 20);
    lk_digest_once(LK_DIGEST_MD5, buffer, 16, buffer + 15, 20);
    lk_digest_once(LK_DIGEST_MD5, buffer + 19, 16, buffer, 20);
    lk_digest_once(LK_DIGEST_MD5, buffer, 16, "", 0);
    assert_int_equal(remembered.count, 1);
    lk_digest_once(LK_DIGEST_MD5, buffer, 16, buffer + 16, 20);
    lk_digest_once(LK_DIGEST_MD5, buffer + 20, 16, buffer, 20);
    assert_int_equal(remembered.count, 3);
}

/* States that nobody frees make room for others, and are counted. */
static void abandoned_ones_make_room(void **state)
{
    static char contexts[16 * LK_CONTEXTS];
    (void)state;
    for (size_t i = 0; i < sizeof contexts; i += 8)
        lk_digest_begin(&contexts[i]);
    assert_in_range(dropped, LK_CONTEXTS, 2 * LK_CONTEXTS);
    lk_digest_begin(&contexts[0]);
    lk_digest_update(&contexts[0], "a", 1);
    finish(&contexts[0]);
    assert_int_equal(remembered.count, 1);
}

/* A child by fork finds its memory zeroed. */
static void forgets_all_that_was_wiped(void **state)
{
    int context = 0;
    lk_digest_begin(&context);
    lk_digest_update(&context, "a", 1);
    begin_anew(state);
    lk_digest_update(&context, "b", 1);
    finish(&context);
    assert_int_equal(remembered.count, 0);
    lk_digest_begin(&context);
    lk_digest_update(&context, "b", 1);
    finish(&context);
    assert_remembered("b", 1);
}

/* NULL when all was right. */
static void *digest_much(void *seed)
{
    char contexts[64 * 8], input[40];
    for (uintptr_t i = 0; i < 20000; i++) {
        void *context = &contexts[i % 64 * 8];
        memset(input, (int)(i + (uintptr_t)seed), sizeof input);
        lk_digest_begin(context);
        lk_digest_update(context, input, 20);
        lk_digest_update(context, input + 20, 20);
        remembered.count = 0;
        finish(context);
        if (remembered.count &&
            (remembered.input_bytes != 40 || remembered.fingerprint != XXH3_64bits(input, 40)))
            return &remembered;
        if (i % 3)
            lk_digest_forget(context);
    }
    return NULL;
}

static void threads_do_not_meet(void **state)
{
    pthread_t threads[4];
    (void)state;
    for (uintptr_t i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, digest_much, (void *)(i * 77)), 0);
    for (int i = 0; i < 4; i++) {
        void *wrong;
        pthread_join(threads[i], &wrong);
        assert_null(wrong);
    }
}

/* The next context after that one which lies in the table's first set. */
static uintptr_t next_in_first_set(uintptr_t context)
{
    do
        context += 8;
    while ((context >> 3) * 0x9e3779b97f4a7c15u >> 57 != 0);
    return context;
}

static void *begin_and_forget(void *seed)
{
    uintptr_t context = (uintptr_t)seed * 4096;
    for (int i = 0; i < 100000; i++) {
        if (i % 64 == 0)
            context = (uintptr_t)seed * 4096;
        context = next_in_first_set(context);
        lk_digest_begin((const void *)context);
        lk_digest_forget((const void *)context);
    }
    return NULL;
}

/* Threads that look for room at the same moment see the same free place first. */
static void while_there_is_room_none_is_dropped(void **state)
{
    pthread_t threads[4];
    (void)state;
    for (uintptr_t i = 0; i < 4; i++)
        assert_int_equal(
            pthread_create(&threads[i], NULL, begin_and_forget, (void *)((i + 1) << 20)), 0);
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(dropped, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(pieces_add_up, begin_anew),
        cmocka_unit_test_setup(a_copy_goes_its_own_way, begin_anew),
        cmocka_unit_test_setup(begins_again_and_forgets, begin_anew),
        cmocka_unit_test_setup(does_nothing_inside_the_shim_or_another_digest, begin_anew),
        cmocka_unit_test_setup(keeps_errno_and_depth, begin_anew),
        cmocka_unit_test_setup(takes_all_at_once, begin_anew),
        cmocka_unit_test_setup(abandoned_ones_make_room, begin_anew),
        cmocka_unit_test_setup(forgets_all_that_was_wiped, begin_anew),
        cmocka_unit_test_setup(threads_do_not_meet, begin_anew),
        cmocka_unit_test_setup(while_there_is_room_none_is_dropped, begin_anew),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
