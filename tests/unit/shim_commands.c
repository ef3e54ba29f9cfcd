// What commands mean: keys, values, expiry and options of each kind of command, and what their
// answers say: hit, miss, write, refusal, error.
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
#define S LK_COMMAND_SHRINK

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
    {"SET k value KEEPTTL XX GET", "k,", R | W | C, LK_TTL_UNKNOWN, 5},
    {"SET k value IFEQ EX EX 10", "k,", W | C, 10000, 5},
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
    {"BLPOP a b 1", "a,b,", R | S, LK_TTL_UNKNOWN, 0},
    {"EXISTS a b", "a,b,", 0, LK_TTL_UNKNOWN, 0},
    {"TTL k", "k,", 0, LK_TTL_UNKNOWN, 0},
    {"FLUSHALL", "", 0, 0, 0},
    {"AUTH user password", "", 0, 0, 0},
    {"EXPIRE k 5 GT", "k,", E, 5000, 0},
    {"RESTORE k 9 dump FREQ ABSTTL", "k,", W, 9, 4},
    {"HSETEX k FNX EX 10 FIELDS 1 f value", "k,", W | C, LK_TTL_UNKNOWN, 5},
    {"MSETEX 2 a 12 b 345 EX 10", "a,b,", W | C, LK_TTL_UNKNOWN, 5},
    {"XADD k NOMKSTREAM KEEPREF MAXLEN = 7 LIMIT 5 * f value", "k,", W, LK_TTL_UNKNOWN, 5},
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

/* Each key with what is done to it, how long it lives then, and in which database, if these are
 * told: "a=WC:source@3". */
static const struct {
    const char *line, *keys;
} specifications[] = {
    /* Counted, by the argument that says how many */
    {"EVAL script 0 arg", ""},
    {"EVAL script 1 k", "k"},
    {"EVALSHA sha 2 a b arg arg", "a b"},
    {"EVAL_RO script 3 a b", ""},
    {"EVAL script -1 a", ""},
    {"EVAL script 99999999999999 a", ""},
    {"EVAL script x a", ""},
    {"EVAL script", ""},
    {"FCALL function 1 k 2", "k"},
    {"ZUNIONSTORE d 2 a b WEIGHTS 1 2", "d=WD:none a b"},
    {"ZINTERSTORE d 1 a", "d=WD:none a"},
    {"ZDIFF 2 a b WITHSCORES", "a b"},
    {"ZINTERCARD 2 a b LIMIT 3", "a b"},
    {"SINTERCARD 1 a", "a"},
    {"LMPOP 2 a b LEFT", "a=RS b=RS"},
    {"BLMPOP 0.5 2 a b LEFT COUNT 3", "a=RS b=RS"},
    {"BZMPOP 0.5 1 a MIN", "a=RS"},
    /* After a word */
    {"XREAD COUNT 2 STREAMS a b 0 0", "a b"},
    {"XREAD BLOCK 0 STREAMS a 0", "a"},
    {"XREAD COUNT STREAMS STREAMS a 0", "a"},
    {"XREAD STREAMS a", ""},
    {"XREAD STREAMS", ""},
    {"XREADGROUP GROUP STREAMS c STREAMS a b > >", "a b"},
    {"SORT k", "k=R"},
    {"SORT k BY STORE LIMIT 0 10 GET STORE STORE d", "k d=WD:none"},
    {"SORT k ALPHA STORE", "k=R"},
    {"SORT_RO k ALPHA", "k=R"},
    {"GEORADIUS k 1 2 3 km", "k=R"},
    {"GEORADIUS k 1 2 3 km COUNT 5 ANY STORE d", "k d=WD:none"},
    {"GEORADIUSBYMEMBER k m 3 km STOREDIST a STORE b", "k b=WD:none"},
    {"MIGRATE host 1 k 0 100 COPY", "k=S"},
    {"MIGRATE host 1 - 0 100 AUTH KEYS KEYS a b", "a=S b=S"},
    /* A source and a destination */
    {"COPY a b", "a b=WC:source"},
    {"COPY a b DB 3 REPLACE", "a b=WC:source@3"},
    {"COPY a b REPLACE DB x", "a b=WC:source"},
    {"RENAME a b", "a=D b=W:source"},
    {"RENAMENX a b", "a=DC b=WC:source"},
    {"LMOVE a b LEFT RIGHT", "a=S b=W"},
    {"BRPOPLPUSH a b 0", "a=S b=W"},
    {"SMOVE a b member", "a=S b=WC"},
    {"BITOP AND d a b", "d=WD:none a b"},
    {"PFMERGE d a b", "d=W a b"},
    {"SINTERSTORE d a b", "d=WD:none a b"},
    {"ZRANGESTORE d a 0 -1", "d=WD:none a"},
    {"GEOSEARCHSTORE d a FROMMEMBER m BYRADIUS 1 km", "d=WD:none a"},
    /* Subcommands */
    {"OBJECT ENCODING k", "k"},
    {"object freq k", "k"},
    {"OBJECT HELP", ""},
    {"OBJECT", ""},
    {"OBJECT NOSUCHSUBCOMMANDATALLINTHETABLE k", ""},
    {"MEMORY USAGE k SAMPLES 5", "k"},
    {"MEMORY MALLOC-STATS", ""},
    {"XGROUP CREATECONSUMER k group consumer", "k"},
    {"XINFO STREAM k FULL", "k"},
    {"JSON.DEBUG MEMORY k $", "k"},
    /* What is taken away */
    {"DEL a b", "a=D b=D"},
    {"GETDEL k", "k=RD"},
    {"LPOP k 2", "k=RS"},
    {"BZPOPMIN a b 0", "a=RS b=RS"},
    {"SREM k member", "k=S"},
    {"MOVE k 1", "k=D"},
    {"JSON.DEL k", "k=D"},
    {"JSON.DEL k $", "k=D"},
    {"JSON.FORGET k $.member", "k=S"},
    /* By options */
    {"BITFIELD k GET u8 0", "k"},
    {"BITFIELD k GET u8 0 SET u8 8 7", "k=W"},
    {"BITFIELD k OVERFLOW SAT INCRBY u8 0 1", "k=W"},
    {"BITFIELD k GET SET 0", "k"},
    /* Seen, and nothing else */
    {"WATCH a b", "a b"},
    {"LCS a b LEN", "a b"},
    {"SUNION a b", "a b"},
    {"HEXPIRE k 10 FIELDS 1 f", "k"},
    {"SPUBLISH channel message", ""},
    {"SSUBSCRIBE channel", ""},
    {"SWAPDB 0 1", ""},
    {"BF.ADD k member", ""},
};

