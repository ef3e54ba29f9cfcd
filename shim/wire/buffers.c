/* The pool of buffers. It lies in wiped memory: a child by fork has it whole. */
#include "wire/buffers.h"

#include "sys.h"

#define SMALLS 4096u
#define LARGES 64u

static struct pool {
    uint32_t small_hint, large_hint;
    uint8_t small_taken[SMALLS], large_taken[LARGES];
    char small[SMALLS][LK_BUFFER_SMALL] __attribute__((aligned(64)));
    char large[LARGES][LK_BUFFER_LARGE];
} * pool;

bool lk_buffers_init(void)
{
    pool = lk_sys_memory_wiped(sizeof *pool);
    return pool != NULL;
}

/* A place that was free; `places`: none is. */
static uint32_t take(uint8_t *taken, uint32_t places, uint32_t *hint)
{
    uint32_t first = __atomic_fetch_add(hint, 1, __ATOMIC_RELAXED);
    for (uint32_t i = 0; i < places; i++) {
        uint32_t place = (first + i) % places;
        if (!__atomic_load_n(&taken[place], __ATOMIC_RELAXED) &&
            !__atomic_exchange_n(&taken[place], 1, __ATOMIC_ACQUIRE))
            return place;
    }
    return places;
}

static void give(uint8_t *taken, uint32_t place, uint32_t *hint)
{
    __atomic_store_n(&taken[place], 0, __ATOMIC_RELEASE);
    __atomic_store_n(hint, place, __ATOMIC_RELAXED); /* it is warm */
}

char *lk_buffer_take(uint32_t bytes)
{
    uint32_t place;
    if (!pool)
        return NULL;
    if (bytes <= LK_BUFFER_SMALL)
        return (place = take(pool->small_taken, SMALLS, &pool->small_hint)) < SMALLS
                   ? pool->small[place]
                   : NULL;
    return (place = take(pool->large_taken, LARGES, &pool->large_hint)) < LARGES
               ? pool->large[place]
               : NULL;
}

void lk_buffer_give(const char *buffer)
{
    if (buffer >= pool->large[0])
        give(pool->large_taken, (uint32_t)((size_t)(buffer - pool->large[0]) / LK_BUFFER_LARGE),
             &pool->large_hint);
    else
        give(pool->small_taken, (uint32_t)((size_t)(buffer - pool->small[0]) / LK_BUFFER_SMALL),
             &pool->small_hint);
}
