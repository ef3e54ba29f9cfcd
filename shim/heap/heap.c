/* When something is recorded; and what is sampled: into the live table, the site's and the
 * process's totals, the timeline, the ring. */
#include "heap/heap.h"

#include <pthread.h>

#include "capture/heap_events.h"
#include "clock.h"
#include "config.h"
#include "heap/counts.h"
#include "heap/filter.h"
#include "heap/live.h"
#include "init.h"
#include "stack/site.h"
#include "sys.h"

#define NEVER (UINT64_MAX / 2) /* bytes: nothing will be sampled */
#define LATER (1u << 26)       /* bytes until we look again whether recording goes on */

static uint64_t process_random;
bool lk_heap_every;

/* Bytes to this thread's next sampling point; 0: every allocation. An allocation of s bytes holds
 * the point of a gap G when G < s, that is, when floor(G) + 1 <= s. */
static uint64_t next_gap(struct lk_thread *t)
{
    if (lk_heap_every)
        return 0;
    return lk_sampling_gap(lk_sampling_random(&t->random), lk_config.sample_bytes) + 1;
}

/* The parent may have given up recording, and not look again for long. */
static void begin_child(void)
{
    struct lk_thread *t = &lk_self;
    if (t->random)
        t->remaining = next_gap(t);
}

void lk_heap_init(void)
{
    process_random = lk_sys_random() | 1;
    lk_heap_every = lk_config.sample_bytes <= 1;
    if (lk_heap_every)
        lk_filter_fill();
    pthread_atfork(NULL, NULL, begin_child);
}

/* Due for the first time in this thread only because its count began at zero. Each thread of the
 * process has gaps of its own, also where one has the address of another before it. */
static bool begin_thread(struct lk_thread *t, uint64_t size)
{
    static uint64_t threads;
    uint64_t salt = __atomic_add_fetch(&threads, 1, __ATOMIC_RELAXED);
    t->random = process_random ^ lk_sampling_random(&salt);
    if (t->random == 0)
        t->random = 1;
    t->remaining = next_gap(t);
    return lk_heap_due(size);
}

/* ---- Samples ---- */

static void sampled_freed(const void *pointer, const struct lk_live *entry, bool moved)
{
    struct lk_thread *t = &lk_self;
    struct lk_weight weight = lk_sampling_weight(entry->size, lk_config.sample_bytes);
    struct lk_counts *counts = lk_counts_mine(t, entry->site);
    uint64_t address = (uint64_t)(uintptr_t)pointer, now;
    now = moved ? lk_clock_now() : lk_clock_lately(entry->time_ns);
    /* Nothing was allocated in between: the count to the next sample has not moved. */
    bool temporary = t->last_allocated == ~address && t->last_born_ns == entry->time_ns &&
                     t->last_remaining == t->remaining && !moved;
    if (!counts)
        return; /* counted as dropped */
    lk_counts_freed(t, counts, entry->site, weight.bytes, weight.count_q16, temporary, now);
    lk_count(t, &counts->sample_frees, 1);
    lk_heap_event_put(t, moved ? LK_HEAP_REALLOC_FREE : LK_HEAP_FREE, address, entry->size,
                      entry->site, entry->tag, now);
}

/* Puts the block among what is live. */
static bool enter_sample(uint64_t address, uint64_t size, uint32_t site, uint64_t born)
{
    const void *pointer = (const void *)(uintptr_t)address;
    struct lk_live stale = {.key = 0};
    bool may_be_there = lk_filter_may_hold(pointer);
    if (may_be_there && lk_live_remove(LK_LIVE_HEAP, address, &stale))
        sampled_freed(pointer, &stale, false); /* it was freed where we could not see it */
    else
        lk_filter_add(pointer);
    return lk_live_add(LK_LIVE_HEAP, address, size, born, site, lk_self.tag);
}

static void sampled_allocated(const void *pointer, uint64_t size, const struct lk_live *moved,
                              const struct lk_caller *from)
{
    struct lk_thread *t = &lk_self;
    bool goes_on = moved && moved->key; /* live all the time, so freed and allocated at once */
    uint64_t address = (uint64_t)(uintptr_t)pointer;
    uint64_t now = goes_on ? lk_clock_again() : lk_clock_now();
    uint64_t born = goes_on ? moved->time_ns : now;
    struct lk_stack *stack = lk_stack_from(from);
    struct lk_weight weight = lk_sampling_weight(size, lk_config.sample_bytes);
    if (!stack->counts)
        stack->counts = lk_counts_mine(t, stack->site);
    if (!stack->counts || !enter_sample(address, size, stack->site, born))
        return; /* counted as dropped */
    lk_counts_allocated(t, stack->counts, stack->site, weight.bytes, weight.count_q16, now);
    lk_counts_sampled(t, stack->counts, weight.variance);
    lk_heap_event_put(t, moved ? LK_HEAP_REALLOC_ALLOC : LK_HEAP_ALLOC, address, size, stack->site,
                      t->tag, now);
    t->last_allocated = moved ? 0 : ~address;
    t->last_born_ns = now;
    if (LK_TAG_OUTCOME(t->tag) == LK_OUTCOME_PENDING && t->pending_count < LK_PENDING_TAGS)
        t->pending[t->pending_count++] = ~address;
}

