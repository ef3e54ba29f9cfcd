/*
 * What one malloc and one free cost in every-allocation mode is this file: the stack by the stack
 * cache, the live block by its address, the counters of the thread's own lane, 16 bytes in the
 * ring. No lock, no atomic read-modify-write while the thread has a lane to itself.
 */
#include "heap/every.h"

#include <stddef.h>

#include "capture/heap_events.h"
#include "clock.h"
#include "heap/blocks.h"
#include "heap/counts.h"
#include "heap/live.h"
#include "stack/site.h"

#define ONE_Q16 ((uint64_t)1 << 16)

static inline __attribute__((always_inline)) void
count_free(struct lk_thread *t, uint64_t size, uint32_t site, bool temporary, uint64_t now)
{
    struct lk_counts *counts = lk_counts_mine(t, site);
    if (counts) /* else it is counted as dropped */
        lk_counts_freed(t, counts, site, size, ONE_Q16, temporary, now);
}

/* A block that was freed where we could not see it, and whose address is given out again. */
static __attribute__((noinline)) void free_stale(struct lk_thread *t, uint64_t address,
                                                 uint64_t block, uint64_t now)
{
    count_free(t, lk_block_size(block), lk_block_site(block), false, now);
    lk_heap_event_put(t, LK_HEAP_FREE, address, lk_block_size(block), lk_block_site(block), 0, now);
}

/* Blocks that have no entry by address are hashed, as sampled ones are. */
static __attribute__((noinline)) bool enter_odd_one(struct lk_thread *t, uint64_t address,
                                                    uint64_t size, uint32_t site, uint64_t born,
                                                    uint64_t now)
{
    struct lk_live stale;
    if (!lk_live_insert(LK_LIVE_HEAP, address, size, born, site, t->tag, &stale))
        return false;
    if (stale.key)
        count_free(t, stale.size, stale.site, false, now);
    return true;
}

static inline bool enter_block(struct lk_thread *t, struct lk_block *block, uint64_t address,
                               uint64_t size, uint32_t site, uint64_t born, uint64_t now)
{
    if (__builtin_expect(block && block->block, 0)) {
        free_stale(t, address, block->block, now);
        __atomic_store_n(&block->block, 0, __ATOMIC_RELEASE);
    }
    if (__builtin_expect(!block || !lk_block_fits(address, size, site), 0)) {
        bool odd = !lk_block_fits(address, size, site);
        block = odd ? NULL : lk_block_make(address, &odd);
        if (odd)
            return enter_odd_one(t, address, size, site, born, now);
        if (!block)
            return false;
    }
    lk_block_enter(block, size, site, t->tag, t->lane, born);
    return true;
}

void lk_every_allocated(const void *pointer, uint64_t size, const struct lk_live *moved,
                        const struct lk_caller *from)
{
    struct lk_thread *t = &lk_self;
    uint64_t address = (uint64_t)(uintptr_t)pointer;
    struct lk_block *block = lk_block_find(address);
    __builtin_prefetch(block, 1);       /* on its way while the stack is looked at */
    bool goes_on = moved && moved->key; /* live all the time, so freed and allocated at once */
    uint64_t now = goes_on ? lk_clock_again() : lk_clock_now();
    uint64_t born = goes_on ? moved->time_ns : now;
    struct lk_stack *stack = lk_stack_from(from);
    uint32_t site = stack->site;
    struct lk_counts *counts = stack->counts;
    if (__builtin_expect(!counts, 0)) {
        counts = stack->counts = lk_counts_mine(t, site);
        if (!counts)
            return; /* counted as dropped */
    }
    if (!enter_block(t, block, address, size, site, born, now))
        return; /* likewise */
    lk_counts_allocated(t, counts, site, size, ONE_Q16, now);
    lk_heap_event_put(t, moved ? LK_HEAP_REALLOC_ALLOC : LK_HEAP_ALLOC, address, size, site, t->tag,
                      now);
    t->last_allocated = moved ? 0 : ~address;
    t->last_born_ns = now;
    if (__builtin_expect(LK_TAG_OUTCOME(t->tag) == LK_OUTCOME_PENDING, 0) &&
        t->pending_count < LK_PENDING_TAGS)
        t->pending[t->pending_count++] = ~address;
}

