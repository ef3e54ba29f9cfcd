// Issues a known mix of cache commands by every synchronous and pipelined form of hiredis, leaks
// the replies of its nil and error branches, and prints what a capture of it must say. Arguments:
// SOCKET [--healthy] [--threads N]

// libs: -lhiredis
#define _GNU_SOURCE
#include <hiredis/hiredis.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ROUNDS   40
#define PIPELINE 100
#define KEYS_MAX 65536

enum verb {
    SET,
    GET,
    MGET,
    MSET,
    DEL,
    EXISTS,
    TTL,
    EXPIRE,
    INCR,
    SETNX,
    SETEX,
    GETDEL,
    HSET,
    HGETALL,
    HMGET,
    LPUSH,
    LRANGE,
    MULTI,
    EXEC,
    DISCARD,
    PING,
    VERBS
};
static const char *const verb_names[VERBS] = {
    "SET",    "GET",   "MGET",   "MSET",  "DEL",    "EXISTS",  "TTL",
    "EXPIRE", "INCR",  "SETNX",  "SETEX", "GETDEL", "HSET",    "HGETALL",
    "HMGET",  "LPUSH", "LRANGE", "MULTI", "EXEC",   "DISCARD", "PING"};

struct truth {
    long calls[VERBS];
    long hits, misses, writes, written_bytes, read_bytes, deletes, errors, leaked_nil, leaked_error;
    size_t keys; /* read or written, each as a number */
    unsigned key[KEYS_MAX];
};

struct worker {
    bool healthy;
    unsigned first_key; /* its keys are its own */
    struct truth truth;
    redisContext *context;
};

static void fail(const char *what)
{
    fprintf(stderr, "cache_commands: %s\n", what);
    exit(2);
}

static void touch(struct truth *truth, unsigned key)
{
    if (truth->keys == KEYS_MAX)
        fail("too many keys");
    truth->key[truth->keys++] = key;
}

static void hit(struct worker *w, unsigned key, size_t bytes)
{
    touch(&w->truth, key);
    w->truth.hits++;
    w->truth.read_bytes += (long)bytes;
}

static void miss(struct worker *w, unsigned key)
{
    touch(&w->truth, key);
    w->truth.misses++;
}

static void written(struct worker *w, unsigned key, size_t bytes)
{
    touch(&w->truth, key);
    w->truth.writes++;
    w->truth.written_bytes += (long)bytes;
}

static redisReply *expect(redisReply *reply, int type)
{
    if (!reply || reply->type != type)
        fail("an unexpected answer");
    return reply;
}

/* ---- The two faults ---- */

__attribute__((noinline)) static void look_up_missing(struct worker *w, unsigned key)
{
    redisReply *reply = redisCommand(w->context, "GET item:%u", key);
    w->truth.calls[GET]++;
    miss(w, key);
    expect(reply, REDIS_REPLY_NIL);
    if (w->healthy)
        freeReplyObject(reply);
    else
        w->truth.leaked_nil++; /* forgotten on the nil branch */
    __asm__ volatile("" ::: "memory");
}

__attribute__((noinline)) static void look_up_wrong_type(struct worker *w, unsigned hash_key)
{
    redisReply *reply = redisCommand(w->context, "GET hash:%u", hash_key);
    w->truth.calls[GET]++;
    w->truth.errors++;
    expect(reply, REDIS_REPLY_ERROR);
    if (w->healthy)
        freeReplyObject(reply);
    else
        w->truth.leaked_error++; /* forgotten on the error branch */
    __asm__ volatile("" ::: "memory");
}

/* ---- Each form of the interface ---- */

