// The least that a program can do between two allocations: one block of one size, allocated and
// freed at once. An operation is a pair.
// Usage: malloc_tight PAIRS [BYTES]
#include "common/bench.h"

#include <stdlib.h>

// A compiler that knows malloc would drop the pair; it cannot see what is done with the pointer
// here.
static void pairs(unsigned long count, size_t bytes)
{
    for (unsigned long i = 0; i < count; i++) {
        void *block = malloc(bytes);

        __asm__ volatile("" : "+r"(block)::"memory");
        free(block);
    }
}

int main(int argc, char **argv)
{
    unsigned long count = bench_number(argc, argv, 1, 1000000);
    size_t bytes = bench_number(argc, argv, 2, 64);
    double started;

    bench_pin(0);
    pairs(count / 20 + 1, bytes);
    started = bench_seconds();
    pairs(count, bytes);
    bench_report(count, bench_seconds() - started);
    return 0;
}
