// Many short processes of one service, each with a capture of its own: all share a cache; some of
// their keys hold a time, so that they never hit; every tenth process forgets replies of misses.
// Prints what all of them did together, and which processes leak. Arguments: SOCKET PROCESSES
// [TURNS]

// libs: -lhiredis
#include <hiredis/hiredis.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define PROCESSES_MAX 4096
#define AT_ONCE       4
#define TURNS         70 /* of each process, two keys a turn */
#define USERS         400
#define PROMPTS       64 /* more than an analysis keeps apart */
#define LEAK_EACH     10

struct truth { /* of one process */
    long pid;
    unsigned long reads, hits, misses, writes, forgotten;
};

static struct truth *truths;
static unsigned turns = TURNS;
/* What a database must take as text. */
static const char hostile[] = "it's\\';\n\tDROP TABLE captures; --\"`<b>:\xc3\xa9:\xff";

static redisReply *ask(redisContext *context, const char *key)
{
    redisReply *reply = redisCommand(context, "GET %s", key);
    if (reply == NULL)
        exit(1);
    return reply;
}

static void store(redisContext *context, const char *key, struct truth *truth)
{
    char value[200];

    snprintf(value, sizeof(value), "%-100s answers %ld", key,
             truth->pid * 1000 + (long)truth->writes);
    redisReply *reply = redisCommand(context, "SET %s %s EX 600", key, value);
    if (reply == NULL)
        exit(1);
    freeReplyObject(reply);
    truth->writes++;
}

static void look_up(redisContext *context, const char *key, struct truth *truth, int forget)
{
    redisReply *reply = ask(context, key);

    truth->reads++;
    if (reply->type == REDIS_REPLY_STRING) {
        truth->hits++;
        freeReplyObject(reply);
        return;
    }
    truth->misses++;
    if (forget)
        truth->forgotten++;
    else
        freeReplyObject(reply);
    store(context, key, truth);
}

static void serve(const char *path, unsigned number)
{
    struct truth *truth = &truths[number];
    redisContext *context = redisConnectUnix(path);
    unsigned mine = number % LEAK_EACH == 0 ? turns : turns * 3 / 7; /* a leak shows in time */
    char key[100];

    if (context == NULL || context->err)
        exit(1);
    truth->pid = getpid();
    for (unsigned turn = 0; turn < mine; turn++) {
        snprintf(key, sizeof(key), "user:%u", (number * 7 + turn) % USERS);
        look_up(context, key, truth, 0);
        snprintf(key, sizeof(key), "answer:prompt-%c%c:%lu", 'a' + (char)(turn % 8),
                 'a' + (char)(turn % PROMPTS / 8), 1700000000000ul + number * 100000ul + turn);
        look_up(context, key, truth, number % LEAK_EACH == 0);
    }
    if (number == 0)
        look_up(context, hostile, truth, 0);
    redisFree(context);
    _exit(0);
}

static int wait_for_one(void)
{
    int status;

    return wait(&status) >= 0 && (!WIFEXITED(status) || WEXITSTATUS(status) != 0);
}

static void print_truth(unsigned processes)
{
    struct truth sum = {.pid = 0};
    const char *separator = "";

    printf("{\"leaking\": [");
    for (unsigned i = 0; i < processes; i++) {
        sum.reads += truths[i].reads;
        sum.hits += truths[i].hits;
        sum.misses += truths[i].misses;
        sum.writes += truths[i].writes;
        sum.forgotten += truths[i].forgotten;
        if (truths[i].forgotten != 0) {
            printf("%s%ld", separator, truths[i].pid);
            separator = ", ";
        }
    }
    printf("], \"reads\": %lu, \"hits\": %lu, \"misses\": %lu, \"writes\": %lu, "
           "\"forgotten\": %lu}\n",
           sum.reads, sum.hits, sum.misses, sum.writes, sum.forgotten);
}

int main(int argc, char **argv)
{
    unsigned processes = argc >= 3 ? (unsigned)strtoul(argv[2], NULL, 10) : 0;
    int failed = 0;

    if (processes == 0 || processes > PROCESSES_MAX)
        return 2;
    if (argc > 3)
        turns = (unsigned)strtoul(argv[3], NULL, 10);
    truths = mmap(NULL, PROCESSES_MAX * sizeof(*truths), PROT_READ | PROT_WRITE,
                  MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (truths == MAP_FAILED)
        return 2;
    for (unsigned i = 0; i < processes; i++) {
        if (i >= AT_ONCE)
            failed += wait_for_one();
        pid_t child = fork();
        if (child < 0)
            return 1;
        if (child == 0)
            serve(argv[1], i);
    }
    for (unsigned i = 0; i < processes && i < AT_ONCE; i++)
        failed += wait_for_one();
    print_truth(processes);
    return failed != 0;
}
