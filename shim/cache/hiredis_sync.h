/* The synchronous wrappers under one set of names, NAME(rest). Included once for each set. */

#define CONNECT(name, ...)                                                         \
    __typeof__(&NAME(name)) original = LK_REAL_NAMED(NAME(name));                  \
    if (!original)                                                                 \
        return NULL;                                                               \
    const void *outer = lk_hiredis_call((const void *)original);                   \
    void *context = original(__VA_ARGS__);                                         \
    lk_hiredis_called(outer);                                                      \
    connected((const void *)original, context, __builtin_return_address(0), true); \
    return context

void *NAME(Connect)(const char *ip, int port)
{
    CONNECT(Connect, ip, port);
}

void *NAME(ConnectWithTimeout)(const char *ip, int port, struct timeval tv)
{
    CONNECT(ConnectWithTimeout, ip, port, tv);
}

void *NAME(ConnectNonBlock)(const char *ip, int port)
{
    CONNECT(ConnectNonBlock, ip, port);
}

void *NAME(ConnectBindNonBlock)(const char *ip, int port, const char *source)
{
    CONNECT(ConnectBindNonBlock, ip, port, source);
}

void *NAME(ConnectBindNonBlockWithReuse)(const char *ip, int port, const char *source)
{
    CONNECT(ConnectBindNonBlockWithReuse, ip, port, source);
}

void *NAME(ConnectUnix)(const char *path)
{
    CONNECT(ConnectUnix, path);
}

void *NAME(ConnectUnixWithTimeout)(const char *path, struct timeval tv)
{
    CONNECT(ConnectUnixWithTimeout, path, tv);
}

void *NAME(ConnectUnixNonBlock)(const char *path)
{
    CONNECT(ConnectUnixNonBlock, path);
}

void *NAME(ConnectFd)(int fd)
{
    CONNECT(ConnectFd, fd);
}

void *NAME(ConnectWithOptions)(const void *options)
{
    CONNECT(ConnectWithOptions, options);
}

#undef CONNECT

int NAME(Reconnect)(void *context)
{
    __typeof__(&NAME(Reconnect)) original = LK_REAL_NAMED(NAME(Reconnect));
    if (!original)
        return -1;
    const void *outer = lk_hiredis_call((const void *)original);
    int result = original(context);
    lk_hiredis_called(outer);
    connected((const void *)original, context, __builtin_return_address(0), false);
    return result;
}

void NAME(Free)(void *context)
{
    __typeof__(&NAME(Free)) original = LK_REAL_NAMED(NAME(Free));
    if (!original)
        return;
    closing((const void *)original, context);
    original(context);
}

int NAME(FreeKeepFd)(void *context)
{
    __typeof__(&NAME(FreeKeepFd)) original = LK_REAL_NAMED(NAME(FreeKeepFd));
    if (!original)
        return -1;
    closing((const void *)original, context);
    const void *outer = lk_hiredis_call((const void *)original);
    int fd = original(context);
    lk_hiredis_called(outer);
    return fd;
}

int NAME(vAppendCommand)(void *context, const char *format, va_list arguments)
{
    return append_command(LK_REAL_NAMED(NAME(vAppendCommand)), context, format, arguments);
}

int NAME(AppendCommand)(void *context, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    int result = append_command(LK_REAL_NAMED(NAME(vAppendCommand)), context, format, arguments);
    va_end(arguments);
    return result;
}

int NAME(AppendCommandArgv)(void *context, int argc, const char **argv, const size_t *lengths)
{
    return append_argv(LK_REAL_NAMED(NAME(AppendCommandArgv)), context, argc, argv, lengths);
}

int NAME(AppendFormattedCommand)(void *context, const char *command, size_t bytes)
{
    return append_formatted(LK_REAL_NAMED(NAME(AppendFormattedCommand)), context, command, bytes);
}

int NAME(GetReplyFromReader)(void *context, void **reply)
{
    return reply_from_reader(LK_REAL_NAMED(NAME(GetReplyFromReader)), context, reply);
}

int NAME(GetReply)(void *context, void **reply)
{
    return get_reply(LK_REAL_NAMED(NAME(GetReply)), context, reply);
}

int NAME(BufferRead)(void *context)
{
    return read_buffer(LK_REAL_NAMED(NAME(BufferRead)), context);
}

int NAME(BufferWrite)(void *context, int *done)
{
    return write_buffer(LK_REAL_NAMED(NAME(BufferWrite)), context, done);
}

void *NAME(vCommand)(void *context, const char *format, va_list arguments)
{
    return run_command(LK_REAL_NAMED(NAME(vCommand)), context, format, arguments);
}

void *NAME(Command)(void *context, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    void *reply = run_command(LK_REAL_NAMED(NAME(vCommand)), context, format, arguments);
    va_end(arguments);
    return reply;
}

void *NAME(CommandArgv)(void *context, int argc, const char **argv, const size_t *lengths)
{
    return run_argv(LK_REAL_NAMED(NAME(CommandArgv)), context, argc, argv, lengths);
}
