/* The capture's file: how it is made, how it grows, how it ends. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "capture/about.h"
#include "capture/cut.h"
#include "capture/state.h"
#include "config.h"
#include "decimal.h"
#include "heap/live.h"
#include "init.h"
#include "stack/modules.h"
#include "stack/unwind.h"
#include "sys.h"
#include "thread.h"

#define FIRST_STEP   (1u << 20)
#define LARGEST_STEP (16u << 20)
#define NAMES_MAX    9999u /* captures of one command and pid */
#define PATIENCE_NS  5000000u
#define FULL_NS      1000000000u /* so long a file that could not grow is left alone */

static char path[5120];
static int said_none, said_full, said_lost;
static uint64_t generations;
static pid_t first_pid; /* of the process that loaded the shim: another one came by fork */

struct lk_header *lk_capture_header(void)
{
    return (struct lk_header *)lk_state->base;
}

char *lk_capture_base(void)
{
    return lk_state->base;
}

uint64_t lk_capture_offset(const void *pointer)
{
    return (uint64_t)((const char *)pointer - lk_state->base);
}

/* DIR/COMMAND.PID.leakey, or DIR/COMMAND.PID.N.leakey from the second on. */
static bool name_file(unsigned n)
{
    char command[64];
    lk_about_command_name(command, sizeof command);
    size_t directory = strlen(lk_config.output);
    if (directory == 0 || directory + sizeof command + 48 > sizeof path)
        return false;
    char *to = path + directory;
    memcpy(path, lk_config.output, directory);
    if (path[directory - 1] != '/')
        *to++ = '/';
    to = stpcpy(to, command);
    *to++ = '.';
    to += lk_decimal(to, (uint64_t)getpid());
    if (n > 1) {
        *to++ = '.';
        to += lk_decimal(to, n);
    }
    strcpy(to, ".leakey");
    return true;
}

/* Where our descriptor goes: away from the low numbers that the host counts on. -1: nowhere. */
static int high_number(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur <= 64)
        return -1;
    return limit.rlim_cur > 1024 ? 1000 : (int)limit.rlim_cur - 24;
}

static int move_high(int fd)
{
    int least = high_number();
    int high = least < 0 ? -1 : fcntl(fd, F_DUPFD_CLOEXEC, least);
    lk_sys_close(fd);
    return high;
}

/* A child goes on as its parent was told to last: paused or not. */
static void remember_control(void)
{
    if (lk_state && __atomic_load_n(&lk_state->phase, __ATOMIC_ACQUIRE) == LK_PHASE_OPEN)
        lk_config.paused = lk_capture_header()->control & LK_CONTROL_PAUSED;
}

/* Growing the table of descriptors takes the kernel milliseconds once there are threads: grow it
 * while there are none. */
void lk_file_init(void)
{
    first_pid = getpid();
    pthread_atfork(remember_control, NULL, NULL);
    int least = high_number();
    int high = least < 0 ? -1 : fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, least);
    if (high >= 0)
        lk_sys_close(high);
}

static int create_file(void)
{
    int fd = -1;
    for (unsigned n = 1; n <= NAMES_MAX; n++) {
        if (!name_file(n)) {
            errno = ENAMETOOLONG;
            return -1;
        }
        fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC | O_NOCTTY, 0600);
        if (fd >= 0 || errno != EEXIST)
            break;
    }
    if (fd >= 0)
        fchmod(fd, 0600); /* whatever the umask took */
    return fd;
}

static bool is_ours(int fd)
{
    struct stat about;
    return lk_sys_fstat(fd, &about) == 0 && about.st_dev == lk_state->device &&
           about.st_ino == lk_state->inode;
}

static bool was_cut(int fd)
{
    struct stat about;
    return lk_sys_fstat(fd, &about) == 0 && (uint64_t)about.st_size < lk_state->reserved_bytes;
}

/* The file, to reserve space in: our descriptor, unless the host closed it (its number may be
 * another file's now); else by name. */
static int borrow_file(void)
{
    if (lk_state->fd >= 0 && is_ours(lk_state->fd))
        return lk_state->fd;
    int fd = open(path, O_RDWR | O_NOFOLLOW | O_CLOEXEC | O_NOCTTY);
    if (fd >= 0 && !is_ours(fd)) {
        lk_sys_close(fd);
        fd = -1;
    }
    return fd;
}

