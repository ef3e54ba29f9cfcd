/* For programs of the fault matrix: what a child process inherits. In C and C++. */
#ifndef CHILDREN_H
#define CHILDREN_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

/* Prints the descriptors that a program started by fork and exec, without a preload, finds open. */
static inline void print_inherited_descriptors(void)
{
    char path[] = "PATH=/usr/bin:/bin";
    char *environment[] = {path, NULL};
    pid_t child;
    int status;

    fflush(stdout);
    child = fork();
    if (child == 0) {
        execle("/bin/sh", "sh", "-c", "cd /proc/$$/fd && echo descriptors *", (char *)NULL,
               environment);
        _exit(127);
    }
    if (child < 0 || waitpid(child, &status, 0) != child || status != 0)
        abort();
}

#endif
