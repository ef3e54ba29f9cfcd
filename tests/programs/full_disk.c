/*
 * Works on while the file system with the captures ($LEAKEY_OUTPUT; without it nothing is filled)
 * is filled to its last byte, stays full, and has room again. What it does then is lost in blocks
 * of lose_later. Usage: full_disk [SECONDS]: how long it waits for the room.
 */
#define _GNU_SOURCE
#include "work.h"

#include <errno.h>
#include <fcntl.h>
#include <time.h>

__attribute__((noinline)) static void lose_later(void)
{
    void **block = malloc(100);
    *block = work_chain;
    work_chain = block;
}

static void churn(void)
{
    for (int i = 0; i < 200000; i++)
        use_block(64 + (size_t)i % 64);
}

static void fill(const char *path)
{
    static const char zeros[4096];
    int file = open(path, O_WRONLY | O_CREAT, 0600);
    while (write(file, zeros, sizeof zeros) > 0)
        ;
    if (file < 0 || errno != ENOSPC)
        abort();
    close(file);
}

int main(int argc, char **argv)
{
    char path[4096] = "";
    if (getenv("LEAKEY_OUTPUT"))
        snprintf(path, sizeof path, "%s/filler", getenv("LEAKEY_OUTPUT"));
    work(100);
    if (*path)
        fill(path);
    churn();
    if (*path && unlink(path) != 0)
        return 2;
    struct timespec wait = {.tv_sec = argc > 1 ? atoi(argv[1]) : 0, .tv_nsec = 200000000};
    nanosleep(&wait, NULL);
    for (int i = 0; i < 500; i++)
        lose_later();
    churn();
    tell();
    return 0;
}