static void close_borrowed(int fd)
{
    if (fd >= 0 && fd != lk_state->fd)
        lk_sys_close(fd);
}

static bool write_zeros(int fd, uint64_t from, uint64_t end)
{
    static const char zeros[4096];
    for (uint64_t at = from; at < end; at += sizeof zeros)
        if (pwrite(fd, zeros, sizeof zeros, (off_t)at) != (ssize_t)sizeof zeros)
            return false;
    return true;
}

/* File space is reserved before it is touched: a store into a page without space behind it would be
 * a SIGBUS. */
static bool reserve_in(int fd, uint64_t from, uint64_t end)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_FSIZE, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY &&
        end > limit.rlim_cur) {
        errno = EFBIG; /* asking would bring the host a SIGXFSZ */
        return false;
    }
    for (int tries = 0; tries < 3; tries++)
        if (fallocate(fd, 0, (off_t)from, (off_t)(end - from)) == 0)
            return true;
        else if (errno != EINTR)
            break;
    /* a file system that has no such call, a filter that forbids it, signals that never pause */
    bool otherwise = errno == EOPNOTSUPP || errno == ENOSYS || errno == EPERM || errno == EINTR;
    return otherwise && write_zeros(fd, from, end);
}

static bool put_private_memory(char *at, uint64_t bytes)
{
    return mmap(at, bytes, PROT_READ | PROT_WRITE,
                MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_NORESERVE, -1, 0) != MAP_FAILED;
}

/* May come from a signal handler that interrupts anything, of several threads at once. Whoever is
 * in the middle of recording goes on in the private memory and finds zeros there, which everything
 * that looks into the capture takes for a valid beginning. */
bool lk_capture_lost(void)
{
    struct lk_state *state = lk_state;
    if (!put_private_memory(state->base, state->mapped_bytes) &&
        !put_private_memory(state->base, state->reserved_bytes)) /* that alone is ever touched */
        return false;
    __atomic_store_n(&state->phase, LK_PHASE_STOPPED, __ATOMIC_RELEASE);
    __atomic_store_n(&state->generation, __atomic_add_fetch(&generations, 1, __ATOMIC_RELAXED),
                     __ATOMIC_RELEASE);
    lk_sys_say_once(&said_lost, "nothing more is recorded", "the capture was cut by another hand");
    return true;
}

/* For a while: there may be room again later. */
static void stop_growing(const char *why)
{
    __atomic_store_n(&lk_state->full_until_ns, lk_sys_monotonic_ns() + FULL_NS, __ATOMIC_RELAXED);
    lk_sys_say_once(&said_full, "the capture cannot grow, newer events are dropped", why);
}

static bool is_full(void)
{
    uint64_t until = __atomic_load_n(&lk_state->full_until_ns, __ATOMIC_RELAXED);
    return until && lk_sys_monotonic_ns() < until;
}

static void raise_to(uint64_t *place, uint64_t value)
{
    uint64_t held = __atomic_load_n(place, __ATOMIC_RELAXED);
    while (held < value && !__atomic_compare_exchange_n(place, &held, value, false,
                                                        __ATOMIC_RELEASE, __ATOMIC_RELAXED))
        ;
}

static bool reserve(uint64_t end)
{
    struct lk_header *header = lk_capture_header();
    uint64_t reserved = __atomic_load_n(&header->reserved_bytes, __ATOMIC_ACQUIRE);
    if (end <= reserved || is_full())
        return end <= reserved;
    uint64_t step = reserved < FIRST_STEP ? FIRST_STEP : reserved;
    if (step > LARGEST_STEP)
        step = LARGEST_STEP;
    uint64_t target = reserved + step < end ? end : reserved + step;
    if (target > lk_state->mapped_bytes)
        target = lk_state->mapped_bytes;
    if (end > target)
        return false;
    int fd = borrow_file();
    if (fd >= 0 && was_cut(fd) && lk_capture_lost()) {
        close_borrowed(fd);
        return false;
    }
    bool done = fd >= 0 && reserve_in(fd, reserved, target);
    if (!done)
        stop_growing(fd < 0 ? "the file is gone" : lk_sys_reason(errno));
    close_borrowed(fd);
    if (done) {
        raise_to(&lk_state->reserved_bytes, target);
        raise_to(&header->reserved_bytes, target);
    }
    return done;
}

