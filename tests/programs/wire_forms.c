// Speaks the protocol over a unix socket in every form that a client may, and prints what a capture
// of it must say. Arguments: SOCKET SCENARIO...
// flags: -O2 -D_FORTIFY_SOURCE=2
#define _GNU_SOURCE
#include "wire.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <spawn.h>
#include <sys/time.h>
#include <sys/wait.h>

extern char **environ;

static const char *server;
static unsigned next_key = 1;

/* Keys that nobody has used. */
static unsigned keys(unsigned number)
{
    return __atomic_fetch_add(&next_key, number, __ATOMIC_RELAXED);
}

static struct client *connected(void)
{
    return client_of(connect_to(server));
}

static void set_nonblocking(int fd)
{
    fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
}

/* ---- Every call ---- */

static void mixed(struct client *client, size_t piece)
{
    struct bytes out = {0};
    unsigned key = keys(3);
    client->piece = piece;
    exchange(client, key);
    add_words(&out, "MGET item:%u item:%u item:%u", key, key + 2, key);
    add_words(&out, "LPUSH item:%u a", key);
    add_words(&out, "PING");
    flush(client, &out);
    expect(client, '*');
    hit(key), miss(key + 2), hit(key);
    expect(client, '-');
    failed();
    expect(client, '+');
    free(out.at);
}

static void forms(void)
{
    static const size_t pieces[] = {0, 1, 7};
    for (int out = 0; out < OUT_FORMS; out++)
        for (int in = 0; in < IN_FORMS; in++)
            for (size_t i = 0; i < 3; i++) {
                struct client *client = connected();
                client->out = (enum out_form)out;
                client->in = (enum in_form)in;
                mixed(client, pieces[i]);
                client_close(client);
            }
}

/* In two pieces, cut after each byte in turn, and byte by byte. */
static void split(void)
{
    struct client *client = connected();
    struct bytes out = {0};
    size_t whole = 1;
    for (size_t cut = 1; cut <= whole; cut++) {
        unsigned key = keys(2);
        add_set(&out, key, "some value", 10);
        add_get(&out, key);
        add_get(&out, key + 1);
        whole = out.count;
        for (size_t at = 0; at < whole;) {
            size_t part = cut == whole ? 1 : at ? whole - at : cut;
            put_all(client, out.at + at, part, 0);
            at += part;
        }
        out.count = 0;
        expect_set(client, key, 10);
        expect_get(client, key, true);
        expect_get(client, key + 1, false);
    }
    client_close(client);
    free(out.at);
}

/* Values of megabytes through a small buffer: the socket takes a part each time. */
static void big(void)
{
    static const size_t again[] = {0, 65536, 5, 200000};
    size_t bytes = 3 << 20;
    char *value = malloc(bytes);
    for (size_t i = 0; i < bytes; i++)
        value[i] = (char)('a' + i * 7 % 26);
    for (int i = 0; i < 4; i++) {
        struct client *client = connected();
        struct bytes out = {0};
        int room = 20000;
        unsigned key = keys(2);
        size_t size = again[i] == 5 ? 150000 : bytes;
        setsockopt(client->fd, SOL_SOCKET, SO_SNDBUF, &room, sizeof room);
        set_nonblocking(client->fd);
        client->out = (enum out_form)(i % OUT_FORMS);
        client->piece = i % 2 ? 4096 : 0;
        add_set(&out, key, value, size);
        add_get(&out, key);
        add_get(&out, key + 1);
        put_all(client, out.at, out.count, again[i]);
        expect_set(client, key, size);
        expect_get(client, key, true);
        expect_get(client, key + 1, false);
        exchange(client, keys(2));
        client_close(client);
        free(out.at);
    }
    free(value);
}

/* As clients do that send a long value by itself. */
static void long_arguments(void)
{
    static char value[300000];
    struct client *client = connected();
    struct bytes out = {0};
    memset(value, 'v', sizeof value);
    for (size_t bytes = 200; bytes < sizeof value; bytes = bytes * 3 / 2) {
        char head[100], text[32];
        unsigned key = keys(1);
        int length = sprintf(text, "item:%u", key);
        int count = sprintf(head, "*3\r\n$3\r\nSET\r\n$%d\r\n%s\r\n$%zu\r\n", length, text, bytes);
        put_all(client, head, (size_t)count, 0);
        put_all(client, value, bytes, 0);
        put_all(client, "\r\n", 2, 0);
        called("SET");
        expect_set(client, key, bytes);
        add_get(&out, key);
        flush(client, &out);
        expect_get(client, key, true);
    }
    client_close(client);
    free(out.at);
}