static void put_key(char *out, size_t room, const struct lk_command_key *key)
{
    static const struct {
        unsigned flag;
        char letter;
    } letters[] = {{R, 'R'}, {W, 'W'}, {D, 'D'}, {E, 'E'}, {S, 'S'}, {C, 'C'}};
    size_t used = (size_t)snprintf(out, room, "%.*s%s", (int)key->text.bytes, key->text.text,
                                   key->flags ? "=" : "");
    for (size_t i = 0; i < sizeof letters / sizeof *letters; i++)
        if (key->flags & letters[i].flag)
            used += (size_t)snprintf(out + used, room - used, "%c", letters[i].letter);
    if (key->ttl_ms != LK_TTL_UNKNOWN)
        used += (size_t)snprintf(out + used, room - used, ":%s",
                                 key->ttl_ms == LK_TTL_NONE     ? "none"
                                 : key->ttl_ms == LK_TTL_SOURCE ? "source"
                                                                : "time");
    if (key->database != LK_DATABASE_CURRENT)
        snprintf(out + used, room - used, "@%u", key->database);
}

static void follows_specifications(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof specifications / sizeof *specifications; i++) {
        char bytes[1024], keys[256] = "";
        size_t count = encode(specifications[i].line, bytes, sizeof bytes);
        struct lk_command command;
        struct lk_command_key key;
        uint32_t told, seen = 0;
        assert_true(lk_command_begin(&command, bytes, count));
        for (told = command.key_count; lk_command_next_key(&command, &key); seen++) {
            if (seen)
                strcat(keys, " ");
            put_key(keys + strlen(keys), sizeof keys - strlen(keys), &key);
        }
        if (strcmp(keys, specifications[i].keys) != 0)
            fail_msg("%s: %s", specifications[i].line, keys);
        assert_int_equal(told, seen);
        assert_ptr_equal(lk_command_end(&command), bytes + count);
    }
}

/* Every line, cut at every byte: what is there is read, nothing beyond it. */
static void stays_within_its_bytes(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof specifications / sizeof *specifications; i++) {
        char bytes[1024];
        size_t count = encode(specifications[i].line, bytes, sizeof bytes);
        for (size_t cut = 0; cut < count; cut++) {
            char *copy = malloc(cut + 1); /* so that a sanitizer sees what is read beyond */
            struct lk_command command;
            struct lk_command_key key;
            assert_non_null(copy);
            memcpy(copy, bytes, cut);
            if (lk_command_begin(&command, copy, cut)) {
                while (lk_command_next_key(&command, &key))
                    assert_true(key.text.text + key.text.bytes <= copy + cut);
                assert_null(lk_command_end(&command));
            }
            free(copy);
        }
    }
}