static bool sampled_forget(const void *pointer, struct lk_live *entry)
{
    bool found = lk_live_remove(LK_LIVE_HEAP, (uint64_t)(uintptr_t)pointer, entry);
    if (found)
        lk_filter_remove(pointer);
    return found;
}

static void sampled_restore(const void *pointer, const struct lk_live *entry)
{
    if (lk_live_insert(LK_LIVE_HEAP, (uint64_t)(uintptr_t)pointer, entry->size, entry->time_ns,
                       entry->site, entry->tag, NULL))
        lk_filter_add(pointer);
}

/* ---- Whether to record ---- */

/* Whether, as things stand, a sample could be recorded at all; if not, how soon to ask again is
 * set. */
static bool may_sample(struct lk_thread *t)
{
    if (!lk_state) /* before the constructor ran, or it stepped aside */
        t->remaining = lk_config.off ? NEVER : 0;
    else if (!lk_config.heap)
        t->remaining = NEVER;
    else if (__atomic_load_n(&lk_state->phase, __ATOMIC_RELAXED) == LK_PHASE_STOPPED)
        t->remaining = LATER;
    else
        return true;
    return false;
}

static void take_sample(struct lk_thread *t, void *pointer, uint64_t size,
                        const struct lk_live *moved, const struct lk_caller *from)
{
    sampled_allocated(pointer, size, moved, from);
    t->remaining = t->last_remaining = next_gap(t);
}

/* For the first time in a thread or a process, or when nothing is to be recorded. */
static __attribute__((noinline)) void allocated_otherwise(struct lk_thread *t, void *pointer,
                                                          uint64_t size,
                                                          const struct lk_live *moved,
                                                          const struct lk_caller *from)
{
    if (t->depth && lk_heap_every)
        lk_nested();
    if (t->depth || !pointer || !may_sample(t))
        return;
    if (t->random == 0 && !begin_thread(t, size))
        return;
    if (!lk_enter()) {
        t->remaining = next_gap(t);
        return;
    }
    if (lk_heap_every)
        lk_every_allocated(pointer, size, moved, from);
    else
        take_sample(t, pointer, size, moved, from);
    lk_leave();
}

void lk_heap_allocated_slowly(void *pointer, uint64_t size, const struct lk_live *moved,
                              const struct lk_caller *from)
{
    struct lk_thread *t = &lk_self;
    if (!lk_heap_every && pointer && t->random && lk_heap_enter_swiftly(t)) {
        take_sample(t, pointer, size, moved, from);
        lk_heap_leave_swiftly(t);
    } else {
        allocated_otherwise(t, pointer, size, moved, from);
    }
}

static inline void free_sample(const void *pointer)
{
    struct lk_live entry;
    if (sampled_forget(pointer, &entry))
        sampled_freed(pointer, &entry, false);
}

void lk_heap_free_slowly(const void *pointer)
{
    struct lk_thread *t = &lk_self;
    if (!lk_heap_every && lk_heap_enter_swiftly(t)) {
        free_sample(pointer);
        lk_heap_leave_swiftly(t);
        return;
    }
    if (t->depth && lk_heap_every)
        lk_nested();
    if (!lk_enter_existing())
        return;
    if (lk_heap_every)
        lk_every_free(pointer);
    else
        free_sample(pointer);
    lk_leave();
}

bool lk_heap_forget(const void *pointer, struct lk_live *entry)
{
    if (!lk_enter_existing())
        return false;
    bool found = (lk_heap_every ? lk_every_forget : sampled_forget)(pointer, entry);
    lk_leave();
    return found;
}

void lk_heap_restore(const void *pointer, const struct lk_live *entry)
{
    if (!lk_enter_existing())
        return;
    (lk_heap_every ? lk_every_restore : sampled_restore)(pointer, entry);
    lk_leave();
}

void lk_heap_freed(const void *pointer, const struct lk_live *entry, bool moved)
{
    if (!lk_enter_existing())
        return;
    (lk_heap_every ? lk_every_freed : sampled_freed)(pointer, entry, moved);
    lk_leave();
}

void lk_heap_retag(uint64_t address, uint32_t tag)
{
    if (lk_heap_every)
        lk_every_retag(address, tag);
    else
        lk_live_retag(LK_LIVE_HEAP, address, tag);
}
