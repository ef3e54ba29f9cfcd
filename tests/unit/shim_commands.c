// What verbs mean: keys, values, expiry and options of each kind of command, and what their answers
// say: hit, miss, write, error.
// links: shim/cache/commands.c shim/cache/resp.c shim/cache/outcome.c shim/cache/seen.c
// links: shim/cache/abi.c
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cache/commands.h"
#include "cache/outcome.h"
#include "cache/text.h"

/* Equal for equal bytes is all that is asked of it here. */
uint64_t lk_text_hash(const void *text, size_t bytes)
{
    const unsigned char *at = text;
    uint64_t hash = 14695981039346656037u;
    for (size_t i = 0; i < bytes; i++)
        hash = (hash ^ at[i]) * 1099511628211u;
    return hash;
}

#define R LK_COMMAND_READ
#define W LK_COMMAND_WRITE
#define D LK_COMMAND_DELETE
#define E LK_COMMAND_EXPIRE
#define C LK_COMMAND_CONDITIONAL

/* A line of words as a client sends it. */
static size_t encode(const char *line, char *out, size_t room)
{
    char words[512], *save = NULL;
    size_t used = 0, count = 0;
    snprintf(words, sizeof words, "%s", line);
    for (char *word = strtok_r(words, " ", &save); word; word = strtok_r(NULL, " ", &save))
        count++;
    used += (size_t)snprintf(out, room, "*%zu\r\n", count);
    snprintf(words, sizeof words, "%s", line);
    for (char *word = strtok_r(words, " ", &save); word; word = strtok_r(NULL, " ", &save))
        used += (size_t)snprintf(out + used, room - used, "$%zu\r\n%s\r\n", strlen(word), word);
    return used;
}

static const struct {
    const char *line;
    const char *keys; /* each followed by a comma */
    unsigned flags;   /* of the last key */
    int64_t ttl_ms;
    uint64_t value_bytes; /* of all keys */
} cases[] = {
    {"GET k", "k,", R, LK_TTL_UNKNOWN, 0},
    {"get k", "k,", R, LK_TTL_UNKNOWN, 0},
    {"MGET a b c", "a,b,c,", R, LK_TTL_UNKNOWN, 0},
    {"SET k value", "k,", W, LK_TTL_NONE, 5},
    {"SET k value EX 10", "k,", W, 10000, 5},
    {"SET k value px 10 nx", "k,", W | C, 10, 5},
    {"SET k value KEEPTTL XX GET", "k,", W | C, LK_TTL_UNKNOWN, 5},
    {"SET k value EXAT 7", "k,", W, 7000, 5},
    {"SET k value EX x", "k,", W, LK_TTL_UNKNOWN, 5},
    {"SETEX k 10 value", "k,", W, 10000, 5},
    {"PSETEX k 10 value", "k,", W, 10, 5},
    {"SETNX k value", "k,", W | C, LK_TTL_NONE, 5},
    {"GETSET k value", "k,", R | W, LK_TTL_NONE, 5},
    {"GETEX k", "k,", R, LK_TTL_UNKNOWN, 0},
    {"GETEX k EX 5", "k,", R | E, 5000, 0},
    {"GETEX k PERSIST", "k,", R | E, LK_TTL_NONE, 0},
    {"GETDEL k", "k,", R | D, LK_TTL_UNKNOWN, 0},
    {"MSET a 12 b 345", "a,b,", W, LK_TTL_NONE, 5},
    {"MSETNX a 12 b 345", "a,b,", W | C, LK_TTL_NONE, 5},
    {"APPEND k more", "k,", W, LK_TTL_UNKNOWN, 4},
    {"INCRBY k 5", "k,", W, LK_TTL_UNKNOWN, 0},
    {"HSET k f1 one f2 three", "k,", W, LK_TTL_UNKNOWN, 8},
    {"HMGET k f1 f2", "k,", R, LK_TTL_UNKNOWN, 0},
    {"LPUSH k one two", "k,", W, LK_TTL_UNKNOWN, 6},
    {"ZADD k NX CH 1 one 2 three", "k,", W, LK_TTL_UNKNOWN, 8},
    {"ZADD k 1 nx", "k,", W, LK_TTL_UNKNOWN, 2},
    {"XADD k MAXLEN ~ 100 * f value", "k,", W, LK_TTL_UNKNOWN, 5},
    {"XADD k NOMKSTREAM 1-1 f value g v", "k,", W, LK_TTL_UNKNOWN, 6},
    {"GEOADD k 1.5 2.5 home", "k,", W, LK_TTL_UNKNOWN, 4},
    {"JSON.SET k $ {} NX", "k,", W | C, LK_TTL_UNKNOWN, 2},
    {"JSON.MGET a b $", "a,b,", R, LK_TTL_UNKNOWN, 0},
    {"JSON.MSET a $ 1 b $ 23", "a,b,", W, LK_TTL_UNKNOWN, 3},
    {"DEL a b", "a,b,", D, LK_TTL_UNKNOWN, 0},
    {"EXPIRE k 5", "k,", E, 5000, 0},
    {"EXPIRE k -5", "k,", E, 0, 0},
    {"PEXPIREAT k 5", "k,", E, 5, 0},
    {"PERSIST k", "k,", E, LK_TTL_NONE, 0},
    {"RESTORE k 0 dump", "k,", W, LK_TTL_NONE, 4},
    {"RESTORE k 9 dump ABSTTL", "k,", W, 9, 4},
    {"BLPOP a b 1", "a,b,", R, LK_TTL_UNKNOWN, 0},
    {"EXISTS a b", "a,b,", 0, LK_TTL_UNKNOWN, 0},
    {"TTL k", "k,", 0, LK_TTL_UNKNOWN, 0},
    {"FLUSHALL", "", 0, 0, 0},
    {"AUTH user password", "", 0, 0, 0},
    {"EVAL script 1 k", "", 0, 0, 0},
    {"GET", "", 0, 0, 0},
    {"MSET a", "a,", W, LK_TTL_NONE, 0},
};

