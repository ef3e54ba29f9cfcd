// Allocates before main, in constructors, and after it, in atexit handlers and destructors. What
// comes after main is counted in advance: the truth is printed by main.
#include "planted.h"

#define ROUNDS 500u

enum { EARLY, MAIN, AT_EXIT, AT_EXIT_TOO, LATE, SITES };
static struct site sites[SITES] = {{.function = "before_main"},
                                   {.function = "in_main"},
                                   {.function = "at_exit"},
                                   {.function = "registered_at_exit"},
                                   {.function = "after_handlers"}};
static void *kept[SITES];
static void *volatile last;

/* Keeps the last block; each one before it is freed after the next was allocated. */
static void take(int site, uint32_t turn)
{
    size_t bytes = 64 + turn;
    void *old = kept[site];
    kept[site] = last = malloc(bytes);
    if (!last)
        abort();
    free(old);
}

static void took(int site)
{
    for (uint32_t turn = 0; turn < ROUNDS; turn++) {
        site_add(&sites[site].allocated_bytes, 64 + turn);
        site_add(&sites[site].allocated_count, 1);
    }
    site_add(&sites[site].freed_bytes, sites[site].allocated_bytes - (64 + ROUNDS - 1));
    site_add(&sites[site].freed_count, ROUNDS - 1);
}

__attribute__((constructor)) OWN_FRAME static void before_main(void)
{
    for (uint32_t turn = 0; turn < ROUNDS; turn++)
        take(EARLY, turn);
}

OWN_FRAME static void in_main(void)
{
    for (uint32_t turn = 0; turn < ROUNDS; turn++)
        take(MAIN, turn);
}

OWN_FRAME static void registered_at_exit(void)
{
    for (uint32_t turn = 0; turn < ROUNDS; turn++)
        take(AT_EXIT_TOO, turn);
}

OWN_FRAME static void at_exit(void)
{
    for (uint32_t turn = 0; turn < ROUNDS; turn++)
        take(AT_EXIT, turn);
    atexit(registered_at_exit);
}

__attribute__((destructor)) OWN_FRAME static void after_handlers(void)
{
    for (uint32_t turn = 0; turn < ROUNDS; turn++)
        take(LATE, turn);
}

int main(void)
{
    atexit(at_exit);
    in_main();
    for (int site = 0; site < SITES; site++)
        took(site);
    printf("{");
    print_sites(sites, SITES);
    printf("}\n");
    return 0;
}
