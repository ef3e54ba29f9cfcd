/*
 * Children that come by system calls which no handler of libc hears of: clone as fork, clone with a
 * descriptor of the process, and children that are process 1 of a namespace of their own. Usage:
 * raw_forks [namespace]
 */
#define _GNU_SOURCE
#include "work.h"

#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <sys/wait.h>

static void finish(pid_t child)
{
    int status;
    if (child == 0) {
        work_anew();
        work(77);
        tell();
        _exit(getpid() == 1 ? 5 : 4);
    }
    if (child < 0 || waitpid(child, &status, 0) != child)
        abort();
    printf("child %d\n", WEXITSTATUS(status));
    fflush(stdout);
}

int main(int argc, char **argv)
{
    int descriptor;
    work(100);
    finish((pid_t)syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0));
    struct clone_args how = {
        .flags = CLONE_PIDFD, .pidfd = (uintptr_t)&descriptor, .exit_signal = SIGCHLD};
    finish((pid_t)syscall(SYS_clone3, &how, sizeof how));
    if (argc > 1 && strcmp(argv[1], "namespace") == 0) {
        how = (struct clone_args){.flags = CLONE_NEWPID, .exit_signal = SIGCHLD};
        finish((pid_t)syscall(SYS_clone3, &how, sizeof how));
        if (unshare(CLONE_NEWPID) != 0)
            return 2;
        finish(fork());
    }
    work(100);
    tell();
    return 0;
}