/* Bytes that nobody would send: lengths and numbers that lie, words that are cut. */
static void survives_any_bytes(void **state)
{
    uint64_t random = 88172645463325252u;
    size_t lines = sizeof specifications / sizeof *specifications, keys = 0;
    (void)state;
    for (size_t i = 0; i < 100000; i++) {
        char bytes[1024];
        size_t count = encode(specifications[i % lines].line, bytes, sizeof bytes);
        struct lk_command command;
        struct lk_command_key key;
        for (int change = 0; change <= (int)(i % 3); change++) {
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            bytes[random % count] =
                random & 0x10000 ? (char)(random >> 24) : (char)('0' + random % 10);
        }
        if (!lk_command_begin(&command, bytes, count))
            continue;
        for (uint32_t told = command.key_count; lk_command_next_key(&command, &key); keys++) {
            assert_true(told--);
            assert_in_range((uintptr_t)key.text.text, (uintptr_t)bytes, (uintptr_t)bytes + count);
            assert_true(key.text.bytes <= (size_t)(bytes + count - key.text.text));
        }
        const char *end = lk_command_end(&command);
        assert_true(!end || (end > bytes && end <= bytes + count));
    }
    assert_true(keys > 10000);
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
        char line[LK_NAME_ROOM];
        snprintf(line, sizeof line, "%s", name);
        for (char *bar = line; (bar = strchr(bar, '|'));)
            *bar = ' ';
        assert_true(lk_command_begin(&command, bytes, encode(line, bytes, sizeof bytes)));
        assert_string_equal(command.info->name, name);
        assert_int_equal(lk_command_info_index(command.info), i);
    }
}

/* ---- Answers, as objects of both layouts ---- */

static const struct lk_layout *layout;
static void *made[128];
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
    assert_outcome("LMPOP 2 a b LEFT", 1, list_reply(LK_REPLY_ARRAY, 2, named), LK_OUTCOME_HIT);
    assert_outcome("LMPOP 2 a b LEFT", 0, list_reply(LK_REPLY_ARRAY, 2, named), LK_OUTCOME_OTHER);
    assert_outcome("LMPOP 2 a b LEFT", 1, nil, LK_OUTCOME_MISS);
    assert_outcome("GETRANGE k 0 9", 0, text_reply(LK_REPLY_STRING, ""), LK_OUTCOME_MISS);
    assert_outcome("GETRANGE k 0 9", 0, value, LK_OUTCOME_HIT);
    assert_outcome("SORT k", 0, list_reply(LK_REPLY_ARRAY, 0, NULL), LK_OUTCOME_MISS);
    assert_outcome("SORT k STORE d", 0, integer_reply(3), LK_OUTCOME_OTHER);
    assert_outcome("JSON.GET k", 0, nil, LK_OUTCOME_MISS);
    assert_outcome("JSON.MGET a b $", 0, list_reply(LK_REPLY_ARRAY, 2, some), LK_OUTCOME_MISS);
    assert_outcome("JSON.MGET a b $", 1, list_reply(LK_REPLY_ARRAY, 2, some), LK_OUTCOME_HIT);
    assert_outcome("JSON.TYPE k", 0, nil, LK_OUTCOME_OTHER);
    assert_outcome("STRLEN k", 0, integer_reply(0), LK_OUTCOME_OTHER);
    assert_outcome("EVAL script 1 k", 0, nil, LK_OUTCOME_OTHER);
    assert_outcome("SINTER a b", 0, list_reply(LK_REPLY_ARRAY, 0, NULL), LK_OUTCOME_OTHER);
    assert_outcome("EXISTS k", 0, integer_reply(0), LK_OUTCOME_OTHER);
    assert_outcome("GET k", 0, text_reply(LK_REPLY_ERROR, "MOVED 1 h:1"), LK_OUTCOME_OTHER);
    assert_outcome("MGET a b", 1, text_reply(LK_REPLY_ERROR, "ASK 1 h:1"), LK_OUTCOME_OTHER);
    assert_outcome("GETDEL k", 0, nil, LK_OUTCOME_MISS);
    assert_false(settle("GETDEL k", 0, nil).deleted);
    assert_true(settle("GETDEL k", 0, value).deleted);
    assert_true(settle("DEL k", 0, integer_reply(1)).deleted);
    assert_false(settle("DEL k", 0, integer_reply(0)).deleted);
}

static void assert_flags(const char *line, uint16_t key_index, const void *answer, int flags)
{
    print_message("%s\n", line);
    assert_int_equal(settle(line, key_index, answer).flags, flags);
}

