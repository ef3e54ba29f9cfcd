// Leaks replies and contexts on several branches of each call site (hit, miss, write, error; failed
// connects and good ones), synchronously, by argv, pipelined and by MGET, in threads, and prints
// how many on which. Arguments: SOCKET [--healthy] [THREADS]

// libs: -lhiredis
#include <hiredis/hiredis.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ROUNDS      300u
#define THREADS_MAX 16u

enum branch { HIT, MISS, WRITE, ERROR, BRANCHES };
enum place { LOOK_UP, LOOK_UP_ARGV, READ_PIPELINE, LOOK_UP_MANY, STORE, PLACES };
static const char *const place_names[] = {"look_up", "look_up_argv", "read_pipeline",
                                          "look_up_many", "store"};

struct worker {
    const char *path;
    bool healthy;
    redisContext *context;
    unsigned long leaked[PLACES][BRANCHES], failed, connected;
};

static void fail(const char *what)
{
    fprintf(stderr, "leaky_branches: %s\n", what);
    exit(2);
}

static enum branch branch_of(const redisReply *reply)
{
    switch (reply->type) {
    case REDIS_REPLY_NIL:
        return MISS;
    case REDIS_REPLY_ERROR:
        return ERROR;
    case REDIS_REPLY_STATUS:
        return WRITE;
    case REDIS_REPLY_ARRAY:
        for (size_t i = 0; i < reply->elements; i++)
            if (reply->element[i]->type == REDIS_REPLY_NIL)
                return MISS;
        return HIT;
    default:
        return HIT;
    }
}

// Frees the reply, or forgets it and takes note of that.
static void done_with(struct worker *w, enum place place, redisReply *reply, bool forget)
{
    if (!reply)
        fail("no reply");
    if (forget && !w->healthy)
        w->leaked[place][branch_of(reply)]++;
    else
        freeReplyObject(reply);
}

// "text" is a string, "hash" is none, "none" is not there.
__attribute__((noinline)) static void look_up(struct worker *w, const char *key, bool forget)
{
    redisReply *reply = redisCommand(w->context, "GET %s", key);
    done_with(w, LOOK_UP, reply, forget);
}

__attribute__((noinline)) static void look_up_argv(struct worker *w, const char *key, bool forget)
{
    const char *words[] = {"GET", key};
    redisReply *reply = redisCommandArgv(w->context, 2, words, NULL);
    done_with(w, LOOK_UP_ARGV, reply, forget);
}

__attribute__((noinline)) static void look_up_many(struct worker *w, const char *second,
                                                   bool forget)
{
    redisReply *reply = redisCommand(w->context, "MGET item:text %s item:text", second);
    done_with(w, LOOK_UP_MANY, reply, forget);
}

__attribute__((noinline)) static void store(struct worker *w, bool forget)
{
    redisReply *reply = redisCommand(w->context, "SET item:text value");
    done_with(w, STORE, reply, forget);
}

__attribute__((noinline)) static void read_pipeline(struct worker *w, unsigned round)
{
    redisAppendCommand(w->context, "GET item:text");
    redisAppendCommand(w->context, "GET item:none");
    redisAppendCommand(w->context, "SET item:text value");
    redisAppendCommand(w->context, "GET item:hash");
    for (unsigned i = 0; i < 4; i++) {
        void *reply = NULL;
        if (redisGetReply(w->context, &reply) != REDIS_OK)
            fail("no reply in a pipeline");
        done_with(w, READ_PIPELINE, reply, (round + i) % (i + 1) == 0);
    }
}

__attribute__((noinline)) static void connect_again(struct worker *w, const char *path)
{
    redisContext *context = redisConnectUnix(path);
    if (!context)
        fail("no context");
    if (w->healthy)
        redisFree(context);
    else if (context->err)
        w->failed++;
    else
        w->connected++;
}

static void *work(void *argument)
{
    struct worker *w = argument;
    for (unsigned round = 0; round < ROUNDS; round++) {
        look_up(w, "item:text", round % 3 == 0);
        look_up(w, "item:none", round % 2 == 0);
        look_up(w, "item:hash", true);
        look_up_argv(w, "item:none", round % 4 == 0);
        look_up_argv(w, "item:text", round % 5 == 0);
        look_up_many(w, "item:text", round % 2 == 0);
        look_up_many(w, "item:none", round % 3 == 0);
        store(w, round % 7 == 0);
        read_pipeline(w, round);
        if (round % 30 == 0)
            connect_again(w, w->path);
        if (round % 20 == 0)
            connect_again(w, "/nowhere/redis.sock");
    }
    redisFree(w->context);
    return NULL;
}

static void print(const struct worker *workers, unsigned threads)
{
    static const char *const branch_names[] = {"hit", "miss", "write", "error"};
    unsigned long failed = 0, connected = 0;
    printf("{");
    for (int place = 0; place < PLACES; place++) {
        printf("\"%s\":{", place_names[place]);
        for (int branch = 0; branch < BRANCHES; branch++) {
            unsigned long sum = 0;
            for (unsigned i = 0; i < threads; i++)
                sum += workers[i].leaked[place][branch];
            printf("%s\"%s\":%lu", branch ? "," : "", branch_names[branch], sum);
        }
        printf("},");
    }
    for (unsigned i = 0; i < threads; i++) {
        failed += workers[i].failed;
        connected += workers[i].connected;
    }
    printf("\"connect_again\":{\"connect-failed\":%lu,\"connected\":%lu}}\n", failed, connected);
}

int main(int argc, char **argv)
{
    static struct worker workers[THREADS_MAX];
    pthread_t ids[THREADS_MAX];
    unsigned threads = 1;
    bool healthy = false;
    if (argc < 2)
        fail("usage: leaky_branches SOCKET [--healthy] [THREADS]");
    for (int i = 2; i < argc; i++) {
        if (strcmp(argv[i], "--healthy") == 0)
            healthy = true;
        else
            threads = (unsigned)atoi(argv[i]);
    }
    if (threads < 1 || threads > THREADS_MAX)
        fail("1 to 16 threads");
    for (unsigned i = 0; i < threads; i++) {
        workers[i] = (struct worker){.path = argv[1], .healthy = healthy};
        workers[i].context = redisConnectUnix(argv[1]);
        if (!workers[i].context || workers[i].context->err)
            fail("cannot connect");
    }
    freeReplyObject(redisCommand(workers[0].context, "SET item:text value"));
    freeReplyObject(redisCommand(workers[0].context, "HSET item:hash field value"));
    for (unsigned i = 0; i < threads; i++)
        if (pthread_create(&ids[i], NULL, work, &workers[i]) != 0)
            fail("no thread");
    for (unsigned i = 0; i < threads; i++)
        pthread_join(ids[i], NULL);
    print(workers, threads);
    return 0;
}