static void reads_keys_values_and_expiry(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char bytes[1024], keys[64] = "";
        size_t count = encode(cases[i].line, bytes, sizeof bytes);
        struct lk_command command;
        struct lk_command_key key = {0};
        uint64_t value_bytes = 0;
        assert_true(lk_command_begin(&command, bytes, count));
        while (lk_command_next_key(&command, &key)) {
            strncat(keys, key.text.text, key.text.bytes);
            strcat(keys, ",");
            value_bytes += key.value_bytes;
        }
        print_message("%s\n", cases[i].line);
        assert_string_equal(keys, cases[i].keys);
        assert_int_equal(key.flags, cases[i].flags);
        assert_int_equal(key.ttl_ms, cases[i].ttl_ms);
        assert_int_equal(value_bytes, cases[i].value_bytes);
        assert_ptr_equal(lk_command_end(&command), bytes + count);
    }
}

static void hashes_values_in_order(void **state)
{
    static const char *const lines[] = {"SET k one", "HSET k f one", "HSET k f one g two",
                                        "HSET k f two g one"};
    uint64_t hashes[4];
    (void)state;
    for (size_t i = 0; i < 4; i++) {
        char bytes[256];
        struct lk_command command;
        struct lk_command_key key;
        assert_true(lk_command_begin(&command, bytes, encode(lines[i], bytes, sizeof bytes)));
        assert_true(lk_command_next_key(&command, &key));
        hashes[i] = key.value_hash;
    }
    assert_int_equal(hashes[0], lk_text_hash("one", 3));
    assert_int_equal(hashes[1], hashes[0]);
    assert_int_not_equal(hashes[2], hashes[3]);
}

static void cleans_names_of_verbs(void **state)
{
    static const char bytes[] = "*1\r\n$32\r\nno\tsuch{verb}-1.2345678901234567\r\n";
    struct lk_command command;
    (void)state;
    assert_true(lk_command_begin(&command, bytes, sizeof bytes - 1));
    assert_string_equal(command.name, "NO_SUCH_VERB_-1.2345678");
    assert_int_equal(lk_command_info_index(command.info), lk_command_infos() - 1);
}

static void finds_every_verb_of_the_table(void **state)
{
    (void)state;
    for (size_t i = 0; i + 1 < lk_command_infos(); i++) {
        char bytes[64];
        struct lk_command command;
        const char *name = lk_command_info_at(i)->name;
        assert_true(lk_command_begin(&command, bytes, encode(name, bytes, sizeof bytes)));
        assert_string_equal(command.info->name, name);
        assert_int_equal(lk_command_info_index(command.info), i);
    }
}

/* ---- Answers, as objects of both layouts ---- */

static const struct lk_layout *layout;
static void *made[64];
static size_t made_count;