/* What the command was to do, and did not. */
static void check_refusals(void)
{
    const void *nil = object(LK_REPLY_NIL), *ok = text_reply(LK_REPLY_STATUS, "OK");
    const void *old = text_reply(LK_REPLY_STRING, "old");
    const void *zero = integer_reply(0), *one = integer_reply(1);
    assert_flags("GET k", 0, nil, 0);
    assert_flags("TTL k", 0, integer_reply(-2), 0);
    assert_flags("SET k v", 0, ok, 0);
    assert_flags("SET k v NX", 0, nil, LK_REPLIED_REFUSED);
    assert_flags("SET k v XX GET", 0, nil, LK_REPLIED_REFUSED);
    assert_flags("SET k v XX GET", 0, old, 0);
    assert_flags("SET k v IFEQ old GET", 0, old, LK_REPLIED_REFUSED); /* it does not tell */
    assert_flags("DEL k", 0, zero, LK_REPLIED_REFUSED);
    assert_flags("DEL a b", 1, one, 0);
    assert_flags("EXPIRE k 10 NX", 0, zero, LK_REPLIED_REFUSED);
    assert_flags("EXPIRE k 10 NX", 0, one, 0);
    assert_flags("PERSIST k", 0, zero, LK_REPLIED_REFUSED);
    assert_flags("GETEX k EX 10", 0, nil, LK_REPLIED_REFUSED);
    assert_flags("GETEX k EX 10", 0, old, 0);
    assert_flags("GETDEL k", 0, nil, LK_REPLIED_REFUSED);
    assert_flags("SREM k m", 0, zero, LK_REPLIED_REFUSED);
    assert_flags("JSON.SET k $ {} XX", 0, nil, LK_REPLIED_REFUSED);
    assert_flags("JSON.DEL k", 0, zero, LK_REPLIED_REFUSED);
    assert_flags("LTRIM k 0 1", 0, ok, 0);
    assert_flags("SADD k m", 0, zero, 0); /* it is there */
    assert_flags("DECR k", 0, integer_reply(-1), 0);
    assert_flags("COPY a b", 1, zero, LK_REPLIED_REFUSED);
    assert_flags("RENAMENX a b", 0, zero, LK_REPLIED_REFUSED);
    assert_flags("RENAME a b", 0, ok, 0);
    assert_flags("LMOVE a b LEFT LEFT", 1, nil, LK_REPLIED_REFUSED);
    assert_flags("ZUNIONSTORE d 1 a", 0, zero, LK_REPLIED_EMPTY);
    assert_flags("ZUNIONSTORE d 1 a", 0, one, 0);
    assert_true(settle("ZUNIONSTORE d 1 a", 0, zero).deleted);
    assert_false(settle("ZUNIONSTORE d 1 a", 0, zero).written);
    assert_true(settle("ZUNIONSTORE d 1 a", 0, one).written);
    assert_false(settle("ZUNIONSTORE d 1 a", 0, one).deleted);
    assert_outcome("ZUNIONSTORE d 1 a", 0, one, LK_OUTCOME_WRITE);
    assert_outcome("ZUNIONSTORE d 1 a", 1, one, LK_OUTCOME_OTHER);
}

static void check_writes(void)
{
    const void *nil = object(LK_REPLY_NIL), *ok = text_reply(LK_REPLY_STATUS, "OK");
    const void *old = text_reply(LK_REPLY_STRING, "old");
    assert_outcome("SET k v", 0, ok, LK_OUTCOME_WRITE);
    assert_outcome("SET k v NX", 0, ok, LK_OUTCOME_WRITE);
    assert_outcome("SET k v NX", 0, nil, LK_OUTCOME_OTHER);
    /* With GET it is a read, too. */
    assert_outcome("SET k v GET", 0, nil, LK_OUTCOME_MISS);
    assert_outcome("SET k v GET", 0, old, LK_OUTCOME_HIT);
    assert_true(settle("SET k v GET", 0, nil).written);
    assert_true(settle("SET k v GET", 0, old).written);
    assert_true(settle("SET k v NX GET", 0, nil).written);
    assert_false(settle("SET k v NX GET", 0, old).written);
    assert_false(settle("SET k v XX GET", 0, nil).written);
    assert_true(settle("SET k v XX GET", 0, old).written);
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
    static void (*const checks[])(void) = {check_reads, check_writes, check_refusals, check_sizes};
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
        cmocka_unit_test(reads_keys_values_and_expiry),  cmocka_unit_test(follows_specifications),
        cmocka_unit_test(stays_within_its_bytes),        cmocka_unit_test(survives_any_bytes),
        cmocka_unit_test(hashes_values_in_order),        cmocka_unit_test(cleans_names_of_verbs),
        cmocka_unit_test(finds_every_verb_of_the_table), cmocka_unit_test(settles_by_the_answer),
    };
    lk_commands_init();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
