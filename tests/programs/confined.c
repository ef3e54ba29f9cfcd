/*
 * Gives up what it could reach: chroot into the directory EMPTY, or root's rights for nobody's,
 * before anything is recorded or after. Then it works on, and a child by fork does, which cannot
 * make a capture any more. Usage: confined chroot|user before|after EMPTY
 */
#define _GNU_SOURCE
#include "work.h"

#include <grp.h>
#include <sys/wait.h>

static int confine(const char *how, const char *empty)
{
    if (strcmp(how, "chroot") == 0)
        return chroot(empty) != 0 || chdir("/") != 0;
    return setgroups(0, NULL) != 0 || setgid(65534) != 0 || setuid(65534) != 0 || setuid(0) == 0;
}

int main(int argc, char **argv)
{
    if (argc != 4)
        return 2;
    if (strcmp(argv[2], "after") == 0)
        work(100);
    if (confine(argv[1], argv[3]) != 0)
        return 3;
    work(3000);
    for (int i = 0; i < 60000; i++)
        use_block(64);
    tell();
    pid_t child = fork();
    if (child == 0) {
        work(2000);
        _exit(4);
    }
    int status;
    if (waitpid(child, &status, 0) != child)
        return 5;
    printf("child %d\n", WEXITSTATUS(status));
    return 0;
}
