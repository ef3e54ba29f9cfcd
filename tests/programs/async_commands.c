// Issues cache commands by every asynchronous form of hiredis, from a libevent loop, and plants
// what goes wrong there: contexts freed within a callback and with commands outstanding, a server
// that hangs up, a timeout, callbacks that issue commands, that keep memory on a miss, that are
// NULL; subscriptions, pushes and MONITOR between ordinary commands; commands for contexts that
// take none any more. Prints what a capture of it must say. Arguments: SOCKET [--calm | --leaky];
// --calm: nothing that a server would count otherwise; --leaky: only what leaks.

// also: hiredis 1.x
// libs: -lhiredis -levent
#define _GNU_SOURCE
#include <event2/event.h>
#include <hiredis/adapters/libevent.h>
#include <hiredis/async.h>
#include <hiredis/hiredis.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "commands_truth.h"
#include "planted.h"

#define ROUNDS 50u

static void on_answer(redisAsyncContext *context, void *reply, void *expected)
{
    (void)context;
    settle(expected, reply);
}

/* ---- Contexts ---- */

static struct event_base *base;
static const char *path;
static long connected, disconnected;

static void on_connect(const redisAsyncContext *context, int status)
{
    (void)context;
    connected += status == REDIS_OK;
}

static void on_disconnect(const redisAsyncContext *context, int status)
{
    (void)context;
    (void)status;
    disconnected++;
}

static redisAsyncContext *attach(redisAsyncContext *context)
{
    if (!context || context->err || redisLibeventAttach(context, base) != REDIS_OK)
        fail("cannot connect");
    redisAsyncSetConnectCallback(context, on_connect);
    redisAsyncSetDisconnectCallback(context, on_disconnect);
    return context;
}

static redisAsyncContext *connect_to_cache(void)
{
    return attach(redisAsyncConnectUnix(path));
}

static void run(void)
{
    event_base_dispatch(base);
}

/* Each of the four forms in turn. */
static unsigned form;

static int ask_by_list(redisAsyncContext *context, redisCallbackFn *callback, void *data,
                       const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    int status = redisvAsyncCommand(context, callback, data, format, arguments);
    va_end(arguments);
    return status;
}

static void ask(redisAsyncContext *context, struct expected *expected, const char *verb,
                const char *key, const char *value)
{
    const char *argv[] = {verb, key, value};
    char *formatted;
    int status, bytes, argc = value ? 3 : 2;
    redisCallbackFn *callback = expected ? on_answer : NULL;
    switch (form++ % 4) {
    case 0:
        status = value
                     ? redisAsyncCommand(context, callback, expected, "%s %s %s", verb, key, value)
                     : redisAsyncCommand(context, callback, expected, "%s %s", verb, key);
        break;
    case 1:
        status = redisAsyncCommandArgv(context, callback, expected, argc, argv, NULL);
        break;
    case 2:
        status = value ? ask_by_list(context, callback, expected, "%s %s %s", verb, key, value)
                       : ask_by_list(context, callback, expected, "%s %s", verb, key);
        break;
    default:
        bytes = value ? redisFormatCommand(&formatted, "%s %s %s", verb, key, value)
                      : redisFormatCommand(&formatted, "%s %s", verb, key);
        status = redisAsyncFormattedCommand(context, callback, expected, formatted, (size_t)bytes);
        free(formatted);
        break;
    }
    if (status != REDIS_OK)
        fail("a command was not taken");
    call(verb);
}

static void ask_plain(redisAsyncContext *context, struct expected *expected, const char *line)
{
    if (redisAsyncCommand(context, on_answer, expected, line) != REDIS_OK)
        fail("a command was not taken");
    call_of(line);
}

static const char *key_name(const char *family, unsigned number)
{
    static char names[8][64];
    static unsigned next;
    char *name = names[next++ % 8];
    snprintf(name, sizeof names[0], "%s:%u", family, number);
    return name;
}

/* ---- Ordinary traffic: every form, pipelined; NULL callbacks; MULTI; a clean disconnect ---- */

