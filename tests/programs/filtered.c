/*
 * Works under a seccomp filter. Usage: filtered start|later REFUSAL CALL...
 * - start: the filter is there before the program is (it becomes itself); later: after some work
 * - REFUSAL is EPERM or ENOSYS: what the CALLs give; or kill: any other call ends the process
 * "openat-create" is openat with O_CREAT, "mmap-shared" mmap with MAP_SHARED. It says how many of
 * the calls are refused indeed.
 */
#define _GNU_SOURCE
#include "work.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#define CALL(name)              \
    {                           \
#name, SYS_##name, 0, 0 \
    }
static const struct call {
    const char *name;
    int number;
    unsigned argument, bits;
} calls[] = {
    {"openat-create", SYS_openat, 2, O_CREAT},
    {"mmap-shared", SYS_mmap, 3, MAP_SHARED},
    CALL(brk),
    CALL(clone3),
    CALL(clone),
    CALL(close),
    CALL(exit),
    CALL(exit_group),
    CALL(fallocate),
    CALL(fchmod),
    CALL(fcntl),
    CALL(fstat),
    CALL(ftruncate),
    CALL(futex),
    CALL(getpid),
    CALL(getrandom),
    CALL(getsockopt),
    CALL(ioctl),
    CALL(gettid),
    CALL(madvise),
    CALL(membarrier),
    CALL(memfd_create),
    CALL(mmap),
    CALL(mprotect),
    CALL(munmap),
    CALL(newfstatat),
    CALL(openat),
    CALL(poll),
    CALL(prlimit64),
    CALL(process_vm_readv),
    CALL(pwrite64),
    CALL(read),
    CALL(readlink),
    CALL(rseq),
    CALL(rt_sigaction),
    CALL(rt_sigprocmask),
    CALL(rt_sigreturn),
    CALL(sched_yield),
    CALL(set_robust_list),
    CALL(statx),
    CALL(unlink),
    CALL(wait4),
    CALL(write),
};

static struct sock_filter program[512];
static unsigned short used;

static void add(unsigned short code, unsigned k, unsigned yes, unsigned no)
{
    program[used++] = (struct sock_filter){code, (unsigned char)yes, (unsigned char)no, k};
}

static const struct call *find(const char *name)
{
    for (size_t i = 0; i < sizeof calls / sizeof *calls; i++)
        if (strcmp(calls[i].name, name) == 0)
            return &calls[i];
    fprintf(stderr, "filtered: no such call: %s\n", name);
    exit(2);
}

static void add_call(const struct call *call, unsigned answer)
{
    add(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr), 0, 0);
    add(BPF_JMP | BPF_JEQ | BPF_K, (unsigned)call->number, 0, call->bits ? 3 : 1);
    if (call->bits) {
        add(BPF_LD | BPF_W | BPF_ABS,
            (unsigned)(offsetof(struct seccomp_data, args) + 8 * call->argument), 0, 0);
        add(BPF_JMP | BPF_JSET | BPF_K, call->bits, 0, 1);
    }
    add(BPF_RET | BPF_K, answer, 0, 0);
}

static void install(const char *refusal, char **names)
{
    int kills = strcmp(refusal, "kill") == 0;
    unsigned answer = SECCOMP_RET_ERRNO | (strcmp(refusal, "EPERM") == 0 ? EPERM : ENOSYS);
    for (; *names; names++)
        add_call(find(*names), kills ? SECCOMP_RET_ALLOW : answer);
    add(BPF_RET | BPF_K, kills ? SECCOMP_RET_KILL_PROCESS : SECCOMP_RET_ALLOW, 0, 0);
    struct sock_fprog whole = {.len = used, .filter = program};
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
        prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &whole) != 0) {
        perror("filtered: seccomp");
        exit(3);
    }
}

static void *work_in_thread(void *unused)
{
    for (int i = 0; i < 5000; i++)
        use_block(100);
    return unused;
}

static void work_all(void)
{
    pthread_t thread;
    work(1000);
    for (int i = 0; i < 100000; i++)
        use_block(64 + (size_t)i % 64);
    if (pthread_create(&thread, NULL, work_in_thread, NULL) != 0 || pthread_join(thread, NULL) != 0)
        abort();
}

/* With arguments that no call takes. */
static int is_refused(const struct call *call, const char *refusal)
{
    long arguments[6] = {-1, 0, 0, 0, 0, 0};
    arguments[call->argument] |= (long)call->bits;
    errno = 0;
    long status = syscall(call->number, arguments[0], arguments[1], arguments[2], arguments[3],
                          arguments[4], arguments[5]);
    return status < 0 && errno == (strcmp(refusal, "EPERM") == 0 ? EPERM : ENOSYS);
}

int main(int argc, char **argv)
{
    char checks[] = "check";
    int refused = 0;
    if (argc < 4)
        return 2;
    if (strcmp(argv[1], "start") == 0) {
        install(argv[2], argv + 3);
        argv[1] = checks;
        execv("/proc/self/exe", argv);
        return 4;
    }
    if (strcmp(argv[1], "later") == 0) {
        work(200);
        work_all();
        install(argv[2], argv + 3);
    }
    work_all();
    tell();
    for (int i = 3; i < argc && strcmp(argv[2], "kill") != 0; i++)
        refused += is_refused(find(argv[i]), argv[2]);
    printf("refused %d\n", refused);
    return 0;
}
