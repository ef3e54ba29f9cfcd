// Answers off the wire, however they are cut: each value once, at its depth, with its hash.
// links: shim/wire/received.c shim/cache/resp.c
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/played_text.h"
#include "wire/received.h"

/* ---- What is told, as lines; and what should be ---- */

static char journal[1 << 20], truth[1 << 20];
static size_t written, true_bytes;
static uint32_t deepest; /* that anybody wants to hear of */

__attribute__((format(printf, 3, 4))) static void note(char *book, size_t *bytes,
                                                       const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    *bytes += (size_t)vsnprintf(book + *bytes, sizeof journal - *bytes, format, arguments);
    va_end(arguments);
}

static void note_value(char *book, size_t *bytes, uint32_t depth, int type, int64_t integer,
                       uint64_t elements, uint64_t length, uint64_t hash)
{
    note(book, bytes, "%u:%d %lld %llu %llu %llx\n", depth, type, (long long)integer,
         (unsigned long long)elements, (unsigned long long)length, (unsigned long long)hash);
}

static bool value(void *context, uint32_t depth, const struct lk_value *value)
{
    uint64_t hash = value->hash;
    (void)context;
    if (value->text)
        hash = played_hash(PLAYED_HASH_BEGIN, value->text, value->bytes);
    note_value(journal, &written, depth, value->type, value->integer, value->elements, value->bytes,
               hash);
    return depth < deepest;
}

static void end(void *context)
{
    (void)context;
    note(journal, &written, "end\n");
}

static const struct lk_received_sink sink = {.value = value, .end = end};

/* ---- Streams that are made up ---- */

static char stream[1 << 20];
static size_t stream_bytes;
static uint64_t seed;

static uint64_t random_below(uint64_t limit)
{
    seed = seed * 6364136223846793005u + 1442695040888963407u;
    return (seed >> 33) % limit;
}

__attribute__((format(printf, 1, 2))) static void put(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    stream_bytes +=
        (size_t)vsnprintf(stream + stream_bytes, sizeof stream - stream_bytes, format, arguments);
    va_end(arguments);
}

static void expect(uint32_t depth, int type, int64_t integer, uint64_t elements, const char *text,
                   size_t bytes, bool told)
{
    if (told && depth <= deepest)
        note_value(truth, &true_bytes, depth, type, integer, elements, bytes,
                   text ? played_hash(PLAYED_HASH_BEGIN, text, bytes) : 0);
}

static void put_bulk(char mark, int type, uint32_t depth, bool told)
{
    static char text[5000];
    size_t bytes = random_below(6) ? random_below(200) : random_below(sizeof text);
    for (size_t i = 0; i < bytes; i++)
        text[i] = (char)random_below(256);
    if (mark == '=' && bytes < 4)
        bytes = 4;
    put("%c%zu\r\n", mark, bytes);
    memcpy(stream + stream_bytes, text, bytes);
    stream_bytes += bytes;
    put("\r\n");
    size_t prefix = mark == '=' ? 4 : 0;
    expect(depth, type, 0, 0, text + prefix, bytes - prefix, told);
}

static void put_value(uint32_t depth, bool told);

static void put_aggregate(char mark, int type, uint32_t depth, bool told)
{
    uint64_t count = random_below(5), elements = count << (mark == '%');
    put("%c%llu\r\n", mark, (unsigned long long)count);
    expect(depth, type, 0, elements, NULL, 0, told);
    for (uint64_t i = 0; i < elements; i++)
        put_value(depth + 1, told);
}