static void sync_commands(struct worker *w, unsigned key)
{
    struct truth *t = &w->truth;
    freeReplyObject(
        expect(redisCommand(w->context, "SET item:%u %s", key, "value"), REDIS_REPLY_STATUS));
    written(w, key, 5);
    freeReplyObject(expect(redisCommand(w->context, "GET item:%u", key), REDIS_REPLY_STRING));
    hit(w, key, 5);
    freeReplyObject(
        expect(redisCommand(w->context, "SET item:%u %b", key, "", (size_t)0), REDIS_REPLY_STATUS));
    written(w, key, 0);
    freeReplyObject(expect(redisCommand(w->context, "GET item:%u", key), REDIS_REPLY_STRING));
    hit(w, key, 0); /* an empty string is a hit */
    freeReplyObject(
        expect(redisCommand(w->context, "set item:%u other EX 100 NX", key), REDIS_REPLY_NIL));
    freeReplyObject(
        expect(redisCommand(w->context, "SETNX item:%u other", key), REDIS_REPLY_INTEGER));
    freeReplyObject(
        expect(redisCommand(w->context, "SETEX item:%u 100 0123456789", key), REDIS_REPLY_STATUS));
    written(w, key, 10);
    freeReplyObject(expect(redisCommand(w->context, "EXISTS item:%u", key), REDIS_REPLY_INTEGER));
    freeReplyObject(expect(redisCommand(w->context, "TTL item:%u", key), REDIS_REPLY_INTEGER));
    freeReplyObject(
        expect(redisCommand(w->context, "EXPIRE item:%u 50", key), REDIS_REPLY_INTEGER));
    freeReplyObject(expect(redisCommand(w->context, "GETDEL item:%u", key), REDIS_REPLY_STRING));
    hit(w, key, 10);
    t->deletes++;
    freeReplyObject(expect(redisCommand(w->context, "PING"), REDIS_REPLY_STATUS));
    t->calls[SET] += 3, t->calls[GET] += 2, t->calls[SETNX]++, t->calls[SETEX]++,
        t->calls[EXISTS]++;
    t->calls[TTL]++, t->calls[EXPIRE]++, t->calls[GETDEL]++, t->calls[PING]++;
}

static void argv_commands(struct worker *w, unsigned key)
{
    char names[3][32];
    const char *set[] = {"MSET", names[0], "first", names[1], "second"};
    const char *get[] = {"MGET", names[0], names[2], names[1]};
    const char *del[] = {"DEL", names[0], names[1]};
    for (unsigned i = 0; i < 3; i++)
        snprintf(names[i], sizeof names[i], "item:%u", key + i);
    freeReplyObject(expect(redisCommandArgv(w->context, 5, set, NULL), REDIS_REPLY_STATUS));
    written(w, key, 5);
    written(w, key + 1, 6);
    freeReplyObject(expect(redisCommandArgv(w->context, 4, get, NULL), REDIS_REPLY_ARRAY));
    hit(w, key, 5);
    miss(w, key + 2);
    hit(w, key + 1, 6);
    freeReplyObject(expect(redisCommandArgv(w->context, 3, del, NULL), REDIS_REPLY_INTEGER));
    w->truth.deletes += 2;
    w->truth.calls[MSET]++, w->truth.calls[MGET]++, w->truth.calls[DEL]++;
}

static void aggregates(struct worker *w, unsigned key)
{
    struct truth *t = &w->truth;
    freeReplyObject(
        expect(redisCommand(w->context, "HSET hash:%u a one b two", key), REDIS_REPLY_INTEGER));
    written(w, key, 6);
    freeReplyObject(expect(redisCommand(w->context, "HGETALL hash:%u", key), REDIS_REPLY_ARRAY));
    hit(w, key, 8); /* names and values */
    freeReplyObject(
        expect(redisCommand(w->context, "HGETALL hash:%u", key + 1), REDIS_REPLY_ARRAY));
    miss(w, key + 1);
    freeReplyObject(
        expect(redisCommand(w->context, "HMGET hash:%u a none", key), REDIS_REPLY_ARRAY));
    hit(w, key, 3);
    freeReplyObject(
        expect(redisCommand(w->context, "HMGET hash:%u none neither", key), REDIS_REPLY_ARRAY));
    miss(w, key);
    freeReplyObject(
        expect(redisCommand(w->context, "LPUSH list:%u abc de", key + 2), REDIS_REPLY_INTEGER));
    written(w, key + 2, 5);
    freeReplyObject(
        expect(redisCommand(w->context, "LRANGE list:%u 0 -1", key + 2), REDIS_REPLY_ARRAY));
    hit(w, key + 2, 5);
    look_up_wrong_type(w, key);
    t->calls[HSET]++, t->calls[HGETALL] += 2, t->calls[HMGET] += 2, t->calls[LPUSH]++,
        t->calls[LRANGE]++;
}

