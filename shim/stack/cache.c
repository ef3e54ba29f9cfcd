/* Entries come and go: the oldest are overwritten. */
#include "stack/cache.h"

#include <stddef.h>
#include <string.h>

#include "stack/rules.h"
#include "sys.h"

#define SMALL_LOG       (16u << 10)
#define LARGE_LOG       (2u << 20)
#define SMALL_SETS_BITS 5u
#define LARGE_SETS_BITS 10u
#define POSITION_MAX    (1u << 31)
#define POOL            256u

/* What threads that ended gave back. */
static struct lk_stack_cache *pool[POOL];

/* ---- Whose it is ---- */

static size_t log_bytes(bool large)
{
    return large ? LARGE_LOG : SMALL_LOG;
}

static size_t sets_bytes(bool large)
{
    return sizeof(struct lk_stack_set) << (large ? LARGE_SETS_BITS : SMALL_SETS_BITS);
}

static size_t head_bytes(void)
{
    return (sizeof(struct lk_stack_cache) + 63) & ~(size_t)63;
}

struct lk_stack_cache *lk_stack_cache_take(bool large)
{
    struct lk_stack_cache *cache = NULL;
    for (size_t i = 0; !cache && i < POOL; i++)
        if (__atomic_load_n(&pool[i], __ATOMIC_RELAXED))
            cache = __atomic_exchange_n(&pool[i], NULL, __ATOMIC_ACQUIRE);
    if (!cache)
        cache = lk_sys_memory_wiped(head_bytes() + sets_bytes(large) + log_bytes(large));
    if (cache)
        lk_stack_cache_clear(cache, large);
    return cache;
}

void lk_stack_cache_give(struct lk_stack_cache *cache)
{
    for (size_t i = 0; i < POOL; i++) {
        struct lk_stack_cache *none = NULL;
        if (__atomic_compare_exchange_n(&pool[i], &none, cache, false, __ATOMIC_RELEASE,
                                        __ATOMIC_RELAXED))
            return;
    }
    /* more threads than that ended at once: its memory stays where it is */
}

void lk_stack_cache_clear(struct lk_stack_cache *cache, bool large)
{
    char *memory = (char *)cache;
    cache->sets_bits = large ? LARGE_SETS_BITS : SMALL_SETS_BITS;
    cache->log_words = (uint32_t)(log_bytes(large) / sizeof(uint64_t));
    cache->large = large;
    cache->sets = (struct lk_stack_set *)(void *)(memory + head_bytes());
    cache->log = (uint64_t *)(void *)(memory + head_bytes() + sets_bytes(large));
    memset(cache->sets, 0, sets_bytes(large));
    cache->head = 1;
    cache->generation = lk_rules_now();
}

/* ---- Learning ---- */

static struct lk_stack *entry_at(struct lk_stack_cache *cache, uint32_t position)
{
    return (struct lk_stack *)&cache->log[position & (cache->log_words - 1)];
}

static uint32_t words_of(uint32_t checks)
{
    return (uint32_t)((sizeof(struct lk_stack) + checks * sizeof(struct lk_check)) / 8);
}

/* The position of so many words in a row. */
static uint32_t take_words(struct lk_stack_cache *cache, uint32_t words)
{
    uint32_t left = cache->log_words - (cache->head & (cache->log_words - 1));
    if (cache->head > POSITION_MAX)
        lk_stack_cache_clear(cache, cache->large);
    else if (left < words)
        cache->head += left;
    uint32_t position = cache->head;
    cache->head += words;
    return position;
}

static void point_at(struct lk_stack_cache *cache, uint64_t hash, uint32_t position)
{
    struct lk_stack_set *set = &cache->sets[hash >> (64 - cache->sets_bits)];
    uint32_t oldest = 0;
    for (uint32_t i = 1; i < LK_STACK_WAYS; i++)
        if (set->way[i].position < set->way[oldest].position)
            oldest = i;
    set->way[oldest].tag = (uint32_t)hash;
    set->way[oldest].position = position;
}

struct lk_stack *lk_stack_cache_learn(struct lk_stack_cache *cache, const struct lk_caller *from,
                                      uint32_t site)
{
    const struct lk_trace *trace = &cache->trace;
    uint32_t words = words_of(trace->checks);
    if (!trace->repeatable || words > cache->log_words / 4)
        return NULL;
    uint32_t position = take_words(cache, words);
    struct lk_stack *stack = entry_at(cache, position);
    *stack = (struct lk_stack){.ip = from->ip,
                               .sp = from->sp,
                               .bp = from->bp,
                               .site = site,
                               .checks = (uint16_t)trace->checks,
                               .starts_from_bp = trace->starts_from_bp};
    memcpy(stack->check, trace->check, trace->checks * sizeof *trace->check);
    point_at(cache, lk_stack_hash(from->ip, from->sp), position);
    return stack;
}
