/*
 * What the programs about ends do before they end: blocks lost, of 100 to 199 bytes, all of them in
 * lose_block; GETs of keys that nobody wrote, where $REDIS is a server; and other blocks that come
 * and go. A line of truth says what the process has done since the last one, its parent's work not
 * counted: "truth lost=N gets=M". It is written without stdio: nothing is pending at the end.
 * With hiredis: define WORK_GETS before.
 */
#ifndef WORK_H
#define WORK_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#ifdef WORK_GETS
#include <hiredis/hiredis.h>
static redisContext *work_redis;
#endif

static long work_lost, work_gets;
static void *work_chain;

__attribute__((noinline)) static void lose_block(void)
{
    void **block = malloc(100 + (size_t)work_lost % 100);
    if (!block)
        abort();
    *block = work_chain; /* not lost to who looks for pointers, but never freed */
    work_chain = block;
    work_lost++;
}

__attribute__((noinline)) static void use_block(size_t bytes)
{
    char *block = malloc(bytes);
    if (!block)
        abort();
    *(volatile char *)block = 1;
    free(block);
}

static inline void get(void)
{
#ifdef WORK_GETS
    const char *server = getenv("REDIS");
    if (!server || !*server)
        return;
    if (!work_redis)
        work_redis = redisConnectUnix(server);
    redisReply *reply = redisCommand(work_redis, "GET end:%ld", work_gets);
    if (!reply || reply->type != REDIS_REPLY_NIL)
        abort();
    freeReplyObject(reply);
    work_gets++;
#endif
}

static inline void work(long rounds)
{
    for (long i = 0; i < rounds; i++) {
        lose_block();
        use_block(300 + (size_t)i % 700);
        if (i % 20 == 0)
            get();
    }
}

/* In a child: what it has done itself. */
static inline void work_anew(void)
{
    work_lost = work_gets = 0;
    work_chain = NULL;
#ifdef WORK_GETS
    work_redis = NULL; /* its parent's connection */
#endif
}

static inline void tell_into(int fd, const char *who)
{
    char line[200];
    int bytes =
        snprintf(line, sizeof line, "%struth lost=%ld gets=%ld\n", who, work_lost, work_gets);
    if (write(fd, line, (size_t)bytes) != bytes)
        abort();
    work_lost = work_gets = 0;
}

static inline void tell(void)
{
    tell_into(STDOUT_FILENO, "");
}

#endif
