/* libunwind with its calls bound: the same walks as before, no descriptor, and nothing is read that
 * cannot be. */
// machine: x86-64
// links: shim/stack/unwinder.c shim/dynamic.c shim/loader.c shim/sys.c
#define _GNU_SOURCE
#include <alloca.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "stack/unwinder.h"
#include "sys.h"

#define PAGE     4096u
#define ROOM     200
#define DEEP     16u /* frames of more than a page: libunwind remembers four pages that it tested */
#define NOINLINE __attribute__((noinline))
#define HERE     __asm__ volatile("" ::: "memory") /* what was called before it was no jump */

typedef void function(void);
/* Calls `callee` with the frame pointer `bp`; NULL: its own frame's. Without unwind information. */
typedef void generated(function *callee, const void *bp);

static int (*unwind)(void **frames, int room);
static generated *by_bp;

/* What a child tells. */
static struct told {
    int count;
    void *frames[ROOM];
    int damaged;
    bool filtered;
} * told;

static unsigned char *map(int protection, int flags)
{
    unsigned char *memory = mmap(NULL, PAGE, protection, flags | MAP_ANONYMOUS, -1, 0);
    assert_ptr_not_equal(memory, MAP_FAILED);
    return memory;
}

static generated *generate(void)
{
    static const unsigned char code[] = {
        0x55,                   /* push rbp */
        0x48, 0x89, 0xe5,       /* mov rbp, rsp */
        0x48, 0x85, 0xf6,       /* test rsi, rsi */
        0x48, 0x0f, 0x45, 0xee, /* cmovne rbp, rsi */
        0xff, 0xd7,             /* call rdi */
        0x5d,                   /* pop rbp */
        0xc3,                   /* ret */
    };
    unsigned char *memory = map(PROT_READ | PROT_WRITE, MAP_PRIVATE);
    generated *made;
    memcpy(memory, code, sizeof code);
    assert_int_equal(mprotect(memory, PAGE, PROT_READ | PROT_EXEC), 0);
    memcpy(&made, &memory, sizeof made);
    return made;
}

static int set_up(void **state)
{
    void *library = dlopen("libunwind.so.8", RTLD_NOW | RTLD_LOCAL);
    (void)state;
    assert_non_null(library);
    *(void **)&unwind = dlsym(library, "unw_backtrace");
    assert_non_null(unwind);
    by_bp = generate();
    told = (struct told *)(void *)map(PROT_READ | PROT_WRITE, MAP_SHARED);
    return 0;
}

NOINLINE static void take(void)
{
    told->count = unwind(told->frames, ROOM);
    HERE;
}

NOINLINE static void go_down(uint32_t depth)
{
    volatile char *room = alloca(PAGE + 1000);
    room[0] = 1;
    if (depth)
        go_down(depth - 1);
    else
        by_bp(take, NULL);
    HERE;
}

/* One after the other in a child of its own, where libunwind has not been called before, nor has it
 * learned anything. True: they came to an end. */
static bool in_child(void (*first)(void), void (*then)(void))
{
    int status;
    memset(told, 0, sizeof *told);
    pid_t child = fork();
    if (child == 0) {
        signal(SIGSEGV, SIG_DFL); /* cmocka's handler would go on with the tests in there */
        first();
        then();
        _exit(0);
    }
    return child > 0 && waitpid(child, &status, 0) == child && status == 0;
}

static void walk(void)
{
    go_down(DEEP);
}

static void bind(void)
{
    if (!lk_unwinder_bind((const void *)(uintptr_t)unwind))
        _exit(1);
}

static void leave_unbound(void) {}

static void walks_are_the_same(void **state)
{
    static void (*const firsts[])(void) = {leave_unbound, bind};
    struct told told_by[2];
    (void)state;
    for (int i = 0; i < 2; i++) {
        assert_true(in_child(firsts[i], walk));
        told_by[i] = *told;
    }
    assert_true(told_by[0].count > (int)DEEP + 4);
    assert_int_equal(told_by[0].count, told_by[1].count);
    assert_memory_equal(told_by[0].frames, told_by[1].frames, sizeof told->frames);
}

/* ---- Descriptors ---- */

