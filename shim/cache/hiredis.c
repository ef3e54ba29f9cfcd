/*
 * hiredis' functions as the host calls them. Each wrapper calls the original with what it was given
 * and returns what that returns; traffic.h is told what went through.
 *
 * Inside libhiredis these functions call each other through the PLT, so the wrappers are entered
 * again: redisCommand, redisvCommand, redisvAppendCommand; redisGetReply, redisGetReplyFromReader.
 * The innermost one records, for it sees the output buffer before it is flushed, and each answer
 * alone. An outer one looks at lk_self.cache_seen whether an inner one has: if not (a libhiredis
 * that was linked -Bsymbolic), it records what it can itself. The guard of thread.h is held only
 * while we record: what the original allocates is the host's.
 */
#include <errno.h>
#include <stdarg.h>

#include "cache/abi.h"
#include "cache/cache.h"
#include "cache/commands.h"
#include "cache/connection.h"
#include "cache/hiredis_answer.h"
#include "cache/replies.h"
#include "cache/templates.h"
#include "config.h"
#include "real.h"
#include "thread.h"
#include "wire/owned.h"
#include "wire/wire.h"

enum seen {
    SEEN_APPEND = 1u << 0,
    SEEN_REPLY = 1u << 1,
    SEEN_SYNC = 1u << 2, /* an outer call waits for the answer of what is appended now */
};

void lk_cache_init(void)
{
    lk_commands_init();
    lk_templates_init();
    lk_connections_init();
    lk_wire_init();
}

/* The library of an original that was called with this context; NULL: nothing is to be recorded. */
static struct lk_library *library_of(const void *original, const void *context)
{
    struct lk_library *library =
        context && lk_config.cache && !lk_config.off ? lk_library_of(original) : NULL;
    if (library) /* or its traffic would be seen at the socket, too */
        lk_wire_not(lk_field_int(context, library->layout->fd));
    return library;
}

static bool enter(struct lk_traffic *traffic)
{
    traffic->recording = lk_enter_command();
    return traffic->recording || lk_enter_existing();
}

static void issued(struct lk_library *library, const void *context, const char *bytes, size_t count)
{
    struct lk_traffic traffic = {.library = library,
                                 .context = context,
                                 .peer = lk_hiredis_peer,
                                 .sync = lk_self.cache_seen & SEEN_SYNC};
    if (enter(&traffic)) {
        lk_traffic_issued(&traffic, bytes, count);
        lk_leave();
    }
}

static void answered(struct lk_library *library, const void *context, const void *reply)
{
    struct lk_traffic traffic = {.library = library, .context = context, .peer = lk_hiredis_peer};
    if (enter(&traffic)) {
        lk_hiredis_answered(&traffic, reply);
        lk_leave();
    }
}

static void broken(struct lk_library *library, const void *context)
{
    struct lk_traffic traffic = {.library = library, .context = context, .peer = lk_hiredis_peer};
    if (enter(&traffic)) {
        lk_traffic_broken(&traffic);
        lk_leave();
    }
}

/* ---- Connections ---- */

/* A call that comes from within hiredis is a part of another connect, or of an asynchronous one,
 * which moves the context to another address afterwards. */
static void connected(const void *original, const void *context, const void *caller, bool is_new)
{
    struct lk_traffic traffic = {
        .library = library_of(original, context), .context = context, .peer = lk_hiredis_peer};
    if (traffic.library && !lk_library_holds(traffic.library, caller) && enter(&traffic)) {
        lk_hiredis_connected(&traffic, is_new);
        lk_leave();
    }
}

#define CONNECT(name, ...)                                                         \
    LK_REAL_TYPE(name) original = LK_REAL_FOUND(name);                             \
    if (!original)                                                                 \
        return NULL;                                                               \
    void *context = original(__VA_ARGS__);                                         \
    connected((const void *)original, context, __builtin_return_address(0), true); \
    return context

void *redisConnect(const char *ip, int port)
{
    CONNECT(redisConnect, ip, port);
}

void *redisConnectWithTimeout(const char *ip, int port, struct timeval tv)
{
    CONNECT(redisConnectWithTimeout, ip, port, tv);
}

void *redisConnectNonBlock(const char *ip, int port)
{
    CONNECT(redisConnectNonBlock, ip, port);
}

void *redisConnectBindNonBlock(const char *ip, int port, const char *source)
{
    CONNECT(redisConnectBindNonBlock, ip, port, source);
}

void *redisConnectBindNonBlockWithReuse(const char *ip, int port, const char *source)
{
    CONNECT(redisConnectBindNonBlockWithReuse, ip, port, source);
}

void *redisConnectUnix(const char *path)
{
    CONNECT(redisConnectUnix, path);
}

void *redisConnectUnixWithTimeout(const char *path, struct timeval tv)
{
    CONNECT(redisConnectUnixWithTimeout, path, tv);
}