/* ---- Much at once ---- */

/* Everything is written before anything is read. */
static void pipeline_of(unsigned pairs, size_t bytes, size_t piece, bool counted)
{
    struct client *client = connected();
    struct bytes out = {0};
    char value[1024];
    unsigned key = keys(pairs);
    memset(value, 'x', sizeof value);
    client->piece = piece;
    for (unsigned i = 0; i < pairs; i++) {
        add_set(&out, key + i, value, bytes);
        add_get(&out, key + i);
    }
    flush(client, &out);
    for (unsigned i = 0; i < pairs; i++) {
        expect(client, '+');
        expect(client, '$');
        if (counted)
            written(key + i, bytes), hit(key + i);
    }
    client_close(client);
    free(out.at);
}

static void pipeline(void)
{
    pipeline_of(2000, 1024, 0, true);
    pipeline_of(3000, 20, 1000, true);
    for (int i = 0; i < 20; i++)
        pipeline_of(50, 300, 0, true);
}

/* More than is held of a connection of which nothing has been read yet: it is given up, and one
 * that comes after it is seen. */
static void overfull(void)
{
    pipeline_of(20000, 100, 0, false);
    memset(truth.verbs, 0, sizeof truth.verbs);
    pipeline_of(100, 100, 0, true);
}

/* The same on a connection that is known. */
static void torrent(void)
{
    struct client *client = connected();
    struct bytes out = {0};
    unsigned number = 40000, key = keys(number);
    exchange(client, keys(2));
    for (unsigned i = 0; i < number; i++)
        add_get(&out, key + i);
    flush(client, &out);
    for (unsigned i = 0; i < number; i++)
        expect_get(client, key + i, false);
    client_close(client);
    free(out.at);
}

static void mget(void)
{
    static const size_t pieces[] = {0, 7, 500, 4096};
    for (int i = 0; i < 4; i++) {
        struct client *client = connected();
        struct bytes out = {0};
        unsigned number = 5000, key = keys(number);
        client->piece = pieces[i];
        if (i % 2)
            exchange(client, keys(2));
        add_head(&out, "MSET", 2 * (number / 2));
        for (unsigned k = 0; k < number; k += 2) {
            add_key(&out, key + k);
            add_argument(&out, "abc", 3);
            written(key + k, 3);
        }
        add_head(&out, "MGET", number);
        for (unsigned k = 0; k < number; k++)
            add_key(&out, key + k);
        for (size_t at = 0, part = i > 1 ? 1000 : out.count; at < out.count; at += part)
            put_all(client, out.at + at, part < out.count - at ? part : out.count - at, 0);
        expect(client, '+');
        expect(client, '*');
        for (unsigned k = 0; k < number; k++) {
            if (k % 2)
                miss(key + k);
            else
                hit(key + k);
        }
        client_close(client);
        free(out.at);
    }
}

/* ---- What the protocol has ---- */

static void resp3(void)
{
    struct client *client = connected(), *other = connected();
    struct bytes out = {0};
    add_words(&out, "HELLO 3");
    add_words(&out, "CLIENT TRACKING ON");
    flush(client, &out);
    expect(client, '%');
    expect(client, '+');
    for (int i = 0; i < 50; i++) {
        unsigned key = keys(2), map = keys(2);
        client->piece = i % 3 ? 0 : 5;
        exchange(client, key);
        add_get(&out, key);
        flush(client, &out);
        expect_get(client, key, true);
        add_set(&out, key, "by another", 10);
        flush(other, &out);
        expect_set(other, key, 10);
        add_words(&out, "HSET item:%u a one b two", map); /* an invalidation comes before it */
        add_words(&out, "HGETALL item:%u", map);
        add_words(&out, "HGETALL item:%u", map + 1);
        add_words(&out, "HMGET item:%u a z", map);
        add_words(&out, "ZSCORE item:%u a", map + 1);
        flush(client, &out);
        expect(client, ':');
        written(map, 6);
        expect(client, '%');
        hit(map);
        expect(client, '%');
        miss(map + 1);
        expect(client, '*');
        hit(map);
        expect(client, '_');
        miss(map + 1);
    }
    client_close(client);
    client_close(other);
    free(out.at);
}

