/* A damaged capture gives an answer or a message, in little time and memory: cut off anywhere, and
 * with any byte other than it was. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <glib.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "capture/layout.h"
#include "common/capture_use.h"
#include "common/small_capture.h"

/*
 * With DAMAGE=all in the environment (`make fuzz`) every byte that is not zero, all of the first
 * bytes of every extent and of the header, and every truncation there is; otherwise a sample,
 * spread over all of these, as large as goes into SECONDS. DAMAGE_CAPTURE=FILE: of that capture
 * instead of a made one.
 */
#define SECONDS     4
#define LEAST       100         /* variants, however slow the machine is */
#define MEMORY_KIB  (512 << 10) /* that damage may take */
#define ONE_SECONDS 20

static struct {
    uint8_t *image;
    size_t bytes;
    GArray *places; /* size_t */
    bool all;
} given;

/* ---- One variant ---- */

static gint64 slowest_us;

static void look_at(const uint8_t *image, size_t bytes)
{
    gint64 begun = g_get_monotonic_time();
    GError *error = NULL;
    alarm(10 * ONE_SECONDS); /* what hangs is ended by it */
    struct capture *capture = capture_open_borrowed(image, bytes, "damaged", &error);
    if ((capture == NULL) == (error == NULL))
        fail_msg("neither a capture nor a message");
    if (capture != NULL) {
        capture_use(capture);
        small_capture_report(capture);
    }
    g_clear_error(&error);
    alarm(0);
    slowest_us = MAX(slowest_us, g_get_monotonic_time() - begun);
    assert_true(slowest_us < ONE_SECONDS * G_USEC_PER_SEC);
}

static long most_memory_kib(void)
{
    struct rusage usage;
    assert_int_equal(getrusage(RUSAGE_SELF, &usage), 0);
    return usage.ru_maxrss;
}

/* Calls `each` with as many of 0 .. count - 1 as there is time for, in an order that is spread. */
static size_t try_each(size_t count, void each(size_t index))
{
    gint64 until = g_get_monotonic_time() + (gint64)SECONDS * G_USEC_PER_SEC;
    size_t step = count / 2 | 1, tried = 0, index = 0;
    while (step > 1 && count % step == 0)
        step += 2;
    for (; tried < count && (given.all || tried < LEAST || g_get_monotonic_time() < until);
         tried++) {
        each(given.all ? tried : index);
        index = (index + step + 7919 % count) % count;
    }
    return tried;
}

/* ---- Which variants ---- */

static void flip(size_t index)
{
    static const uint8_t flips[] = {0x01, 0x80, 0xff, 0};
    size_t at = g_array_index(given.places, size_t, index / G_N_ELEMENTS(flips));
    uint8_t was = given.image[at], bits = flips[index % G_N_ELEMENTS(flips)];
    given.image[at] = bits == 0 ? 0 : was ^ bits;
    if (given.image[at] != was)
        look_at(given.image, given.bytes);
    given.image[at] = was;
}

static void every_byte_may_be_flipped(void **state)
{
    long before = most_memory_kib();
    size_t count = given.places->len * (size_t)4, tried = try_each(count, flip);
    (void)state;
    print_message("# %zu of %zu flips, the slowest took %.2f s, %ld MiB\n", tried, count,
                  (double)slowest_us / G_USEC_PER_SEC, most_memory_kib() >> 10);
    assert_true(tried >= MIN(count, LEAST));
    assert_true(most_memory_kib() - before < MEMORY_KIB);
}

/* Between two places that hold something nothing changes but the length. */
static void cut(size_t index)
{
    size_t bytes = g_array_index(given.places, size_t, index);
    uint8_t *copy = g_memdup2(given.image, bytes); /* so that who looks beyond it is caught */
    look_at(copy, bytes);
    g_free(copy);
}

static void every_truncation_gives_an_answer(void **state)
{
    long before = most_memory_kib();
    size_t tried = try_each(given.places->len, cut);
    (void)state;
    print_message("# %zu of %u truncations\n", tried, given.places->len);
    assert_true(tried >= MIN(given.places->len, LEAST));
    assert_true(most_memory_kib() - before < MEMORY_KIB);
}

/* What is whole is taken as whole: or else the variants say nothing. */
static void undamaged_it_is_whole(void **state)
{
    (void)state;
    struct capture *capture = capture_open_borrowed(given.image, given.bytes, "whole", NULL);
    assert_non_null(capture);
    assert_int_equal(capture->damage, 0);
    assert_true(small_capture_report(capture) > 0);
}

static int begin(void **state)
{
    const char *path = g_getenv("DAMAGE_CAPTURE"), *how = g_getenv("DAMAGE");
    char *text = NULL;
    (void)state;
    given.all = how != NULL && strcmp(how, "all") == 0;
    if (path == NULL)
        given.image = small_capture(&given.bytes);
    else if (g_file_get_contents(path, &text, &given.bytes, NULL))
        given.image = (uint8_t *)text;
    else
        return -1;
    given.places = g_array_new(FALSE, FALSE, sizeof(size_t));
    for (size_t at = 0; at < given.bytes; at++)
        if (given.image[at] != 0 || at % LK_GRANULE < (at < LK_GRANULE ? sizeof(struct lk_header)
                                                                       : sizeof(struct lk_extent)))
            g_array_append_val(given.places, at);
    return 0;
}

static int end(void **state)
{
    (void)state;
    g_free(given.image);
    g_array_free(given.places, TRUE);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(undamaged_it_is_whole),
        cmocka_unit_test(every_byte_may_be_flipped),
        cmocka_unit_test(every_truncation_gives_an_answer),
    };
    return cmocka_run_group_tests(tests, begin, end);
}
