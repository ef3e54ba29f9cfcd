/*
 * The verified stack cache, one for each thread. An entry is found by the innermost frame's return
 * address and stack pointer, and holds which stack slots held what when the stack was walked. If
 * all of them still do, the whole stack is the same: each frame's unwind rule is a function of its
 * address alone (stack/cfi.h), so the walk would go the same way again. Slots are looked at from
 * the innermost on, and no further than all are equal: each is thus one that the walk itself would
 * read.
 *
 * Not cached: stacks with a signal frame, with code that no module holds, or for which the unwinder
 * had to be asked.
 */
#ifndef LK_STACK_CACHE_H
#define LK_STACK_CACHE_H

#include <stdbool.h>
#include <stdint.h>

#include "stack/rules.h"
#include "stack/walk.h"

struct lk_counts;

struct lk_stack {
    uint64_t ip, sp, bp;
    struct lk_counts
        *counts; /* for the heap side: where this thread counts the site; NULL at first */
    uint32_t site;
    uint16_t checks;
    uint16_t starts_from_bp;
    struct lk_check check[];
};

#define LK_STACK_WAYS 8u
struct lk_stack_set { /* one cache line */
    struct {
        uint32_t tag;
        uint32_t position; /* in the log, in words, counted through all its rounds; 0: empty */
    } way[LK_STACK_WAYS];
};

struct lk_stack_cache {  /* sets of tags that point into a circular log of entries */
    uint64_t generation; /* of lk_rules_generation: in another one all entries are void */
    uint32_t sets_bits;
    uint32_t log_words; /* a power of two */
    uint32_t head;      /* the next entry's position; from 1 */
    uint32_t large;
    uint64_t *log;
    struct lk_stack_set *sets;
    struct lk_trace trace; /* room for a walk */
};

/* An empty cache, `large` for every-allocation mode; NULL when there is no memory. Give it back
 * when the thread ends. */
struct lk_stack_cache *lk_stack_cache_take(bool large);
void lk_stack_cache_give(struct lk_stack_cache *cache);
/* Empties it; also where its memory was wiped by a fork. */
void lk_stack_cache_clear(struct lk_stack_cache *cache, bool large);

/* Puts in what the walk from there found. NULL: it cannot be cached. */
struct lk_stack *lk_stack_cache_learn(struct lk_stack_cache *cache, const struct lk_caller *from,
                                      uint32_t site);

/* ---- The hot path of every-allocation mode ---- */

static inline uint64_t lk_stack_hash(uint64_t ip, uint64_t sp)
{
    uint64_t hash = (ip ^ sp * 0x9e3779b97f4a7c15u) * 0xff51afd7ed558ccdu;
    return hash ^ hash >> 32;
}

/* For each slot a load, a load of what to compare it with, a branch that is nearly always right. */
static inline bool lk_stack_holds(const struct lk_stack *stack, const struct lk_caller *from)
{
    const struct lk_check *check = stack->check, *end = check + stack->checks;
    if (stack->ip != from->ip || stack->sp != from->sp ||
        (stack->starts_from_bp && stack->bp != from->bp))
        return false;
#pragma GCC unroll 4
    for (; check < end; check++)
        if (*(const uint64_t *)(uintptr_t)check->address != check->value)
            return false;
    return true;
}

/* The stack's entry, whole and verified; NULL when it is not there. Good until the next learn. */
static inline struct lk_stack *lk_stack_cache_find(struct lk_stack_cache *cache,
                                                   const struct lk_caller *from)
{
    uint64_t hash = lk_stack_hash(from->ip, from->sp);
    const struct lk_stack_set *set = &cache->sets[hash >> (64 - cache->sets_bits)];
    if (__builtin_expect(cache->generation != lk_rules_now(), 0)) {
        lk_stack_cache_clear(cache, cache->large);
        return NULL;
    }
    for (uint32_t i = 0; i < LK_STACK_WAYS; i++) {
        uint32_t position = set->way[i].position;
        if (set->way[i].tag != (uint32_t)hash || position == 0 ||
            cache->head - position > cache->log_words)
            continue;
        struct lk_stack *stack =
            (struct lk_stack *)(void *)&cache->log[position & (cache->log_words - 1)];
        if (lk_stack_holds(stack, from))
            return stack;
    }
    return NULL;
}

#endif
