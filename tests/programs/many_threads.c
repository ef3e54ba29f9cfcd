// A thousand threads at once allocate, talk to the server and keep one block each. Prints their
// number. Arguments: SOCKET

// libs: -lhiredis
#include <hiredis/hiredis.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>

#define THREADS 1000

static const char *server;
static pthread_barrier_t all;
static int good;

__attribute__((noinline)) static void *keep(void)
{
    void *block = malloc(111);
    __asm__ volatile("" : "+r"(block));
    return block;
}

static void *work(void *unused)
{
    (void)unused;
    pthread_barrier_wait(&all);
    redisContext *context;
    // The server's queue of connections is shorter than this crowd: EAGAIN.
    while ((context = redisConnectUnix(server))->err) {
        redisFree(context);
        sched_yield();
    }
    redisReply *reply = redisCommand(context, "GET many:threads");
    if (reply && reply->type == REDIS_REPLY_NIL)
        __atomic_fetch_add(&good, 1, __ATOMIC_RELAXED);
    freeReplyObject(reply);
    redisFree(context);
    for (size_t bytes = 1; bytes < 200; bytes++)
        free(malloc(bytes));
    return keep();
}

int main(int argc, char **argv)
{
    static pthread_t threads[THREADS];
    pthread_attr_t attributes;

    if (argc < 2)
        return 2;
    server = argv[1];
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, 128 * 1024);
    pthread_barrier_init(&all, NULL, THREADS);
    for (int i = 0; i < THREADS; i++)
        if (pthread_create(&threads[i], &attributes, work, NULL) != 0)
            return 1;
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    printf("threads %d\n", good);
    return 0;
}
