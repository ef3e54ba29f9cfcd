/* The calls that libunwind tests memory with, in place of the C library's. */
#define _GNU_SOURCE
#include "stack/unwinder.h"

#include <errno.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "dynamic.h"
#include "sys.h"

#define NO_PIPE (-1) /* both of its ends */

static int no_pipe(int ends[2])
{
    ends[0] = ends[1] = NO_PIPE;
    return 0;
}

static int no_pipe2(int ends[2], int flags)
{
    (void)flags;
    return no_pipe(ends);
}

/* What it tests is one byte each time. That it names another descriptor is no reason to touch that:
 * where the host used the same library before us there was a pipe, and under its number there may
 * be a file by now. */
static bool is_pipe(int fd, size_t bytes)
{
    return fd == NO_PIPE || bytes == 1;
}

static ssize_t read_pipe(int fd, void *to, size_t room)
{
    if (is_pipe(fd, room)) { /* it is always empty */
        errno = EAGAIN;
        return -1;
    }
    return lk_sys_read(fd, to, room);
}

/* Whether these bytes could have been written: they are one, or lie in one word. libunwind looks at
 * errno after a success too, for EINTR. */
static ssize_t write_pipe(int fd, const void *from, size_t bytes)
{
    if (!is_pipe(fd, bytes))
        return syscall(SYS_write, fd, from, bytes);
    bool readable = lk_sys_readable((uint64_t)(uintptr_t)from & ~7ull);
    errno = readable ? 0 : EFAULT;
    return readable ? (ssize_t)bytes : -1;
}

static int close_pipe(int fd)
{
    return fd == NO_PIPE ? 0 : lk_sys_close(fd);
}

static long call_system(long number, ...)
{
    long arguments[6];
    va_list list;
    va_start(list, number);
    for (int i = 0; i < 6; i++)
        arguments[i] = va_arg(list, long);
    va_end(list);
    if (number == SYS_write)
        return write_pipe((int)arguments[0], (const void *)arguments[1], (size_t)arguments[2]);
    return syscall(number, arguments[0], arguments[1], arguments[2], arguments[3], arguments[4],
                   arguments[5]);
}

static const struct {
    const char *name;
    void *function;
} calls[] = {
    {"pipe", no_pipe},     {"pipe2", no_pipe2},   {"read", read_pipe},
    {"write", write_pipe}, {"close", close_pipe}, {"syscall", call_system},
};
#define CALLS (sizeof calls / sizeof *calls)

struct search {
    const void *function;
    struct lk_seal seal;
    bool found, failed;
};

static bool bind_call(const struct lk_reference *reference, void *context)
{
    struct search *search = context;
    for (size_t i = 0; i < CALLS; i++) {
        if (strcmp(reference->name, calls[i].name) != 0)
            continue;
        if (lk_seal_open(&search->seal, reference->slot))
            __atomic_store_n(reference->slot, calls[i].function, __ATOMIC_RELEASE);
        else
            search->failed = true;
    }
    return true;
}

static int bind_module(struct dl_phdr_info *module, size_t bytes, void *context)
{
    struct search *search = context;
    (void)bytes;
    if (!lk_module_holds(module, search->function))
        return 0;
    search->found = true;
    search->seal = lk_seal_of(module);
    lk_references(module, bind_call, search);
    lk_seal_close(&search->seal);
    return 1;
}

bool lk_unwinder_bind(const void *function)
{
    struct search search = {.function = function};
    dl_iterate_phdr(bind_module, &search);
    return search.found && !search.failed;
}
