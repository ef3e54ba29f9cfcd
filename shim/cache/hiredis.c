/*
 * hiredis' synchronous functions.
 *
 * Inside the library these functions call each other through the PLT, so the wrappers are entered
 * again: redisCommand, redisvCommand, redisvAppendCommand; redisGetReply, redisGetReplyFromReader.
 * The innermost one records, for it sees the output buffer before it is flushed, and each answer
 * alone. An outer one looks at lk_self.cache_seen whether an inner one has: if not (a library that
 * was linked -Bsymbolic), it records what it can itself.
 */
#include "cache/hiredis.h"

#include <errno.h>
#include <stdarg.h>

#include "cache/cache.h"
#include "cache/commands.h"
#include "cache/connection.h"
#include "cache/hiredis_answer.h"
#include "cache/replies.h"
#include "cache/tag.h"
#include "cache/templates.h"
#include "capture/state.h"
#include "config.h"
#include "sys.h"
#include "wire/owned.h"
#include "wire/wire.h"

void lk_cache_init(void)
{
    lk_commands_init();
    lk_templates_init();
    lk_connections_init();
    lk_wire_init();
}

struct lk_library *lk_hiredis_known(const void *original, const void *context)
{
    return context && lk_config.cache && !lk_config.off ? lk_library_of(original) : NULL;
}

struct lk_library *lk_hiredis_library(const void *original, const void *context)
{
    struct lk_library *library = lk_hiredis_known(original, context);
    if (library)
        lk_wire_not(lk_field_int(context, library->layout->fd));
    return library;
}

bool lk_hiredis_enter(struct lk_traffic *traffic)
{
    traffic->peer = lk_hiredis_peer;
    traffic->recording = lk_enter_command();
    return traffic->recording || lk_enter_existing();
}

static void issued(struct lk_library *library, const void *context, const char *bytes, size_t count)
{
    struct lk_traffic traffic = {
        .library = library, .context = context, .sync = lk_self.cache_seen & LK_SEEN_SYNC};
    if (lk_hiredis_enter(&traffic)) {
        lk_traffic_issued(&traffic, bytes, count);
        lk_leave();
    }
}

/* A reply is made before it is known what it answers. Where nobody waits for one in particular
 * (pipelined, asynchronous), what is allocated meanwhile is kept apart from the latest command's,
 * and belongs to what the reply turns out to answer. */
struct reading {
    bool apart;
    uint32_t tag; /* of the latest command, and what was allocated under it */
    uint64_t allocated, generation;
};

static const struct reading unread; /* the call that made the reply was not seen */

static struct reading begin_reading(void)
{
    struct lk_thread *t = &lk_self;
    struct reading reading = {.tag = t->tag, .allocated = t->tag_allocated};
    if (t->cache_seen & LK_SEEN_SYNC || LK_TAG_OUTCOME(t->tag) == LK_OUTCOME_PENDING || !lk_state ||
        t->generation != lk_state->generation)
        return reading;
    reading.apart = true;
    reading.generation = t->generation;
    t->tag = LK_TAG(LK_OUTCOME_PENDING, 0);
    t->tag_command = LK_TAG_ANY;
    t->tag_allocated = 0;
    return reading;
}

/* There was none: the latest command is still that. What was made of a part stays pending. */
static void end_reading(const struct reading *reading)
{
    struct lk_thread *t = &lk_self;
    if (!reading->apart || t->generation != reading->generation)
        return;
    t->tag = reading->tag;
    t->tag_allocated += reading->allocated;
}

/* Within lk_enter: what the latest command has allocated is added up. */
static void leave_latest(const struct reading *reading)
{
    struct lk_thread *t = &lk_self;
    uint64_t meanwhile = t->tag_allocated;
    t->tag = reading->tag;
    t->tag_allocated = reading->allocated;
    lk_tag_flush();
    t->tag = LK_TAG(LK_OUTCOME_PENDING, 0);
    t->tag_command = LK_TAG_ANY;
    t->tag_allocated = meanwhile;
}

static void answered(struct lk_library *library, const void *context, const void *reply,
                     const struct reading *reading)
{
    struct lk_traffic traffic = {.library = library, .context = context};
    if (!lk_hiredis_enter(&traffic)) {
        end_reading(reading);
        return;
    }
    bool apart = reading->apart && lk_self.generation == reading->generation;
    if (apart)
        leave_latest(reading);
    lk_hiredis_reply(&traffic, reply);
    if (apart && LK_TAG_OUTCOME(lk_self.tag) == LK_OUTCOME_PENDING)
        lk_tag_settled(LK_TAG(LK_OUTCOME_OTHER, 0),
                       LK_TAG_ANY); /* a message: it answers no command */
    lk_leave();
}

void lk_hiredis_broken(struct lk_library *library, const void *context)
{
    struct lk_traffic traffic = {.library = library, .context = context};
    if (lk_hiredis_enter(&traffic)) {
        lk_traffic_broken(&traffic);
        lk_leave();
    }
}