static void scene_forms(void)
{
    static struct expected is_list = {.type = REDIS_REPLY_ARRAY, .hits = 1, .misses = 1};
    static struct expected is_done = {
        .type = REDIS_REPLY_ARRAY, .hits = 1, .writes = 1, .written_bytes = 5};
    redisAsyncContext *context = connect_to_cache();
    for (unsigned i = 0; i < ROUNDS; i++) {
        const char *key = key_name("item", i);
        ask(context, &is_miss, "GET", key, NULL);
        ask(context, &is_write, "SET", key, "value");
        ask(context, &is_hit, "GET", key, NULL);
        ask(context, &is_list, "MGET", key, "absent");
        ask(context, &is_error, "HGETALL", key, NULL);
        /* Nobody hears of these two: a write and a hit. */
        ask(context, NULL, "SET", key_name("mute", i), "value");
        ask(context, NULL, "GET", key, NULL);
        truth.writes++, truth.written_bytes += 5, truth.hits++;
    }
    ask_plain(context, &is_status, "MULTI");
    ask(context, &is_status, "SET", "inside", "value");
    ask(context, &is_status, "GET", "inside", NULL);
    ask_plain(context, &is_done, "EXEC");
    redisAsyncDisconnect(context); /* once all of it is answered */
    if (redisAsyncCommand(context, on_answer, &is_status, "PING") == REDIS_OK)
        fail("a command was taken after the disconnect");
    run();
}

/* ---- Every form of connecting ---- */

static void scene_connects(int port)
{
    redisAsyncContext *contexts[5];
    int count = 0;
    contexts[count++] = attach(redisAsyncConnect("127.0.0.1", port));
    contexts[count++] = attach(redisAsyncConnectBind("127.0.0.1", port, "127.0.0.1"));
    contexts[count++] = attach(redisAsyncConnectBindWithReuse("127.0.0.1", port, "127.0.0.1"));
    contexts[count++] = connect_to_cache();
#if HIREDIS_MAJOR >= 1
    redisOptions options = {0};
    REDIS_OPTIONS_SET_TCP(&options, "127.0.0.1", port);
    contexts[count++] = attach(redisAsyncConnectWithOptions(&options));
#endif
    for (int i = 0; i < count; i++) {
        ask(contexts[i], &is_write, "SET", key_name("by", (unsigned)i), "value");
        ask(contexts[i], &is_hit, "GET", key_name("by", (unsigned)i), NULL);
        redisAsyncDisconnect(contexts[i]);
    }
    run();
    if (connected != count || disconnected != count)
        fail("a connect or a disconnect was not told of");
}

/* ---- A callback that issues the next command, also by a synchronous context of its own ---- */

static redisContext *beside;

static void on_link(redisAsyncContext *context, void *reply, void *data)
{
    unsigned number = (unsigned)(uintptr_t)data;
    redisReply *inner;
    settle(&is_miss, reply);
    inner = redisCommand(beside, "GET item:%u", number % ROUNDS);
    settle(&is_hit, inner);
    call("GET");
    freeReplyObject(inner);
    if (number == ROUNDS) {
        redisAsyncDisconnect(context);
        return;
    }
    redisAsyncCommand(context, on_link, (void *)(uintptr_t)(number + 1), "GET link:%u", number);
    call("GET");
}

static void scene_chain(void)
{
    redisAsyncContext *context = connect_to_cache();
    redisAsyncCommand(context, on_link, (void *)1, "GET link:0");
    call("GET");
    run();
}

/* ---- Subscriptions, and back to ordinary commands ---- */

static redisAsyncContext *listener;
static int messages;

static void publish(const char *channel)
{
    redisReply *reply = redisCommand(beside, "PUBLISH %s hello", channel);
    settle(&is_number, reply);
    call("PUBLISH");
    freeReplyObject(reply);
}

/* The last confirmation has come: the connection is an ordinary one. */
static void be_ordinary_again(void)
{
    ask(listener, &is_hit, "GET", "item:1", NULL);
    ask(listener, &is_miss, "GET", "absent", NULL);
    ask(listener, &is_write, "SET", "listener", "value");
    redisAsyncDisconnect(listener);
}

