// One thread frees a block that another allocated, gets the same address again and hands it back,
// having allocated something else since: the address is the last that the first thread was given,
// but the block is another one, and not temporary when the first thread frees it.
#include <pthread.h>

#include "planted.h"

#define ROUNDS 2000u
#define BYTES  200u

enum { LENT, BORROWED, BETWEEN, SITES };
static struct site sites[SITES] = {
    {.function = "lend"}, {.function = "borrow"}, {.function = "allocate_between"}};
static pthread_barrier_t turn;
static void *passed;
static uint32_t reused;

OWN_FRAME static void *lend(void)
{
    return site_took(&sites[LENT], malloc(BYTES), BYTES);
}

OWN_FRAME static void *borrow(void)
{
    return site_took(&sites[BORROWED], malloc(BYTES), BYTES);
}

OWN_FRAME static void allocate_between(void)
{
    void *block = site_took(&sites[BETWEEN], malloc(5 * BYTES), 5 * BYTES);
    site_free(&sites[BETWEEN], block, 5 * BYTES);
}

static void *exchange(void *unused)
{
    (void)unused;
    for (uint32_t round = 0; round < ROUNDS; round++) {
        pthread_barrier_wait(&turn);
        void *lent = passed;
        site_free(&sites[LENT], lent, BYTES);
        passed = borrow();
        reused += passed == lent;
        allocate_between();
        pthread_barrier_wait(&turn);
    }
    return NULL;
}

int main(void)
{
    pthread_t other;
    pthread_barrier_init(&turn, NULL, 2);
    if (pthread_create(&other, NULL, exchange, NULL) != 0)
        abort();
    for (uint32_t round = 0; round < ROUNDS; round++) {
        passed = lend();
        pthread_barrier_wait(&turn);
        pthread_barrier_wait(&turn);
        planted_last = NULL; /* the other thread freed it */
        site_free(&sites[BORROWED], passed, BYTES);
    }
    pthread_join(other, NULL);
    if (reused < ROUNDS / 2) /* the allocator did not give what this is about */
        abort();
    print_sites_and_exit(sites, SITES);
}
