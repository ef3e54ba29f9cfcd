/*
 * Accounting of the allocations that are recorded: all of them, or those that are sampled. The
 * wrappers call it on their slow paths alone.
 */
#ifndef LK_HEAP_HEAP_H
#define LK_HEAP_HEAP_H

#include <stdbool.h>
#include <stdint.h>

#include "capture/state.h"
#include "heap/every.h"
#include "stack/walk.h"
#include "thread.h"

/* Counts size bytes towards the thread's next sample: true when it is due, and then nothing was
 * counted. Every-allocation mode keeps `remaining` at 0. A size beyond reason is due, too: the slow
 * path sees that it failed. */
static inline bool lk_heap_due(uint64_t size)
{
    if (__builtin_expect(size >= lk_self.remaining, 0))
        return true;
    lk_self.remaining -= size;
    return false;
}

/* Whether that mode is on: then every block that is freed is looked for. */
extern bool lk_heap_every __attribute__((visibility("hidden")));

/* lk_enter and lk_leave for the hot paths: nothing in every.c touches errno. */
static inline bool lk_heap_enter_swiftly(struct lk_thread *t)
{
    const struct lk_state *state = lk_state;
    if (t->depth || !state || t->generation == 0 || t->generation != state->generation || t->late ||
        __atomic_load_n(&lk_state_header()->control, __ATOMIC_RELAXED) != LK_CONTROL_OPEN)
        return false;
    t->depth = LK_RECORDING;
    __atomic_signal_fence(__ATOMIC_SEQ_CST);
    return true;
}

static inline void lk_heap_leave_swiftly(struct lk_thread *t)
{
    __atomic_signal_fence(__ATOMIC_SEQ_CST);
    t->depth = 0;
}

/* The allocation at which a sample was due: decides, and records it. `pointer` may be NULL (it
 * failed). `moved`: it is what a realloc made of another block, and goes on as that one: it is as
 * old (NULL: it is a new block; key 0: the other one was not recorded). */
void lk_heap_allocated_slowly(void *pointer, uint64_t size, const struct lk_live *moved,
                              const struct lk_caller *from);
static inline void lk_heap_allocated(void *pointer, uint64_t size, const struct lk_live *moved,
                                     const struct lk_caller *from)
{
    struct lk_thread *t = &lk_self;
    if (lk_heap_every && pointer && lk_heap_enter_swiftly(t)) {
        lk_every_allocated(pointer, size, moved, from);
        lk_heap_leave_swiftly(t);
    } else {
        lk_heap_allocated_slowly(pointer, size, moved, from);
    }
}

/* The block is about to be freed for good: accounts for it if it was recorded. */
void lk_heap_free_slowly(const void *pointer);
static inline void lk_heap_free(const void *pointer)
{
    struct lk_thread *t = &lk_self;
    if (lk_heap_every && lk_heap_enter_swiftly(t)) {
        lk_every_free(pointer);
        lk_heap_leave_swiftly(t);
    } else {
        lk_heap_free_slowly(pointer);
    }
}

/* For realloc: takes the block out of what is live before the original moves it. True: it was
 * there. */
bool lk_heap_forget(const void *pointer, struct lk_live *entry);
/* The original failed to move it: it is live as before. */
void lk_heap_restore(const void *pointer, const struct lk_live *entry);
/* It is gone: accounts for it. */
void lk_heap_freed(const void *pointer, const struct lk_live *entry, bool moved);

/* Changes the tag of a live block, if it is recorded. Between lk_enter and lk_leave. */
void lk_heap_retag(uint64_t address, uint32_t tag);

#endif
