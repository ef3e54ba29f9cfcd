/* Wiped memory (sys.h) that is taken when it is first needed. */
#ifndef LK_CACHE_WIPED_H
#define LK_CACHE_WIPED_H

#include "capture/capture.h"
#include "sys.h"

/* *place, taken now if nobody has before; NULL when there is none, or another thread is at it. */
static inline void *lk_wiped_once(void **place, uint32_t *lock, size_t bytes)
{
    void *memory = __atomic_load_n(place, __ATOMIC_ACQUIRE);
    if (memory || !lk_try_lock(lock))
        return memory;
    memory = __atomic_load_n(place, __ATOMIC_ACQUIRE);
    if (!memory) {
        memory = lk_sys_memory_wiped(bytes);
        __atomic_store_n(place, memory, __ATOMIC_RELEASE);
    }
    lk_unlock(lock);
    return memory;
}

#endif
