/*
 * What the programs share that issue cache commands of many kinds: they count each command that
 * they issue, and what its answer has to be, and print that as JSON. For _GNU_SOURCE, after
 * <hiredis/hiredis.h>.
 */
#ifndef COMMANDS_TRUTH_H
#define COMMANDS_TRUTH_H

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define VERBS_MAX 40

static struct truth {
    struct {
        char name[24];
        long calls;
    } verbs[VERBS_MAX];
    long hits, misses, writes, written_bytes, errors;
} truth;

static inline void fail(const char *what)
{
    fprintf(stderr, "%s: %s\n", program_invocation_short_name, what);
    exit(2);
}

static inline void call(const char *name)
{
    int i = 0;
    while (i < VERBS_MAX && truth.verbs[i].calls && strcmp(truth.verbs[i].name, name) != 0)
        i++;
    if (i == VERBS_MAX)
        fail("too many verbs");
    snprintf(truth.verbs[i].name, sizeof truth.verbs[i].name, "%s", name);
    truth.verbs[i].calls++;
}

/* "SET key value": the verb is what stands before the first blank. */
static inline void call_of(const char *format)
{
    char name[24];
    snprintf(name, sizeof name, "%.*s", (int)strcspn(format, " "), format);
    call(name);
}

static inline void print_truth(void)
{
    printf("{\"commands\":{");
    for (int i = 0; i < VERBS_MAX && truth.verbs[i].calls; i++)
        printf("%s\"%s\":%ld", i ? "," : "", truth.verbs[i].name, truth.verbs[i].calls);
    printf("},\"reads\":%ld,\"hits\":%ld,\"misses\":%ld,\"writes\":%ld,\"written_bytes\":%ld,"
           "\"errors\":%ld",
           truth.hits + truth.misses, truth.hits, truth.misses, truth.writes, truth.written_bytes,
           truth.errors);
}

struct expected {
    int type; /* REDIS_REPLY_*; 0: none comes */
    long hits, misses, writes, written_bytes, errors;
};

static struct expected is_hit __attribute__((unused)) = {.type = REDIS_REPLY_STRING, .hits = 1};
static struct expected is_miss __attribute__((unused)) = {.type = REDIS_REPLY_NIL, .misses = 1};
static struct expected is_write
    __attribute__((unused)) = {.type = REDIS_REPLY_STATUS, .writes = 1, .written_bytes = 5};
static struct expected is_status __attribute__((unused)) = {.type = REDIS_REPLY_STATUS};
static struct expected is_number __attribute__((unused)) = {.type = REDIS_REPLY_INTEGER};
static struct expected is_error __attribute__((unused)) = {.type = REDIS_REPLY_ERROR, .errors = 1};
static struct expected is_nothing __attribute__((unused)) = {.errors = 1};

static inline void settle(const struct expected *expected, const redisReply *reply)
{
    if ((reply ? reply->type : 0) != expected->type)
        fail(reply && reply->str ? reply->str : "an unexpected answer");
    truth.hits += expected->hits, truth.misses += expected->misses;
    truth.writes += expected->writes, truth.written_bytes += expected->written_bytes;
    truth.errors += expected->errors;
}

#endif
