/* The counting filter in front of the live table. */
#include "heap/filter.h"

uint8_t lk_filter[1u << LK_FILTER_BITS];
uint64_t lk_filter_mask = (1u << LK_FILTER_BITS) - 1;

static void change(const void *pointer, int by)
{
    uint8_t *counter = lk_filter_at(pointer);
    uint8_t old = __atomic_load_n(counter, __ATOMIC_RELAXED);
    do {
        if (old == UINT8_MAX || (by < 0 && old == 0))
            return;
    } while (!__atomic_compare_exchange_n(counter, &old, (uint8_t)(old + by), true,
                                          __ATOMIC_RELAXED, __ATOMIC_RELAXED));
}

void lk_filter_add(const void *pointer)
{
    change(pointer, 1);
}

void lk_filter_remove(const void *pointer)
{
    change(pointer, -1);
}

void lk_filter_fill(void)
{
    lk_filter[0] = UINT8_MAX;
    lk_filter_mask = 0;
}