static void *object(int type)
{
    char *reply = calloc(1, layout->reply_bytes);
    assert_non_null(reply);
    memcpy(reply, &type, sizeof type);
    made[made_count++] = reply;
    return reply;
}

static void *text_reply(int type, const char *text)
{
    char *reply = object(type);
    size_t bytes = strlen(text);
    memcpy(reply + layout->reply_length, &bytes, sizeof bytes);
    memcpy(reply + layout->reply_text, &text, sizeof text);
    return reply;
}

static void *integer_reply(int64_t integer)
{
    char *reply = object(LK_REPLY_INTEGER);
    memcpy(reply + 8, &integer, sizeof integer);
    return reply;
}

static void *list_reply(int type, size_t elements, const void **element)
{
    char *reply = object(type);
    memcpy(reply + layout->reply_elements, &elements, sizeof elements);
    memcpy(reply + layout->reply_element, &element, sizeof element);
    return reply;
}

static struct lk_value value_of(const struct lk_reply *reply)
{
    return (struct lk_value){.type = reply->type,
                             .integer = reply->integer,
                             .text = reply->text,
                             .bytes = reply->bytes,
                             .elements = reply->elements};
}

static struct lk_settled settle(const char *line, uint16_t key_index, const void *answer)
{
    char bytes[256];
    struct lk_command command;
    struct lk_command_key key;
    assert_true(lk_command_begin(&command, bytes, encode(line, bytes, sizeof bytes)));
    for (int i = 0; i <= key_index; i++)
        assert_true(lk_command_next_key(&command, &key));
    struct lk_pending pending = {
        .key_hash = lk_text_hash(key.text.text, key.text.bytes),
        .flags = key.flags,
        .details = key.details,
        .key_index = key_index,
        .info = (uint16_t)lk_command_info_index(command.info),
    };
    struct lk_reply reply = lk_reply_read(layout, answer);
    struct lk_value value = value_of(&reply);
    struct lk_seen seen;
    lk_seen_begin(&seen, command.info, key.flags, &value);
    for (size_t i = 0; i < reply.elements; i++) {
        struct lk_reply element = lk_reply_read(layout, reply.element[i]);
        value = value_of(&element);
        lk_seen_element(&seen, &value);
        if (command.info->answer == LK_ANSWER_EACH && i == key_index)
            break;
    }
    return lk_outcome_of(&pending, &seen);
}

static void assert_outcome(const char *line, uint16_t key_index, const void *answer, int outcome)
{
    print_message("%s\n", line);
    assert_int_equal(settle(line, key_index, answer).outcome, outcome);
}

static void check_reads(void)
{
    const void *nil = object(LK_REPLY_NIL), *value = text_reply(LK_REPLY_STRING, "value");
    const void *some[] = {nil, value}, *none[] = {nil, nil};
    const void *named[] = {text_reply(LK_REPLY_STRING, "b"), value};
    assert_outcome("GET k", 0, nil, LK_OUTCOME_MISS);
    assert_outcome("GET k", 0, value, LK_OUTCOME_HIT);
    assert_int_equal(settle("GET k", 0, value).value_bytes, 5);
    assert_outcome("GET k", 0, text_reply(LK_REPLY_STRING, ""), LK_OUTCOME_HIT);
    assert_outcome("GET k", 0, text_reply(LK_REPLY_ERROR, "WRONGTYPE"), LK_OUTCOME_ERROR);
    assert_outcome("MGET a b", 0, list_reply(LK_REPLY_ARRAY, 2, some), LK_OUTCOME_MISS);
    assert_outcome("MGET a b", 1, list_reply(LK_REPLY_ARRAY, 2, some), LK_OUTCOME_HIT);
    assert_outcome("MGET a b c", 2, list_reply(LK_REPLY_ARRAY, 2, some), LK_OUTCOME_OTHER);
    assert_outcome("HMGET k f g", 0, list_reply(LK_REPLY_ARRAY, 2, some), LK_OUTCOME_HIT);
    assert_outcome("HMGET k f g", 0, list_reply(LK_REPLY_ARRAY, 2, none), LK_OUTCOME_MISS);
    assert_outcome("HGETALL k", 0, list_reply(LK_REPLY_ARRAY, 0, NULL), LK_OUTCOME_MISS);
    assert_outcome("HGETALL k", 0, list_reply(LK_REPLY_MAP, 0, NULL), LK_OUTCOME_MISS);
    assert_outcome("SMEMBERS k", 0, list_reply(LK_REPLY_SET, 1, named), LK_OUTCOME_HIT);
    assert_outcome("BLPOP a b 1", 0, list_reply(LK_REPLY_ARRAY, 2, named), LK_OUTCOME_OTHER);
    assert_outcome("BLPOP a b 1", 1, list_reply(LK_REPLY_ARRAY, 2, named), LK_OUTCOME_HIT);
    assert_outcome("BLPOP a b 1", 0, nil, LK_OUTCOME_OTHER);
    assert_outcome("EXISTS k", 0, integer_reply(0), LK_OUTCOME_OTHER);
    assert_outcome("GET k", 0, text_reply(LK_REPLY_ERROR, "MOVED 1 h:1"), LK_OUTCOME_OTHER);
    assert_outcome("MGET a b", 1, text_reply(LK_REPLY_ERROR, "ASK 1 h:1"), LK_OUTCOME_OTHER);
    assert_outcome("GETDEL k", 0, nil, LK_OUTCOME_MISS);
    assert_false(settle("GETDEL k", 0, nil).deleted);
    assert_true(settle("GETDEL k", 0, value).deleted);
    assert_true(settle("DEL k", 0, integer_reply(1)).deleted);
}

