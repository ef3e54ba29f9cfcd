// libs: -lhiredis -ldl
// Does one thing over and over until it gets a SIGTERM, so that whatever grows with it shows:
// starts threads, opens connections, asks for keys never seen before, loads plugins, forks, or
// allocates at a steady pace. Prints as JSON what it did. A round leaves nothing behind, so that
// any growth is somebody else's.
#include <dlfcn.h>
#include <hiredis/hiredis.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "planted.h"

enum { ALIVE = 8, CHILDREN = 8, PIPELINED = 100, PACED_THREADS = 2, WORDS = 64, SPARES = 40 };

static struct site spare = {.function = "use_spare"};
static volatile sig_atomic_t over;
static char **operands; // what stands behind the mode
static redisContext *redis;
static uint64_t threads, connections, reads, hits, writes, loads, children, turn;

static void end(int signal_number)
{
    (void)signal_number;
    over = 1;
}

static void fail(const char *what)
{
    perror(what);
    _Exit(1);
}

OWN_FRAME static void use_spare(size_t bytes)
{
    void *block = site_took(&spare, malloc(bytes), bytes);
    site_free(&spare, block, bytes);
}

static void *short_life(void *unused)
{
    (void)unused;
    for (size_t i = 1; i <= SPARES; i++)
        use_spare(i * 100);
    return NULL;
}

/* So many threads at once, until all have ended. */
static void in_threads(int count, void *(*body)(void *))
{
    pthread_t started[ALIVE];
    for (int i = 0; i < count; i++)
        if (pthread_create(&started[i], NULL, body, NULL) != 0)
            fail("pthread_create");
    for (int i = 0; i < count; i++)
        pthread_join(started[i], NULL);
}

static void run_threads(void)
{
    in_threads(ALIVE, short_life);
    threads += ALIVE;
}

static redisContext *connect_hiredis(void)
{
    redisContext *made = redisConnectUnix(operands[0]);
    if (!made || made->err)
        fail(operands[0]);
    return made;
}

/* What came back for a GET or a SET. */
static void count_reply(redisReply *reply, bool read)
{
    if (!reply || reply->type == REDIS_REPLY_ERROR)
        fail("reply");
    if (read)
        hits += reply->type == REDIS_REPLY_STRING;
    reads += read;
    writes += !read;
    freeReplyObject(reply);
}

static void talk_through_socket(void)
{
    static const char command[] = "*2\r\n$3\r\nGET\r\n$7\r\nchurn:s\r\n";
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    char answer[64];
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    strncpy(address.sun_path, operands[0], sizeof address.sun_path - 1);
    if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof address) != 0 ||
        send(fd, command, sizeof command - 1, 0) != sizeof command - 1 ||
        recv(fd, answer, sizeof answer, 0) != 5 || memcmp(answer, "$-1\r\n", 5) != 0)
        fail("a bare socket");
    close(fd);
    reads++;
}

/* One connection by hiredis, one by hand. */
static void run_connections(void)
{
    redisContext *made = connect_hiredis();
    count_reply(redisCommand(made, "SET churn:c 1"), false);
    count_reply(redisCommand(made, "GET churn:c"), true);
    redisFree(made);
    talk_through_socket();
    connections += 2;
}

static void word(uint64_t number, char text[4])
{
    for (int i = 0; i < 3; i++, number /= 26)
        text[i] = (char)('a' + number % 26);
    text[3] = '\0';
}

/* A key that is never asked for again; every tenth is of one of 4,096 templates. */
static void name_key(uint64_t number, char key[64])
{
    char first[4], second[4];
    word(number % WORDS * 101, first);
    word(number / WORDS % WORDS * 77 + 5, second);
    if (number % 10)
        snprintf(key, 64, "user:%" PRIu64 ":profile", number);
    else
        snprintf(key, 64, "%s:%s:%" PRIu64, first, second, number);
}

