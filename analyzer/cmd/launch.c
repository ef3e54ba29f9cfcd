/* fork, exec, and a loop over the signals that arrive meanwhile. */
#define _GNU_SOURCE
#include "cmd/launch.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stddef.h>
#include <sys/wait.h>
#include <unistd.h>

static const int passed_on[] = {SIGHUP,  SIGINT,  SIGQUIT, SIGTERM,  SIGUSR1,
                                SIGUSR2, SIGCONT, SIGTSTP, SIGWINCH, SIGALRM};

/* Blocked signals wait until sigwaitinfo takes them, so nothing is lost between fork and wait. */
static sigset_t waited_for(void)
{
    sigset_t signals;

    sigemptyset(&signals);
    sigaddset(&signals, SIGCHLD);
    for (size_t i = 0; i < sizeof(passed_on) / sizeof(passed_on[0]); i++)
        sigaddset(&signals, passed_on[i]);
    return signals;
}

static void become(char *const *argv, char *const *environment, int report)
{
    execvpe(argv[0], argv, environment);
    int reason = errno;
    while (write(report, &reason, sizeof(reason)) < 0 && errno == EINTR)
        ;
    _exit(127);
}

/* What the child wrote before it gave up; nothing when exec closed the pipe. */
static int read_reason(int fd)
{
    int reason = 0;
    ssize_t bytes;

    while ((bytes = read(fd, &reason, sizeof(reason))) < 0 && errno == EINTR)
        ;
    return bytes == (ssize_t)sizeof(reason) ? reason : 0;
}

static void pass_on(pid_t child, const siginfo_t *signal)
{
    if (signal->si_code <= 0) /* somebody's kill; the terminal's own come from the kernel, to all */
        kill(child, signal->si_signo);
    if (signal->si_signo == SIGTSTP)
        raise(SIGSTOP);
}

static int wait_for(pid_t child, const sigset_t *signals)
{
    int status;

    while (waitpid(child, &status, WNOHANG) != child) {
        siginfo_t signal;

        if (sigwaitinfo(signals, &signal) > 0 && signal.si_signo != SIGCHLD)
            pass_on(child, &signal);
    }
    return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

struct launch launch_run(char *const *argv, char *const *environment)
{
    struct sigaction standard = {.sa_handler = SIG_DFL}, inherited;
    sigset_t signals = waited_for(), before;
    struct launch launch = {0};
    int report[2];

    if (pipe2(report, O_CLOEXEC) != 0)
        return (struct launch){.error = errno};
    sigaction(SIGCHLD, &standard, &inherited); /* ignored, it would take the status away */
    sigprocmask(SIG_BLOCK, &signals, &before);
    pid_t child = fork();
    if (child == 0) {
        sigaction(SIGCHLD, &inherited, NULL);
        sigprocmask(SIG_SETMASK, &before, NULL);
        become(argv, environment, report[1]);
    }
    launch.error = child < 0 ? errno : 0;
    close(report[1]);
    if (child > 0) {
        launch.error = read_reason(report[0]);
        launch.status = wait_for(child, &signals);
    }
    close(report[0]);
    sigprocmask(SIG_SETMASK, &before, NULL);
    sigaction(SIGCHLD, &inherited, NULL);
    return launch;
}