bool lk_capture_reserve(uint64_t end)
{
    int before = lk_sys_no_cancel();
    bool done = reserve(end);
    lk_sys_cancel_again(before);
    return done;
}

/* Maps as much of the bound as a limited address space has for us: touching what is not reserved
 * never happens. */
static char *map_file(int fd, uint64_t *bytes)
{
    uint64_t tables = lk_config.sample_bytes <= 1 ? 8ull << 30 : 1ull << 30;
    uint64_t most = lk_config.ring_bytes + tables, room = lk_sys_address_space();
    errno = ENOMEM;
    for (uint64_t want = most < room ? most : room; want >= FIRST_STEP; want /= 2) {
        want &= ~(uint64_t)(LK_GRANULE - 1);
        char *base = mmap(NULL, want, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, fd, 0);
        if (base != MAP_FAILED) {
            *bytes = want;
            madvise(base, want, MADV_DONTFORK);
            madvise(base, want, MADV_DONTDUMP);
            return base;
        }
    }
    return NULL;
}

static void fill_header(struct lk_header *header)
{
    memcpy(header->magic, LK_MAGIC, sizeof header->magic);
    header->byte_order = LK_BYTE_ORDER;
    header->version = LK_VERSION;
    header->header_bytes = sizeof *header;
    header->granule_bytes = LK_GRANULE;
    header->flags = (lk_config.heap ? LK_FLAG_HEAP : 0u) | (lk_config.cache ? LK_FLAG_CACHE : 0u) |
                    (lk_config.hash_keys ? LK_FLAG_KEYS_HASHED : 0u) |
                    (getpid() != first_pid ? LK_FLAG_FORKED : 0u) |
                    (lk_unwind_is_fallback() ? LK_FLAG_STACK_FALLBACK : 0u);
    header->sample_bytes = lk_config.sample_bytes;
    header->ring_bytes = lk_config.ring_bytes;
    header->start_realtime_ns = lk_sys_realtime_ns();
    header->start_monotonic_ns = lk_sys_monotonic_ns();
    header->used_bytes = LK_GRANULE;
    header->reserved_bytes = lk_state->reserved_bytes = FIRST_STEP;
    header->sites = 1; /* id 0 of each table is "unknown" */
    header->templates = 1;
    header->verbs = 1;
    header->control = LK_CONTROL_OPEN | (lk_config.paused ? LK_CONTROL_PAUSED : 0u);
    header->pauses = lk_config.paused; /* from 0 on, as the table says */
    lk_about_fill(header, lk_state->base);
}

/* Heap events may come by the million, and the tables hold what they add up to: they have a part of
 * the bound that stays in the processor's cache, or nearly all of it where there are no others. */
static void set_rings(uint64_t mapped)
{
    uint64_t most = lk_config.ring_bytes / LK_GRANULE;
    if (most > mapped / LK_GRANULE / 2)
        most = mapped / LK_GRANULE / 2;
    if (most > LK_SEGMENT_SLOTS_MAX)
        most = LK_SEGMENT_SLOTS_MAX;
    uint64_t heap = most / 32 > 64 ? most / 32 : most / 4 < 64 ? most / 4 : 64;
    if (!lk_config.heap)
        heap = 0;
    else if (!lk_config.cache)
        heap = most - 1;
    lk_state->rings[LK_RING_HEAP].segments_max = (uint32_t)heap;
    lk_state->rings[LK_RING_RECORDS].segments_max = (uint32_t)(most - heap);
}

static void set_state(int fd, const struct stat *about, uint64_t mapped)
{
    set_rings(mapped);
    lk_state->mapped_bytes = mapped;
    lk_state->device = about->st_dev;
    lk_state->inode = about->st_ino;
    lk_state->pid = (uint32_t)getpid();
    lk_state->fd = move_high(fd);
    lk_state->generation = __atomic_add_fetch(&generations, 1, __ATOMIC_RELAXED);
}

static bool open_now(void)
{
    struct stat about;
    uint64_t mapped;
    int fd = create_file();
    if (fd < 0)
        return false;
    if (!reserve_in(fd, 0, FIRST_STEP) || lk_sys_fstat(fd, &about) != 0 ||
        !(lk_state->base = map_file(fd, &mapped))) {
        int kept = errno;
        unlink(path);
        lk_sys_close(fd);
        errno = kept;
        return false;
    }
    set_state(fd, &about, mapped);
    lk_cut_watch();
    fill_header(lk_capture_header());
    lk_live_open();
    return true;
}

