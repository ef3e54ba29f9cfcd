/*
 * hiredis' asynchronous functions. A redisAsyncContext begins with its redisContext, so it is read
 * as that.
 *
 * What remains of an asynchronous context's life is seen by the synchronous wrappers, for inside
 * the library it passes the PLT: redisProcessCallbacks takes each answer by redisGetReply and frees
 * it, after the callback, through the reader's table, which holds freeReplyObject; a failure shows
 * in redisBufferRead or redisBufferWrite; redisAsyncDisconnect and redisAsyncFree end, at once or
 * from a later event, in redisFree. In a library where these calls are hidden (-Bsymbolic) a
 * command would wait for its answer for ever: there nothing is recorded here, and the context's
 * socket is left to who reads sockets.
 *
 * The original may run the host's callbacks, and these may free the context: it is not looked at
 * after a call that can do that.
 */
#include <stdarg.h>

#include "cache/hiredis.h"

/* Flags of a context. */
#define IN_CALLBACK 0x10

static struct lk_library *library_of(const void *original, const void *context)
{
    struct lk_library *library = lk_hiredis_known(original, context);
    return library && !library->hides_callbacks ? lk_hiredis_library(original, context) : NULL;
}

static void connected(const void *original, const void *context, const void *caller)
{
    lk_hiredis_connected(&(struct lk_traffic){.library = library_of(original, context),
                                              .context = context,
                                              .asynchronous = true},
                         caller, true);
}

struct issue {
    struct lk_append append;
    uint32_t kept; /* lk_self.cache_seen of the outer call */
};

static void begin_issue(struct issue *issue, const void *original, const void *context)
{
    lk_append_begin(&issue->append, library_of(original, context), original, context);
    issue->kept = lk_self.cache_seen;
    lk_self.cache_seen = 0;
}

static void end_issue(struct issue *issue, int result)
{
    lk_append_end(&issue->append, result);
    lk_self.cache_seen = issue->kept;
}

typedef int command_function(void *context, void *callback, void *data, const char *format,
                             va_list arguments);

static int issue(command_function *original, void *context, void *callback, void *data,
                 const char *format, va_list arguments)
{
    struct issue issue;
    if (!original)
        return -1;
    begin_issue(&issue, (const void *)original, context);
    int result = original(context, callback, data, format, arguments);
    end_issue(&issue, result);
    return result;
}

typedef int argv_function(void *context, void *callback, void *data, int argc, const char **argv,
                          const size_t *lengths);

static int issue_argv(argv_function *original, void *context, void *callback, void *data, int argc,
                      const char **argv, const size_t *lengths)
{
    struct issue issue;
    if (!original)
        return -1;
    begin_issue(&issue, (const void *)original, context);
    int result = original(context, callback, data, argc, argv, lengths);
    end_issue(&issue, result);
    return result;
}

typedef int formatted_function(void *context, void *callback, void *data, const char *command,
                               size_t bytes);

static int issue_formatted(formatted_function *original, void *context, void *callback, void *data,
                           const char *command, size_t bytes)
{
    struct issue issue;
    if (!original)
        return -1;
    begin_issue(&issue, (const void *)original, context);
    int result = original(context, callback, data, command, bytes);
    end_issue(&issue, result);
    return result;
}

/* No answer is handed out any more: the callbacks of what is awaited are given none. Freed within a
 * callback, it goes when that has returned, and what the callback still allocates is its own. */
static void freeing(const void *original, const void *context)
{
    struct lk_library *library = library_of(original, context);
    uint32_t tag = lk_self.tag;
    if (!library)
        return;
    lk_hiredis_broken(library, context);
    if (lk_field_int(context, library->layout->flags) & IN_CALLBACK)
        lk_self.tag = tag;
}

/* Whether it comes to that is for the library to say: if so, the callbacks of what is awaited are
 * given no answer, and then the context goes, with its error set. */
static void timing_out(const void *original, const void *context)
{
    struct lk_traffic traffic = {.library = library_of(original, context), .context = context};
    if (traffic.library && lk_hiredis_enter(&traffic)) {
        lk_traffic_failing(&traffic);
        lk_leave();
    }
}

#define NAME(rest) redis##rest
#include "cache/hiredis_async.h"
#undef NAME
#define NAME(rest) valkey##rest
#include "cache/hiredis_async.h"
