// What the workloads of `make bench` share: arguments, the clock, a core for each thread, a live
// set and the lines that each prints. A workload times its loop alone, so that start-up is not
// measured.
#ifndef BENCH_H
#define BENCH_H

#include <stddef.h>
#include <stdint.h>

// A cheap generator, so that sizes and places cost next to nothing beside what is measured.
struct bench_random {
    uint64_t state;
};

static inline uint32_t bench_random_below(struct bench_random *random, uint32_t bound)
{
    random->state ^= random->state << 13;
    random->state ^= random->state >> 7;
    random->state ^= random->state << 17;
    return (uint32_t)((random->state >> 32) * bound >> 32);
}

// Argument `index` as a number of at least 1; `otherwise` where there is none; exits with 2 on
// nonsense.
unsigned long bench_number(int argc, char **argv, int index, unsigned long otherwise);

double bench_seconds(void);
double bench_cpu_seconds(void); // of this process, in its own code and in the kernel's

// The calling thread stays on core `turn` (modulo their number) of those it may use. Threads that
// it starts inherit that, so in a program with threads each pins itself.
void bench_pin(unsigned turn);

// Prints "operations N" and "ns_per_op X".
void bench_report(unsigned long operations, double seconds);

// An allocation of `bytes`, `depth` calls below the caller, each a frame of its own.
void *bench_allocate_below(unsigned depth, size_t bytes);

// What a busy thread keeps: blocks of 16..1024 B, one of which, at random, is replaced at each step
// and filled, as a program fills what it asks for. With 1024 of them a step took 65 to 75 ns plain
// on the machine that the targets were set on.
enum { BENCH_MOST_PLACES = 1024, BENCH_LEAST_BYTES = 16, BENCH_MOST_BYTES = 1024 };

struct bench_live_set {
    struct bench_random random;
    unsigned places;
    void *blocks[BENCH_MOST_PLACES];
};

void bench_live_set_init(struct bench_live_set *set, unsigned places, uint64_t seed);
void bench_live_set_release(struct bench_live_set *set);

// `count` pairs of a free and an allocation `depth` calls deep.
void bench_live_set_churn(struct bench_live_set *set, unsigned long count, unsigned depth);

#endif
