/* Stopping and resuming by ptrace; see stop.h. */
#define _GNU_SOURCE
#include "live/stop.h"

#include <elf.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#include "live/process.h"

#define PATIENCE_US    2000000 /* a thread in the kernel's hands (disk, vfork) may not stop at all */
#define POLL_US        50
#define REGISTERS_ROOM 16384 /* AVX-512 and AMX tiles: 11 KiB */

struct tracee {
    pid_t tid;
    int signal; /* arrived just then: to be delivered when it goes on */
    bool stopped;
};

struct stop {
    unsigned long pid;
    gint64 began_us;
    GArray *tracees;   /* struct tracee; that exited are taken out */
    GArray *threads;   /* struct stopped_thread */
    GArray *registers; /* uint64_t */
};

/* ---- Threads ---- */

static bool is_known(const struct stop *stop, pid_t tid)
{
    for (guint i = 0; i < stop->tracees->len; i++)
        if (g_array_index(stop->tracees, struct tracee, i).tid == tid)
            return true;
    return false;
}

static void forget(struct stop *stop, pid_t tid)
{
    for (guint i = 0; i < stop->tracees->len; i++) {
        if (g_array_index(stop->tracees, struct tracee, i).tid == tid) {
            g_array_remove_index(stop->tracees, i);
            return;
        }
    }
}

/* A thread that has ended, but is still listed: a main thread that others have outlived. */
static bool is_dead(unsigned long pid, pid_t tid)
{
    char *name = g_strdup_printf("task/%d/stat", tid), *text = process_text(pid, name, NULL);
    const char *at = text == NULL ? NULL : strrchr(text, ')');
    bool dead = at == NULL || at[1] == '\0' || at[2] == 'Z' || at[2] == 'X';

    g_free(text);
    g_free(name);
    return dead;
}

static void refuse(unsigned long pid, int reason, GError **error)
{
    if (reason == EPERM || reason == EACCES)
        g_set_error(
            error, LEAKEY_ERROR, LEAKEY_ERROR_SYSTEM,
            "%lu: no permission to stop it: this needs its user and a "
            "/proc/sys/kernel/yama/ptrace_scope of 0, or CAP_SYS_PTRACE; and a process that "
            "a debugger holds cannot be stopped by another",
            pid);
    else if (reason == ESRCH)
        g_set_error(error, LEAKEY_ERROR, LEAKEY_ERROR_INPUT, "%lu: no such process", pid);
    else
        g_set_error(error, LEAKEY_ERROR, LEAKEY_ERROR_SYSTEM, "%lu: cannot stop it: %s", pid,
                    g_strerror(reason));
}

static bool seize(struct stop *stop, pid_t tid, GError **error)
{
    struct tracee tracee = {.tid = tid};

    if (ptrace(PTRACE_SEIZE, tid, NULL, NULL) != 0) {
        int reason = errno;
        if (is_dead(stop->pid, tid))
            return true;
        refuse(stop->pid, reason, error);
        return false;
    }
    ptrace(PTRACE_INTERRUPT, tid, NULL, NULL);
    g_array_append_val(stop->tracees, tracee);
    return true;
}

/* Takes hold of all threads that are new. *any: there were some. */
static bool seize_new(struct stop *stop, bool *any, GError **error)
{
    char *path = g_strdup_printf("/proc/%lu/task", stop->pid);
    GDir *directory = g_dir_open(path, 0, NULL);
    const char *name;
    bool good = directory != NULL;

    g_free(path);
    if (directory == NULL)
        refuse(stop->pid, ESRCH, error);
    guint before = stop->tracees->len;
    while (good && (name = g_dir_read_name(directory)) != NULL) {
        pid_t tid = (pid_t)strtol(name, NULL, 10);
        if (tid > 0 && !is_known(stop, tid))
            good = seize(stop, tid, error);
    }
    if (directory != NULL)
        g_dir_close(directory);
    *any = stop->tracees->len != before;
    return good;
}

/* True when it has stopped or is gone. */
static bool has_stopped(struct stop *stop, guint index)
{
    struct tracee *tracee = &g_array_index(stop->tracees, struct tracee, index);
    int status;

    if (tracee->stopped)
        return true;
    pid_t got = waitpid(tracee->tid, &status, WNOHANG | __WALL);
    if (got == 0 || (got < 0 && errno == EINTR))
        return false;
    if (got < 0 || !WIFSTOPPED(status)) {
        forget(stop, tracee->tid);
        return true;
    }
    tracee->stopped = true;
    tracee->signal = status >> 16 == 0 ? WSTOPSIG(status) : 0;
    return true;
}

static bool await_all(struct stop *stop, gint64 deadline_us, GError **error)
{
    for (guint i = 0; i < stop->tracees->len;) {
        guint count = stop->tracees->len;
        if (has_stopped(stop, i)) {
            i += stop->tracees->len == count;
            continue;
        }
        if (g_get_monotonic_time() > deadline_us) {
            g_set_error(error, LEAKEY_ERROR, LEAKEY_ERROR_SYSTEM,
                        "%lu: its thread %d does not stop: it waits in the kernel", stop->pid,
                        g_array_index(stop->tracees, struct tracee, i).tid);
            return false;
        }
        g_usleep(POLL_US);
    }
    return true;
}

/* ---- Registers ---- */