static void put_value(uint32_t depth, bool told)
{
    static const char word[] = "some words";
    if (random_below(12) == 0) { /* an attribute before it */
        put("|1\r\n+key\r\n");
        put_value(depth + 1, false);
    }
    switch (random_below(depth < 5 ? 14 : 9)) {
    case 0:
        put("+%s\r\n", word);
        expect(depth, LK_REPLY_STATUS, 0, 0, word, strlen(word), told);
        break;
    case 1:
        put("-ERR no\r\n");
        expect(depth, LK_REPLY_ERROR, 0, 0, "ERR no", 6, told);
        break;
    case 2:
        put(":-12\r\n");
        expect(depth, LK_REPLY_INTEGER, -12, 0, NULL, 0, told);
        break;
    case 3:
        put("%s", random_below(2) ? "$-1\r\n" : "_\r\n");
        expect(depth, LK_REPLY_NIL, 0, 0, NULL, 0, told);
        break;
    case 4:
        put("#t\r\n");
        expect(depth, LK_REPLY_BOOL, 1, 0, NULL, 0, told);
        break;
    case 5:
        put(",1.5\r\n");
        expect(depth, LK_REPLY_DOUBLE, 0, 0, "1.5", 3, told);
        break;
    case 6:
        put_bulk('=', LK_REPLY_VERBATIM, depth, told);
        break;
    case 7:
    case 8:
        put_bulk('$', LK_REPLY_STRING, depth, told);
        break;
    case 9:
        put_aggregate('%', LK_REPLY_MAP, depth, told);
        break;
    case 10:
        put_aggregate('~', LK_REPLY_SET, depth, told);
        break;
    case 11:
        put("*-1\r\n");
        expect(depth, LK_REPLY_NIL, 0, 0, NULL, 0, told);
        break;
    default:
        put_aggregate('*', LK_REPLY_ARRAY, depth, told);
    }
}

/* Each piece in memory of its own, so that who looks beyond it is caught. */
static bool feed_cut(size_t most)
{
    struct lk_received received;
    memset(&received, 0, sizeof received);
    bool good = true;
    written = 0;
    journal[0] = '\0';
    for (size_t at = 0; at < stream_bytes && good;) {
        size_t part = 1 + random_below(most);
        if (part > stream_bytes - at)
            part = stream_bytes - at;
        char *piece = malloc(part);
        memcpy(piece, stream + at, part);
        good = lk_received_feed(&received, piece, part, &sink);
        free(piece);
        at += part;
    }
    return good;
}

static void is_read_however_it_is_cut(void **state)
{
    static const size_t cuts[] = {1, 2, 3, 17, 300, 4000, 1000000};
    (void)state;
    for (deepest = 0; deepest < 4; deepest++) {
        for (uint64_t round = 1; round <= 20; round++) {
            seed = round * 977 + deepest;
            stream_bytes = true_bytes = 0;
            while (stream_bytes < 30000) {
                put_value(0, true);
                note(truth, &true_bytes, "end\n");
            }
            for (size_t i = 0; i < sizeof cuts / sizeof *cuts; i++) {
                assert_true(feed_cut(cuts[i]));
                assert_string_equal(journal, truth);
            }
        }
    }
}

#define LONG_WITHOUT_RETURN \
    "+a line that is longer than what is kept of one, by some bytes, without return\n"

static void refuses_what_is_none(void **state)
{
    static const char *const bad[] = {
        "HTTP/1.1 200 OK\r\n", ":1x\r\n", "$x\r\n", "$-2\r\n",      "$3\r\nabcd\r\n",
        "*1\r\n\x16\x03",      "\n",      ":\r\n",  "+ok\n+ok\r\n", LONG_WITHOUT_RETURN};
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        stream_bytes = strlen(bad[i]);
        memcpy(stream, bad[i], stream_bytes);
        assert_false(feed_cut(100));
        assert_false(feed_cut(1));
    }
    stream_bytes = 0;
    for (int i = 0; i < 40; i++)
        put("*1\r\n");
    assert_false(feed_cut(100)); /* deeper than any server answers */
}

