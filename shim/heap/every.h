/* Every-allocation mode: the hot paths that record each malloc and free. heap.c decides when. */
#ifndef LK_HEAP_EVERY_H
#define LK_HEAP_EVERY_H

#include <stdbool.h>

#include "capture/layout.h"
#include "stack/walk.h"

/* All between lk_enter and lk_leave, or what amounts to it. See heap.h for what they do. */
void lk_every_allocated(const void *pointer, uint64_t size, const struct lk_live *moved,
                        const struct lk_caller *from);
void lk_every_free(const void *pointer);
bool lk_every_forget(const void *pointer, struct lk_live *entry);
void lk_every_restore(const void *pointer, const struct lk_live *entry);
void lk_every_freed(const void *pointer, const struct lk_live *entry, bool moved);
void lk_every_retag(uint64_t address, uint32_t tag);

#endif
