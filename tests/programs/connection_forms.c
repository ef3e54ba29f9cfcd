// Takes synchronous connections of hiredis through what happens to them: contexts that do not
// block, descriptors handed in and taken out, reconnects after a hang-up and after a timeout,
// readers with functions of their own, transactions that are aborted, subscriptions and MONITOR
// with ordinary commands behind them. Prints what a capture of it must say. Argument: SOCKET

// also: hiredis 1.x
// libs: -lhiredis
#define _GNU_SOURCE
#include <hiredis/hiredis.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "commands_truth.h"

static const char *path;

static redisContext *connect_to_cache(void)
{
    redisContext *context = redisConnectUnix(path);
    if (!context || context->err)
        fail("cannot connect");
    return context;
}

static void take(redisReply *reply, const struct expected *expected)
{
    settle(expected, reply);
    freeReplyObject(reply);
}

/* One command, its answer waited for. */
static void ask(redisContext *context, const struct expected *expected, const char *line)
{
    call_of(line);
    take(redisCommand(context, line), expected);
}

static void append(redisContext *context, const char *line)
{
    call_of(line);
    if (redisAppendCommand(context, line) != REDIS_OK)
        fail("a command was not taken");
}

static void take_next(redisContext *context, const struct expected *expected)
{
    void *reply = NULL;
    if (redisGetReply(context, &reply) != REDIS_OK)
        fail("no answer");
    take(reply, expected);
}

/* ---- Contexts that do not block ---- */

static void wait_for(redisContext *context, short events)
{
    struct pollfd wanted = {.fd = context->fd, .events = events};
    if (poll(&wanted, 1, 10000) != 1)
        fail("nothing happens");
}

static void flush(redisContext *context)
{
    int done = 0;
    while (!done) {
        wait_for(context, POLLOUT);
        if (redisBufferWrite(context, &done) != REDIS_OK)
            fail("cannot write");
    }
}

static void take_later(redisContext *context, const struct expected *expected)
{
    void *reply = NULL;
    while (redisGetReply(context, &reply) == REDIS_OK && !reply) {
        wait_for(context, POLLIN);
        if (redisBufferRead(context) != REDIS_OK)
            fail("cannot read");
    }
    take(reply, expected);
}

static void scene_nonblocking(void)
{
    redisContext *context = redisConnectUnixNonBlock(path);
    if (!context || context->err)
        fail("cannot connect");
    if (redisCommand(context, "SET item:1 value")) /* gives nothing, and only appends */
        fail("an answer from a context that does not block");
    call("SET");
    append(context, "GET item:1");
    append(context, "GET absent");
    flush(context);
    take_later(context, &is_write);
    append(context, "GET item:1"); /* between two answers */
    flush(context);
    take_later(context, &is_hit);
    take_later(context, &is_miss);
    take_later(context, &is_hit);
    redisFree(context);
}

/* ---- Every form of connecting ---- */

static void use(redisContext *context, bool blocks)
{
    if (!context || context->err)
        fail("cannot connect");
    append(context, "SET item:6 value");
    append(context, "GET item:6");
    if (!blocks)
        flush(context);
    blocks ? take_next(context, &is_write) : take_later(context, &is_write);
    blocks ? take_next(context, &is_hit) : take_later(context, &is_hit);
    redisFree(context);
}

static void scene_connects(int port)
{
    const char *here = "127.0.0.1";
    struct timeval soon = {5, 0};
    use(redisConnect(here, port), true);
    use(redisConnectWithTimeout(here, port, soon), true);
    use(redisConnectUnixWithTimeout(path, soon), true);
    use(redisConnectNonBlock(here, port), false);
    use(redisConnectBindNonBlock(here, port, here), false);
    use(redisConnectBindNonBlockWithReuse(here, port, here), false);
#if HIREDIS_MAJOR >= 1
    redisOptions options = {0};
    REDIS_OPTIONS_SET_TCP(&options, here, port);
    use(redisConnectWithOptions(&options), true);
#endif
}

/* ---- Descriptors handed in and taken out ---- */