static void transactions(void)
{
    struct client *client = connected();
    struct bytes out = {0};
    for (int i = 0; i < 20; i++) {
        unsigned key = keys(2);
        client->piece = i % 2 ? 0 : 3;
        add_words(&out, "MULTI");
        add_set(&out, key, "abc", 3);
        add_get(&out, key);
        add_get(&out, key + 1);
        add_words(&out, "HGETALL item:%u", key);
        add_words(&out, "EXEC");
        add_words(&out, "MULTI");
        add_set(&out, key, "never", 5);
        add_words(&out, "DISCARD");
        add_get(&out, key);
        flush(client, &out);
        for (int k = 0; k < 5; k++)
            expect(client, '+');
        expect(client, '*');
        written(key, 3), hit(key), miss(key + 1), failed();
        for (int k = 0; k < 3; k++)
            expect(client, '+');
        expect_get(client, key, true);
    }
    client_close(client);
    free(out.at);
}

static void subscriptions(void)
{
    struct client *client = connected(), *other = connected();
    struct bytes out = {0};
    exchange(client, keys(2));
    for (int i = 0; i < 5; i++) {
        add_words(&out, "SUBSCRIBE news");
        flush(client, &out);
        expect(client, '*');
        for (int k = 0; k < 10; k++) {
            add_words(&out, "PUBLISH news text");
            flush(other, &out);
            expect(other, ':');
            expect(client, '*');
        }
        add_words(&out, "UNSUBSCRIBE news");
        flush(client, &out);
        expect(client, '*');
        exchange(client, keys(2));
    }
    client_close(client);
    client_close(other);
    free(out.at);
}

static void monitor(void)
{
    struct client *client = connected(), *other = connected();
    struct bytes out = {0};
    exchange(other, keys(2));
    add_words(&out, "MONITOR");
    flush(client, &out);
    expect(client, '+');
    exchange(other, keys(2));
    for (int i = 0; i < 3; i++)
        expect(client, '+');
    add_words(&out, "RESET");
    flush(client, &out);
    while (strcmp(next_answer(client, false).text, "RESET") != 0)
        ;
    exchange(client, keys(2));
    client_close(client);
    client_close(other);
    free(out.at);
}

static void inline_commands(void)
{
    struct client *client = connected();
    char line[200];
    for (int i = 0; i < 50; i++) {
        unsigned key = keys(2);
        int count = sprintf(line, "SET item:%u abcdef\r\nGET item:%u\r\n\r\n \nget item:%u\n", key,
                            key, key + 1);
        put_all(client, line, (size_t)count, 0);
        called("SET"), called("GET"), called("GET");
        expect_set(client, key, 6);
        expect_get(client, key, true);
        expect_get(client, key + 1, false);
    }
    exchange(client, keys(2));
    client_close(client);
}

/* CLIENT REPLY: what is not answered is sent, and nothing is known of it. */
static void unanswered(void)
{
    struct client *client = connected();
    struct bytes out = {0};
    exchange(client, keys(2));
    for (int i = 0; i < 10; i++) {
        unsigned key = keys(2);
        add_words(&out, "CLIENT REPLY SKIP");
        add_get(&out, key);
        add_words(&out, "CLIENT REPLY OFF");
        add_get(&out, key);
        add_get(&out, key);
        add_words(&out, "CLIENT REPLY ON");
        add_get(&out, key + 1);
        flush(client, &out);
        expect(client, '+');
        expect_get(client, key + 1, false);
    }
    client_close(client);
    free(out.at);
}

/* ---- Threads ---- */

struct shared {
    struct client *client;
    unsigned key, number;
};

static void *write_commands(void *argument)
{
    struct shared *shared = argument;
    struct bytes out = {0};
    for (unsigned i = 0; i < shared->number; i++) {
        if (i % 3)
            add_get(&out, shared->key + i / 3);
        else
            add_set(&out, shared->key + i / 3, "value", 5);
        if (i % 5 == 0 || i + 1 == shared->number)
            flush(shared->client, &out);
    }
    free(out.at);
    return NULL;
}

