/* Raw memory, clocks and messages of the shim. */
#define _GNU_SOURCE
#include "sys.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "loader.h"

#ifndef MADV_WIPEONFORK
#define MADV_WIPEONFORK 18
#endif

#define WIPED_REGIONS 1024u
#define LIMIT_SHARE   4u

/* Regions that a child is to find wiped. The kernel does that, but before Linux 4.14 it cannot, and
 * an emulator (qemu-user) may only say that it will: then a fork handler does. */
static struct {
    void *start;
    size_t bytes;
} wiped[WIPED_REGIONS];
static uint32_t wiped_count;
static uint32_t *mark; /* in such a region: 1, or 0 where the kernel has wiped it */

static dev_t stderr_device;
static ino_t stderr_inode;

/* libc's own, past a preloaded libfaketime's: that one's time goes back, and it allocates and
 * waits. */
static int (*ask_clock)(clockid_t which, struct timespec *now) = clock_gettime;

static void find_clock(void)
{
    void *own = lk_loader_find("clock_gettime");
    if (own)
        ask_clock = (int (*)(clockid_t, struct timespec *))(uintptr_t)own;
}

static void wipe_by_hand(void)
{
    if (!mark)
        return;
    for (uint32_t i = 0; *mark && i < wiped_count && i < WIPED_REGIONS; i++)
        if (wiped[i].start != mark)
            madvise(wiped[i].start, wiped[i].bytes, MADV_DONTNEED);
    *mark = 1;
}

void lk_sys_init(void)
{
    struct stat about;
    find_clock();
    if (lk_sys_fstat(STDERR_FILENO, &about) == 0) {
        stderr_device = about.st_dev;
        stderr_inode = about.st_ino;
    }
    mark = lk_sys_memory_wiped(sizeof *mark);
    if (mark)
        *mark = 1;
    pthread_atfork(NULL, NULL, wipe_by_hand);
}

static uint64_t taken_bytes;

static uint64_t limit_of(__rlimit_resource_t resource)
{
    struct rlimit limit;
    return getrlimit(resource, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY ? limit.rlim_cur
                                                                               : UINT64_MAX;
}

static uint64_t share_of(uint64_t limit)
{
    uint64_t share = limit == UINT64_MAX ? limit : limit / LIMIT_SHARE;
    uint64_t taken = __atomic_load_n(&taken_bytes, __ATOMIC_RELAXED);
    return share > taken ? (share - taken) / 2 : 0;
}

uint64_t lk_sys_address_space(void)
{
    return share_of(limit_of(RLIMIT_AS));
}

/* Private memory counts for both limits, touched or not. */
static bool may_take(size_t bytes)
{
    return bytes <= share_of(limit_of(RLIMIT_AS)) && bytes <= share_of(limit_of(RLIMIT_DATA));
}

static void *take_memory(size_t bytes)
{
    int kept = errno;
    if (!may_take(bytes))
        return NULL;
    void *start = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    errno = kept;
    if (start == MAP_FAILED)
        return NULL;
    __atomic_fetch_add(&taken_bytes, bytes, __ATOMIC_RELAXED);
    return start;
}

void *lk_sys_memory_wiped(size_t bytes)
{
    int kept = errno;
    void *start = take_memory(bytes);
    if (start) {
        bool by_kernel = madvise(start, bytes, MADV_WIPEONFORK) == 0;
        uint32_t i = __atomic_fetch_add(&wiped_count, 1, __ATOMIC_RELAXED);
        if (i < WIPED_REGIONS) {
            wiped[i].bytes = bytes;
            wiped[i].start = start;
        } else if (!by_kernel) {
            munmap(start, bytes); /* without wiping it would be wrong in a child */
            start = NULL;
        }
    }
    errno = kept;
    return start;
}

void *lk_sys_make_wiped(void **place, size_t bytes)
{
    void *made = lk_sys_memory_wiped(bytes), *none = NULL;
    if (made &&
        !__atomic_compare_exchange_n(place, &none, made, false, __ATOMIC_RELEASE, __ATOMIC_ACQUIRE))
        made = none;
    return made;
}

/* The kernel copies the signal set in before it looks at what to do with it, which here is nothing:
 * EINVAL. Any other answer is not the kernel's but a filter's, which has not looked. */
bool lk_sys_readable(uint64_t address)
{
    int kept = errno;
    bool readable =
        syscall(SYS_rt_sigprocmask, -1, address, NULL, sizeof(uint64_t)) != 0 && errno == EINVAL;
    errno = kept;
    return readable;
}

int lk_sys_no_cancel(void)
{
    int before = PTHREAD_CANCEL_ENABLE;
    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &before);
    return before;
}

