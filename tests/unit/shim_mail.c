// Mail between a stream's threads: all of it, once, each poster's in order; and the pool of buffers
// that it is written on.
// links: shim/wire/mail.c shim/wire/buffers.c
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "sys.h"
#include "wire/buffers.h"
#include "wire/mail.h"

#define POSTERS 4u
#define LETTERS 20000u

void *lk_sys_memory_wiped(size_t bytes)
{
    void *memory = aligned_alloc(64, (bytes + 63) & ~(size_t)63);
    return memory ? memset(memory, 0, bytes) : NULL;
}

uint64_t lk_sys_monotonic_ns(void)
{
    return 1;
}

static struct lk_mail *box;

static bool post(uint32_t kind, uint64_t number, const char *bytes, size_t count)
{
    struct iovec parts[3] = {{(void *)(uintptr_t)bytes, count / 3},
                             {NULL, 0},
                             {(void *)(uintptr_t)(bytes + count / 3), count - count / 3}};
    struct lk_mail mail = {.kind = kind, .number = number, .count = (uint32_t)count};
    return lk_mail_post(&box, &mail, parts, 3);
}

static void comes_in_the_order_it_was_posted(void **state)
{
    (void)state;
    assert_false(lk_mail_waits(&box));
    assert_null(lk_mail_take(&box));
    for (uint32_t i = 0; i < 10; i++)
        assert_true(post(i, 100 + i, "some bytes", i));
    assert_true(lk_mail_waits(&box));
    struct lk_mail *mail = lk_mail_take(&box);
    for (uint32_t i = 0; i < 10; i++, mail = lk_mail_next(mail)) {
        assert_int_equal(mail->kind, i);
        assert_int_equal(mail->number, 100 + i);
        assert_int_equal(mail->count, i);
        assert_memory_equal(mail->bytes, "some bytes", i);
    }
    assert_null(mail);
    assert_false(lk_mail_waits(&box));
}

static void refuses_what_is_too_long_and_when_the_pool_is_empty(void **state)
{
    static char text[LK_BUFFER_LARGE];
    uint64_t posted = 0, taken = 0;
    (void)state;
    memset(text, 'x', sizeof text);
    assert_false(post(0, 0, text, sizeof text));
    assert_true(post(0, 0, text, sizeof text - sizeof(struct lk_mail)));
    while (post(0, ++posted, text, 1)) {}
    for (struct lk_mail *mail = lk_mail_take(&box); mail; mail = lk_mail_next(mail))
        taken++;
    assert_int_equal(taken, posted); /* with the long one, without the refused one */
    assert_true(post(0, 0, text, 1));
    assert_null(lk_mail_next(lk_mail_take(&box)));
}

static void *write_letters(void *argument)
{
    uint32_t poster = (uint32_t)(uintptr_t)argument;
    for (uint64_t i = 0; i < LETTERS;)
        i += post(poster, i, "a letter", 8);
    return NULL;
}

static void arrives_once_whoever_posts(void **state)
{
    pthread_t threads[POSTERS];
    uint64_t next[POSTERS] = {0}, arrived = 0;
    (void)state;
    for (uintptr_t i = 0; i < POSTERS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, write_letters, (void *)i), 0);
    while (arrived < POSTERS * LETTERS)
        for (struct lk_mail *mail = lk_mail_take(&box); mail; mail = lk_mail_next(mail)) {
            assert_int_equal(mail->number, next[mail->kind]++);
            assert_memory_equal(mail->bytes, "a letter", 8);
            arrived++;
        }
    for (uint32_t i = 0; i < POSTERS; i++)
        pthread_join(threads[i], NULL);
    assert_false(lk_mail_waits(&box));
}

static int begin(void **state)
{
    (void)state;
    return lk_buffers_init() ? 0 : -1;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(comes_in_the_order_it_was_posted),
        cmocka_unit_test(refuses_what_is_too_long_and_when_the_pool_is_empty),
        cmocka_unit_test(arrives_once_whoever_posts),
    };
    return cmocka_run_group_tests(tests, begin, NULL);
}
