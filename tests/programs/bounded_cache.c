// Nothing leaks: a least-recently-used cache, a pool and a hash table that grows by doubling all
// fill up and level off while requests go on. With --unbounded the cache never evicts, and leaks.
#include "planted.h"

#define ROUNDS      2500u
#define CACHE_MOST  300u
#define KEYS        40000u
#define ENTRY_BYTES 100000u
#define POOL_MOST   60u
#define POOL_BYTES  30000u
#define SET_MOST    3000u

enum { ENTRY, POOL, TABLE, SITES };
static struct site sites[SITES] = {
    {.function = "insert_entry"}, {.function = "grow_pool"}, {.function = "double_table"}};

struct entry { /* in a list, the one that was used last first */
    struct entry *newer, *older;
    uint32_t key;
};
static struct entry ends = {&ends, &ends, 0};
static struct entry *by_key[KEYS];
static uint32_t entries, most_entries = CACHE_MOST;

static void *pool[POOL_MOST];
static uint32_t pool_size;

static uint32_t *table;
static uint32_t table_places, table_used;

static void unlink_entry(struct entry *entry)
{
    entry->newer->older = entry->older;
    entry->older->newer = entry->newer;
}

static void link_first(struct entry *entry)
{
    entry->newer = &ends;
    entry->older = ends.older;
    entry->older->newer = entry;
    ends.older = entry;
}

static void evict_oldest(void)
{
    struct entry *oldest = ends.newer;
    unlink_entry(oldest);
    by_key[oldest->key] = NULL;
    site_free(&sites[ENTRY], oldest, ENTRY_BYTES);
    entries--;
}

OWN_FRAME static void insert_entry(uint32_t key)
{
    if (entries == most_entries)
        evict_oldest();
    struct entry *entry =
        (struct entry *)site_took(&sites[ENTRY], malloc(ENTRY_BYTES), ENTRY_BYTES);
    entry->key = key;
    by_key[key] = entry;
    link_first(entry);
    entries++;
}

static void use_cache(uint32_t key)
{
    if (!by_key[key]) {
        insert_entry(key);
        return;
    }
    unlink_entry(by_key[key]);
    link_first(by_key[key]);
}

/* Grows with the load, which has reached its highest by the middle of the run. */
OWN_FRAME static void grow_pool(uint32_t wanted)
{
    while (pool_size < wanted && pool_size < POOL_MOST)
        pool[pool_size++] = site_took(&sites[POOL], malloc(POOL_BYTES), POOL_BYTES);
}

/* Twice as many places, rehashed, the old table freed. */
OWN_FRAME static void double_table(void)
{
    uint32_t places = table_places ? 2 * table_places : 16, *old = table;
    uint32_t *fresh =
        (uint32_t *)site_took(&sites[TABLE], calloc(places, sizeof *fresh), places * sizeof *fresh);
    for (uint32_t i = 0; i < table_places; i++)
        fresh[old[i] % places] = old[i];
    if (old)
        site_free(&sites[TABLE], old, table_places * sizeof *old);
    table = fresh;
    table_places = places;
}

static void remember(uint32_t value)
{
    if (table_used >= SET_MOST)
        return;
    if (2 * table_used >= table_places)
        double_table();
    table[value % table_places] = value;
    table_used++;
}

int main(int argc, char **argv)
{
    uint64_t random = 11;
    read_noise(argc, argv);
    if (has_option(argc, argv, "--unbounded"))
        most_entries = UINT32_MAX;
    for (uint32_t round = 0; round < ROUNDS; round++) {
        /* Squared: some keys are asked for far more often than others. */
        uint64_t draw = next_random(&random) % KEYS;
        use_cache((uint32_t)(draw * draw / KEYS));
        for (uint32_t i = 0; i < 4; i++)
            remember(round * 4 + i + 1);
        grow_pool(round * 2 * POOL_MOST / ROUNDS);
        nap_us(600);
    }
    print_sites_and_exit(sites, SITES);
}
