/*
 * A counting filter that tells free() "this was not sampled" by one load. An address may share its
 * counter with a sampled one: then the live table decides. A counter that reaches 255 stays there.
 */
#ifndef LK_HEAP_FILTER_H
#define LK_HEAP_FILTER_H

#include <stdbool.h>
#include <stdint.h>

#define LK_FILTER_BITS 15u

extern uint8_t lk_filter[1u << LK_FILTER_BITS] __attribute__((visibility("hidden")));
extern uint64_t lk_filter_mask __attribute__((visibility("hidden"))); /* of the index */

static inline uint8_t *lk_filter_at(const void *pointer)
{
    /* The product's top bits depend on all of the address's: neighbours and strides spread. */
    return &lk_filter[(((uint64_t)(uintptr_t)pointer * 0x9e3779b97f4a7c15u) >>
                       (64 - LK_FILTER_BITS)) &
                      lk_filter_mask];
}

static inline bool lk_filter_may_hold(const void *pointer)
{
    return __atomic_load_n(lk_filter_at(pointer), __ATOMIC_RELAXED) != 0;
}

void lk_filter_add(const void *pointer);
void lk_filter_remove(const void *pointer);
/* Every address may be held, for good: for every-allocation mode. One counter stands for all, so
 * that the others take no room in the processor's cache. */
void lk_filter_fill(void);

#endif
