// Commands found in what is written, however it is cut: each once, whole, in order.
// links: shim/wire/sent.c shim/cache/resp.c shim/cache/commands.c
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cache/commands.h"
#include "common/played_text.h"
#include "wire/sent.h"

/* ---- What is told ---- */

static char journal[8 << 20];
static size_t written;
static int buffers_out;
static bool no_buffers;

/* "SET key 5 hash;" */
static void commands(void *context, const char *bytes, size_t count)
{
    const char *end = bytes + count;
    struct lk_command command;
    (void)context;
    while (bytes && bytes < end && lk_command_begin(&command, bytes, (size_t)(end - bytes))) {
        struct lk_command_key key;
        written +=
            (size_t)snprintf(journal + written, sizeof journal - written, "%s", command.name);
        while (lk_command_next_key(&command, &key))
            written += (size_t)snprintf(
                journal + written, sizeof journal - written, " %.*s %llx %llu %llx",
                key.text.bytes < 40 ? (int)key.text.bytes : 40, key.text.text,
                (unsigned long long)(key.hash ? key.hash
                                              : lk_text_hash(key.text.text, key.text.bytes)),
                (unsigned long long)key.value_bytes, (unsigned long long)key.value_hash);
        bytes = lk_command_end(&command);
        written += (size_t)snprintf(journal + written, sizeof journal - written, "%s;",
                                    bytes ? "" : " broken");
    }
}

static char *take_buffer(void *context, uint32_t bytes)
{
    (void)context;
    if (no_buffers)
        return NULL;
    buffers_out++;
    return malloc(bytes);
}

static void give_buffer(void *context, char *buffer)
{
    (void)context;
    buffers_out--;
    free(buffer);
}

static const struct lk_sent_sink sink = {
    .commands = commands, .take_buffer = take_buffer, .give_buffer = give_buffer};

static int begin(void **state)
{
    (void)state;
    lk_commands_init();
    written = 0;
    journal[0] = '\0';
    buffers_out = 0;
    no_buffers = false;
    return 0;
}

/* ---- Streams ---- */

static char stream[2 << 20];
static size_t stream_bytes;
static uint64_t seed;

static uint64_t random_below(uint64_t limit)
{
    seed = seed * 6364136223846793005u + 1442695040888963407u;
    return (seed >> 33) % limit;
}

static void put_argument(const char *text, size_t bytes)
{
    stream_bytes += (size_t)sprintf(stream + stream_bytes, "$%zu\r\n", bytes);
    memcpy(stream + stream_bytes, text, bytes);
    stream_bytes += bytes;
    memcpy(stream + stream_bytes, "\r\n", 2);
    stream_bytes += 2;
}

static void put_command(void)
{
    static char value[60000];
    char key[64];
    size_t bytes = random_below(8) ? random_below(300) : random_below(sizeof value);
    memset(value, 'a' + (int)random_below(26), sizeof value);
    sprintf(key, "key:%llu", (unsigned long long)random_below(100000));
    switch (random_below(4)) {
    case 0:
        stream_bytes += (size_t)sprintf(stream + stream_bytes, "*2\r\n");
        put_argument("GET", 3);
        put_argument(key, strlen(key));
        break;
    case 1:
        stream_bytes += (size_t)sprintf(stream + stream_bytes, "GET %s\r\n", key);
        break;
    case 2: /* a long key */
        stream_bytes += (size_t)sprintf(stream + stream_bytes, "*2\r\n");
        put_argument("GET", 3);
        put_argument(value, bytes);
        break;
    default:
        stream_bytes += (size_t)sprintf(stream + stream_bytes, "*3\r\n");
        put_argument("SET", 3);
        put_argument(key, strlen(key));
        put_argument(value, bytes);
    }
}

static void feed_whole(void)
{
    commands(NULL, stream, stream_bytes);
}

/* Pieces of up to `most` bytes; each in memory of its own, so that who looks beyond it is caught.
 */
