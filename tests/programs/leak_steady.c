// Plants a heap leak that grows steadily among healthy neighbours: a startup table, a cache with a
// bound, a pool, churn. With --healthy the leak alone is missing. Prints what it did as JSON.
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define LEAK_BYTES   4000u
#define CACHE_PLACES 256u
#define CACHE_BYTES  3000u
#define TABLE_ROWS   2000u
#define TABLE_BYTES  512u

static void *cache[CACHE_PLACES];
static void *table[TABLE_ROWS];
static volatile char sink;

static void *touched(void *block, size_t bytes)
{
    if (!block)
        abort();
    memset(block, 1, bytes);
    sink = *(char *)block;
    return block;
}

__attribute__((noinline)) static void forget_session(void)
{
    touched(malloc(LEAK_BYTES), LEAK_BYTES);
    sink = 1; /* no tail call: the frame stays */
}

__attribute__((noinline)) static void refill_cache(unsigned turn)
{
    void **place = &cache[turn % CACHE_PLACES];
    free(*place);
    *place = touched(malloc(CACHE_BYTES), CACHE_BYTES);
}

__attribute__((noinline)) static void load_table(void)
{
    for (size_t i = 0; i < TABLE_ROWS; i++)
        table[i] = touched(malloc(TABLE_BYTES), TABLE_BYTES);
}

__attribute__((noinline)) static void churn(void)
{
    for (size_t i = 1; i <= 20; i++)
        free(touched(malloc(i * 100), i * 100));
}

static void nap(long ns)
{
    struct timespec rest = {0, ns};
    nanosleep(&rest, NULL);
}

int main(int argc, char **argv)
{
    unsigned rounds = 2500, leaked = 0;
    int healthy = 0;
    for (int i = 1; i < argc; i++) {
        if (!strcmp(argv[i], "--healthy"))
            healthy = 1;
        else
            rounds = (unsigned)atoi(argv[i]);
    }
    load_table();
    for (unsigned round = 0; round < rounds; round++) {
        if (!healthy && round % 2 == 0) {
            forget_session();
            leaked++;
        }
        refill_cache(round);
        churn();
        nap(500000);
    }
    unsigned kept = rounds < CACHE_PLACES ? rounds : CACHE_PLACES;
    printf("{\"leaked_bytes\":%u,\"leaked_count\":%u,\"cache_allocated_count\":%u,"
           "\"cache_live_count\":%u,\"table_live_count\":%u,\"churn_count\":%u}\n",
           leaked * LEAK_BYTES, leaked, rounds, kept, TABLE_ROWS, rounds * 20);
    fflush(stdout);
    _Exit(0); /* what is held at the end is no leak, and stays held */
}