static void on_message(redisAsyncContext *context, void *answer, void *data)
{
    redisReply *reply = answer;
    (void)data;
    if (!reply || reply->elements < 3)
        fail("no message");
    const char *kind = reply->element[0]->str;
    if (strcmp(kind, "subscribe") == 0 && reply->element[2]->integer == 3) {
        publish("news");
        publish("weather");
        publish("sports.today");
    } else if (strcmp(kind, "message") == 0 || strcmp(kind, "pmessage") == 0) {
        if (++messages < 3)
            return;
        redisAsyncCommand(context, NULL, NULL, "UNSUBSCRIBE news weather");
        redisAsyncCommand(context, NULL, NULL, "PUNSUBSCRIBE");
        call("UNSUBSCRIBE"), call("PUNSUBSCRIBE");
    } else if (strcmp(kind, "punsubscribe") == 0 && reply->element[2]->integer == 0) {
        be_ordinary_again();
    }
}

static void scene_subscriptions(void)
{
    listener = connect_to_cache();
    messages = 0;
    ask(listener, &is_hit, "GET", "item:0", NULL);
    redisAsyncCommand(listener, on_message, NULL, "PSUBSCRIBE sports.*");
    redisAsyncCommand(listener, on_message, NULL, "SUBSCRIBE news weather");
    call("PSUBSCRIBE"), call("SUBSCRIBE");
    run();
    if (messages != 3)
        fail("messages are missing");
}

/* ---- MONITOR ---- */

static void on_monitored(redisAsyncContext *context, void *answer, void *data)
{
    redisReply *reply = answer;
    (void)data;
    if (!reply) /* it is being freed */
        return;
    if (strcmp(reply->str, "OK") == 0) {
        freeReplyObject(redisCommand(beside, "SET seen:1 value"));
        freeReplyObject(redisCommand(beside, "GET seen:1"));
        freeReplyObject(redisCommand(beside, "GET seen:2"));
        call("SET"), call("GET"), call("GET");
        truth.writes++, truth.written_bytes += 5, truth.hits++, truth.misses++;
    } else if (strstr(reply->str, "seen:2")) {
        redisAsyncDisconnect(context);
        redisAsyncFree(context);
    }
}

static void scene_monitor(void)
{
    redisAsyncContext *context = connect_to_cache();
    redisAsyncCommand(context, on_monitored, NULL, "MONITOR");
    call("MONITOR");
    run();
}

#if HIREDIS_MAJOR >= 1
/* ---- RESP3: pushes between answers, subscribed and not ---- */

static int pushes;

static void on_push(redisAsyncContext *context, void *reply)
{
    (void)context;
    (void)reply;
    pushes++;
}

static void on_message_3(redisAsyncContext *context, void *answer, void *data)
{
    redisReply *reply = answer;
    (void)data;
    if (!reply || reply->type != REDIS_REPLY_PUSH)
        fail("no push");
    if (strcmp(reply->element[0]->str, "subscribe") == 0) {
        publish("news");
    } else if (strcmp(reply->element[0]->str, "message") == 0) {
        /* The unsubscription and what is asked behind it, at once. */
        redisAsyncCommand(context, NULL, NULL, "UNSUBSCRIBE news");
        call("UNSUBSCRIBE");
        be_ordinary_again();
    }
}

static void scene_pushes(void)
{
    static struct expected is_map = {.type = REDIS_REPLY_MAP};
    listener = connect_to_cache();
    redisAsyncSetPushCallback(listener, on_push);
    ask_plain(listener, &is_map, "HELLO 3");
    ask_plain(listener, &is_status, "CLIENT TRACKING ON");
    ask(listener, &is_hit, "GET", "item:2", NULL);      /* tracked from now on; the write */
    ask(listener, &is_write, "SET", "item:2", "value"); /* invalidates it, by a push */
    ask(listener, &is_hit, "GET", "item:2", NULL);
    redisAsyncCommand(listener, on_message_3, NULL, "SUBSCRIBE news");
    call("SUBSCRIBE");
    ask(listener, &is_hit, "GET", "item:3", NULL); /* while subscribed */
    ask(listener, &is_miss, "GET", "absent", NULL);
    run();
    if (!pushes)
        fail("no push came");
}