/* The block is what this thread allocated last. */
static inline bool is_latest(const struct lk_thread *t, uint64_t address, uint64_t past)
{
    return t->last_allocated == ~address && LK_BLOCK_LANE(past) == t->lane &&
           t->last_born_ns / LK_BLOCK_TIME_UNIT_NS ==
               LK_BLOCK_TIME_NS(past) / LK_BLOCK_TIME_UNIT_NS;
}

static __attribute__((noinline)) void free_odd_one(struct lk_thread *t, const void *pointer)
{
    struct lk_live entry;
    uint64_t address = (uint64_t)(uintptr_t)pointer, now = lk_clock_now();
    if (!lk_live_remove(LK_LIVE_HEAP, address, &entry))
        return;
    count_free(t, entry.size, entry.site,
               t->last_allocated == ~address && t->last_born_ns == entry.time_ns, now);
    lk_heap_event_put(t, LK_HEAP_FREE, address, entry.size, entry.site, entry.tag, now);
}

void lk_every_free(const void *pointer)
{
    struct lk_thread *t = &lk_self;
    uint64_t address = (uint64_t)(uintptr_t)pointer;
    struct lk_block *entry = lk_block_find(address);
    uint64_t block = entry ? entry->block : 0;
    if (__builtin_expect(!block, 0)) {
        free_odd_one(t, pointer);
        return;
    }
    uint64_t size = lk_block_size(block);
    uint64_t past = entry->past, now = lk_clock_lately(LK_BLOCK_TIME_NS(past));
    uint32_t site = lk_block_site(block), tag = LK_BLOCK_TAG(past);
    __atomic_store_n(&entry->block, 0, __ATOMIC_RELEASE);
    count_free(t, size, site, is_latest(t, address, past), now);
    lk_heap_event_put(t, LK_HEAP_FREE, address, size, site, tag, now);
}

/* ---- realloc ---- */

bool lk_every_forget(const void *pointer, struct lk_live *entry)
{
    uint64_t address = (uint64_t)(uintptr_t)pointer;
    struct lk_block *found = lk_block_find(address);
    uint64_t block = found ? found->block : 0;
    if (!block)
        return lk_live_remove(LK_LIVE_HEAP, address, entry);
    *entry = (struct lk_live){.key = address,
                              .size = lk_block_size(block),
                              .time_ns = LK_BLOCK_TIME_NS(found->past),
                              .site = lk_block_site(block),
                              .tag = LK_BLOCK_TAG(found->past)};
    __atomic_store_n(&found->block, 0, __ATOMIC_RELEASE);
    return true;
}

void lk_every_restore(const void *pointer, const struct lk_live *entry)
{
    struct lk_block *block = lk_block_find((uint64_t)(uintptr_t)pointer);
    if (block)
        lk_block_enter(block, entry->size, entry->site, entry->tag, lk_self.lane, entry->time_ns);
    else
        lk_live_insert(LK_LIVE_HEAP, (uint64_t)(uintptr_t)pointer, entry->size, entry->time_ns,
                       entry->site, entry->tag, NULL);
}

void lk_every_freed(const void *pointer, const struct lk_live *entry, bool moved)
{
    struct lk_thread *t = &lk_self;
    uint64_t now = lk_clock_now();
    count_free(t, entry->size, entry->site, false, now);
    lk_heap_event_put(t, moved ? LK_HEAP_REALLOC_FREE : LK_HEAP_FREE, (uint64_t)(uintptr_t)pointer,
                      entry->size, entry->site, entry->tag, now);
}

void lk_every_retag(uint64_t address, uint32_t tag)
{
    struct lk_block *block = lk_block_find(address);
    if (block && block->block)
        block->past = (block->past & ~(((uint64_t)1 << LK_TAG_BITS) - 1)) | tag;
    else
        lk_live_retag(LK_LIVE_HEAP, address, tag);
}
