/*
 * Another process cuts this one's capture (in $LEAKEY_OUTPUT; without it nothing is cut) to SIZE
 * bytes while it works, and it goes on working. Usage: cut_capture SIZE HOW, and HOW is one of
 * - work: no more than that
 * - longer: it is made as long again as it was
 * - overwritten: it is not cut, but filled with something else
 * - threads: four threads are at work meanwhile
 * - handled: with a SIGBUS handler of its own, set before anything was recorded, and own faults
 * - later: the same, but set after the cut
 * - fault: then it faults itself, without a handler
 * - killed: then it is sent a SIGBUS, without a handler
 * - forks: a child works on, too
 */
#define _GNU_SOURCE
#include "../../shim/capture/layout.h"

#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static const char *how;
static atomic_int cut;
static sigjmp_buf back;
static int handled;
static void *fault_address;

static int is(const char *what)
{
    return strcmp(how, what) == 0;
}

static void work(int rounds)
{
    static void *volatile kept[64];
    static _Thread_local int next;
    for (int i = 0; i < rounds; i++) {
        void *volatile *place = &kept[next++ % 64];
        free(__atomic_exchange_n(place, malloc(200 + (size_t)i % 100), __ATOMIC_RELAXED));
    }
}

static int find_capture(char *path, size_t room)
{
    const char *where = getenv("LEAKEY_OUTPUT");
    char mine[64];
    int found = 0;
    snprintf(mine, sizeof mine, ".%d.leakey", (int)getpid());
    DIR *directory = where ? opendir(where) : NULL;
    for (struct dirent *entry; directory && (entry = readdir(directory));) {
        if (!strstr(entry->d_name, mine))
            continue;
        snprintf(path, room, "%s/%s", where, entry->d_name);
        found++;
    }
    if (directory)
        closedir(directory);
    if (where && found != 1)
        abort();
    return found;
}

/* What of all numbers in it could be believed: no flag but the one that says it is being recorded.
 */
static int overwrite(const char *path, off_t bytes)
{
    static unsigned char noise[65536];
    int file = open(path, O_WRONLY);
    for (size_t i = 0; i < sizeof noise; i++)
        noise[i] = (unsigned char)(i * 2654435761u >> 13);
    memset(noise + offsetof(struct lk_header, control), 0, 4);
    noise[offsetof(struct lk_header, control)] = LK_CONTROL_OPEN;
    for (off_t at = 0; at < bytes; at += (off_t)sizeof noise)
        if (pwrite(file, noise, sizeof noise, at) != sizeof noise)
            return 1;
    return close(file);
}

static int cut_file(const char *path, off_t size)
{
    struct stat about;
    if (stat(path, &about) != 0 || (is("overwritten") && overwrite(path, about.st_size) != 0))
        return 1;
    if (is("overwritten"))
        return 0;
    return truncate(path, size < 0 ? about.st_size / 2 : size) != 0 ||
           (is("longer") && truncate(path, about.st_size) != 0);
}

static void cut_capture(off_t size)
{
    char path[4096];
    int status;
    if (find_capture(path, sizeof path)) {
        pid_t child = fork();
        if (child == 0)
            _exit(cut_file(path, size));
        if (waitpid(child, &status, 0) != child || status != 0)
            abort();
    }
    cut = 1;
}

static void *work_until_cut(void *unused)
{
    while (!cut)
        work(100);
    work(20000);
    return unused;
}

static void jump_back(int number, siginfo_t *about, void *context)
{
    (void)context;
    handled += number == SIGBUS && about->si_code == BUS_ADRERR && about->si_addr == fault_address;
    siglongjmp(back, 1);
}

static void set_handler(void)
{
    struct sigaction action = {.sa_flags = SA_SIGINFO};
    action.sa_sigaction = jump_back;
    sigaction(SIGBUS, &action, NULL);
}

/* A store behind the end of a file of its own. */
static void fault(void)
{
    FILE *file = tmpfile();
    char *mapped = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fileno(file), 0);
    fault_address = mapped;
    if (sigsetjmp(back, 1) == 0)
        *(volatile char *)mapped = 1;
}

static void end_as_asked(void)
{
    if (is("later"))
        set_handler();
    if (is("handled") || is("later")) {
        fault();
        fault();
        printf("handled %d\n", handled);
    }
    fflush(stdout);
    if (is("fault"))
        fault();
    if (is("killed"))
        kill(getpid(), SIGBUS);
    if (is("forks")) {
        pid_t child = fork();
        work(20000);
        if (child == 0)
            _exit(7);
        int status;
        printf("child %d\n", waitpid(child, &status, 0) == child ? WEXITSTATUS(status) : -1);
    }
}

int main(int argc, char **argv)
{
    pthread_t threads[4];
    int count = 0;
    if (argc != 3)
        return 2;
    how = argv[2];
    if (is("handled"))
        set_handler();
    work(20000);
    for (; is("threads") && count < 4; count++)
        pthread_create(&threads[count], NULL, work_until_cut, NULL);
    cut_capture(strcmp(argv[1], "half") == 0 ? -1 : atol(argv[1]));
    work(200000);
    while (count)
        pthread_join(threads[--count], NULL);
    struct sigaction now;
    sigaction(SIGBUS, NULL, &now);
    printf("SIGBUS %s\n", now.sa_handler == SIG_DFL       ? "default"
                          : now.sa_sigaction == jump_back ? "mine"
                                                          : "strange");
    end_as_asked();
    printf("done\n");
    return 0;
}
