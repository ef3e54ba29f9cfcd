/* How the process ends, as far as only a wrapper can know: _exit and exec. And what dlclose
 * unloads. */
#define _GNU_SOURCE
#include <alloca.h>
#include <errno.h>
#include <link.h>

#include "cache/abi.h"
#include "capture/state.h"
#include "deepbind.h"
#include "real.h"
#include "stack/modules.h"
#include "stack/rules.h"
#include "sys.h"
#include "thread.h"

static void mark(enum lk_end end, int status)
{
    lk_self.depth++;
    lk_capture_end(end, status);
    lk_self.depth--;
}

static int did_not_end(int status)
{
    int kept = errno;
    lk_self.depth++;
    lk_capture_unend();
    lk_self.depth--;
    errno = kept;
    return status;
}

void _exit(int status)
{
    mark(LK_END_EXIT, status);
    LK_REAL(_exit)(status);
}

void _Exit(int status)
{
    mark(LK_END_EXIT, status);
    LK_REAL(_Exit)(status);
}

int execve(const char *path, char *const argv[], char *const envp[])
{
    mark(LK_END_EXEC, 0);
    return did_not_end(LK_REAL(execve)(path, argv, envp));
}

int execv(const char *path, char *const argv[])
{
    mark(LK_END_EXEC, 0);
    return did_not_end(LK_REAL(execv)(path, argv));
}

int execvp(const char *file, char *const argv[])
{
    mark(LK_END_EXEC, 0);
    return did_not_end(LK_REAL(execvp)(file, argv));
}

int execvpe(const char *file, char *const argv[], char *const envp[])
{
    mark(LK_END_EXEC, 0);
    return did_not_end(LK_REAL(execvpe)(file, argv, envp));
}

int fexecve(int fd, char *const argv[], char *const envp[])
{
    mark(LK_END_EXEC, 0);
    return did_not_end(LK_REAL(fexecve)(fd, argv, envp));
}

int execveat(int fd, const char *path, char *const argv[], char *const envp[], int flags)
{
    mark(LK_END_EXEC, 0);
    __typeof__(&execveat) original = LK_REAL(execveat) ? LK_REAL(execveat) : lk_sys_execveat;
    return did_not_end(original(fd, path, argv, envp, flags));
}

/* The variadic forms: arguments up to a NULL, as an array (on the stack: exec may run in a vfork
 * child). */
static size_t count_arguments(va_list arguments)
{
    size_t count = 1;
    while (va_arg(arguments, const char *))
        count++;
    return count;
}

static void fill_arguments(char **argv, const char *first, va_list arguments)
{
    argv[0] = (char *)(uintptr_t)first;
    for (size_t i = 0; argv[i]; i++)
        argv[i + 1] = va_arg(arguments, char *);
}

int execl(const char *path, const char *arg, ...)
{
    va_list arguments;
    va_start(arguments, arg);
    size_t count = arg ? count_arguments(arguments) : 0;
    va_end(arguments);
    char **argv = alloca((count + 1) * sizeof *argv);
    va_start(arguments, arg);
    fill_arguments(argv, arg, arguments);
    va_end(arguments);
    return execv(path, argv);
}

int execlp(const char *file, const char *arg, ...)
{
    va_list arguments;
    va_start(arguments, arg);
    size_t count = arg ? count_arguments(arguments) : 0;
    va_end(arguments);
    char **argv = alloca((count + 1) * sizeof *argv);
    va_start(arguments, arg);
    fill_arguments(argv, arg, arguments);
    va_end(arguments);
    return execvp(file, argv);
}

int execle(const char *path, const char *arg, ...)
{
    va_list arguments;
    va_start(arguments, arg);
    size_t count = arg ? count_arguments(arguments) : 0;
    va_end(arguments);
    char **argv = alloca((count + 1) * sizeof *argv);
    va_start(arguments, arg);
    fill_arguments(argv, arg, arguments);
    char *const *envp = va_arg(arguments, char *const *);
    va_end(arguments);
    return execve(path, argv, envp);
}

/* The parent ends inside, by a call that no wrapper sees. In the child there is no capture yet. */
int daemon(int nochdir, int noclose)
{
    mark(LK_END_EXIT, 0);
    return did_not_end(LK_REAL(daemon)(nochdir, noclose));
}

static int count_unloaded(struct dl_phdr_info *module, size_t bytes, void *context)
{
    (void)bytes;
    *(uint64_t *)context = module->dlpi_subs;
    return 1;
}

/* What was unloaded is no longer where it was found. */
static void forget_libraries(void)
{
    static uint64_t known;
    uint64_t unloaded = 0;
    int kept = errno;
    lk_self.depth++;
    dl_iterate_phdr(count_unloaded, &unloaded);
    if (__atomic_exchange_n(&known, unloaded, __ATOMIC_RELAXED) != unloaded) {
        lk_deepbind_forget();
        lk_library_forget();
        lk_real_forget_unloaded();
    }
    lk_self.depth--;
    errno = kept;
}

int dlclose(void *handle)
{
    lk_deepbind_settle();
    if (lk_enter_existing()) { /* what it unloads may have come since the last look, */
        lk_modules_scan();
        lk_leave();
    }
    lk_rules_forget(); /* and must not be believed while its destructors run, */
    int status = LK_REAL(dlclose)(handle);
    lk_rules_forget(); /* nor afterwards; */
    forget_libraries();
    if (status == 0 && lk_enter_existing()) {
        lk_modules_scan();
        lk_leave();
    }
    return status;
}
