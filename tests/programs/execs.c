/*
 * Becomes itself by each function of the exec family, works in between, and says of each stage what
 * it did. Before each, an exec that fails; and children that become something by posix_spawn, and
 * by vfork with an exec that fails and one that does not.
 */
#define _GNU_SOURCE
#include "work.h"

#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>

extern char **environ;

static char *path, next_stage[16];

static char **arguments(void)
{
    static char *all[3];
    all[0] = path;
    all[1] = next_stage;
    return all;
}

static void by_execve(void)
{
    execve(path, arguments(), environ);
}

static void by_execv(void)
{
    execv(path, arguments());
}

static void by_execvp(void)
{
    execvp(path, arguments());
}

static void by_execvpe(void)
{
    execvpe(path, arguments(), environ);
}

static void by_execl(void)
{
    execl(path, path, next_stage, (char *)NULL);
}

static void by_execlp(void)
{
    execlp(path, path, next_stage, (char *)NULL);
}

static void by_execle(void)
{
    execle(path, path, next_stage, (char *)NULL, environ);
}

static void by_fexecve(void)
{
    fexecve(open(path, O_RDONLY | O_CLOEXEC), arguments(), environ);
}

static void by_execveat(void)
{
    execveat(AT_FDCWD, path, arguments(), environ, 0);
}

static void (*const ways[])(void) = {by_execve, by_execv,  by_execvp,  by_execvpe, by_execl,
                                     by_execlp, by_execle, by_fexecve, by_execveat};
#define STAGES ((int)(sizeof ways / sizeof *ways))

static void fail(void)
{
    char *real = path, missing[] = "/nonexistent/program";
    int stage = atoi(next_stage) - 1;
    path = missing;
    if (stage != 7) /* fexecve has no path */
        ways[stage]();
    if (stage != 7 && errno != ENOENT)
        abort();
    path = real;
}

static void wait_for(pid_t child)
{
    int status;
    if (child < 0 || waitpid(child, &status, 0) != child)
        abort();
    printf("child %d\n", WEXITSTATUS(status));
    fflush(stdout);
}

static void spawn(void)
{
    char leaf[] = "leaf";
    char *with[] = {path, leaf, NULL};
    pid_t child;
    if (posix_spawn(&child, path, NULL, NULL, with, environ) == 0)
        wait_for(child);
    child = vfork();
    if (child == 0) {
        execve("/nonexistent/program", with, environ);
        execve(path, with, environ);
        _exit(1);
    }
    wait_for(child);
    child = vfork();
    if (child == 0) {
        execv("/nonexistent/program", with);
        _exit(8);
    }
    wait_for(child);
}

int main(int argc, char **argv)
{
    int stage = argc > 1 ? atoi(argv[1]) : 0;
    path = argv[0];
    if (argc > 1 && strcmp(argv[1], "leaf") == 0) {
        work(50);
        tell();
        return 7;
    }
    work(100);
    snprintf(next_stage, sizeof next_stage, "%d", stage + 1);
    if (stage == 0)
        spawn();
    if (stage < STAGES)
        fail();
    work(stage); /* after the exec that failed, too */
    tell();
    if (stage < STAGES) {
        ways[stage]();
        return 1;
    }
    return 0;
}