void lk_sys_cancel_again(int before)
{
    pthread_setcancelstate(before, NULL);
}

static uint64_t clock_ns(clockid_t which)
{
    struct timespec now;
    ask_clock(which, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

uint64_t lk_sys_monotonic_ns(void)
{
    return clock_ns(CLOCK_MONOTONIC);
}

uint64_t lk_sys_realtime_ns(void)
{
    return clock_ns(CLOCK_REALTIME);
}

uint64_t lk_sys_random(void)
{
    int kept = errno;
    uint64_t value;
    if (syscall(SYS_getrandom, &value, sizeof value, GRND_NONBLOCK) != (ssize_t)sizeof value)
        value = lk_sys_monotonic_ns() * 0x9e3779b97f4a7c15u ^ (uint64_t)(uintptr_t)&value;
    errno = kept;
    return value;
}

/* Is stderr still what it was when the process began? A daemon may have closed it and opened a file
 * of its own. */
static int stderr_is_ours(void)
{
    struct stat about;
    struct pollfd ready = {.fd = STDERR_FILENO, .events = POLLOUT};
    return lk_sys_fstat(STDERR_FILENO, &about) == 0 && about.st_dev == stderr_device &&
           about.st_ino == stderr_inode && poll(&ready, 1, 0) == 1 && (ready.revents & POLLOUT);
}

/* The 64-bit kernels' struct is the C library's. */
int lk_sys_fstat(int fd, struct stat *about)
{
    return (int)syscall(SYS_fstat, fd, about);
}

ssize_t lk_sys_read(int fd, void *to, size_t room)
{
    return syscall(SYS_read, fd, to, room);
}

int lk_sys_close(int fd)
{
    return (int)syscall(SYS_close, fd);
}

int lk_sys_execveat(int fd, const char *path, char *const argv[], char *const envp[], int flags)
{
    return (int)syscall(SYS_execveat, fd, path, argv, envp, flags);
}

/* Writes without ever waiting, and without the signals of a closed pipe and of a file that is as
 * large as it may be. */
static void write_quietly(const char *text, size_t bytes)
{
    sigset_t signals, before, pending;
    struct timespec at_once = {0, 0};
    sigemptyset(&signals);
    sigaddset(&signals, SIGPIPE);
    sigaddset(&signals, SIGXFSZ);
    sigpending(&pending);
    sigprocmask(SIG_BLOCK, &signals, &before); /* Linux: this thread's */
    if (syscall(SYS_write, STDERR_FILENO, text, bytes) < 0) {
        int ours = errno == EPIPE ? SIGPIPE : errno == EFBIG ? SIGXFSZ : 0;
        sigemptyset(&signals);
        sigaddset(&signals, ours ? ours : SIGPIPE);
        if (ours && !sigismember(&pending, ours))
            sigtimedwait(&signals, NULL, &at_once);
    }
    sigprocmask(SIG_SETMASK, &before, NULL);
}

void lk_sys_say_once(int *said, const char *what, const char *why)
{
    char line[512];
    size_t used = 0;
    const char *parts[] = {"leakey: ", what, ": ", why, "\n"};
    if (__atomic_exchange_n(said, 1, __ATOMIC_RELAXED))
        return;
    int kept = errno, before = lk_sys_no_cancel();
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        size_t bytes = strlen(parts[i]);
        if (bytes > sizeof line - 1 - used)
            bytes = sizeof line - 1 - used;
        memcpy(line + used, parts[i], bytes);
        used += bytes;
    }
    line[used - 1] = '\n';
    if (stderr_is_ours())
        write_quietly(line, used);
    lk_sys_cancel_again(before);
    errno = kept;
}

const char *lk_sys_reason(int error)
{
    static const struct {
        int error;
        const char *reason;
    } reasons[] = {
        {ENOSPC, "no space left on device"},
        {EDQUOT, "disk quota exceeded"},
        {EFBIG, "file size limit"},
        {EACCES, "permission denied"},
        {EPERM, "not permitted"},
        {EROFS, "read-only file system"},
        {ENOENT, "no such directory"},
        {ENOTDIR, "not a directory"},
        {EMFILE, "too many open files"},
        {ENFILE, "too many open files in the system"},
        {ENOMEM, "not enough memory"},
        {ELOOP, "a symbolic link is in the way"},
        {EEXIST, "too many captures of this name"},
        {ENAMETOOLONG, "name too long"},
        {EIO, "input/output error"},
        {ENOSYS, "the system call is not to be had"},
        {EISDIR, "is a directory"},
    };
    for (size_t i = 0; i < sizeof reasons / sizeof *reasons; i++)
        if (reasons[i].error == error)
            return reasons[i].reason;
    return "system error";
}
