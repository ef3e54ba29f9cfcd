// A cache client: SET and GET of 64-byte values in turn through hiredis, 100 commands in a pipeline
// or each waiting for its reply. An operation is a command. pipelined-cpu: the same pipeline with
// keys of 64 bytes and values of 1 KiB, and what is told is CPU time.
// Usage: redis_client SOCKET pipelined|round-trip|pipelined-cpu COMMANDS [KEYS]
// libs: -lhiredis
#include "common/bench.h"

#include <hiredis/hiredis.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PIPELINED = 100 };

static unsigned long keys = 1000;

static const char value[] = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

static void take(redisContext *redis, redisReply *reply)
{
    if (!reply || reply->type == REDIS_REPLY_ERROR) {
        fprintf(stderr, "redis_client: %s\n", reply ? reply->str : redis->errstr);
        exit(1);
    }
    freeReplyObject(reply);
}

static void append(redisContext *redis, unsigned long turn)
{
    unsigned long key = turn / 2 % keys;
    int status = turn % 2 ? redisAppendCommand(redis, "GET bench:%lu", key)
                          : redisAppendCommand(redis, "SET bench:%lu %s", key, value);

    if (status != REDIS_OK)
        take(redis, NULL);
}

static void pipeline(redisContext *redis, unsigned long commands)
{
    for (unsigned long turn = 0; turn < commands; turn += PIPELINED) {
        for (unsigned long i = 0; i < PIPELINED; i++)
            append(redis, turn + i);
        for (unsigned long i = 0; i < PIPELINED; i++) {
            void *reply = NULL;

            take(redis, redisGetReply(redis, &reply) == REDIS_OK ? reply : NULL);
        }
    }
}

static void append_long(redisContext *redis, unsigned long turn)
{
    static char text[1024];
    char key[65];
    const char *words[] = {turn % 2 ? "GET" : "SET", key, text};
    size_t lengths[] = {3, 64, sizeof text};

    sprintf(key, "%064lu", turn / 2 % keys);
    memset(text, 'v', sizeof text);
    if (redisAppendCommandArgv(redis, turn % 2 ? 2 : 3, words, lengths) != REDIS_OK)
        take(redis, NULL);
}

static void pipeline_long(redisContext *redis, unsigned long commands)
{
    for (unsigned long turn = 0; turn < commands; turn += PIPELINED) {
        for (unsigned long i = 0; i < PIPELINED; i++)
            append_long(redis, turn + i);
        for (unsigned long i = 0; i < PIPELINED; i++) {
            void *reply = NULL;

            take(redis, redisGetReply(redis, &reply) == REDIS_OK ? reply : NULL);
        }
    }
}

static void ask_and_wait(redisContext *redis, unsigned long commands)
{
    for (unsigned long turn = 0; turn < commands; turn++) {
        unsigned long key = turn / 2 % keys;

        take(redis, turn % 2 ? redisCommand(redis, "GET bench:%lu", key)
                             : redisCommand(redis, "SET bench:%lu %s", key, value));
    }
}

int main(int argc, char **argv)
{
    unsigned long commands = bench_number(argc, argv, 3, 10000);
    void (*run)(redisContext *, unsigned long) = NULL;
    double (*clock)(void) = bench_seconds;
    redisContext *redis;
    double started;

    keys = bench_number(argc, argv, 4, 1000);

    if (argc > 2 && !strcmp(argv[2], "pipelined"))
        run = pipeline;
    else if (argc > 2 && !strcmp(argv[2], "round-trip"))
        run = ask_and_wait;
    else if (argc > 2 && !strcmp(argv[2], "pipelined-cpu"))
        run = pipeline_long, clock = bench_cpu_seconds;
    if (!run) {
        fprintf(stderr,
                "Usage: redis_client SOCKET pipelined|round-trip|pipelined-cpu COMMANDS [KEYS]\n");
        return 2;
    }
    commands = (commands + PIPELINED - 1) / PIPELINED * PIPELINED;
    bench_pin(1); // the server has core 0
    redis = redisConnectUnix(argv[1]);
    if (!redis || redis->err) {
        fprintf(stderr, "redis_client: %s: %s\n", argv[1], redis ? redis->errstr : "no memory");
        return 1;
    }
    run(redis, 2 * (keys < 1000 ? keys : 1000));
    started = clock();
    run(redis, commands);
    bench_report(commands, clock() - started);
    redisFree(redis);
    return 0;
}