static void *read_answers(void *argument)
{
    struct shared *shared = argument;
    for (unsigned i = 0; i < shared->number; i++) {
        if (i % 3)
            expect_get(shared->client, shared->key + i / 3, true);
        else
            expect_set(shared->client, shared->key + i / 3, 5);
    }
    return NULL;
}

static bool spinning = true;

static void *spin(void *unused)
{
    while (__atomic_load_n(&spinning, __ATOMIC_RELAXED)) {}
    return unused;
}

/* One thread writes and another reads, on a machine that has no time for either. */
static void two_threads(void)
{
    enum { PAIRS = 4, SPINNERS = 4 };
    struct shared shared[PAIRS];
    pthread_t writers[PAIRS], readers[PAIRS], spinners[SPINNERS];
    for (int i = 0; i < SPINNERS; i++)
        pthread_create(&spinners[i], NULL, spin, NULL);
    for (int i = 0; i < PAIRS; i++) {
        shared[i] = (struct shared){connected(), keys(20000), 30000};
        pthread_create(&readers[i], NULL, read_answers, &shared[i]);
        pthread_create(&writers[i], NULL, write_commands, &shared[i]);
    }
    for (int i = 0; i < PAIRS; i++) {
        pthread_join(writers[i], NULL);
        pthread_join(readers[i], NULL);
        client_close(shared[i].client);
    }
    __atomic_store_n(&spinning, false, __ATOMIC_RELAXED);
    for (int i = 0; i < SPINNERS; i++)
        pthread_join(spinners[i], NULL);
}

static void *work(void *unused)
{
    enum { CONNECTIONS = 40 };
    struct client *clients[CONNECTIONS];
    for (int i = 0; i < CONNECTIONS; i++)
        clients[i] = connected();
    for (int round = 0; round < 10; round++) {
        for (int i = 0; i < CONNECTIONS; i++) {
            clients[i]->out = (enum out_form)((i + round) % OUT_FORMS);
            clients[i]->in = (enum in_form)(i % IN_FORMS);
            mixed(clients[i], 0);
        }
        client_close(clients[round]);
        clients[round] = connected();
    }
    for (int i = 0; i < CONNECTIONS; i++)
        client_close(clients[i]);
    return unused;
}

static void many(void)
{
    pthread_t threads[8];
    for (int i = 0; i < 8; i++)
        pthread_create(&threads[i], NULL, work, NULL);
    for (int i = 0; i < 8; i++)
        pthread_join(threads[i], NULL);
}

/* As an asynchronous pool begins: all of its connections send before any is read. */
static void crowd(void)
{
    enum { CONNECTIONS = 900 };
    static struct client *clients[CONNECTIONS];
    unsigned key = keys(CONNECTIONS);
    struct bytes out = {0};
    for (int i = 0; i < CONNECTIONS; i++) {
        clients[i] = connected();
        add_get(&out, key + (unsigned)i);
        flush(clients[i], &out);
    }
    for (int i = 0; i < CONNECTIONS; i++)
        expect_get(clients[i], key + (unsigned)i, false);
    for (int i = 0; i < CONNECTIONS; i++)
        client_close(clients[i]);
    free(out.at);
}

/* ---- Descriptors that come and go ---- */

static void must_be(int number, int fd)
{
    if (number != fd)
        fail("another number");
}

/* What looks like commands goes through the number that was a connection's. */
static void write_lines(int fd)
{
    for (int i = 0; i < 10; i++)
        if (write(fd, "GET item:1\r\n", 12) != 12 || write(fd, "hello world\n", 12) != 12)
            fail("write of lines");
}

static void read_lines(int fd)
{
    char line[12];
    for (int i = 0; i < 10; i++)
        if (read(fd, line, sizeof line) < 0)
            fail("read of lines");
}

static int used_connection(void)
{
    struct client *client = connected();
    int fd = client->fd;
    exchange(client, keys(2));
    free(client);
    return fd;
}