static const char content[] = "nobody else writes here";

static int lowest_free(void)
{
    int fd = open("/dev/null", O_RDONLY);
    close(fd);
    return fd;
}

static void count_descriptors(void)
{
    int before = lowest_free();
    bind();
    walk();
    told->damaged = lowest_free() != before;
}

static void no_descriptor_is_taken(void **state)
{
    (void)state;
    assert_true(in_child(leave_unbound, count_descriptors));
    assert_int_equal(told->damaged, 0);
}

static bool is_pipe(int fd)
{
    char path[64], is[64] = "";
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    return readlink(path, is, sizeof is - 1) > 0 && strncmp(is, "pipe:", 5) == 0;
}

static void put_file_at(int fd)
{
    int made = memfd_create("file", 0);
    if (made < 0 || write(made, content, sizeof content) != sizeof content ||
        lseek(made, 0, SEEK_SET) != 0 || dup2(made, fd) != fd || close(made) != 0)
        _exit(1);
}

static bool is_as_put(int fd)
{
    char now[sizeof content + 1];
    return lseek(fd, 0, SEEK_CUR) == 0 && pread(fd, now, sizeof now, 0) == sizeof content &&
           memcmp(now, content, sizeof content) == 0;
}

/* As a host that has used libunwind before the shim came, and then closes all and opens files. */
static void replace_the_pipe(void)
{
    int first = lowest_free();
    walk();
    if (!is_pipe(first) || !is_pipe(first + 1))
        _exit(1);
    bind();
    put_file_at(first);
    put_file_at(first + 1);
    walk();
    told->damaged = !is_as_put(first) + !is_as_put(first + 1);
}

static void files_in_the_pipe_s_place_stay_as_they_are(void **state)
{
    (void)state;
    assert_true(in_child(leave_unbound, replace_the_pipe));
    assert_int_equal(told->damaged, 0);
    assert_true(told->count > (int)DEEP + 4);
}

/* ---- Memory that cannot be read ---- */

static void walk_to_nowhere(void)
{
    unsigned char *none = map(PROT_NONE, MAP_PRIVATE);
    by_bp(take, none);
    if (munmap(none, PAGE) != 0)
        _exit(1);
    by_bp(take, none);
    by_bp(take, (const void *)(uintptr_t)0xfff0000000000000);
}

static void deny_the_question(void)
{
    struct sock_filter filter[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_rt_sigprocmask, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = {.len = sizeof filter / sizeof *filter, .filter = filter};
    told->filtered = prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
                     prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

static void bind_where_asking_is_denied(void)
{
    bind();
    deny_the_question();
}

static void what_cannot_be_read_ends_the_walk(void **state)
{
    (void)state;
    assert_true(in_child(bind, walk_to_nowhere));
    assert_true(told->count > 0);
}

static void nothing_is_read_where_asking_is_denied(void **state)
{
    (void)state;
    assert_true(in_child(bind_where_asking_is_denied, walk_to_nowhere));
    if (!told->filtered)
        skip();
}

static void readable_is_what_the_system_says(void **state)
{
    unsigned char *none = map(PROT_NONE, MAP_PRIVATE), *some = map(PROT_READ, MAP_PRIVATE);
    (void)state;
    errno = ENOTTY;
    assert_true(lk_sys_readable((uintptr_t)some));
    assert_true(lk_sys_readable((uintptr_t)some + PAGE - 8));
    assert_false(lk_sys_readable((uintptr_t)none));
    assert_int_equal(munmap(some, PAGE), 0);
    assert_false(lk_sys_readable((uintptr_t)some));
    assert_false(lk_sys_readable(0xfff0000000000000));
    assert_int_equal(errno, ENOTTY);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(walks_are_the_same),
        cmocka_unit_test(no_descriptor_is_taken),
        cmocka_unit_test(files_in_the_pipe_s_place_stay_as_they_are),
        cmocka_unit_test(what_cannot_be_read_ends_the_walk),
        cmocka_unit_test(nothing_is_read_where_asking_is_denied),
        cmocka_unit_test(readable_is_what_the_system_says),
    };
    return cmocka_run_group_tests(tests, set_up, NULL);
}