/* ---- Connections ---- */

void lk_hiredis_connected(const struct lk_traffic *connected, const void *caller, bool is_new)
{
    struct lk_traffic traffic = *connected;
    if (!traffic.library || lk_library_holds(traffic.library, caller) || lk_sys_own(caller))
        return;
    lk_wire_not(lk_field_int(traffic.context, traffic.library->layout->fd));
    if (lk_hiredis_enter(&traffic)) {
        lk_context_connected(&traffic, is_new);
        lk_leave();
    }
}

static void connected(const void *original, const void *context, const void *caller, bool is_new)
{
    lk_hiredis_connected(
        &(struct lk_traffic){.library = lk_hiredis_known(original, context), .context = context},
        caller, is_new);
}

/* What is still awaited on a context that failed was never answered. */
static void closing(const void *original, const void *context)
{
    struct lk_library *library = lk_hiredis_known(original, context);
    struct lk_traffic traffic = {.library = library, .context = context};
    lk_append_lost(context);
    if (library && lk_field_int(context, library->layout->error))
        lk_hiredis_broken(library, context);
    if (library && lk_hiredis_enter(&traffic)) {
        lk_context_closing(&traffic);
        lk_leave();
    }
}

/* ---- Commands without waiting ---- */

void lk_append_begin(struct lk_append *append, struct lk_library *library, const void *original,
                     const void *context)
{
    const char *bytes;
    *append = (struct lk_append){.library = library, .context = context};
    if (library)
        lk_append_written(library, context); /* what the outer call has appended */
    append->outer = lk_hiredis_call(original);
    append->outer_context = lk_self.append_context;
    append->outer_before = lk_self.append_before;
    lk_self.append_context = library ? context : NULL;
    lk_self.append_before = library ? lk_context_output(library->layout, context, &bytes) : 0;
}

void lk_append_written(struct lk_library *library, const void *context)
{
    const char *bytes;
    if (lk_self.append_context != context)
        return;
    size_t before = lk_self.append_before;
    size_t after = lk_context_output(library->layout, context, &bytes);
    lk_self.append_before = after;
    if (after > before)
        issued(library, context, bytes + before, after - before);
}

void lk_append_lost(const void *context)
{
    if (context && lk_self.append_context == context)
        lk_self.append_context = NULL;
}

void lk_append_end(const struct lk_append *append, int result)
{
    bool lives = append->library && lk_self.append_context == append->context;
    if (append->library && result == 0)
        lk_self.cache_seen |= LK_SEEN_APPEND;
    if (lives && result == 0)
        lk_append_written(append->library, append->context);
    bool same = append->library && append->outer_context == append->context;
    lk_self.append_context = same && !lives ? NULL : append->outer_context;
    if (!same)
        lk_self.append_before = append->outer_before;
    lk_hiredis_called(append->outer);
}

typedef int append_function(void *context, const char *format, va_list arguments);

static int append_command(append_function *original, void *context, const char *format,
                          va_list arguments)
{
    struct lk_append append;
    if (!original)
        return -1;
    lk_append_begin(&append, lk_hiredis_library((const void *)original, context),
                    (const void *)original, context);
    int result = original(context, format, arguments);
    lk_append_end(&append, result);
    return result;
}

typedef int append_argv_function(void *context, int argc, const char **argv, const size_t *lengths);

static int append_argv(append_argv_function *original, void *context, int argc, const char **argv,
                       const size_t *lengths)
{
    struct lk_append append;
    if (!original)
        return -1;
    lk_append_begin(&append, lk_hiredis_library((const void *)original, context),
                    (const void *)original, context);
    int result = original(context, argc, argv, lengths);
    lk_append_end(&append, result);
    return result;
}

typedef int append_formatted_function(void *context, const char *command, size_t bytes);

static int append_formatted(append_formatted_function *original, void *context, const char *command,
                            size_t bytes)
{
    struct lk_append append;
    if (!original)
        return -1;
    lk_append_begin(&append, lk_hiredis_library((const void *)original, context),
                    (const void *)original, context);
    int result = original(context, command, bytes);
    lk_append_end(&append, result);
    return result;
}

/* ---- Answers ---- */

typedef int reply_function(void *context, void **reply);

static int reply_from_reader(reply_function *original, void *context, void **reply)
{
    if (!original)
        return -1;
    struct lk_library *library = lk_hiredis_library((const void *)original, context);
    const void *outer = lk_hiredis_call((const void *)original);
    struct reading reading = begin_reading();
    int result = original(context, reply);
    lk_hiredis_called(outer);
    if (library && result == 0 && reply && *reply) {
        answered(library, context, *reply, &reading);
        lk_self.cache_seen |= LK_SEEN_REPLY;
        return result;
    }
    end_reading(&reading);
    if (library && result != 0) {
        lk_self.cache_seen |= LK_SEEN_REPLY;
        lk_hiredis_broken(library, context);
    }
    return result;
}

