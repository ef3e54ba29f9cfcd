// Issues cache commands of every kind that a trace has a word for, on keys that a file of comma
// separated values has to be careful with, and prints the requests that a trace of it must hold: a
// line each, "operation key value-bytes ttl-seconds", the key in hex; a miss has -1 for its value.
// Arguments: SOCKET PREFIX; the keys begin with PREFIX, and none of them may exist.

// libs: -lhiredis
#include <hiredis/hiredis.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define KEYS       60
#define ROUNDS     4000
#define VALUE_MOST 3000
#define KEY_MOST   6000
#define MISSING    (-1)

struct key {
    char text[KEY_MOST];
    size_t bytes;
    long value; /* how large what it holds is; MISSING */
};

static redisContext *context;
static struct key strings[KEYS], lists[KEYS / 4], counters[2];
static char value[VALUE_MOST];
static uint32_t state = 1;

static void fail(const char *what)
{
    fprintf(stderr, "trace_commands: %s\n", what);
    exit(2);
}

static uint32_t any(uint32_t below)
{
    state = state * 1664525u + 1013904223u;
    return (uint32_t)((uint64_t)state * below >> 32);
}

static void expect(const char *operation, const struct key *key, long bytes, long ttl)
{
    printf("%s ", operation);
    for (size_t i = 0; i < key->bytes; i++)
        printf("%02x", (unsigned char)key->text[i]);
    printf(" %ld %ld\n", bytes, ttl);
}

/* Sends the words; `key` (NULL: none) is the second, `bytes` of the value (0: none) the last. */
static void send(const char *words, const struct key *key, size_t bytes, int type)
{
    const char *arguments[8];
    size_t sizes[8], count = 0;
    char copy[64];

    snprintf(copy, sizeof copy, "%s", words);
    for (char *word = strtok(copy, " "); word; word = strtok(NULL, " ")) {
        if (count == 1 && key)
            count++;
        arguments[count] = word, sizes[count++] = strlen(word);
    }
    count += count == 1 && key;
    if (key)
        arguments[1] = key->text, sizes[1] = key->bytes;
    if (bytes)
        arguments[count] = value, sizes[count++] = bytes;
    redisReply *reply = redisCommandArgv(context, (int)count, arguments, sizes);
    if (!reply || reply->type != type)
        fail(words);
    freeReplyObject(reply);
}

/* ---- One command, and what a trace has of it ---- */

static void get(struct key *key)
{
    send("GET", key, 0, key->value == MISSING ? REDIS_REPLY_NIL : REDIS_REPLY_STRING);
    expect("get", key, key->value, 0);
}

static void set(struct key *key)
{
    size_t bytes = 1 + any(VALUE_MOST);
    redisReply *reply;

    switch (any(3)) {
    case 0:
        send("SET", key, bytes, REDIS_REPLY_STATUS);
        expect("set", key, (long)bytes, 0);
        break;
    case 1: /* part of a second counts as one */
        reply = redisCommand(context, "SET %b %b PX 90500", key->text, key->bytes, value, bytes);
        if (!reply || reply->type != REDIS_REPLY_STATUS)
            fail("SET PX");
        freeReplyObject(reply);
        expect("set", key, (long)bytes, 91);
        break;
    default:
        send("SETEX 1000", key, bytes, REDIS_REPLY_STATUS);
        expect("set", key, (long)bytes, 1000);
    }
    key->value = (long)bytes;
}

/* Refused where the key exists: then it is no request. */
static void add(struct key *key)
{
    size_t bytes = 1 + any(VALUE_MOST);
    bool old = any(2);
    redisReply *reply;

    if (old)
        reply = redisCommand(context, "SETNX %b %b", key->text, key->bytes, value, bytes);
    else
        reply = redisCommand(context, "SET %b %b NX", key->text, key->bytes, value, bytes);
    if (!reply || reply->type == REDIS_REPLY_ERROR)
        fail("SETNX");
    freeReplyObject(reply);
    if (key->value != MISSING)
        return;
    expect("add", key, (long)bytes, 0);
    key->value = (long)bytes;
}

static void append(struct key *key)
{
    size_t bytes = 1 + any(10);

    send("APPEND", key, bytes, REDIS_REPLY_INTEGER);
    expect("append", key, (long)bytes, 0);
    key->value = (key->value == MISSING ? 0 : key->value) + (long)bytes;
}

static void delete (struct key *key)
{
    if (key->value != MISSING && any(2)) {
        send("GETDEL", key, 0, REDIS_REPLY_STRING);
        expect("get", key, key->value, 0);
        expect("delete", key, 0, 0);
    } else {
        send("DEL", key, 0, REDIS_REPLY_INTEGER);
        if (key->value != MISSING)
            expect("delete", key, 0, 0);
    }
    key->value = MISSING;
}

