// Threads are cancelled while they wait: in hiredis, in read and recv on a connection to the
// server, between allocations, and (asynchronously) while they compute. Their clean-up handlers
// give back what they hold, and the destructors of their keys talk to the server. Prints what
// became of them. Arguments: SOCKET

// libs: -lhiredis
#define _GNU_SOURCE
#include <hiredis/hiredis.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define EACH 15

static const char *server;
static pthread_key_t last_words;
static int ready, cleaned, said, survived;

static void count(int *which)
{
    __atomic_fetch_add(which, 1, __ATOMIC_RELAXED);
}

static void free_context(void *context)
{
    redisFree(context);
    count(&cleaned);
}

static void close_descriptor(void *fd)
{
    close(*(int *)fd);
    count(&cleaned);
}

static void free_block(void *block)
{
    free(*(void *volatile *)block);
    count(&cleaned);
}

static void speak_last(void *key)
{
    redisContext *context = redisConnectUnix(server);
    redisReply *reply = redisCommand(context, "SET %s 1", (char *)key);
    if (reply && reply->type == REDIS_REPLY_STATUS)
        count(&said);
    freeReplyObject(reply);
    redisFree(context);
    free(key);
}

static void *wait_in_hiredis(void *unused)
{
    (void)unused;
    redisContext *context = redisConnectUnix(server);
    pthread_setspecific(last_words, strdup("last:hiredis"));
    pthread_cleanup_push(free_context, context);
    count(&ready);
    redisCommand(context, "BLPOP nothing 0");
    count(&survived);
    pthread_cleanup_pop(0);
    return NULL;
}

static int connect_plainly(void)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);

    strncpy(address.sun_path, server, sizeof address.sun_path - 1);
    if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof address) != 0)
        exit(1);
    return fd;
}

static void *wait_in_a_call(void *by_read)
{
    static const char command[] = "*3\r\n$5\r\nBLPOP\r\n$7\r\nnothing\r\n$1\r\n0\r\n";
    static const char first[] = "*2\r\n$3\r\nGET\r\n$7\r\nnothing\r\n";
    int fd = connect_plainly();
    char answer[64];

    pthread_setspecific(last_words, strdup("last:call"));
    pthread_cleanup_push(close_descriptor, &fd);
    if (write(fd, first, sizeof first - 1) < 0 || read(fd, answer, sizeof answer) != 5)
        exit(1);
    if (write(fd, command, sizeof command - 1) != (ssize_t)sizeof command - 1)
        exit(1);
    count(&ready);
    if (by_read)
        (void)!read(fd, answer, sizeof answer);
    else
        (void)!recv(fd, answer, sizeof answer, 0);
    count(&survived);
    pthread_cleanup_pop(0);
    return NULL;
}

static void *allocate(void *unused)
{
    void *volatile block = NULL;
    union {
        void *volatile *block;
        void *any;
    } place = {.block = &block};

    (void)unused;
    pthread_setspecific(last_words, strdup("last:heap"));
    pthread_cleanup_push(free_block, place.any);
    count(&ready);
    for (size_t bytes = 1;; bytes = bytes % 5000 + 1) {
        block = realloc(block, bytes);
        free(malloc(bytes));
        pthread_testcancel();
    }
    pthread_cleanup_pop(0);
    return NULL;
}

static void *compute(void *unused)
{
    void *block = malloc(100);
    volatile unsigned long sum = 0;

    (void)unused;
    pthread_cleanup_push(free_block, &block);
    count(&ready);
    pthread_setcanceltype(PTHREAD_CANCEL_ASYNCHRONOUS, NULL);
    for (;;)
        sum++;
    pthread_cleanup_pop(0);
    return NULL;
}

static void cancel_some(const char *what, void *(*work)(void *), void *argument)
{
    pthread_t threads[EACH];
    int cancelled = 0;

    ready = cleaned = said = survived = 0;
    for (int i = 0; i < EACH; i++)
        if (pthread_create(&threads[i], NULL, work, argument) != 0)
            exit(1);
    while (__atomic_load_n(&ready, __ATOMIC_RELAXED) < EACH)
        usleep(1000);
    for (int i = 0; i < EACH; i++) {
        void *end;
        pthread_cancel(threads[i]);
        pthread_join(threads[i], &end);
        cancelled += end == PTHREAD_CANCELED;
    }
    printf("%s: cancelled %d, cleaned up %d, said last words %d, survived %d\n", what, cancelled,
           cleaned, said, survived);
}

int main(int argc, char **argv)
{
    if (argc < 2)
        return 2;
    server = argv[1];
    pthread_key_create(&last_words, speak_last);
    cancel_some("hiredis", wait_in_hiredis, NULL);
    cancel_some("read", wait_in_a_call, &ready);
    cancel_some("recv", wait_in_a_call, NULL);
    cancel_some("heap", allocate, NULL);
    cancel_some("computing", compute, NULL);
    return 0;
}