static void feed_cut(size_t most, bool hold)
{
    struct lk_sent sent;
    memset(&sent, 0, sizeof sent);
    for (size_t at = 0; at < stream_bytes;) {
        size_t part = 1 + random_below(most);
        if (part > stream_bytes - at)
            part = stream_bytes - at;
        char *piece = malloc(part);
        memcpy(piece, stream + at, part);
        assert_true(lk_sent_feed(&sent, piece, part, hold, &sink));
        free(piece);
        at += part;
    }
    lk_sent_release(&sent, &sink);
    assert_int_equal(buffers_out, 0);
}

static void is_found_however_it_is_cut(void **state)
{
    static char expected[sizeof journal];
    static const size_t cuts[] = {1, 2, 7, 40, 500, 20000, 1000000};
    (void)state;
    for (seed = 1; seed < 60; seed += 7) {
        stream_bytes = 0;
        uint64_t kept = seed;
        while (stream_bytes < sizeof stream / 4)
            put_command();
        written = 0;
        feed_whole();
        memcpy(expected, journal, written + 1);
        for (size_t i = 0; i < sizeof cuts / sizeof *cuts; i++) {
            written = 0;
            feed_cut(cuts[i], false);
            assert_string_equal(journal, expected);
        }
        seed = kept;
    }
}

static void is_held_until_it_is_released(void **state)
{
    struct lk_sent sent;
    (void)state;
    memset(&sent, 0, sizeof sent);
    assert_true(
        lk_sent_feed(&sent, "*2\r\n$3\r\nGET\r\n$1\r\na\r\n*2\r\n$3\r\nG", 29, true, &sink));
    assert_string_equal(journal, "");
    lk_sent_release(&sent, &sink);
    assert_non_null(strstr(journal, "GET a "));
    written = 0;
    assert_true(lk_sent_feed(&sent, "ET\r\n$1\r\nb\r\n", 11, false, &sink));
    assert_non_null(strstr(journal, "GET b "));
    assert_int_equal(buffers_out, 0);
}

/* Of a first pipeline the values are cut, their lengths and hashes are told; and there is more room
 * once it is needed. */
static void much_is_held(void **state)
{
    static char expected[sizeof journal], value[1000];
    struct lk_sent sent;
    (void)state;
    memset(&sent, 0, sizeof sent);
    memset(value, 'v', sizeof value);
    stream_bytes = 0;
    while (stream_bytes < 1500000) {
        char key[32];
        int bytes = sprintf(key, "key:%zu", stream_bytes);
        stream_bytes += (size_t)sprintf(stream + stream_bytes, "*3\r\n");
        put_argument("SET", 3);
        put_argument(key, (size_t)bytes);
        put_argument(value, sizeof value);
    }
    feed_whole();
    memcpy(expected, journal, written + 1);
    written = 0;
    journal[0] = '\0';
    assert_false(lk_sent_holds(&sent));
    assert_true(lk_sent_feed(&sent, stream, 100, true, &sink));
    assert_int_equal(sent.room, LK_SENT_SMALL);
    assert_false(lk_sent_holds(&sent));
    for (size_t at = 100; at < stream_bytes; at += 777)
        assert_true(lk_sent_feed(&sent, stream + at,
                                 stream_bytes - at < 777 ? stream_bytes - at : 777, true, &sink));
    assert_true(lk_sent_holds(&sent));
    assert_int_equal(sent.room, LK_SENT_LARGE);
    assert_int_equal(buffers_out, 1);
    assert_string_equal(journal, "");
    lk_sent_release(&sent, &sink);
    assert_string_equal(journal, expected);
    assert_int_equal(buffers_out, 0);
}

/* A value that began while commands were held ends when they are told as they come. */
static void a_value_across_the_proof(void **state)
{
    static char expected[sizeof journal], value[30000];
    (void)state;
    stream_bytes = (size_t)sprintf(stream, "*2\r\n");
    put_argument("GET", 3);
    put_argument("first", 5);
    size_t first = stream_bytes;
    stream_bytes += (size_t)sprintf(stream + stream_bytes, "*3\r\n");
    put_argument("SET", 3);
    put_argument("second", 6);
    memset(value, 'w', sizeof value);
    put_argument(value, sizeof value);
    feed_whole();
    memcpy(expected, journal, written + 1);
    for (size_t cut = first + 10; cut < stream_bytes; cut += 500) {
        struct lk_sent sent;
        memset(&sent, 0, sizeof sent);
        written = 0;
        assert_true(lk_sent_feed(&sent, stream, cut, true, &sink));
        lk_sent_release(&sent, &sink);
        assert_true(lk_sent_feed(&sent, stream + cut, stream_bytes - cut, false, &sink));
        assert_string_equal(journal, expected);
        assert_int_equal(buffers_out, 0);
    }
}

