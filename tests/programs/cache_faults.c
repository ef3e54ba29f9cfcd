// A cache used in a way that one rule speaks of, or, with --healthy, its near twin that is used
// well. Prints what a report must say: the finding's metric and its value. Arguments: SOCKET RULE
// [--healthy]

// libs: -lhiredis
#define _GNU_SOURCE
#include <hiredis/hiredis.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define CONTEXTS    8
#define VALUE_BYTES (4 << 20)

static redisContext *contexts[CONTEXTS];
static char *value;
static bool healthy;

static redisReply *ask(unsigned context, const char *key)
{
    redisReply *reply = redisCommand(contexts[context], "GET %s", key);

    if (!reply || reply->type == REDIS_REPLY_ERROR)
        exit(1);
    return reply;
}

static bool hits(unsigned context, const char *key)
{
    redisReply *reply = ask(context, key);
    bool hit = reply->type == REDIS_REPLY_STRING;

    freeReplyObject(reply);
    return hit;
}

static void store(unsigned context, const char *key, size_t bytes, long ttl_ms)
{
    redisReply *reply =
        ttl_ms ? redisCommand(contexts[context], "SET %s %b PX %ld", key, value, bytes, ttl_ms)
               : redisCommand(contexts[context], "SET %s %b", key, value, bytes);

    if (!reply || reply->type == REDIS_REPLY_ERROR)
        exit(1);
    freeReplyObject(reply);
}

// Values differ, so that they say nothing of the keys.
static bool look_up(const char *key, size_t bytes, long ttl_ms, unsigned compute_us)
{
    static unsigned long computed;

    if (hits(0, key))
        return true;
    if (compute_us)
        usleep(compute_us);
    memcpy(value, &(unsigned long){++computed}, sizeof(computed));
    store(0, key, bytes, ttl_ms);
    return false;
}

static const char *name(const char *prefix, unsigned number)
{
    static char names[4][64];
    static unsigned next;
    char *text = names[next++ % 4];

    snprintf(text, sizeof(names[0]), "%s:%u", prefix, number);
    return text;
}

static const char *uuid(const char *prefix)
{
    static char text[64];

    snprintf(text, sizeof(text), "%s:%08lx-%04lx-4%03lx-a%03lx-%06lx%06lx", prefix,
             random() & 0xffffffff, random() & 0xffff, random() & 0xfff, random() & 0xfff,
             random() & 0xffffff, random() & 0xffffff);
    return text;
}

static double unbounded_cardinality(void)
{
    for (unsigned i = 0; i < 400; i++)
        look_up(healthy ? name("answer", i % 40) : uuid("answer"), 200, 600000, 0);
    return 400;
}

static double never_read(void)
{
    for (unsigned i = 0; i < 400; i++)
        store(0, name("result", i), 200, 0);
    for (unsigned i = 0; healthy && i < 400; i++)
        hits(0, name("result", i));
    usleep(100000); // they had time to be read
    return 400;
}

// Two milliseconds after the last time, and not later because the machine was busy meanwhile.
static void keep_pace(void)
{
    static struct timespec next;

    if (next.tv_sec == 0)
        clock_gettime(CLOCK_MONOTONIC, &next);
    next.tv_nsec += 2000000;
    if (next.tv_nsec >= 1000000000) {
        next.tv_sec++;
        next.tv_nsec -= 1000000000;
    }
    clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &next, NULL);
}

static double missing_ttl(void)
{
    for (unsigned i = 0; i < 400; i++) {
        for (unsigned read = 0; read < 5; read++)
            look_up(name("session", i), 200, healthy ? 600000 : 0, 0);
        keep_pace();
    }
    return 400;
}

static double short_ttl(void)
{
    for (unsigned round = 0; round < 4; round++) {
        for (unsigned i = 0; i < 30; i++)
            look_up(name("page", i), 200, healthy ? 600000 : 30, 0);
        usleep(80000);
    }
    return 90;
}

// The server really evicts: what was written, and nobody deleted, is gone.
static double evicted_early(void)
{
    static bool written[1000];
    unsigned keys = healthy ? 20 : 150, evicted = 0;
    redisReply *reply =
        redisCommand(contexts[1], "CONFIG SET maxmemory 6mb maxmemory-policy allkeys-random");

    freeReplyObject(reply);
    for (unsigned i = 0; i < 1500; i++) {
        unsigned key = (unsigned)random() % keys;

        if (!look_up(name("image", key), 65536, 600000, 0)) {
            evicted += written[key];
            written[key] = true;
        }
    }
    return evicted;
}

