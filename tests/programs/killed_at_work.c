// Works in four threads until it is killed. Each counts, in the file that is the argument, the
// blocks that it was about to lose and those that were lost: two numbers of 8 bytes a thread.
// FILE.ready appears when each has done 10,000.
#define _GNU_SOURCE
#include <fcntl.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#define THREADS 4

struct progress {
    uint64_t begun, done;
};

static struct progress *all;

__attribute__((noinline)) static void lose_block(struct progress *mine)
{
    static __thread void *volatile chain;
    __atomic_store_n(&mine->begun, mine->begun + 1, __ATOMIC_SEQ_CST);
    void **block = malloc(24);
    if (!block)
        abort();
    *block = chain;
    chain = block;
    __atomic_store_n(&mine->done, mine->done + 1, __ATOMIC_SEQ_CST);
}

static void *work(void *mine)
{
    while (mine)
        lose_block(mine);
    return mine;
}

int main(int argc, char **argv)
{
    pthread_t thread;
    char ready[4096];
    int file = argc == 2 ? open(argv[1], O_RDWR | O_CREAT | O_EXCL, 0600) : -1;
    if (file < 0 || ftruncate(file, sizeof *all * THREADS) != 0)
        return 2;
    all = mmap(NULL, sizeof *all * THREADS, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    for (int i = 0; i < THREADS; i++)
        pthread_create(&thread, NULL, work, &all[i]);
    for (int i = 0; i < THREADS; i++)
        while (__atomic_load_n(&all[i].done, __ATOMIC_SEQ_CST) < 10000)
            sched_yield();
    snprintf(ready, sizeof ready, "%s.ready", argv[1]);
    close(open(ready, O_WRONLY | O_CREAT, 0600));
    pause();
    return 0;
}
