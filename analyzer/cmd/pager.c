/* Runs the pager as a child that reads from a pipe. */
#define _GNU_SOURCE /* pipe2 */
#include "cmd/pager.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define NOT_EXECUTABLE 126 /* sh: this, or 127 for what is not found */

static const char *wanted_command(void)
{
    const char *command = g_getenv("LEAKEY_PAGER"), *terminal = g_getenv("TERM");

    if (!isatty(STDOUT_FILENO) || terminal == NULL || strcmp(terminal, "dumb") == 0)
        return NULL;
    if (command == NULL)
        command = g_getenv("PAGER");
    if (command == NULL) {
        char *found = g_find_program_in_path("less");
        command = found == NULL ? "cat" : "less";
        g_free(found);
    }
    return *command == '\0' || strcmp(command, "cat") == 0 ? NULL : command;
}

static void run_pager(const char *command, int input)
{
    signal(SIGINT, SIG_DFL);
    signal(SIGQUIT, SIG_DFL);
    signal(SIGPIPE, SIG_DFL);
    if (dup2(input, STDIN_FILENO) < 0)
        _exit(NOT_EXECUTABLE);
    execl("/bin/sh", "sh", "-c", command, (char *)NULL);
    _exit(NOT_EXECUTABLE);
}

FILE *pager_start(struct pager *pager)
{
    const char *command = wanted_command();
    int ends[2];

    *pager = (struct pager){0};
    if (command == NULL || pipe2(ends, O_CLOEXEC) != 0)
        return NULL;
    fflush(stdout);
    g_setenv("LESS", "FRX", FALSE);
    pager->pid = fork();
    if (pager->pid == 0)
        run_pager(command, ends[0]);
    close(ends[0]);
    FILE *stream = pager->pid < 0 ? NULL : fdopen(ends[1], "w");
    if (stream == NULL) {
        close(ends[1]);
        pager_end(pager);
        return NULL;
    }
    pager->interrupt = signal(SIGINT, SIG_IGN);
    pager->quit = signal(SIGQUIT, SIG_IGN);
    pager->broken = signal(SIGPIPE, SIG_IGN);
    return stream;
}

bool pager_end(struct pager *pager)
{
    int status = 0;

    if (pager->pid <= 0)
        return true;
    while (waitpid(pager->pid, &status, 0) < 0 && errno == EINTR)
        ;
    pager->pid = 0;
    signal(SIGINT, pager->interrupt);
    signal(SIGQUIT, pager->quit);
    signal(SIGPIPE, pager->broken);
    return !WIFEXITED(status) || WEXITSTATUS(status) < NOT_EXECUTABLE;
}
