// Threads that are in every wrapper of the heap all the time, to be paused and resumed meanwhile,
// until standard input ends. Then everything has been freed: whatever was recorded of it balances.
#include <malloc.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define THREADS 3u
#define KEPT    64u

static bool ended;

__attribute__((noinline)) static void *use(unsigned n)
{
    size_t bytes = 16 + n * 37 % 3000;
    void *made = NULL;
    switch (n % 4) {
    case 0:
        return malloc(bytes);
    case 1:
        return calloc(2, bytes);
    case 2:
        return posix_memalign(&made, 64, bytes) == 0 ? made : NULL;
    default:
        return realloc(malloc(bytes), 2 * bytes);
    }
}

static void *work(void *unused)
{
    void *kept[KEPT] = {NULL};
    (void)unused;
    for (unsigned n = 0; !__atomic_load_n(&ended, __ATOMIC_RELAXED); n++) {
        free(kept[n % KEPT]);
        kept[n % KEPT] = use(n);
        if (n % 5 == 0)
            kept[n % KEPT] = realloc(kept[n % KEPT], 100);
    }
    for (unsigned i = 0; i < KEPT; i++)
        free(kept[i]);
    return NULL;
}

int main(void)
{
    pthread_t threads[THREADS];
    char byte;
    for (unsigned i = 0; i < THREADS; i++)
        if (pthread_create(&threads[i], NULL, work, NULL) != 0)
            return 1;
    if (read(0, &byte, 1) < 0)
        return 1;
    __atomic_store_n(&ended, true, __ATOMIC_RELAXED);
    for (unsigned i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    return 0;
}