static void refuses_what_is_none(void **state)
{
    static const char *const bad[] = {"*x\r\n",
                                      "*1\r\n:3\r\n",
                                      "*1\r\n$3\r\nGETx",
                                      "*1\r\n$3\r\nGETxx",
                                      "*1\r\n$-1\r\n",
                                      "*99999999999999\r\n",
                                      "*0\r\n"};
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct lk_sent sent;
        memset(&sent, 0, sizeof sent);
        assert_false(lk_sent_feed(&sent, bad[i], strlen(bad[i]), false, &sink));
        lk_sent_forget(&sent, &sink);
    }
    no_buffers = true;
    struct lk_sent sent;
    memset(&sent, 0, sizeof sent);
    assert_true(lk_sent_feed(&sent, "*2\r\n$3\r\nGET\r\n$1\r\na\r\n", 20, false, &sink));
    assert_false(lk_sent_feed(&sent, "*2\r\n", 4, false, &sink));
    assert_int_equal(buffers_out, 0);
}

/* Of a command that is longer than a buffer, and comes in pieces, the beginning is told. */
static void a_command_too_long_is_told_by_its_beginning(void **state)
{
    struct lk_sent sent;
    (void)state;
    memset(&sent, 0, sizeof sent);
    stream_bytes = (size_t)sprintf(stream, "*100001\r\n$4\r\nMGET\r\n");
    for (int i = 0; i < 100000; i++) {
        char key[16];
        sprintf(key, "k%06d", i);
        put_argument(key, 7);
    }
    for (size_t at = 0; at < stream_bytes; at += 1000) {
        size_t part = stream_bytes - at < 1000 ? stream_bytes - at : 1000;
        assert_true(lk_sent_feed(&sent, stream + at, part, false, &sink));
    }
    assert_int_equal(strncmp(journal, "MGET k000000 ", 13), 0);
    assert_non_null(strstr(journal, " broken;"));
    written = 0;
    assert_true(lk_sent_feed(&sent, "*2\r\n$3\r\nGET\r\n$1\r\nb\r\n", 20, false, &sink));
    assert_int_equal(strncmp(journal, "GET b ", 6), 0);
    assert_int_equal(buffers_out, 0);
}

static void plausible_first_words(void **state)
{
    (void)state;
    assert_true(lk_sent_plausible("*3\r\n$3\r\n", 8));
    assert_true(lk_sent_plausible("*", 1));
    assert_true(lk_sent_plausible("PING\r\n", 6));
    assert_true(lk_sent_plausible("get key\r\n", 9));
    assert_false(lk_sent_plausible("GET / HTTP/1.1\r\nHost: a\r\n", 25));
    assert_false(lk_sent_plausible("POST / HTTP/1.1\r\n", 17));
    assert_false(lk_sent_plausible("*a", 2));
    assert_false(lk_sent_plausible("\x16\x03\x01", 3));
    assert_false(lk_sent_plausible("greetings\r\nworld\r\n", 18));
    assert_false(lk_sent_plausible("GET", 3));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(is_found_however_it_is_cut, begin),
        cmocka_unit_test_setup(is_held_until_it_is_released, begin),
        cmocka_unit_test_setup(much_is_held, begin),
        cmocka_unit_test_setup(a_value_across_the_proof, begin),
        cmocka_unit_test_setup(refuses_what_is_none, begin),
        cmocka_unit_test_setup(a_command_too_long_is_told_by_its_beginning, begin),
        cmocka_unit_test_setup(plausible_first_words, begin),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