static void reused(void)
{
    int pipes[2], number = used_connection(), null = open("/dev/null", O_RDWR);
    struct client *client;
    for (int way = 0; way < 3; way++) {
        FILE *stream;
        if (way == 0) {
            close(number);
            must_be(open("/dev/null", O_RDWR), number);
        } else if (way == 1) {
            dup2(null, number);
        } else { /* unseen */
            stream = fdopen(number, "r+");
            fclose(stream);
            must_be(open("/dev/null", O_RDWR), number);
        }
        write_lines(number);
        read_lines(number);
        close(number);
        must_be(used_connection(), number);
    }
    close(number);
    if (pipe(pipes) != 0)
        fail("pipe");
    must_be(pipes[0], number);
    write_lines(pipes[1]);
    read_lines(pipes[0]);
    close(pipes[0]);
    must_be(used_connection(), number);
    fclose(fdopen(number, "r+"));
    must_be(connect_to(server), number); /* seen at connect */
    client = client_of(number);
    exchange(client, keys(2));
    client->fd = dup(number); /* another number for the same */
    exchange(client, keys(2));
    close(client->fd);
    client->fd = number;
    exchange(client, keys(2));
    client_close(client);
    close(null);
    close(pipes[1]);
}

/* The children have the same memory and their own descriptors. */
static void vforked(void)
{
    static char name[] = "true", *const arguments[] = {name, NULL};
    struct client *client = connected();
    exchange(client, keys(2));
    for (int i = 0; i < 10; i++) {
        int status;
        pid_t pid;
        posix_spawn_file_actions_t actions;
        posix_spawn_file_actions_init(&actions);
        posix_spawn_file_actions_addclose(&actions, client->fd);
        if (posix_spawn(&pid, "/bin/true", &actions, NULL, arguments, environ) != 0)
            fail("posix_spawn");
        waitpid(pid, &status, 0);
        posix_spawn_file_actions_destroy(&actions);
        exchange(client, keys(2));
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"
        pid = vfork();
        if (pid == 0) {
            close(client->fd);
            dup2(1, client->fd);
            close(client->fd);
            execv("/bin/true", arguments);
            _exit(1);
        }
        waitpid(pid, &status, 0);
        exchange(client, keys(2));
    }
    client_close(client);
}

static void forked(void)
{
    struct client *client = connected();
    unsigned key = keys(2);
    int status;
    exchange(client, key);
    fflush(stdout);
    pid_t pid = fork();
    if (pid == 0) {
        exchange(client, key);
        exchange(connected(), key);
        fclose(stdout);
        exit(0);
    }
    waitpid(pid, &status, 0);
    if (status != 0)
        fail("the child");
    for (int i = 0; i < 2; i++) { /* what it did is known here */
        called("SET"), called("GET"), called("GET");
        written(key, 10), hit(key), miss(key + 1);
    }
    exchange(client, key);
    client_close(client);
}

/* More connections than are followed at once; and when they have gone, some more. */
static void full(void)
{
    enum { CONNECTIONS = 4300 };
    static struct client *clients[CONNECTIONS];
    unsigned key = keys(CONNECTIONS);
    struct bytes out = {0};
    for (int i = 0; i < CONNECTIONS; i++) {
        clients[i] = connected();
        add_get(&out, key + (unsigned)i);
        flush(clients[i], &out);
        expect_get(clients[i], key + (unsigned)i, false);
    }
    for (int i = 0; i < CONNECTIONS; i++)
        client_close(clients[i]);
    for (int i = 0; i < 10; i++) {
        clients[i] = connected();
        exchange(clients[i], keys(2));
        client_close(clients[i]);
    }
    free(out.at);
}

/* A number that is higher than those that are followed. */
static void high(void)
{
    struct client *client = connected();
    struct bytes out = {0};
    exchange(client, keys(2));
    int number = dup2(client->fd, 262144 + 5);
    if (number < 0)
        fail("dup2");
    client->fd = number;
    add_bytes(&out, "*2\r\n$3\r\nGET\r\n$1\r\na\r\n", 20);
    flush(client, &out);
    expect(client, '_');
    client_close(client);
    free(out.at);
}

static void *exchange_forever(void *unused)
{
    struct client *client = connected();
    struct bytes out = {0};
    while (__atomic_load_n(&spinning, __ATOMIC_RELAXED)) {
        for (unsigned i = 0; i < 20; i++)
            add_bytes(&out, "*1\r\n$4\r\nPING\r\n", 14);
        flush(client, &out);
        for (unsigned i = 0; i < 20; i++)
            expect(client, '+');
    }
    client_close(client);
    free(out.at);
    return unused;
}