static void run_keys(void)
{
    char key[64];
    void *reply;
    if (!redis)
        redis = connect_hiredis();
    for (int i = 0; i < PIPELINED; i++) {
        name_key(turn + (uint64_t)i, key);
        redisAppendCommand(redis, "GET %s", key);
        redisAppendCommand(redis, "SETEX %s 60 %s", key, "a value of some bytes");
    }
    for (int i = 0; i < 2 * PIPELINED; i++) {
        if (redisGetReply(redis, &reply) != REDIS_OK)
            fail("redisGetReply");
        count_reply(reply, i % 2 == 0);
    }
    turn += PIPELINED;
}

static void run_plugins(void)
{
    for (char **path = operands; *path; path++) {
        void *plugin = dlopen(*path, RTLD_NOW | RTLD_LOCAL);
        void (*run)(unsigned blocks, size_t bytes) = NULL;
        if (plugin)
            *(void **)&run = dlsym(plugin, "plugin_run");
        if (!run) {
            fprintf(stderr, "%s\n", dlerror());
            _Exit(1);
        }
        run(10, 300);
        dlclose(plugin);
        loads++;
    }
}

static int be_a_child(void)
{
    redisContext *own = connect_hiredis();
    redisReply *reply = redisCommand(own, "GET churn:fork:%d", (int)getpid());
    bool missed = reply && reply->type == REDIS_REPLY_NIL;
    use_spare(1000);
    if (reply)
        freeReplyObject(reply);
    redisFree(own);
    return missed ? 0 : 1;
}

static void run_forks(void)
{
    pid_t born[CHILDREN];
    int status;
    for (int i = 0; i < CHILDREN; i++)
        if ((born[i] = fork()) == 0)
            _exit(be_a_child());
    for (int i = 0; i < CHILDREN; i++)
        if (waitpid(born[i], &status, 0) != born[i] || status != 0)
            fail("a child");
    children += CHILDREN;
    reads += CHILDREN; // each its own
}

/* operands[0] pairs of malloc and free a second. */
static void *keep_pace(void *unused)
{
    enum { BATCH = 500 };
    double pause = 1e9 * BATCH / strtod(operands[0], NULL);
    struct timespec due;
    (void)unused;
    clock_gettime(CLOCK_MONOTONIC, &due);
    while (!over) {
        for (size_t i = 0; i < BATCH; i++)
            use_spare(16 + i);
        due.tv_nsec += (long)pause;
        due.tv_sec += due.tv_nsec / 1000000000;
        due.tv_nsec %= 1000000000;
        clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &due, NULL);
    }
    return NULL;
}

static void run_pace(void)
{
    in_threads(PACED_THREADS, keep_pace);
}

static const struct {
    const char *name;
    void (*run)(void);
    long pause_us; // between rounds
} modes[] = {
    {"threads", run_threads, 0}, {"connections", run_connections, 0}, {"keys", run_keys, 0},
    {"plugins", run_plugins, 0}, {"forks", run_forks, 10000},         {"pace", run_pace, 0},
};

static void print_truth(double seconds)
{
    printf("{\"seconds\":%.3f,\"threads\":%" PRIu64 ",\"connections\":%" PRIu64
           ",\"reads\":%" PRIu64 ",\"hits\":%" PRIu64 ",\"misses\":%" PRIu64 ",\"writes\":%" PRIu64
           ",\"loads\":%" PRIu64 ",\"children\":%" PRIu64 ",\"keys\":%" PRIu64 ",",
           seconds, threads, connections, reads, hits, reads - hits, writes, loads, children, turn);
    print_sites(&spare, 1);
    printf("}\n");
    fflush(stdout);
}

static double monotonic_seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

int main(int argc, char **argv)
{
    double started = monotonic_seconds();
    signal(SIGTERM, end);
    operands = argv + 2;
    for (size_t i = 0; argc > 2 && i < sizeof modes / sizeof *modes; i++) {
        if (strcmp(argv[1], modes[i].name) != 0)
            continue;
        while (!over) {
            modes[i].run();
            if (modes[i].pause_us)
                usleep((useconds_t)modes[i].pause_us);
        }
        if (redis)
            redisFree(redis);
        print_truth(monotonic_seconds() - started);
        return 0;
    }
    fprintf(stderr, "Usage: %s threads|connections|keys|plugins|forks|pace OPERAND...\n", argv[0]);
    return 2;
}