/* ---- A timeout with commands outstanding ---- */

static void scene_timeout(void)
{
    struct timeval soon = {0, 50000};
    redisAsyncContext *context = connect_to_cache();
    redisAsyncSetTimeout(context, soon);
    ask(context, &is_hit, "GET", "item:4", NULL);
    ask(context, &is_nothing, "BLPOP", "never", "0");
    ask(context, &is_nothing, "GET", "item:5", NULL);
    run();
}
#endif

/* ---- A context that is freed in a callback, with commands outstanding ---- */

static void on_first(redisAsyncContext *context, void *reply, void *data)
{
    (void)data;
    settle(&is_hit, reply);
    redisAsyncFree(context);
    if (redisAsyncCommand(context, on_answer, &is_hit, "GET item:0") == REDIS_OK)
        fail("a command was taken by a context that is being freed");
}

static void scene_freed_inside(void)
{
    for (unsigned i = 0; i < ROUNDS; i++) {
        redisAsyncContext *context = connect_to_cache();
        redisAsyncCommand(context, on_first, NULL, "GET item:%u", i);
        call("GET");
        ask(context, &is_nothing, "GET", key_name("item", i), NULL);
        ask(context, &is_nothing, "SET", key_name("dropped", i), "value");
        run();
    }
}

/* The same from outside, before anything was sent: the two are lost. */
static void scene_freed_at_once(void)
{
    redisAsyncContext *context = connect_to_cache();
    ask(context, &is_nothing, "GET", "item:0", NULL);
    ask(context, &is_nothing, "GET", "item:1", NULL);
    redisAsyncFree(context);
    run();
}

/* ---- A server that hangs up in the middle of a pipeline ---- */

static void hang_up(evutil_socket_t fd, short what, void *id)
{
    (void)fd;
    (void)what;
    redisReply *reply = redisCommand(beside, "CLIENT KILL ID %lld", *(long long *)id);
    settle(&is_number, reply);
    call("CLIENT");
    freeReplyObject(reply);
}

static void on_id(redisAsyncContext *context, void *answer, void *id)
{
    static const struct timeval soon = {0, 50000};
    redisReply *reply = answer;
    settle(&is_number, reply);
    *(long long *)id = reply->integer;
    ask(context, &is_hit, "GET", "item:6", NULL);
    ask(context, &is_nothing, "BLPOP", "never", "0");
    ask(context, &is_nothing, "GET", "item:7", NULL);
    ask(context, NULL, "GET", "item:8", NULL);
    truth.errors++;
    event_base_once(base, -1, EV_TIMEOUT, hang_up, id, &soon);
}

static void scene_hang_up(void)
{
    static long long id;
    redisAsyncContext *context = connect_to_cache();
    redisAsyncCommand(context, on_id, &id, "CLIENT ID");
    call("CLIENT");
    run();
}

/* ---- A connect that fails ---- */

static void scene_refused(void)
{
    redisAsyncContext *context = redisAsyncConnectUnix("/nonexistent/redis.sock");
    if (!context || !context->err)
        fail("a connect did not fail");
    redisAsyncFree(context);
}

/* ---- What leaks: memory kept in callbacks on a miss, contexts, replies that are the host's ----
 */

#define KEPT_ROUNDS 4000u
#define KEPT_BYTES  500u

static struct site kept_site = {.function = "keep_on_miss"};
static void *kept[KEPT_ROUNDS];
static redisAsyncContext *owner; /* its replies are the host's */
static long kept_replies, kept_contexts;

OWN_FRAME static void keep_on_miss(unsigned number)
{
    kept[number] = site_took(&kept_site, malloc(KEPT_BYTES), KEPT_BYTES);
}