void *redisConnectUnixNonBlock(const char *path)
{
    CONNECT(redisConnectUnixNonBlock, path);
}

void *redisConnectFd(int fd)
{
    CONNECT(redisConnectFd, fd);
}

void *redisConnectWithOptions(const void *options)
{
    CONNECT(redisConnectWithOptions, options);
}

int redisReconnect(void *context)
{
    LK_REAL_TYPE(redisReconnect) original = LK_REAL_FOUND(redisReconnect);
    if (!original)
        return -1;
    int result = original(context);
    connected((const void *)original, context, __builtin_return_address(0), false);
    return result;
}

static void closing(const void *original, const void *context)
{
    struct lk_traffic traffic = {
        .library = library_of(original, context), .context = context, .peer = lk_hiredis_peer};
    if (traffic.library && enter(&traffic)) {
        lk_hiredis_closing(&traffic);
        lk_leave();
    }
}

void redisFree(void *context)
{
    LK_REAL_TYPE(redisFree) original = LK_REAL_FOUND(redisFree);
    if (!original)
        return;
    closing((const void *)original, context);
    original(context);
}

int redisFreeKeepFd(void *context)
{
    LK_REAL_TYPE(redisFreeKeepFd) original = LK_REAL_FOUND(redisFreeKeepFd);
    if (!original)
        return -1;
    closing((const void *)original, context);
    return original(context);
}

/* ---- Commands without waiting ---- */

typedef int append_function(void *context, const char *format, va_list arguments);

struct append {
    struct lk_library *library;
    const void *context;
    size_t before; /* bytes in the output buffer */
};

static struct append begin_append(const void *original, const void *context)
{
    struct append append = {.library = library_of(original, context), .context = context};
    const char *bytes;
    if (append.library)
        append.before = lk_context_output(append.library->layout, context, &bytes);
    return append;
}

/* What was appended is what the buffer has more than before. */
static void end_append(const struct append *append, int result)
{
    const char *bytes;
    if (!append->library || result != 0)
        return;
    size_t after = lk_context_output(append->library->layout, append->context, &bytes);
    lk_self.cache_seen |= SEEN_APPEND;
    if (after > append->before)
        issued(append->library, append->context, bytes + append->before, after - append->before);
}

static int append_command(append_function *original, void *context, const char *format,
                          va_list arguments)
{
    if (!original)
        return -1;
    struct append append = begin_append((const void *)original, context);
    int result = original(context, format, arguments);
    end_append(&append, result);
    return result;
}

int redisvAppendCommand(void *context, const char *format, va_list arguments)
{
    return append_command(LK_REAL_FOUND(redisvAppendCommand), context, format, arguments);
}

int redisAppendCommand(void *context, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    int result = append_command(LK_REAL_FOUND(redisvAppendCommand), context, format, arguments);
    va_end(arguments);
    return result;
}

int redisAppendCommandArgv(void *context, int argc, const char **argv, const size_t *lengths)
{
    LK_REAL_TYPE(redisAppendCommandArgv) original = LK_REAL_FOUND(redisAppendCommandArgv);
    if (!original)
        return -1;
    struct append append = begin_append((const void *)original, context);
    int result = original(context, argc, argv, lengths);
    end_append(&append, result);
    return result;
}

int redisAppendFormattedCommand(void *context, const char *command, size_t bytes)
{
    LK_REAL_TYPE(redisAppendFormattedCommand) original = LK_REAL_FOUND(redisAppendFormattedCommand);
    if (!original)
        return -1;
    struct append append = begin_append((const void *)original, context);
    int result = original(context, command, bytes);
    end_append(&append, result);
    return result;
}

/* ---- Answers ---- */

int redisGetReplyFromReader(void *context, void **reply)
{
    LK_REAL_TYPE(redisGetReplyFromReader) original = LK_REAL_FOUND(redisGetReplyFromReader);
    if (!original)
        return -1;
    struct lk_library *library = library_of((const void *)original, context);
    int result = original(context, reply);
    if (!library || (result == 0 && !(reply && *reply)))
        return result;
    lk_self.cache_seen |= SEEN_REPLY;
    if (result == 0)
        answered(library, context, *reply);
    else
        broken(library, context);
    return result;
}

static bool is_blocking(const struct lk_library *library, const void *context)
{
    return lk_field_int(context, library->layout->flags) & LK_CONTEXT_BLOCKING;
}

int redisGetReply(void *context, void **reply)
{
    LK_REAL_TYPE(redisGetReply) original = LK_REAL_FOUND(redisGetReply);
    if (!original)
        return -1;
    struct lk_library *library = library_of((const void *)original, context);
    uint32_t kept = lk_self.cache_seen;
    lk_self.cache_seen = kept & ~(uint32_t)SEEN_REPLY;
    lk_self.cache_depth++;
    int result = original(context, reply);
    lk_self.cache_depth--;
    if (library && result != 0)
        broken(library, context); /* reading or writing failed, if not parsing */
    else if (library && !(lk_self.cache_seen & SEEN_REPLY) &&
             (reply ? *reply != NULL : is_blocking(library, context)))
        answered(library, context, reply ? *reply : NULL);
    lk_self.cache_seen |= kept | SEEN_REPLY;
    return result;
}