/* Children by fork while other threads are busy with their connections: each goes its way. */
static void fork_storm(void)
{
    pthread_t threads[4];
    int status;
    for (int i = 0; i < 4; i++)
        pthread_create(&threads[i], NULL, exchange_forever, NULL);
    for (int i = 0; i < 100; i++) {
        pid_t pid = fork();
        if (pid == 0) {
            struct client *client = connected();
            alarm(20);
            exchange(client, keys(2));
            client_close(client);
            _exit(0);
        }
        if (pid < 0 || waitpid(pid, &status, 0) != pid || status != 0)
            fail("a child");
    }
    __atomic_store_n(&spinning, false, __ATOMIC_RELAXED);
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    for (int i = 0; i < 100; i++) {
        called("SET"), called("GET"), called("GET");
        truth.writes++, truth.hits++, truth.misses++, truth.written_bytes += 10;
    }
}

/* ---- What goes wrong ---- */

/* A server that ends in the middle of an answer: what was asked is an error, and known as one. */
static void *end_early(void *argument)
{
    int fd = *(int *)argument;
    char text[200];
    if (read(fd, text, sizeof text) > 0 && write(fd, "$3\r\nabc\r\n", 9) == 9 &&
        read(fd, text, sizeof text) > 0 && write(fd, "$10\r\nabc", 8) == 8)
        close(fd);
    return NULL;
}

static void dying(void)
{
    for (int i = 0; i < 3; i++) {
        int ends[2];
        pthread_t thread;
        unsigned key = keys(2);
        struct bytes out = {0};
        if (socketpair(AF_UNIX, SOCK_STREAM, 0, ends) != 0)
            fail("socketpair");
        struct client *client = client_of(ends[0]);
        pthread_create(&thread, NULL, end_early, &ends[1]);
        add_get(&out, key);
        flush(client, &out);
        expect_get(client, key, true);
        add_get(&out, key + 1);
        flush(client, &out);
        if (next_answer(client, false).type)
            fail("an answer of a dead server");
        failed();
        pthread_join(thread, NULL);
        client_close(client);
        free(out.at);
    }
}

static void errors(void)
{
    struct client *client = connected();
    struct bytes out = {0};
    for (int i = 0; i < 20; i++) {
        unsigned key = keys(3);
        add_set(&out, key, "abc", 3);
        add_words(&out, "LRANGE item:%u 0 -1", key);
        add_words(&out, "NONSENSE a b");
        add_get(&out, key);
        add_words(&out, "SET item:%u", key + 1);
        add_get(&out, key + 2);
        flush(client, &out);
        expect_set(client, key, 3);
        expect(client, '-'), failed();
        expect(client, '-'), failed();
        expect_get(client, key, true);
        expect(client, '-'), failed();
        expect_get(client, key + 2, false);
    }
    client_close(client);
    free(out.at);
}

static struct client *of_the_handler;
static long handled;

static void on_alarm(int number)
{
    int kept = errno;
    char text[100];
    (void)number;
    if (write(of_the_handler->fd, "*2\r\n$6\r\nSTRLEN\r\n$6\r\nitem:1\r\n", 28) != 28 ||
        read(of_the_handler->fd, text, sizeof text) <= 0)
        _exit(3);
    handled++;
    errno = kept;
}

/* A signal handler uses a connection while the thread is busy with another: that other one is seen
 * to the last command. */
static void alarms(void)
{
    struct sigaction action = {.sa_handler = on_alarm, .sa_flags = SA_RESTART};
    struct itimerval often = {{0, 300}, {0, 300}}, never = {{0, 0}, {0, 0}};
    struct client *client = connected();
    of_the_handler = connected();
    sigaction(SIGALRM, &action, NULL);
    setitimer(ITIMER_REAL, &often, NULL);
    for (int i = 0; i < 20000; i++)
        exchange(client, keys(2));
    setitimer(ITIMER_REAL, &never, NULL);
    fprintf(stderr, "handled %ld\n", handled);
    client_close(client);
    client_close(of_the_handler);
}

