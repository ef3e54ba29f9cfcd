/* The counting filter in front of the live table. */
#include "heap/filter.h"

#include <string.h>

uint8_t lk_filter[1u << LK_FILTER_BITS];

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
    memset(lk_filter, UINT8_MAX, sizeof lk_filter);
}
