/* Accounting of the allocations that are sampled. The wrappers call it on their slow paths alone.
 */
#ifndef LK_HEAP_HEAP_H
#define LK_HEAP_HEAP_H

#include <stdbool.h>
#include <stdint.h>

#include "capture/layout.h"
#include "config.h"
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

/* The allocation at which a sample was due: decides, and records it. `pointer` may be NULL (it
 * failed). */
void lk_heap_allocated(void *pointer, uint64_t size, uint32_t flags);

/* Takes the block out of the live table before the original frees it. True: it was there. */
bool lk_heap_forget(const void *pointer, struct lk_live *entry);
/* The original failed to move it: it is live as before. */
void lk_heap_restore(const void *pointer, const struct lk_live *entry);
/* It is gone: accounts for it. */
void lk_heap_freed(const void *pointer, const struct lk_live *entry, uint32_t flags);

#endif