static void pipeline(struct worker *w, unsigned key)
{
    for (unsigned i = 0; i < PIPELINE; i++) {
        const char *set[] = {"SET", NULL, "0123456789abcdef", "PX", "90000"};
        char name[32], *formatted;
        snprintf(name, sizeof name, "item:%u", key + i / 4);
        set[1] = name;
        int bytes = redisFormatCommand(&formatted, "GET %s", name);
        if (i % 4 == 0)
            redisAppendCommand(w->context, "GET %s", name);
        else if (i % 4 == 1)
            redisAppendCommandArgv(w->context, 5, set, NULL);
        else if (i % 4 == 2)
            redisAppendFormattedCommand(w->context, formatted, (size_t)bytes);
        else
            redisAppendCommand(w->context, "INCR count:%u", w->first_key);
        free(formatted);
        w->truth.calls[i % 4 == 1 ? SET : i % 4 == 3 ? INCR : GET]++;
    }
    for (unsigned i = 0; i < PIPELINE; i++) {
        static const int types[] = {REDIS_REPLY_NIL, REDIS_REPLY_STATUS, REDIS_REPLY_STRING,
                                    REDIS_REPLY_INTEGER};
        void *reply = NULL;
        if (redisGetReply(w->context, &reply) != REDIS_OK)
            fail("no reply");
        freeReplyObject(expect(reply, types[i % 4]));
        if (i % 4 == 0)
            miss(w, key + i / 4);
        else if (i % 4 == 1)
            written(w, key + i / 4, 16);
        else if (i % 4 == 2)
            hit(w, key + i / 4, 16);
        else
            written(w, w->first_key + 90000, 0); /* the counter is a key of its own */
    }
}

static void from_reader(struct worker *w, unsigned key)
{
    void *reply = NULL;
    int done = 0;
    redisAppendCommand(w->context, "SET item:%u by-reader", key);
    redisAppendCommand(w->context, "GET item:%u", key);
    while (!done)
        if (redisBufferWrite(w->context, &done) != REDIS_OK)
            fail("no write");
    for (int i = 0; i < 2; i++) {
        for (reply = NULL; redisGetReplyFromReader(w->context, &reply) == REDIS_OK && !reply;)
            if (redisBufferRead(w->context) != REDIS_OK)
                fail("no read");
        freeReplyObject(expect(reply, i ? REDIS_REPLY_STRING : REDIS_REPLY_STATUS));
    }
    written(w, key, 9);
    hit(w, key, 9);
    w->truth.calls[SET]++, w->truth.calls[GET]++;
}

static void transactions(struct worker *w, unsigned key)
{
    struct truth *t = &w->truth;
    freeReplyObject(expect(redisCommand(w->context, "MULTI"), REDIS_REPLY_STATUS));
    freeReplyObject(expect(redisCommand(w->context, "SET item:%u abc", key), REDIS_REPLY_STATUS));
    freeReplyObject(expect(redisCommand(w->context, "GET item:%u", key), REDIS_REPLY_STATUS));
    freeReplyObject(
        expect(redisCommand(w->context, "MGET item:%u item:%u", key + 1, key), REDIS_REPLY_STATUS));
    freeReplyObject(expect(redisCommand(w->context, "HGETALL item:%u", key), REDIS_REPLY_STATUS));
    freeReplyObject(expect(redisCommand(w->context, "EXEC"), REDIS_REPLY_ARRAY));
    written(w, key, 3);
    hit(w, key, 3);
    miss(w, key + 1);
    hit(w, key, 3);
    t->errors++; /* HGETALL of a string, within EXEC's answer */
    freeReplyObject(expect(redisCommand(w->context, "MULTI"), REDIS_REPLY_STATUS));
    freeReplyObject(
        expect(redisCommand(w->context, "SET item:%u never", key + 2), REDIS_REPLY_STATUS));
    freeReplyObject(expect(redisCommand(w->context, "DISCARD"), REDIS_REPLY_STATUS));
    t->calls[MULTI] += 2, t->calls[SET] += 2, t->calls[GET]++, t->calls[MGET]++,
        t->calls[HGETALL]++;
    t->calls[EXEC]++, t->calls[DISCARD]++;
}