static void scene_descriptors(void)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
    if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof address) != 0)
        fail("cannot connect");
    redisContext *context = redisConnectFd(fd);
    ask(context, &is_write, "SET item:2 value");
    ask(context, &is_hit, "GET item:2");
    if (redisFreeKeepFd(context) != fd)
        fail("another descriptor");
    context = redisConnectFd(fd); /* the same connection, another context */
    ask(context, &is_hit, "GET item:2");
    ask(context, &is_miss, "GET absent");
    redisFree(context);
}

/* ---- Connections that break, and are connected again ---- */

static void scene_hang_up(void)
{
    redisContext *context = connect_to_cache(), *other = connect_to_cache();
    void *reply = NULL;
    char line[64];
    call("CLIENT");
    redisReply *id = redisCommand(context, "CLIENT ID");
    snprintf(line, sizeof line, "CLIENT KILL ID %lld", id ? id->integer : 0);
    take(id, &is_number);
    ask(other, &is_number, line);
    append(context, "GET item:1"); /* all three are lost */
    append(context, "GET item:2");
    append(context, "SET item:1 other");
    truth.errors += 3;
    for (int i = 0; i < 2; i++)
        if (redisGetReply(context, &reply) == REDIS_OK)
            fail("an answer from a connection that is gone");
    if (redisReconnect(context) != REDIS_OK)
        fail("cannot connect again");
    ask(context, &is_hit, "GET item:1");
    ask(context, &is_miss, "GET absent");
    redisFree(context);
    redisFree(other);
}

static void scene_timeout(void)
{
    struct timeval soon = {0, 50000}, never = {0, 0};
    redisContext *context = connect_to_cache();
    redisSetTimeout(context, soon);
    call("BLPOP");
    if (redisCommand(context, "BLPOP never 0"))
        fail("an answer of nobody");
    truth.errors++;
    if (redisReconnect(context) != REDIS_OK)
        fail("cannot connect again");
    redisSetTimeout(context, never);
    ask(context, &is_hit, "GET item:1");
    redisFree(context);
}

/* ---- A reader with functions of its own: its objects are no replies ---- */

static int objects;

static void *make_string(const redisReadTask *task, char *text, size_t bytes)
{
    (void)task;
    (void)text;
    (void)bytes;
    objects++;
    return malloc(3); /* shorter than any reply */
}

static void *make_nil(const redisReadTask *task)
{
    return make_string(task, NULL, 0);
}

static void *make_integer(const redisReadTask *task, long long value)
{
    (void)value;
    return make_string(task, NULL, 0);
}

static void free_object(void *object)
{
    objects--;
    free(object);
}

static void scene_own_reader(void)
{
    static redisReplyObjectFunctions functions = {.createString = make_string,
                                                  .createInteger = make_integer,
                                                  .createNil = make_nil,
                                                  .freeObject = free_object};
    redisContext *context = connect_to_cache();
    context->reader->fn = &functions;
    for (int i = 0; i < 20; i++) {
        void *object = redisCommand(context, i % 2 ? "GET item:1" : "EXISTS item:1");
        if (!object)
            fail("no answer");
        call(i % 2 ? "GET" : "EXISTS"); /* whether it hit nobody knows */
        free_object(object);
    }
    if (objects)
        fail("an object is left");
    redisFree(context);
}

/* ---- Transactions ---- */

static void scene_transactions(void)
{
    static struct expected is_done = {
        .type = REDIS_REPLY_ARRAY, .hits = 1, .misses = 1, .writes = 1, .written_bytes = 5};
    static struct expected is_aborted = {.type = REDIS_REPLY_NIL};
    redisContext *context = connect_to_cache(), *other = connect_to_cache();
    append(context, "MULTI");
    append(context, "SET item:3 value");
    append(context, "GET item:3");
    append(context, "GET absent");
    append(context, "EXEC");
    append(context, "GET item:3");
    for (int i = 0; i < 4; i++)
        take_next(context, &is_status);
    take_next(context, &is_done);
    take_next(context, &is_hit);
    ask(context, &is_status, "WATCH item:3");
    ask(other, &is_write, "SET item:3 third");
    ask(context, &is_status, "MULTI");
    ask(context, &is_status, "SET item:3 never");
    ask(context, &is_aborted, "EXEC"); /* none of it was done */
    ask(context, &is_hit, "GET item:3");
    redisFree(context);
    redisFree(other);
}

/* ---- Subscriptions and MONITOR ---- */