static void *read_forever(void *argument)
{
    char text[100];
    while (read(*(int *)argument, text, sizeof text) >= 0) {}
    return NULL;
}

/* Threads that are cancelled where they wait, and one whose first write was never made. */
static void cancelled(void)
{
    for (int i = 0; i < 20; i++) {
        struct client *client = connected();
        pthread_t thread;
        void *result;
        exchange(client, keys(2));
        pthread_create(&thread, NULL, read_forever, &client->fd);
        if (i % 2)
            usleep(2000);
        pthread_cancel(thread);
        pthread_join(thread, &result);
        if (result != PTHREAD_CANCELED)
            fail("not cancelled");
        exchange(client, keys(2));
        client_close(client);
    }
}

static bool allocated;

static void *cancel_itself(void *argument)
{
    static void *blocks[200000];
    struct client *client = argument;
    pthread_cancel(pthread_self()); /* it acts upon it in the first call that it may */
    for (size_t i = 0; i < sizeof blocks / sizeof *blocks; i++)
        blocks[i] = malloc(100 + i % 1000);
    allocated = true;
    for (size_t i = 0; i < sizeof blocks / sizeof *blocks; i++)
        free(blocks[i]);
    if (write(client->fd, "*2\r\n$3\r\nGET\r\n$1\r\na\r\n", 20) == 20)
        fail("not cancelled in write");
    return NULL;
}

/* With a cancellation pending a thread allocates so much that the capture must grow: malloc is not
 * where it may act upon it. */
static void cancelled_early(void)
{
    pthread_t thread;
    struct client *client = connected();
    pthread_create(&thread, NULL, cancel_itself, client);
    pthread_join(thread, NULL);
    if (!allocated)
        fail("cancelled in malloc");
    client_close(client);
    client = connected();
    exchange(client, keys(2));
    client_close(client);
}

/* Waits for a line on stdin in the middle of a pipeline, so that recording can be paused there. */
static void paused(void)
{
    struct client *client = connected();
    struct bytes out = {0};
    char line[16];
    unsigned key = keys(4);
    exchange(client, keys(2));
    add_get(&out, key);
    flush(client, &out);
    puts("pause");
    fflush(stdout);
    if (!fgets(line, sizeof line, stdin))
        fail("stdin");
    long calls = truth.verbs[1].calls;
    add_get(&out, key + 1);
    add_get(&out, key + 2);
    flush(client, &out);
    truth.verbs[1].calls = calls; /* those are not recorded */
    expect(client, '_');
    expect(client, '_');
    puts("resume");
    fflush(stdout);
    if (!fgets(line, sizeof line, stdin))
        fail("stdin");
    expect(client, '_');
    exchange(client, keys(2));
    client_close(client);
    free(out.at);
}

static const struct {
    const char *name;
    void (*run)(void);
} scenarios[] = {{"forms", forms},
                 {"split", split},
                 {"big", big},
                 {"long", long_arguments},
                 {"pipeline", pipeline},
                 {"overfull", overfull},
                 {"torrent", torrent},
                 {"mget", mget},
                 {"resp3", resp3},
                 {"transactions", transactions},
                 {"subscriptions", subscriptions},
                 {"monitor", monitor},
                 {"inline", inline_commands},
                 {"unanswered", unanswered},
                 {"two-threads", two_threads},
                 {"many", many},
                 {"crowd", crowd},
                 {"reused", reused},
                 {"vforked", vforked},
                 {"forked", forked},
                 {"full", full},
                 {"high", high},
                 {"fork-storm", fork_storm},
                 {"dying", dying},
                 {"errors", errors},
                 {"alarms", alarms},
                 {"cancelled", cancelled},
                 {"cancelled-early", cancelled_early},
                 {"paused", paused}};

int main(int argc, char **argv)
{
    if (argc < 3)
        return 2;
    server = argv[1];
    signal(SIGPIPE, SIG_IGN);
    for (int i = 2; i < argc; i++) {
        size_t at = 0;
        while (at < sizeof scenarios / sizeof *scenarios &&
               strcmp(scenarios[at].name, argv[i]) != 0)
            at++;
        if (at == sizeof scenarios / sizeof *scenarios)
            return 2;
        scenarios[at].run();
    }
    print_truth();
    return 0;
}