/* In the main thread: threads are handed their connections. */
static void prepare(struct worker *w, const char *path, bool healthy, unsigned number)
{
    w->healthy = healthy;
    w->first_key = (number + 1) * 100000;
    w->context = redisConnectUnix(path);
    if (!w->context || w->context->err)
        fail("cannot connect");
}

static void *work(void *argument)
{
    struct worker *w = argument;
    unsigned key = w->first_key;
    for (int round = 0; round < ROUNDS; round++, key += 100) {
        look_up_missing(w, key);
        sync_commands(w, key + 1);
        argv_commands(w, key + 2);
        aggregates(w, key + 5);
        pipeline(w, key + 10);
        from_reader(w, key + 50);
        transactions(w, key + 60);
    }
    redisFree(w->context);
    return NULL;
}

/* ---- What must be found ---- */

static int by_number(const void *a, const void *b)
{
    unsigned x = *(const unsigned *)a, y = *(const unsigned *)b;
    return (x > y) - (x < y);
}

static void add(struct truth *sum, struct truth *part)
{
    qsort(part->key, part->keys, sizeof *part->key, by_number);
    for (size_t i = 0; i < part->keys; i++)
        sum->keys += i == 0 || part->key[i] != part->key[i - 1];
    for (int v = 0; v < VERBS; v++)
        sum->calls[v] += part->calls[v];
    sum->hits += part->hits, sum->misses += part->misses, sum->writes += part->writes;
    sum->written_bytes += part->written_bytes, sum->read_bytes += part->read_bytes;
    sum->deletes += part->deletes, sum->errors += part->errors;
    sum->leaked_nil += part->leaked_nil, sum->leaked_error += part->leaked_error;
}

static void print(const struct truth *t, int threads)
{
    printf("{\"threads\": %d, \"commands\": {", threads);
    for (int v = 0; v < VERBS; v++)
        printf("%s\"%s\": %ld", v ? ", " : "", verb_names[v], t->calls[v]);
    printf(
        "}, \"reads\": %ld, \"hits\": %ld, \"misses\": %ld, \"writes\": %ld, \"written_bytes\": %ld, \"read_bytes\": %ld, "
        "\"deletes\": %ld, \"errors\": %ld, \"distinct_keys\": %zu, ",
        t->hits + t->misses, t->hits, t->misses, t->writes, t->written_bytes, t->read_bytes,
        t->deletes, t->errors, t->keys);
    printf("\"leaked\": {\"look_up_missing\": %ld, \"look_up_wrong_type\": %ld}}\n", t->leaked_nil,
           t->leaked_error);
}

int main(int argc, char **argv)
{
    static struct truth sum;
    int threads = 1;
    bool healthy = false;
    if (argc < 2)
        fail("usage: cache_commands SOCKET [--healthy] [--threads N]");
    for (int i = 2; i < argc; i++) {
        if (strcmp(argv[i], "--healthy") == 0)
            healthy = true;
        else if (strcmp(argv[i], "--threads") == 0 && i + 1 < argc)
            threads = atoi(argv[++i]);
        else
            fail("usage: cache_commands SOCKET [--healthy] [--threads N]");
    }
    if (threads < 1 || threads > 64)
        fail("1 to 64 threads");
    struct worker *workers = calloc((size_t)threads, sizeof *workers);
    pthread_t *ids = calloc((size_t)threads, sizeof *ids);
    if (!workers || !ids)
        fail("no memory");
    for (int i = 0; i < threads; i++)
        prepare(&workers[i], argv[1], healthy, (unsigned)i);
    for (int i = 0; i < threads; i++) {
        if (pthread_create(&ids[i], NULL, work, &workers[i]) != 0)
            fail("no thread");
    }
    for (int i = 0; i < threads; i++) {
        pthread_join(ids[i], NULL);
        add(&sum, &workers[i].truth);
    }
    print(&sum, threads);
    free(workers);
    free(ids);
    return 0;
}