static void check_writes(void)
{
    const void *nil = object(LK_REPLY_NIL), *ok = text_reply(LK_REPLY_STATUS, "OK");
    const void *old = text_reply(LK_REPLY_STRING, "old");
    assert_outcome("SET k v", 0, ok, LK_OUTCOME_WRITE);
    assert_outcome("SET k v NX", 0, ok, LK_OUTCOME_WRITE);
    assert_outcome("SET k v NX", 0, nil, LK_OUTCOME_OTHER);
    assert_outcome("SET k v GET", 0, nil, LK_OUTCOME_WRITE);
    assert_outcome("SET k v GET", 0, old, LK_OUTCOME_WRITE);
    assert_outcome("SET k v NX GET", 0, nil, LK_OUTCOME_WRITE);
    assert_outcome("SET k v NX GET", 0, old, LK_OUTCOME_OTHER);
    assert_outcome("SET k v XX GET", 0, nil, LK_OUTCOME_OTHER);
    assert_outcome("SET k v XX GET", 0, old, LK_OUTCOME_WRITE);
    assert_outcome("SETNX k v", 0, integer_reply(0), LK_OUTCOME_OTHER);
    assert_outcome("SETNX k v", 0, integer_reply(1), LK_OUTCOME_WRITE);
    assert_outcome("LINSERT k BEFORE a b", 0, integer_reply(-1), LK_OUTCOME_OTHER);
    assert_outcome("SADD k v", 0, integer_reply(0), LK_OUTCOME_WRITE);
    assert_outcome("GETSET k v", 0, nil, LK_OUTCOME_MISS);
    assert_true(settle("GETSET k v", 0, nil).written);
    assert_outcome("EXPIRE k 1", 0, integer_reply(1), LK_OUTCOME_OTHER);
    assert_outcome("SET k v", 0, text_reply(LK_REPLY_ERROR, "OOM"), LK_OUTCOME_ERROR);
    assert_false(settle("SET k v", 0, text_reply(LK_REPLY_ERROR, "OOM")).written);
}

static void check_sizes(void)
{
    const void *value = text_reply(LK_REPLY_STRING, "value");
    const void *two[] = {value, integer_reply(7)};
    assert_int_equal(lk_reply_size(layout, value), layout->reply_bytes + 6u);
    assert_int_equal(lk_reply_size(layout, list_reply(LK_REPLY_ARRAY, 2, two)),
                     3u * layout->reply_bytes + 6 + 2 * sizeof(void *));
    assert_int_equal(lk_reply_size(layout, NULL), 0);
}

static void settles_by_the_answer(void **state)
{
    static void (*const checks[])(void) = {check_reads, check_writes, check_sizes};
    (void)state;
    for (int kind = LK_LAYOUT_0_14; kind <= LK_LAYOUT_1_0; kind++) {
        layout = lk_layout_of((enum lk_layout_kind)kind);
        for (size_t i = 0; i < sizeof checks / sizeof *checks; i++) {
            checks[i]();
            while (made_count)
                free(made[--made_count]);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_keys_values_and_expiry),
        cmocka_unit_test(hashes_values_in_order),
        cmocka_unit_test(cleans_names_of_verbs),
        cmocka_unit_test(finds_every_verb_of_the_table),
        cmocka_unit_test(settles_by_the_answer),
    };
    lk_commands_init();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