static void push(struct key *key)
{
    size_t bytes = 1 + any(100);
    bool front = any(2);

    send(front ? "LPUSH" : "RPUSH", key, bytes, REDIS_REPLY_INTEGER);
    expect(front ? "prepend" : "append", key, (long)bytes, 0);
    key->value = (key->value == MISSING ? 0 : key->value) + (long)bytes;
}

static void list(struct key *key)
{
    redisReply *reply = redisCommand(context, "LRANGE %b 0 -1", key->text, key->bytes);

    if (!reply || reply->type != REDIS_REPLY_ARRAY)
        fail("LRANGE");
    freeReplyObject(reply);
    expect("get", key, key->value, 0);
}

static void count(struct key *key)
{
    bool up = any(2);

    send(up ? "INCR" : "DECR", key, 0, REDIS_REPLY_INTEGER);
    expect(up ? "incr" : "decr", key, 0, 0);
}

static void many(struct key *a, struct key *b)
{
    redisReply *reply = redisCommand(context, "MGET %b %b", a->text, a->bytes, b->text, b->bytes);

    if (!reply || reply->type != REDIS_REPLY_ARRAY)
        fail("MGET");
    freeReplyObject(reply);
    expect("get", a, a->value, 0);
    expect("get", b, b->value, 0);
}

/* What is no request of a trace. */
static void other(struct key *key, struct key *a_list)
{
    send("EXISTS", key, 0, REDIS_REPLY_INTEGER);
    send("EXPIRE 5000", key, 0, REDIS_REPLY_INTEGER);
    send("TTL", key, 0, REDIS_REPLY_INTEGER);
    if (a_list->value != MISSING)
        send("GET", a_list, 0, REDIS_REPLY_ERROR);
    send("PING", NULL, 0, REDIS_REPLY_STATUS);
}

static void one(void)
{
    struct key *key = &strings[any(KEYS)], *a_list = &lists[any(KEYS / 4)];

    switch (any(12)) {
    case 0:
    case 1:
        set(key);
        break;
    case 2:
        add(key);
        break;
    case 3:
        append(key);
        break;
    case 4:
        delete (key);
        break;
    case 5:
        push(a_list);
        break;
    case 6:
        list(a_list);
        break;
    case 7:
        count(&counters[any(2)]);
        break;
    case 8:
        many(key, &strings[any(KEYS)]);
        break;
    case 9:
        other(key, a_list);
        break;
    default:
        get(key);
    }
}

/* ---- Keys ---- */

static void name(struct key *key, const char *prefix, const char *kind, unsigned number)
{
    static const char *const hostile[] = {"=HYPERLINK(\"http://x\")",
                                          "+1,2",
                                          "-1",
                                          "@SUM(A1)",
                                          "\"quoted\", and, commas",
                                          "line\nbreak\r\n",
                                          "\ttab",
                                          "<script>alert(1)</script>",
                                          "\xff\xfe\x80 no UTF-8",
                                          "'",
                                          "\xef\xbc\x9dWIDE()",
                                          "back\\slash"};
    size_t count = sizeof hostile / sizeof *hostile;

    key->value = MISSING;
    if (number < count)
        key->bytes = (size_t)snprintf(key->text, KEY_MOST, "%s%s%s", hostile[number], prefix, kind);
    else
        key->bytes = (size_t)snprintf(key->text, KEY_MOST, "%s:%s:%u", prefix, kind, number);
    if (number == count) { /* longer than what a capture keeps, as is the next one, to the end */
        memset(key->text + key->bytes, 'x', 5000);
        key->bytes += 5000;
    } else if (number == count + 1) {
        memset(key->text, 'x', 5000);
        key->bytes = 5000 + (size_t)snprintf(key->text + 5000, KEY_MOST - 5000, "%s", prefix);
    } else if (number == count + 2) {
        memcpy(key->text + key->bytes, "\0nul", 4);
        key->bytes += 4;
    }
}

int main(int argc, char **argv)
{
    if (argc != 3)
        fail("usage: trace_commands SOCKET PREFIX");
    context = redisConnectUnix(argv[1]);
    if (!context || context->err)
        fail("cannot connect");
    memset(value, 'v', sizeof value);
    for (unsigned i = 0; i < KEYS; i++)
        name(&strings[i], argv[2], "s", i);
    for (unsigned i = 0; i < KEYS / 4; i++)
        name(&lists[i], argv[2], "l", 1000 + i);
    for (unsigned i = 0; i < 2; i++)
        name(&counters[i], argv[2], "c", 2000 + i);
    for (int i = 0; i < ROUNDS; i++)
        one();
    redisFree(context);
    return 0;
}