static void keep_registers(struct stop *stop, pid_t tid, int set)
{
    static _Thread_local uint64_t words[REGISTERS_ROOM / sizeof(uint64_t)];
    struct iovec room = {words, sizeof(words)};

    if (ptrace(PTRACE_GETREGSET, tid, (void *)(uintptr_t)set, &room) == 0)
        g_array_append_vals(stop->registers, words, (guint)(room.iov_len / sizeof(uint64_t)));
}

#if defined(__x86_64__)
/* Waits that fail with EINTR, having done nothing, when their thread was merely stopped (those of a
 * socket: if it has a timeout), which a program without signal handlers does not expect. They are
 * to begin again, unless a handler runs first. */
static const long brittle[] = {
    SYS_epoll_wait,   SYS_epoll_pwait,    SYS_epoll_pwait2,    SYS_semop,  SYS_semtimedop,
    SYS_io_getevents, SYS_io_uring_enter, SYS_rt_sigtimedwait, SYS_read,   SYS_readv,
    SYS_recvfrom,     SYS_recvmsg,        SYS_write,           SYS_writev, SYS_sendto,
    SYS_sendmsg,      SYS_accept,         SYS_accept4,
};
#define RESTART_UNLESS_HANDLED 514 /* the kernel's ERESTARTNOHAND */

static void mend_wait(pid_t tid, struct user_regs_struct *registers)
{
    struct iovec room = {registers, sizeof(*registers)};

    for (size_t i = 0; i < G_N_ELEMENTS(brittle); i++) {
        if ((long)registers->orig_rax != brittle[i] || (long)registers->rax != -EINTR)
            continue;
        registers->rax = (unsigned long long)-RESTART_UNLESS_HANDLED;
        ptrace(PTRACE_SETREGSET, tid, (void *)NT_PRSTATUS, &room);
    }
}

static struct stopped_thread look_at(pid_t tid)
{
    struct user_regs_struct registers;
    struct iovec room = {&registers, sizeof(registers)};

    if (ptrace(PTRACE_GETREGSET, tid, (void *)NT_PRSTATUS, &room) != 0)
        return (struct stopped_thread){0, 0};
    mend_wait(tid, &registers);
    return (struct stopped_thread){registers.rsp, registers.fs_base};
}
#else
static struct stopped_thread look_at(pid_t tid)
{
    (void)tid;
    return (struct stopped_thread){0, 0};
}
#endif

static void look_at_all(struct stop *stop)
{
    static const int sets[] = {NT_PRSTATUS, NT_PRFPREG, NT_X86_XSTATE};

    for (guint i = 0; i < stop->tracees->len; i++) {
        pid_t tid = g_array_index(stop->tracees, struct tracee, i).tid;
        struct stopped_thread thread = look_at(tid);
        g_array_append_val(stop->threads, thread);
        for (size_t s = 0; s < G_N_ELEMENTS(sets); s++)
            keep_registers(stop, tid, sets[s]);
    }
}

/* ---- */

struct stop *stop_process(unsigned long pid, GError **error)
{
    struct stop *stop = g_new0(struct stop, 1);
    bool any = true;

    stop->pid = pid;
    stop->tracees = g_array_new(FALSE, FALSE, sizeof(struct tracee));
    stop->threads = g_array_new(FALSE, FALSE, sizeof(struct stopped_thread));
    stop->registers = g_array_new(FALSE, FALSE, sizeof(uint64_t));
    stop->began_us = g_get_monotonic_time();
    gint64 deadline_us = stop->began_us + PATIENCE_US;
    /* Only threads that run can make new ones: when all that are known stand and none is new, that
     * is all. */
    while (any) {
        if (!seize_new(stop, &any, error) || !await_all(stop, deadline_us, error)) {
            stop_end(stop);
            return NULL;
        }
    }
    if (stop->tracees->len == 0) {
        refuse(pid, ESRCH, error);
        stop_end(stop);
        return NULL;
    }
    look_at_all(stop);
    return stop;
}

const GArray *stop_threads(const struct stop *stop)
{
    return stop->threads;
}

const GArray *stop_registers(const struct stop *stop)
{
    return stop->registers;
}

/* One that has not stopped yet cannot be let go: it is waited for, or the kernel lets it go when we
 * end. */
static void let_go(struct tracee *tracee)
{
    int status;

    for (int tries = 0; !tracee->stopped && tries < 100; tries++) {
        if (waitpid(tracee->tid, &status, WNOHANG | __WALL) == tracee->tid) {
            tracee->stopped = true;
            tracee->signal = WIFSTOPPED(status) && status >> 16 == 0 ? WSTOPSIG(status) : 0;
        } else {
            g_usleep(POLL_US);
        }
    }
    ptrace(PTRACE_DETACH, tracee->tid, NULL, (void *)(intptr_t)tracee->signal);
}

double stop_end(struct stop *stop)
{
    for (guint i = 0; i < stop->tracees->len; i++)
        let_go(&g_array_index(stop->tracees, struct tracee, i));
    double seconds = (double)(g_get_monotonic_time() - stop->began_us) / G_USEC_PER_SEC;
    g_array_free(stop->tracees, TRUE);
    g_array_free(stop->threads, TRUE);
    g_array_free(stop->registers, TRUE);
    g_free(stop);
    return seconds;
}
