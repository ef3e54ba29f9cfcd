// Nothing leaks: large tables that are built at once before the first request (`at-once`), piece by
// piece during the first fifth of the run (`ramp`), or each on its first use (`lazy`), and are
// kept. Requests that need no memory for long go on to the end.
#include "planted.h"

#define ROUNDS      2500u
#define TABLES      400u
#define TABLE_BYTES 90000u
#define ENTRIES     20u
#define ENTRY_BYTES 700u

enum { TABLE, ENTRY, REQUEST, SITES };
static struct site sites[SITES] = {
    {.function = "build_table"}, {.function = "fill_table"}, {.function = "serve"}};

static struct table {
    char *index;
    void *entries[ENTRIES];
} tables[TABLES];

OWN_FRAME static void fill_table(struct table *table)
{
    for (size_t i = 0; i < ENTRIES; i++) {
        table->entries[i] = site_took(&sites[ENTRY], malloc(ENTRY_BYTES), ENTRY_BYTES);
        site_took_too(&sites[TABLE], ENTRY_BYTES);
    }
}

OWN_FRAME static void build_table(struct table *table)
{
    if (table->index)
        return;
    table->index = site_took(&sites[TABLE], malloc(TABLE_BYTES), TABLE_BYTES);
    fill_table(table);
}

OWN_FRAME static void serve(uint32_t turn)
{
    size_t bytes = 2000 + turn % 5 * 1000;
    void *answer = site_took(&sites[REQUEST], malloc(bytes), bytes);
    site_free(&sites[REQUEST], answer, bytes);
}

int main(int argc, char **argv)
{
    uint64_t random = 3;
    int ramp = has_option(argc, argv, "ramp"), lazy = has_option(argc, argv, "lazy");
    read_noise(argc, argv);
    for (uint32_t i = 0; !ramp && !lazy && i < TABLES; i++)
        build_table(&tables[i]);
    for (uint32_t round = 0; round < ROUNDS; round++) {
        /* By time the ramp ends a little later than by rounds: building is slower than serving. */
        if (ramp && round < ROUNDS / 6)
            build_table(&tables[round * TABLES / (ROUNDS / 6)]);
        if (lazy)
            build_table(&tables[next_random(&random) % TABLES]);
        serve(round);
        nap_us(600);
    }
    print_sites_and_exit(sites, SITES);
}