static void take_message(redisContext *context, const char *kind)
{
    redisReply *reply = NULL;
    if (redisGetReply(context, (void **)&reply) != REDIS_OK || reply->elements < 3 ||
        strcmp(reply->element[0]->str, kind) != 0)
        fail("another message");
    freeReplyObject(reply);
}

static void scene_subscriptions(void)
{
    redisContext *context = connect_to_cache(), *other = connect_to_cache();
    append(context, "GET item:1");
    append(context, "SUBSCRIBE a b");
    take_next(context, &is_hit);
    take_message(context, "subscribe");
    take_message(context, "subscribe");
    ask(other, &is_number, "PUBLISH a one");
    ask(other, &is_number, "PUBLISH b two");
    take_message(context, "message");
    append(context, "GET item:1"); /* refused: the connection is subscribed */
    append(context, "UNSUBSCRIBE a b c");
    append(context, "GET item:1"); /* it no longer is */
    append(context, "GET absent");
    take_message(context, "message");
    take_next(context, &is_error);
    for (int i = 0; i < 3; i++)
        take_message(context, "unsubscribe");
    take_next(context, &is_hit);
    take_next(context, &is_miss);
    ask(context, &is_hit, "GET item:2");
    redisFree(context);
    redisFree(other);
}

static void take_line(redisContext *context, const char *part)
{
    redisReply *reply = NULL;
    if (redisGetReply(context, (void **)&reply) != REDIS_OK || reply->type != REDIS_REPLY_STATUS ||
        !strstr(reply->str, part))
        fail("another line");
    freeReplyObject(reply);
}

static void scene_monitor(void)
{
    redisContext *context = connect_to_cache(), *other = connect_to_cache();
    ask(context, &is_status, "MONITOR");
    ask(other, &is_write, "SET item:4 value");
    ask(other, &is_hit, "GET item:4");
    take_line(context, "\"SET\"");
    take_line(context, "\"GET\"");
    ask(other, &is_miss, "GET absent");
    take_line(context, "\"absent\"");
    redisFree(context);
    redisFree(other);
}

#if HIREDIS_MAJOR >= 1
/* ---- RESP3: pushes, to the library's own handler, to the host's, and to who reads replies ---- */

static int pushes;

static void on_push(void *data, void *reply)
{
    (void)data;
    pushes++;
    freeReplyObject(reply);
}

static void be_invalidated(redisContext *context, redisContext *other)
{
    ask(context, &is_hit, "GET item:5");
    ask(other, &is_write, "SET item:5 value"); /* the push comes before the next answer */
    ask(context, &is_hit, "GET item:5");
    ask(context, &is_miss, "GET absent");
}

static void scene_pushes(void)
{
    static struct expected is_map = {.type = REDIS_REPLY_MAP};
    redisContext *context = connect_to_cache(), *other = connect_to_cache();
    ask(other, &is_write, "SET item:5 value");
    ask(context, &is_map, "HELLO 3");
    ask(context, &is_status, "CLIENT TRACKING ON");
    be_invalidated(context, other);
    redisSetPushCallback(context, on_push);
    be_invalidated(context, other);
    redisSetPushCallback(context, NULL);
    append(context, "SUBSCRIBE a"); /* its confirmation is a push, too */
    append(context, "GET item:5");
    take_message(context, "subscribe");
    take_next(context, &is_hit);
    ask(other, &is_number, "PUBLISH a one");
    append(context, "GET absent");
    take_message(context, "message");
    take_next(context, &is_miss);
    if (pushes != 1)
        fail("no push came");
    redisFree(context);
    redisFree(other);
}
#endif

int main(int argc, char **argv)
{
    if (argc != 3)
        fail("usage: connection_forms SOCKET PORT");
    path = argv[1];
    signal(SIGPIPE, SIG_IGN);
    scene_nonblocking();
    scene_connects(atoi(argv[2]));
    scene_descriptors();
    scene_hang_up();
    scene_timeout();
    scene_own_reader();
    scene_transactions();
    scene_subscriptions();
    scene_monitor();
#if HIREDIS_MAJOR >= 1
    scene_pushes();
#endif
    print_truth();
    printf(",\"hiredis\":%d}\n", HIREDIS_MAJOR);
    return 0;
}
