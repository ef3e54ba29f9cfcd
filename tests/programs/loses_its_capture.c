/*
 * What becomes of the place where its capture lies ($LEAKEY_OUTPUT, with a preload), while it
 * works: the file is unlinked, the directory is removed with it, or renamed. With `closed` it has
 * closed all of its descriptors before. Usage: loses_its_capture unlinked|removed|renamed [closed]
 */
#define _GNU_SOURCE
#include "work.h"

#include <dirent.h>
#include <sys/wait.h>

static void churn(void)
{
    for (int i = 0; i < 300000; i++)
        use_block(64 + (size_t)i % 64);
}

static void unlink_all(const char *where)
{
    DIR *directory = opendir(where);
    int files = 0;
    for (struct dirent *entry; (entry = readdir(directory));)
        if (strstr(entry->d_name, ".leakey") && unlinkat(dirfd(directory), entry->d_name, 0) == 0)
            files++;
    closedir(directory);
    if (!files)
        abort();
}

int main(int argc, char **argv)
{
    const char *where = getenv("LD_PRELOAD") ? getenv("LEAKEY_OUTPUT") : NULL;
    char other[4096];
    if (argc < 2)
        return 2;
    work(1000);
    for (int fd = 3; argc > 2 && fd < 1024; fd++)
        close(fd);
    if (where && strcmp(argv[1], "renamed") == 0) {
        snprintf(other, sizeof other, "%s.elsewhere", where);
        if (rename(where, other) != 0)
            return 3;
    } else if (where) {
        unlink_all(where);
        if (strcmp(argv[1], "removed") == 0 && rmdir(where) != 0)
            return 4;
    }
    churn();
    work(1000);
    pid_t child = fork();
    if (child == 0) {
        work(500);
        _exit(0);
    }
    int status;
    if (waitpid(child, &status, 0) != child || status != 0)
        return 5;
    tell();
    return 0;
}