/* Of a line that is too long to be kept, the length alone is known if it comes in pieces. */
static void long_lines(void **state)
{
    (void)state;
    deepest = 1;
    stream_bytes = true_bytes = 0;
    put("+%0300d\r\n-ERR %0300d\r\n:5\r\n", 7, 7);
    assert_true(feed_cut(1000));
    assert_non_null(strstr(journal, "0:5 0 0 300 "));
    assert_true(feed_cut(10));
    assert_non_null(strstr(journal, "0:5 0 0 300 0\n"));
    assert_non_null(strstr(journal, "0:6 0 0 64 "));
    assert_non_null(strstr(journal, "0:3 5 0 0 0\nend\n"));
}

static void plausible_first_answers(void **state)
{
    static const char *const good[] = {"+OK\r\n", "-NOAUTH x\r\n", ":1\r\n", "$-1\r\n", "*3\r\n$",
                                       "%7\r\n",  "_\r\n",         "#t\r\n", ">2\r\n"};
    static const char *const bad[] = {
        "HTTP/1.1 200 OK\r\n", "220 smtp\r\n", "-err\r\n", "$a\r\n", "+OK\n",
        "\x15\x03\x01",        "$\r\n",        "VALUE"};
    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        assert_int_equal(lk_received_plausible(good[i], strlen(good[i])), LK_PLAUSIBLE);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_int_equal(lk_received_plausible(bad[i], strlen(bad[i])), LK_IMPLAUSIBLE);
    assert_int_equal(lk_received_plausible("$10", 3), LK_PLAUSIBLE_SO_FAR);
}

/* The same verdict, however the first line comes; and nothing is told before. */
static void plausible_when_it_comes_in_pieces(void **state)
{
    static const struct {
        const char *line;
        enum lk_plausible verdict;
    } lines[] = {{"+OK\r\n", LK_PLAUSIBLE},
                 {"$-1\r\n", LK_PLAUSIBLE},
                 {"*\xfe\xff\r\n", LK_IMPLAUSIBLE},
                 {"$5*1\r\n", LK_IMPLAUSIBLE},
                 {"HTTP/1.1 200 OK\r\n", LK_IMPLAUSIBLE},
                 {"-MISCONF a long line, longer than what is kept of one: sixty-four bytes\r\n",
                  LK_PLAUSIBLE},
                 {"$123\n", LK_IMPLAUSIBLE}};
    (void)state;
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        struct lk_received received;
        enum lk_plausible verdict = LK_PLAUSIBLE_SO_FAR;
        memset(&received, 0, sizeof received);
        written = 0;
        for (const char *at = lines[i].line; verdict == LK_PLAUSIBLE_SO_FAR; at++) {
            assert_true(*at);
            verdict = lk_received_begins(&received, at, 1);
            if (verdict == LK_PLAUSIBLE_SO_FAR)
                assert_true(lk_received_feed(&received, at, 1, &sink));
        }
        if (lines[i].line[strlen(lines[i].line) - 2] == '\r') /* else the reader refuses it */
            assert_int_equal(verdict, lines[i].verdict);
        assert_int_equal(written, 0);
    }
}

/* Shorter than its own prefix: no server's, but the same in pieces. */
static void a_short_verbatim_text(void **state)
{
    (void)state;
    stream_bytes = true_bytes = 0;
    deepest = 1;
    put("=1\r\na\r\n=3\r\ntxt\r\n=4\r\ntxt:\r\n");
    expect(0, LK_REPLY_VERBATIM, 0, 0, "a", 1, true);
    note(truth, &true_bytes, "end\n");
    expect(0, LK_REPLY_VERBATIM, 0, 0, "txt", 3, true);
    note(truth, &true_bytes, "end\n");
    expect(0, LK_REPLY_VERBATIM, 0, 0, "", 0, true);
    note(truth, &true_bytes, "end\n");
    for (size_t most = 1; most < 20; most++) {
        assert_true(feed_cut(most));
        assert_string_equal(journal, truth);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(is_read_however_it_is_cut),
        cmocka_unit_test(refuses_what_is_none),
        cmocka_unit_test(long_lines),
        cmocka_unit_test(plausible_first_answers),
        cmocka_unit_test(plausible_when_it_comes_in_pieces),
        cmocka_unit_test(a_short_verbatim_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
