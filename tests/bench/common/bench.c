#define _GNU_SOURCE
#include "bench.h"

#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

unsigned long bench_number(int argc, char **argv, int index, unsigned long otherwise)
{
    unsigned long number;
    char *end;

    if (index >= argc)
        return otherwise;
    errno = 0;
    number = strtoul(argv[index], &end, 10);
    if (errno || end == argv[index] || *end || number == 0 || argv[index][0] == '-') {
        fprintf(stderr, "%s: not a number of at least 1: %s\n", argv[0], argv[index]);
        exit(2);
    }
    return number;
}

static double seconds_of(clockid_t clock)
{
    struct timespec now;

    clock_gettime(clock, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

double bench_seconds(void)
{
    return seconds_of(CLOCK_MONOTONIC);
}

double bench_cpu_seconds(void)
{
    return seconds_of(CLOCK_PROCESS_CPUTIME_ID);
}

void bench_pin(unsigned turn)
{
    cpu_set_t allowed, one;
    unsigned left;

    if (sched_getaffinity(0, sizeof(allowed), &allowed) != 0 || CPU_COUNT(&allowed) == 0)
        return;
    left = turn % (unsigned)CPU_COUNT(&allowed);
    CPU_ZERO(&one);
    for (unsigned core = 0; core < CPU_SETSIZE; core++) {
        if (CPU_ISSET(core, &allowed) && left-- == 0) {
            CPU_SET(core, &one);
            break;
        }
    }
    sched_setaffinity(0, sizeof(one), &one);
}

void bench_report(unsigned long operations, double seconds)
{
    printf("operations %lu\nns_per_op %.4f\n", operations, seconds * 1e9 / (double)operations);
}

// The empty statement after the call keeps it from being a jump, and so keeps the frame.
__attribute__((noinline)) void *bench_allocate_below(unsigned depth, size_t bytes)
{
    void *block = depth > 1 ? bench_allocate_below(depth - 1, bytes) : malloc(bytes);

    __asm__ volatile("" ::: "memory");
    return block;
}

void bench_live_set_init(struct bench_live_set *set, unsigned places, uint64_t seed)
{
    *set = (struct bench_live_set){
        .random = {0x9e3779b97f4a7c15u * (seed + 1)},
        .places = places,
    };
}

void bench_live_set_release(struct bench_live_set *set)
{
    for (unsigned i = 0; i < set->places; i++)
        free(set->blocks[i]);
}

void bench_live_set_churn(struct bench_live_set *set, unsigned long count, unsigned depth)
{
    enum { SIZES = BENCH_MOST_BYTES - BENCH_LEAST_BYTES + 1 };

    for (unsigned long i = 0; i < count; i++) {
        void **place = &set->blocks[bench_random_below(&set->random, set->places)];
        size_t bytes = BENCH_LEAST_BYTES + bench_random_below(&set->random, SIZES);

        free(*place);
        *place = bench_allocate_below(depth, bytes);
        if (!*place)
            abort();
        memset(*place, 1, bytes);
    }
}