/* Not if it was lost at once. */
static bool set_open(void)
{
    uint32_t opening = LK_PHASE_OPENING;
    return __atomic_compare_exchange_n(&lk_state->phase, &opening, LK_PHASE_OPEN, false,
                                       __ATOMIC_RELEASE, __ATOMIC_RELAXED);
}

/* Another thread is opening the capture: lets it finish, for a few milliseconds at the most. */
static bool opens_soon(void)
{
    uint64_t end = lk_sys_monotonic_ns() + PATIENCE_NS;
    do {
        sched_yield();
        if (__atomic_load_n(&lk_state->phase, __ATOMIC_ACQUIRE) != LK_PHASE_OPENING)
            return __atomic_load_n(&lk_state->phase, __ATOMIC_ACQUIRE) == LK_PHASE_OPEN;
    } while (lk_sys_monotonic_ns() < end);
    return false;
}

bool lk_capture_open(bool patient)
{
    uint32_t none = LK_PHASE_NONE;
    if (!__atomic_compare_exchange_n(&lk_state->phase, &none, LK_PHASE_OPENING, false,
                                     __ATOMIC_ACQUIRE, __ATOMIC_ACQUIRE)) {
        if (none == LK_PHASE_OPENING && patient && opens_soon())
            return true;
        if (none == LK_PHASE_OPENING)
            lk_add(&lk_state->not_ready, 1);
        return none == LK_PHASE_OPEN;
    }
    int before = lk_sys_no_cancel();
    bool opened = open_now();
    lk_sys_cancel_again(before);
    if (!opened)
        lk_sys_say_once(&said_none, "nothing is recorded", lk_sys_reason(errno));
    if (!opened)
        __atomic_store_n(&lk_state->phase, LK_PHASE_STOPPED, __ATOMIC_RELEASE);
    opened = opened && set_open();
    if (opened) {
        lk_modules_scan(); /* takes a while: the other threads record already */
        lk_add(&lk_capture_header()->dropped[LK_DROP_NOT_READY],
               __atomic_exchange_n(&lk_state->not_ready, 0, __ATOMIC_RELAXED));
    }
    return opened;
}

static bool is_empty(const struct lk_header *header)
{
    uint64_t dropped = 0;
    for (size_t i = 0; i < LK_DROP_REASONS; i++)
        dropped += header->dropped[i];
    return header->next_sequence == 0 && header->next_heap_sequence == 0 && dropped == 0;
}

static void remove_file(void)
{
    int before = lk_sys_no_cancel();
    int fd = borrow_file();
    if (fd >= 0)
        unlink(path);
    close_borrowed(fd);
    lk_sys_cancel_again(before);
}

void lk_capture_end(enum lk_end end, int status)
{
    if (!lk_state || __atomic_load_n(&lk_state->phase, __ATOMIC_ACQUIRE) != LK_PHASE_OPEN ||
        lk_state->pid != (uint32_t)getpid()) /* a vfork child shares our memory */
        return;
    struct lk_header *header = lk_capture_header();
    int kept = errno;
    if (lk_self.generation == lk_state->generation)
        lk_thread_settle();
    if (is_empty(header)) {
        remove_file();
        lk_state->removed = 1;
    } else {
        header->end_ns = lk_now();
        header->end_status = (uint32_t)status & 0xff;
        __atomic_store_n(&header->end, end, __ATOMIC_RELEASE);
    }
    errno = kept;
}

void lk_capture_unend(void)
{
    if (!lk_state || __atomic_load_n(&lk_state->phase, __ATOMIC_ACQUIRE) != LK_PHASE_OPEN ||
        lk_state->pid != (uint32_t)getpid())
        return;
    struct lk_header *header = lk_capture_header();
    __atomic_store_n(&header->end, LK_END_RUNNING, __ATOMIC_RELEASE);
    header->end_ns = 0;
    if (lk_state->removed) { /* the empty file is gone: begin another at the next event */
        lk_state->removed = 0;
        __atomic_store_n(&lk_state->phase, LK_PHASE_NONE, __ATOMIC_RELEASE);
    }
}

void lk_drop(enum lk_drop why)
{
    if (lk_state->base)
        lk_add(&lk_capture_header()->dropped[why], 1);
}