/* ---- Commands that wait for their answer ---- */

typedef void *command_function(void *context, const char *format, va_list arguments);

struct command { /* a call of redisCommand or one of its forms */
    struct append append;
    bool blocking;
    bool hidden;   /* its inner calls are known not to be seen: we record it, before it is sent */
    uint32_t kept; /* lk_self.cache_seen of the outer call */
};

static struct command begin_command(const void *original, const void *context)
{
    struct command command = {.append = begin_append(original, context),
                              .kept = lk_self.cache_seen};
    if (command.append.library) {
        command.blocking = is_blocking(command.append.library, context);
        command.hidden = command.blocking && command.append.library->bound;
    }
    lk_self.cache_seen = command.blocking ? SEEN_SYNC : 0;
    lk_self.cache_depth++;
    return command;
}

static void record_formatted(struct command *command, char *bytes, int count)
{
    struct lk_library *library = command->append.library;
    if (count > 0) {
        issued(library, command->append.context, bytes, (size_t)count);
        lk_self.depth++;
        library->free_command(bytes);
        lk_self.depth--;
    }
}

/* Formatting allocates, but within the guard, where nothing is recorded, and of such a library
 * only. */
static void record_format(struct command *command, const char *format, va_list arguments)
{
    struct lk_library *library = command->append.library;
    char *bytes = NULL;
    int kept = errno;
    if (!library->format || !library->free_command)
        return;
    lk_self.depth++;
    int count = library->format(&bytes, format, arguments);
    lk_self.depth--;
    record_formatted(command, bytes, count);
    errno = kept;
}

static void record_argv(struct command *command, int argc, const char **argv, const size_t *lengths)
{
    struct lk_library *library = command->append.library;
    char *bytes = NULL;
    int kept = errno;
    if (!library->format_argv || !library->free_command)
        return;
    lk_self.depth++;
    int count = library->format_argv(&bytes, argc, argv, lengths);
    lk_self.depth--;
    record_formatted(command, bytes, count);
    errno = kept;
}

/* After the call: there is an answer, but no inner call was seen. That is how such a library is
 * found out. */
static bool was_hidden(const struct command *command, const void *reply)
{
    if (!command->append.library || !command->blocking || command->hidden || !reply ||
        lk_self.cache_seen & SEEN_APPEND)
        return false;
    __atomic_store_n(&command->append.library->bound, 1, __ATOMIC_RELAXED);
    return true;
}

static void end_command(struct command *command, const void *reply)
{
    struct lk_library *library = command->append.library;
    const void *context = command->append.context;
    lk_self.cache_depth--;
    if (library && !command->blocking && !(lk_self.cache_seen & SEEN_APPEND))
        end_append(&command->append, 0);
    if (library && command->blocking && !(lk_self.cache_seen & SEEN_REPLY)) {
        if (reply)
            answered(library, context, reply);
        else if (lk_field_int(context, library->layout->error))
            broken(library, context);
    }
    lk_self.cache_seen = command->kept;
}

static void *run_command(command_function *original, void *context, const char *format,
                         va_list arguments)
{
    if (!original)
        return NULL;
    va_list again;
    va_copy(again, arguments);
    struct command command = begin_command((const void *)original, context);
    if (command.hidden)
        record_format(&command, format, again);
    void *reply = original(context, format, arguments);
    if (was_hidden(&command, reply))
        record_format(&command, format, again);
    end_command(&command, reply);
    va_end(again);
    return reply;
}

void *redisvCommand(void *context, const char *format, va_list arguments)
{
    return run_command(LK_REAL_FOUND(redisvCommand), context, format, arguments);
}

void *redisCommand(void *context, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    void *reply = run_command(LK_REAL_FOUND(redisvCommand), context, format, arguments);
    va_end(arguments);
    return reply;
}

void *redisCommandArgv(void *context, int argc, const char **argv, const size_t *lengths)
{
    LK_REAL_TYPE(redisCommandArgv) original = LK_REAL_FOUND(redisCommandArgv);
    if (!original)
        return NULL;
    struct command command = begin_command((const void *)original, context);
    if (command.hidden)
        record_argv(&command, argc, argv, lengths);
    void *reply = original(context, argc, argv, lengths);
    if (was_hidden(&command, reply))
        record_argv(&command, argc, argv, lengths);
    end_command(&command, reply);
    return reply;
}

void freeReplyObject(void *reply)
{
    LK_REAL_TYPE(freeReplyObject) original = LK_REAL_FOUND(freeReplyObject);
    if (!original)
        return;
    if (reply && lk_config.cache && lk_enter_existing()) {
        lk_reply_freed(reply);
        lk_leave();
    }
    original(reply);
}
