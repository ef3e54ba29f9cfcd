// Commands out of bytes: RESP arrays, inline commands, dynamic strings; what is broken is refused.
// links: shim/cache/resp.c
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cache/resp.h"

static void assert_next(struct lk_resp *resp, const char *text)
{
    struct lk_slice argument;
    assert_true(lk_resp_next(resp, &argument));
    assert_int_equal(argument.bytes, strlen(text));
    assert_memory_equal(argument.text, text, argument.bytes);
}

static void reads_arguments(void **state)
{
    static const char bytes[] = "*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$0\r\n\r\n*1\r\n$4\r\nPING\r\n";
    struct lk_resp resp;
    struct lk_slice argument;
    (void)state;
    assert_true(lk_resp_begin(&resp, bytes, sizeof bytes - 1));
    assert_int_equal(resp.count, 3);
    assert_next(&resp, "SET");
    assert_next(&resp, "k");
    assert_next(&resp, "");
    assert_false(lk_resp_next(&resp, &argument));
    const char *next = lk_resp_finish(&resp);
    assert_ptr_equal(next, strstr(bytes, "*1"));
    assert_true(lk_resp_begin(&resp, next, (size_t)(bytes + sizeof bytes - 1 - next)));
    assert_next(&resp, "PING");
    assert_ptr_equal(lk_resp_finish(&resp), bytes + sizeof bytes - 1);
}

static void reads_inline_commands(void **state)
{
    static const char bytes[] = "\r\n  GET   key \r\nPING\n";
    struct lk_resp resp;
    (void)state;
    assert_true(lk_resp_begin(&resp, bytes, sizeof bytes - 1));
    assert_int_equal(resp.count, 2);
    assert_next(&resp, "GET");
    assert_next(&resp, "key");
    const char *next = lk_resp_finish(&resp);
    assert_true(lk_resp_begin(&resp, next, (size_t)(bytes + sizeof bytes - 1 - next)));
    assert_next(&resp, "PING");
    assert_false(lk_resp_begin(&resp, "PING", 4));
    assert_false(lk_resp_begin(&resp, "\r\n\r\n", 4));
}

static void refuses_what_is_no_command(void **state)
{
    static const char *const broken[] = {"*0\r\n",
                                         "*-1\r\n",
                                         "*99999999999\r\n$1\r\nx\r\n",
                                         "*1",
                                         "*1\r\n$5\r\nPING\r\n",
                                         "*1\r\n$99999999999\r\nPING\r\n",
                                         "*1\r\n$4\r\nPINGxx",
                                         "*1\r\n:4\r\n",
                                         "*1\r\n$4294967295\r\nPING\r\n"};
    (void)state;
    for (size_t i = 0; i < sizeof broken / sizeof *broken; i++) {
        /* A copy of its own, so that a sanitizer sees a byte too many. */
        char *copy = strdup(broken[i]);
        struct lk_resp resp;
        struct lk_slice argument;
        assert_non_null(copy);
        if (lk_resp_begin(&resp, copy, strlen(broken[i]))) {
            assert_false(lk_resp_next(&resp, &argument));
            assert_null(lk_resp_finish(&resp));
        }
        free(copy);
    }
}

/* Every beginning of a good command: no more arguments than are whole, and never a byte beyond. */
static void survives_every_cut(void **state)
{
    static const char bytes[] = "*3\r\n$3\r\nSET\r\n$3\r\nkey\r\n$5\r\nvalue\r\n";
    (void)state;
    for (size_t length = 0; length < sizeof bytes - 1; length++) {
        char *copy = malloc(length + !length);
        struct lk_resp resp;
        struct lk_slice argument;
        int arguments = 0;
        assert_non_null(copy);
        memcpy(copy, bytes, length);
        if (lk_resp_begin(&resp, copy, length)) {
            while (lk_resp_next(&resp, &argument))
                arguments++;
            assert_true(arguments < 3);
            assert_null(lk_resp_finish(&resp));
        }
        free(copy);
    }
}

static void knows_lengths_of_dynamic_strings(void **state)
{
    char room[32] = {0};
    uint16_t half = 40000;
    uint32_t word = 3000000000u;
    uint64_t wide = 5000000000u;
    (void)state;
    room[19] = (char)(31 << 3);
    assert_int_equal(lk_sds_length(room + 20, false), 31);
    room[19] = 1;
    room[17] = (char)200;
    assert_int_equal(lk_sds_length(room + 20, false), 200);
    room[19] = 2;
    memcpy(room + 15, &half, sizeof half);
    assert_int_equal(lk_sds_length(room + 20, false), half);
    room[19] = 3;
    memcpy(room + 11, &word, sizeof word);
    assert_int_equal(lk_sds_length(room + 20, false), word);
    room[19] = 4;
    memcpy(room + 3, &wide, sizeof wide);
    assert_int_equal(lk_sds_length(room + 20, false), wide);
    room[19] = 5;
    assert_int_equal(lk_sds_length(room + 20, false), 0);
    memcpy(room + 12, &word, sizeof word);
    assert_int_equal(lk_sds_length(room + 20, true), word);
}

static void reads_numbers_and_words(void **state)
{
    static const struct {
        const char *text;
        bool is_number;
        int64_t number;
    } cases[] = {
        {"0", true, 0},    {"-12", true, -12}, {"9223372036854775807", true, INT64_MAX},
        {"", false, 0},    {"-", false, 0},    {"9223372036854775808", false, 0},
        {"12x", false, 0}, {"+1", false, 0},   {"1.5", false, 0},
    };
    struct lk_slice word = {"KeepTTL", 7};
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct lk_slice slice = {cases[i].text, strlen(cases[i].text)};
        int64_t number = 0;
        assert_int_equal(lk_slice_number(&slice, &number), cases[i].is_number);
        assert_int_equal(number, cases[i].number);
    }
    assert_true(lk_slice_is(&word, "KEEPTTL"));
    assert_false(lk_slice_is(&word, "KEEPTTLS"));
    assert_false(lk_slice_is(&word, "KEEP"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_arguments),
        cmocka_unit_test(reads_inline_commands),
        cmocka_unit_test(refuses_what_is_no_command),
        cmocka_unit_test(survives_every_cut),
        cmocka_unit_test(knows_lengths_of_dynamic_strings),
        cmocka_unit_test(reads_numbers_and_words),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