static bool is_blocking(const struct lk_library *library, const void *context)
{
    return lk_field_int(context, library->layout->flags) & LK_CONTEXT_BLOCKING;
}

static int get_reply(reply_function *original, void *context, void **reply)
{
    if (!original)
        return -1;
    struct lk_library *library = lk_hiredis_library((const void *)original, context);
    uint32_t kept = lk_self.cache_seen;
    const void *outer = lk_hiredis_call((const void *)original);
    lk_self.cache_seen = kept & ~(uint32_t)LK_SEEN_REPLY;
    int result = original(context, reply);
    lk_hiredis_called(outer);
    if (library && result != 0)
        lk_hiredis_broken(library, context); /* reading or writing failed, if not parsing */
    else if (library && !(lk_self.cache_seen & LK_SEEN_REPLY) &&
             (reply ? *reply != NULL : is_blocking(library, context)))
        answered(library, context, reply ? *reply : NULL, &unread);
    lk_self.cache_seen |= kept | LK_SEEN_REPLY;
    return result;
}

typedef int read_function(void *context);

/* No answer comes after that; an asynchronous context gives its callbacks the error next. */
static int read_buffer(read_function *original, void *context)
{
    if (!original)
        return -1;
    struct lk_library *library = lk_hiredis_known((const void *)original, context);
    const void *outer = lk_hiredis_call((const void *)original);
    int result = original(context);
    lk_hiredis_called(outer);
    if (library && result != 0)
        lk_hiredis_broken(library, context);
    return result;
}

typedef int write_function(void *context, int *done);

static int write_buffer(write_function *original, void *context, int *done)
{
    if (!original)
        return -1;
    struct lk_library *library = lk_hiredis_known((const void *)original, context);
    if (library)
        lk_append_written(library, context);
    const void *outer = lk_hiredis_call((const void *)original);
    int result = original(context, done);
    lk_hiredis_called(outer);
    if (library && result != 0)
        lk_hiredis_broken(library, context);
    return result;
}

/* ---- Commands that wait for their answer ---- */

typedef void *command_function(void *context, const char *format, va_list arguments);
typedef void *command_argv_function(void *context, int argc, const char **argv,
                                    const size_t *lengths);

struct command { /* a call of redisCommand or one of its forms */
    struct lk_library *library;
    const void *context;
    struct lk_append append; /* of a context that does not block */
    bool blocking;
    bool hidden;   /* its inner calls are known not to be seen: we record it, before it is sent */
    uint32_t kept; /* lk_self.cache_seen of the outer call */
};

static struct command begin_command(const void *original, const void *context)
{
    struct command command = {.library = lk_hiredis_library(original, context),
                              .context = context,
                              .kept = lk_self.cache_seen};
    if (command.library) {
        command.blocking = is_blocking(command.library, context);
        command.hidden = command.blocking && command.library->bound;
    }
    lk_append_begin(&command.append, command.blocking ? NULL : command.library, original, context);
    lk_self.cache_seen = command.blocking ? LK_SEEN_SYNC : 0;
    return command;
}

static void record_formatted(struct command *command, char *bytes, int count)
{
    if (count > 0) {
        issued(command->library, command->context, bytes, (size_t)count);
        lk_self.depth++;
        command->library->free_command(bytes);
        lk_self.depth--;
    }
}

/* Formatting allocates, but within the guard, where nothing is recorded, and of such a library
 * only. */
static void record_format(struct command *command, const char *format, va_list arguments)
{
    struct lk_library *library = command->library;
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
    struct lk_library *library = command->library;
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

/* After the call: there is an answer, but no inner call was seen. That is how a library is found
 * out that calls its functions both ways. */
static bool was_hidden(const struct command *command, const void *reply)
{
    if (!command->library || !command->blocking || command->hidden || !reply ||
        lk_self.cache_seen & LK_SEEN_APPEND)
        return false;
    __atomic_store_n(&command->library->bound, 1, __ATOMIC_RELAXED);
    return true;
}

static void end_command(struct command *command, const void *reply)
{
    struct lk_library *library = command->library;
    lk_append_end(&command->append, 0);
    if (library && command->blocking && !(lk_self.cache_seen & LK_SEEN_REPLY)) {
        if (reply)
            answered(library, command->context, reply, &unread);
        else if (lk_field_int(command->context, library->layout->error))
            lk_hiredis_broken(library, command->context);
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

static void *run_argv(command_argv_function *original, void *context, int argc, const char **argv,
                      const size_t *lengths)
{
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

/* Of both libraries, and the one name that they share. */
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

#define NAME(rest) redis##rest
#include "cache/hiredis_sync.h"
#undef NAME
#define NAME(rest) valkey##rest
#include "cache/hiredis_sync.h"
