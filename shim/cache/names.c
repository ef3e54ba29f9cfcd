/* Small numbers for names, lock-free. */
#include "cache/names.h"

#include <stdbool.h>

#define NUMBER 0xffffu

static uint64_t slot_of(uint64_t hash, uint32_t probe)
{
    return ((hash >> 16) + probe) % LK_NAMES_SLOTS;
}

uint32_t lk_names_find(const struct lk_names *names, uint64_t hash)
{
    for (uint32_t i = 0; i < LK_NAMES_SLOTS; i++) {
        uint64_t held = __atomic_load_n(&names->slots[slot_of(hash, i)], __ATOMIC_ACQUIRE);
        if (!held)
            return 0;
        if (((held ^ hash) & ~(uint64_t)NUMBER) == 0)
            return held & NUMBER;
    }
    return 0;
}

uint32_t lk_names_take(struct lk_names *names, uint32_t limit)
{
    uint32_t number = __atomic_exchange_n(&names->spare, 0, __ATOMIC_ACQUIRE);
    if (number)
        return number;
    number = __atomic_load_n(&names->count, __ATOMIC_RELAXED);
    do
        if (number >= limit)
            return 0;
    while (!__atomic_compare_exchange_n(&names->count, &number, number + 1, false, __ATOMIC_RELAXED,
                                        __ATOMIC_RELAXED));
    return number + 1;
}

void lk_names_give_back(struct lk_names *names, uint32_t number)
{
    __atomic_store_n(&names->spare, number, __ATOMIC_RELEASE);
}

uint32_t lk_names_tie(struct lk_names *names, uint64_t hash, uint32_t number)
{
    uint64_t mine = (hash & ~(uint64_t)NUMBER) | number;
    for (uint32_t i = 0; i < LK_NAMES_SLOTS; i++) {
        uint64_t *slot = &names->slots[slot_of(hash, i)], held = 0;
        if (__atomic_compare_exchange_n(slot, &held, mine, false, __ATOMIC_RELEASE,
                                        __ATOMIC_ACQUIRE))
            return number;
        if (((held ^ mine) & ~(uint64_t)NUMBER) == 0)
            return held & NUMBER;
    }
    return number;
}
