/*
 * Memory for the time before malloc's original is known: dlsym, which finds it, may itself call
 * calloc. A small static area, handed out once; its addresses are marked in the filter
 * (heap/filter.h), so that free finds its way here.
 */
#ifndef LK_BOOT_H
#define LK_BOOT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What stands in lk_real_table until lk_real_init has run. Each finds the originals and calls them;
 * while they are being found, memory comes from the area. */
void *lk_boot_malloc(size_t size);
void *lk_boot_calloc(size_t count, size_t size);
void *lk_boot_realloc(void *pointer, size_t size);
void *lk_boot_reallocarray(void *pointer, size_t count, size_t size);
void lk_boot_free(void *pointer);
int lk_boot_posix_memalign(void **result, size_t alignment, size_t size);
void *lk_boot_memalign(size_t alignment, size_t size);
void *lk_boot_valloc(size_t size);
size_t lk_boot_usable_size(void *pointer);

#define LK_BOOT_BYTES (64u << 10)
extern char lk_boot_area[LK_BOOT_BYTES] __attribute__((visibility("hidden")));
static inline bool lk_boot_owns(const void *pointer)
{
    return (uintptr_t)pointer - (uintptr_t)lk_boot_area < LK_BOOT_BYTES;
}
size_t lk_boot_size(const void *pointer); /* of a block that it owns */

#endif
