/* The asynchronous wrappers under one set of names, NAME(rest). Included once for each set. */

#define CONNECT(name, ...)                                                   \
    __typeof__(&NAME(name)) original = LK_REAL_NAMED(NAME(name));            \
    if (!original)                                                           \
        return NULL;                                                         \
    const void *outer = lk_hiredis_call((const void *)original);             \
    void *context = original(__VA_ARGS__);                                   \
    lk_hiredis_called(outer);                                                \
    connected((const void *)original, context, __builtin_return_address(0)); \
    return context

void *NAME(AsyncConnect)(const char *ip, int port)
{
    CONNECT(AsyncConnect, ip, port);
}

void *NAME(AsyncConnectBind)(const char *ip, int port, const char *source)
{
    CONNECT(AsyncConnectBind, ip, port, source);
}

void *NAME(AsyncConnectBindWithReuse)(const char *ip, int port, const char *source)
{
    CONNECT(AsyncConnectBindWithReuse, ip, port, source);
}

void *NAME(AsyncConnectUnix)(const char *path)
{
    CONNECT(AsyncConnectUnix, path);
}

void *NAME(AsyncConnectWithOptions)(const void *options)
{
    CONNECT(AsyncConnectWithOptions, options);
}

#undef CONNECT

int NAME(vAsyncCommand)(void *context, void *callback, void *data, const char *format,
                        va_list arguments)
{
    return issue(LK_REAL_NAMED(NAME(vAsyncCommand)), context, callback, data, format, arguments);
}

int NAME(AsyncCommand)(void *context, void *callback, void *data, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    int result =
        issue(LK_REAL_NAMED(NAME(vAsyncCommand)), context, callback, data, format, arguments);
    va_end(arguments);
    return result;
}

int NAME(AsyncCommandArgv)(void *context, void *callback, void *data, int argc, const char **argv,
                           const size_t *lengths)
{
    return issue_argv(LK_REAL_NAMED(NAME(AsyncCommandArgv)), context, callback, data, argc, argv,
                      lengths);
}

int NAME(AsyncFormattedCommand)(void *context, void *callback, void *data, const char *command,
                                size_t bytes)
{
    return issue_formatted(LK_REAL_NAMED(NAME(AsyncFormattedCommand)), context, callback, data,
                           command, bytes);
}

void NAME(AsyncFree)(void *context)
{
    __typeof__(&NAME(AsyncFree)) original = LK_REAL_NAMED(NAME(AsyncFree));
    if (!original)
        return;
    freeing((const void *)original, context);
    original(context);
}

void NAME(AsyncHandleTimeout)(void *context)
{
    __typeof__(&NAME(AsyncHandleTimeout)) original = LK_REAL_NAMED(NAME(AsyncHandleTimeout));
    if (!original)
        return;
    timing_out((const void *)original, context);
    original(context);
}
