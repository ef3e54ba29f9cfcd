/*
 * A hundred and twenty children that live for a few blocks, ten at a time; of every fifth the
 * grandchild outlives its parent. Each says how much it lost, into one pipe.
 */
#define _GNU_SOURCE
#include "work.h"

#include <sys/wait.h>

#define CHILDREN 120
#define AT_ONCE  10

static void live(int number, int told)
{
    work_anew();
    work(20 + number % 30);
    tell_into(told, "");
}

static void child(int number, int told)
{
    live(number, told);
    pid_t self = getpid();
    if (number % 5 == 0 && fork() == 0) {
        while (getppid() == self && number % 2) /* an orphan first, half of them */
            usleep(100);
        live(number, told);
    }
    if (number % 3)
        _exit(number % 7);
    exit(number % 7);
}

/* Lines come in any order. */
static long sum(int from)
{
    long lost = 0, lines = 0, one;
    FILE *lines_told = fdopen(from, "r");
    while (fscanf(lines_told, "truth lost=%ld gets=0\n", &one) == 1) {
        lost += one;
        lines++;
    }
    printf("told by %ld\n", lines);
    return lost;
}

int main(void)
{
    int told[2], statuses = 0;
    if (pipe(told) != 0)
        return 2;
    work(100);
    for (int i = 0; i < CHILDREN; i++) {
        int status;
        if (i >= AT_ONCE && wait(&status) > 0)
            statuses += WEXITSTATUS(status);
        pid_t pid = fork();
        if (pid < 0)
            return 3;
        if (pid == 0)
            child(i, told[1]);
    }
    for (int status; wait(&status) > 0;)
        statuses += WEXITSTATUS(status);
    close(told[1]);
    printf("statuses %d\n", statuses);
    tell();
    printf("children lost=%ld\n", sum(told[0]));
    return 0;
}
