// A server with many threads, for what the shim adds to its resident memory: THREADS threads make
// PAIRS-A-THREAD pairs each, as malloc_deep does, keep their live sets and wait. Then it prints
// "ready" and stays as it is until its standard input ends, so that /proc can be read from outside.
// Usage: resident PAIRS-A-THREAD [THREADS]
#include "common/bench.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

enum { MOST_THREADS = 1024, DEPTH = 10, PLACES = 64 };

static unsigned long pairs;
static pthread_barrier_t all_done, may_end;

static void *work(void *argument)
{
    struct bench_live_set *set = argument;

    bench_live_set_churn(set, pairs, DEPTH);
    pthread_barrier_wait(&all_done);
    pthread_barrier_wait(&may_end);
    return NULL;
}

int main(int argc, char **argv)
{
    static struct bench_live_set sets[MOST_THREADS];
    static pthread_t threads[MOST_THREADS];
    unsigned long count = bench_number(argc, argv, 2, 1);

    pairs = bench_number(argc, argv, 1, 10000);
    if (count > MOST_THREADS) {
        fprintf(stderr, "%s: at most %d threads\n", argv[0], MOST_THREADS);
        return 2;
    }
    pthread_barrier_init(&all_done, NULL, (unsigned)count + 1);
    pthread_barrier_init(&may_end, NULL, (unsigned)count + 1);
    for (unsigned i = 0; i < count; i++) {
        bench_live_set_init(&sets[i], PLACES, i);
        if (pthread_create(&threads[i], NULL, work, &sets[i]) != 0)
            abort();
    }
    pthread_barrier_wait(&all_done);
    printf("ready\n");
    fflush(stdout);
    while (getchar() != EOF)
        continue;
    pthread_barrier_wait(&may_end);
    for (unsigned i = 0; i < count; i++) {
        pthread_join(threads[i], NULL);
        bench_live_set_release(&sets[i]);
    }
    return 0;
}
