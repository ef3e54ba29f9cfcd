// A big heap that is always changing: LIVE blocks of 16..256 B, of which a random one is freed and
// replaced at each step, from 256 call stacks. An operation is a pair. Prints as "events" how many
// allocations and frees of its own it made in all, which is what an analysis has to digest; the
// blocks stay allocated to the end.
// Usage: many_live PAIRS [LIVE]
#include "common/bench.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LEVELS = 4, LEAST_BYTES = 16, SIZES = 16 };

// Which of the 4^LEVELS stacks is taken, two bits a level. The tests keep the calls apart.
__attribute__((noinline)) static void *allocate_by_path(unsigned path, unsigned levels,
                                                        size_t bytes)
{
    void *block;

    if (levels == 0)
        return malloc(bytes);
    if ((path & 3) == 0)
        block = allocate_by_path(path >> 2, levels - 1, bytes);
    else if ((path & 3) == 1)
        block = allocate_by_path(path >> 2, levels - 1, bytes + 1);
    else if ((path & 3) == 2)
        block = allocate_by_path(path >> 2, levels - 1, bytes + 2);
    else
        block = allocate_by_path(path >> 2, levels - 1, bytes + 3);
    __asm__ volatile("" ::: "memory");
    return block;
}

static void fill(struct bench_random *random, void **place)
{
    unsigned path = bench_random_below(random, 1u << (2 * LEVELS));

    *place = allocate_by_path(path, LEVELS, LEAST_BYTES + path % SIZES * 16);
    if (!*place)
        abort();
    *(char *)*place = 1;
}

int main(int argc, char **argv)
{
    struct bench_random random = {88172645463325252u};
    unsigned long pairs = bench_number(argc, argv, 1, 1000000),
                  live = bench_number(argc, argv, 2, 10000);
    void **blocks = calloc(live, sizeof(*blocks));
    double started;

    if (!blocks)
        abort();
    bench_pin(0);
    for (unsigned long i = 0; i < live; i++)
        fill(&random, &blocks[i]);
    started = bench_seconds();
    for (unsigned long i = 0; i < pairs; i++) {
        void **place = &blocks[bench_random_below(&random, (uint32_t)live)];

        free(*place);
        fill(&random, place);
    }
    bench_report(pairs, bench_seconds() - started);
    printf("events %lu\n", 1 + live + 2 * pairs);
    return 0;
}