OWN_FRAME static void forget_context(void)
{
    redisAsyncContext *context = redisAsyncConnectUnix(path);
    if (!context || context->err)
        fail("cannot connect");
    kept_contexts++;
    __asm__ volatile("" : : "r"(context) : "memory");
}

#ifdef REDIS_OPT_NOAUTOFREEREPLIES
/* It frees the hits alone. */
static void on_owned(redisAsyncContext *context, void *answer, void *data)
{
    redisReply *reply = answer;
    (void)context;
    settle(data, reply);
    if (reply->type == REDIS_REPLY_STRING)
        freeReplyObject(reply);
    else
        kept_replies++;
}

static void connect_owner(void)
{
    redisOptions options = {0};
    REDIS_OPTIONS_SET_UNIX(&options, path);
    options.options |= REDIS_OPT_NOAUTOFREEREPLIES;
    owner = redisAsyncConnectWithOptions(&options);
    if (!owner || owner->err || redisLibeventAttach(owner, base) != REDIS_OK)
        fail("cannot connect");
}

static void ask_owner(unsigned number)
{
    redisAsyncCommand(owner, on_owned, number % 2 ? &is_miss : &is_hit,
                      number % 2 ? "GET missing:%u" : "GET present:%u", number % 2 ? number : 0);
    call("GET");
}
#else
static void connect_owner(void) {}
static void ask_owner(unsigned number)
{
    (void)number;
}
#endif

static void on_lookup(redisAsyncContext *context, void *answer, void *data)
{
    redisReply *reply = answer;
    unsigned number = (unsigned)(uintptr_t)data, next = number + 1;
    settle(number % 2 ? &is_miss : &is_hit, reply);
    /* The next look-up is issued first: what is kept still belongs to this one. */
    if (next < KEPT_ROUNDS) {
        redisAsyncCommand(context, on_lookup, (void *)(uintptr_t)next,
                          next % 2 ? "GET missing:%u" : "GET present:%u", next % 2 ? next : 0);
        call("GET");
    }
    if (number % 2)
        keep_on_miss(number);
    if (number % 40 == 0)
        forget_context();
    ask_owner(number);
    nap_us(500);
    if (next == KEPT_ROUNDS) {
        redisAsyncDisconnect(context);
        if (owner)
            redisAsyncDisconnect(owner);
    }
}

static void scene_kept(void)
{
    redisAsyncContext *context = connect_to_cache();
    connect_owner();
    ask(context, &is_write, "SET", "present:0", "value");
    redisAsyncCommand(context, on_lookup, (void *)0, "GET present:%u", 0u);
    call("GET");
    run();
}

int main(int argc, char **argv)
{
    bool calm = has_option(argc, argv, "--calm"), leaky = has_option(argc, argv, "--leaky");
    int port = argc > 2 ? atoi(argv[2]) : 0;
    if (argc < 2)
        fail("usage: async_commands SOCKET [--calm | --leaky | PORT]");
    path = argv[1];
    signal(SIGPIPE, SIG_IGN);
    base = event_base_new();
    beside = redisConnectUnix(path);
    if (!base || !beside || beside->err)
        fail("cannot connect");
    if (port) {
        scene_connects(port);
    } else if (leaky) {
        scene_kept();
    } else {
        scene_forms();
        scene_chain();
        scene_subscriptions();
        scene_monitor();
#if HIREDIS_MAJOR >= 1
        scene_pushes();
#endif
    }
    if (!port && !leaky && !calm) {
        scene_freed_inside();
        scene_freed_at_once();
        scene_hang_up();
        scene_refused();
#if HIREDIS_MAJOR >= 1
        scene_timeout();
#endif
    }
    redisFree(beside);
    event_base_free(base);
    print_truth();
    printf(",\"hiredis\":%d,\"kept_bytes\":%" PRIu64 ",\"kept_replies\":%ld,\"contexts\":%ld}\n",
           HIREDIS_MAJOR, kept_site.allocated_bytes, kept_replies, kept_contexts);
    fflush(stdout);
    _Exit(0); /* what is kept stays so */
}