static pthread_barrier_t together;

// All ask before anyone has stored; then all of them store.
static void *worker(void *argument)
{
    unsigned context = *(unsigned *)argument;

    for (unsigned i = 0; i < 20; i++) {
        char key[32];

        snprintf(key, sizeof(key), "hot:%u", i);
        hits(context, key);
        pthread_barrier_wait(&together);
        store(context, key, 200, 600000);
        pthread_barrier_wait(&together);
        for (unsigned read = 0; read < 10; read++)
            hits(context, key);
    }
    return NULL;
}

static double stampede(void)
{
    unsigned size = healthy ? 1 : CONTEXTS, numbers[CONTEXTS];
    pthread_t threads[CONTEXTS];

    pthread_barrier_init(&together, NULL, size);
    for (unsigned i = 0; i < size; i++) {
        numbers[i] = i;
        pthread_create(&threads[i], NULL, worker, &numbers[i]);
    }
    for (unsigned i = 0; i < size; i++)
        pthread_join(threads[i], NULL);
    pthread_barrier_destroy(&together);
    return 20 * (CONTEXTS - 1);
}

static double not_worth_caching(void)
{
    for (unsigned i = 0; i < (healthy ? 600 : 12000); i++)
        look_up(name("sum", i % 40), 16, 600000, healthy ? 2000 : 0);
    return 16; /* bytes of a value */
}

static double oversized_value(void)
{
    for (unsigned i = 0; i < 75; i++)
        look_up(name("blob", i % 25), healthy ? 65536 : VALUE_BYTES, 600000, healthy ? 5000 : 0);
    return VALUE_BYTES;
}

// The reader spells the key otherwise than the writer.
static double reader_writer_mismatch(void)
{
    for (unsigned i = 0; i < 300; i++) {
        if (!hits(0, name(healthy ? "answer" : "Answer", i % 50)))
            store(0, name("answer", i % 50), 200, 600000);
    }
    return 250; // all but each key's first read
}

// The second version of a schema; the healthy service deletes the first one's keys.
static double stale_version(void)
{
    for (unsigned i = 0; i < 200; i++)
        look_up(name("profile:v1", i % 60), 200, 0, 0);
    for (unsigned i = 0; healthy && i < 60; i++)
        freeReplyObject(redisCommand(contexts[0], "DEL profile:v1:%u", i));
    for (unsigned i = 0; i < 600; i++)
        look_up(name("profile:v2", i % 60), 200, 0, 0);
    return 60;
}

static const struct {
    const char *rule;
    double (*run)(void);
    const char *metric;
} faults[] = {
    {"unbounded-cardinality", unbounded_cardinality, "distinct_keys_count"},
    {"never-read", never_read, "held_entries_count"},
    {"missing-ttl", missing_ttl, "lasting_entries_count"},
    {"short-ttl", short_ttl, "expired_before_reuse_count"},
    {"evicted-early", evicted_early, "evicted_miss_count"},
    {"stampede", stampede, "concurrent_miss_count"},
    {"not-worth-caching", not_worth_caching, "value_bytes"},
    {"oversized-value", oversized_value, "value_bytes"},
    {"reader-writer-mismatch", reader_writer_mismatch, "mismatched_miss_count"},
    {"stale-version", stale_version, "stale_entries_count"},
};

int main(int argc, char **argv)
{
    if (argc < 3)
        return 2;
    healthy = argc > 3 && strcmp(argv[3], "--healthy") == 0;
    value = malloc(VALUE_BYTES);
    memset(value, 'v', VALUE_BYTES);
    for (unsigned i = 0; i < CONTEXTS; i++)
        if (!(contexts[i] = redisConnectUnix(argv[1])) || contexts[i]->err)
            return 1;
    for (size_t i = 0; i < sizeof(faults) / sizeof(*faults); i++)
        if (strcmp(faults[i].rule, argv[2]) == 0)
            printf("{\"metric\": \"%s\", \"value\": %.0f}\n", faults[i].metric, faults[i].run());
    for (unsigned i = 0; i < CONTEXTS; i++)
        redisFree(contexts[i]);
    free(value);
    return 0;
}
