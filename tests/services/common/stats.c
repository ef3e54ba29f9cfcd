// Counters as atomics; distinct inputs as 64-bit hashes in a fixed open-addressing table.
// At the table's limit two of its inputs collide with a probability of about 1 in 10^10.
#include "stats.h"

#include "random.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

enum { INPUT_SLOTS = 1 << 16, INPUT_LIMIT = INPUT_SLOTS / 4 * 3 };

static atomic_ulong counters[STAT_COUNT];

static pthread_mutex_t inputs_lock = PTHREAD_MUTEX_INITIALIZER;
static uint64_t inputs[INPUT_SLOTS]; // 0 is a free slot
static unsigned input_count;

void stats_count(enum stat stat)
{
    atomic_fetch_add_explicit(&counters[stat], 1, memory_order_relaxed);
}

static unsigned long counted(enum stat stat)
{
    return atomic_load_explicit(&counters[stat], memory_order_relaxed);
}

void stats_count_input(const char *normalised)
{
    uint64_t hash = text_hash(normalised);
    unsigned slot = (unsigned)(hash >> 32) % INPUT_SLOTS;

    if (!hash)
        hash = 1;
    pthread_mutex_lock(&inputs_lock);
    while (inputs[slot] && inputs[slot] != hash)
        slot = (slot + 1) % INPUT_SLOTS;
    if (!inputs[slot]) {
        if (input_count == INPUT_LIMIT) {
            fputs("stats: too many distinct inputs to count\n", stderr);
            abort();
        }
        inputs[slot] = hash;
        input_count++;
    }
    pthread_mutex_unlock(&inputs_lock);
}

void stats_print(void)
{
    printf(
        "{\"requests\":%lu,\"reads\":%lu,\"hits\":%lu,\"misses\":%lu,\"writes\":%lu,"
        "\"cache_errors\":%lu,\"replies_leaked\":%lu,\"distinct_inputs\":%u,\"refreshes\":%lu}\n",
        counted(STAT_REQUESTS), counted(STAT_READS), counted(STAT_HITS), counted(STAT_MISSES),
        counted(STAT_WRITES), counted(STAT_CACHE_ERRORS),
        counted(STAT_REPLIES_RECEIVED) - counted(STAT_REPLIES_FREED), input_count,
        counted(STAT_REFRESHES));
    fflush(stdout);
}
