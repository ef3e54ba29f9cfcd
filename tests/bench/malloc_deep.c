// A busy program's allocations: pairs of a free and an allocation of 16..1024 B, made 10 calls
// deep, in one thread or several, each with a small live set of its own. An operation is a pair;
// the time is the mean of the threads' times for their own pairs, all of them running at once.
// Usage: malloc_deep PAIRS-A-THREAD [THREADS [DEPTH]]
#include "common/bench.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

enum { MOST_THREADS = 64 };

struct worker {
    pthread_t thread;
    unsigned number, depth;
    unsigned long pairs;
    double seconds;
};

static pthread_barrier_t all_ready;

static void *work(void *argument)
{
    struct worker *worker = argument;
    struct bench_live_set set;
    double started;

    bench_pin(worker->number);
    bench_live_set_init(&set, BENCH_MOST_PLACES, worker->number);
    bench_live_set_churn(&set, worker->pairs / 20 + 1, worker->depth);
    pthread_barrier_wait(&all_ready);
    started = bench_seconds();
    bench_live_set_churn(&set, worker->pairs, worker->depth);
    worker->seconds = bench_seconds() - started;
    bench_live_set_release(&set);
    return NULL;
}

int main(int argc, char **argv)
{
    static struct worker workers[MOST_THREADS];
    unsigned long pairs = bench_number(argc, argv, 1, 1000000),
                  threads = bench_number(argc, argv, 2, 1), depth = bench_number(argc, argv, 3, 10);
    double seconds = 0;

    if (threads > MOST_THREADS) {
        fprintf(stderr, "%s: at most %d threads\n", argv[0], MOST_THREADS);
        return 2;
    }
    pthread_barrier_init(&all_ready, NULL, (unsigned)threads);
    for (unsigned i = 0; i < threads; i++) {
        workers[i] = (struct worker){.number = i, .depth = (unsigned)depth, .pairs = pairs};
        if (pthread_create(&workers[i].thread, NULL, work, &workers[i]) != 0)
            abort();
    }
    for (unsigned i = 0; i < threads; i++) {
        pthread_join(workers[i].thread, NULL);
        seconds += workers[i].seconds / (double)threads;
    }
    bench_report(pairs, seconds);
    return 0;
}
