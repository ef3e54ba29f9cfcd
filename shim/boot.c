/* The static area that serves memory until malloc's original is known. */
#include "boot.h"

#include <errno.h>
#include <string.h>

#include "heap/filter.h"
#include "real.h"

#define PAGE 4096u

_Alignas(PAGE) char lk_boot_area[LK_BOOT_BYTES];
static size_t area_used;

size_t lk_boot_size(const void *pointer)
{
    size_t size;
    memcpy(&size, (const char *)pointer - sizeof size, sizeof size);
    return size;
}

static void *area_take(size_t alignment, size_t size)
{
    size_t used, start, end;
    if (alignment < 16)
        alignment = 16;
    do {
        used = __atomic_load_n(&area_used, __ATOMIC_RELAXED);
        start = (used + sizeof size + alignment - 1) & ~(alignment - 1);
        if (size > LK_BOOT_BYTES || start > LK_BOOT_BYTES - size)
            return NULL;
        end = start + size;
    } while (!__atomic_compare_exchange_n(&area_used, &used, end, false, __ATOMIC_RELAXED,
                                          __ATOMIC_RELAXED));
    memcpy(lk_boot_area + start - sizeof size, &size, sizeof size);
    lk_filter_add(lk_boot_area + start);
    return lk_boot_area + start;
}

void *lk_boot_malloc(size_t size)
{
    lk_real_init();
    return LK_REAL(malloc) == lk_boot_malloc ? area_take(16, size) : LK_REAL(malloc)(size);
}

void *lk_boot_calloc(size_t count, size_t size)
{
    size_t bytes;
    lk_real_init();
    if (LK_REAL(calloc) != lk_boot_calloc)
        return LK_REAL(calloc)(count, size);
    if (__builtin_mul_overflow(count, size, &bytes))
        return NULL;
    return area_take(16, bytes); /* never handed out before, so zero */
}

void *lk_boot_realloc(void *pointer, size_t size)
{
    lk_real_init();
    if (LK_REAL(realloc) != lk_boot_realloc)
        return LK_REAL(realloc)(pointer, size);
    void *fresh = area_take(16, size);
    if (fresh && pointer && lk_boot_owns(pointer)) {
        size_t old = lk_boot_size(pointer);
        memcpy(fresh, pointer, old < size ? old : size);
    }
    return fresh;
}

void *lk_boot_reallocarray(void *pointer, size_t count, size_t size)
{
    size_t bytes;
    if (__builtin_mul_overflow(count, size, &bytes)) {
        errno = ENOMEM;
        return NULL;
    }
    return lk_boot_realloc(pointer, bytes);
}

void lk_boot_free(void *pointer)
{
    lk_real_init();
    if (LK_REAL(free) != lk_boot_free)
        LK_REAL(free)(pointer);
}

void *lk_boot_memalign(size_t alignment, size_t size)
{
    lk_real_init();
    return LK_REAL(memalign) == lk_boot_memalign ? area_take(alignment, size)
                                                 : LK_REAL(memalign)(alignment, size);
}

int lk_boot_posix_memalign(void **result, size_t alignment, size_t size)
{
    lk_real_init();
    if (LK_REAL(posix_memalign) != lk_boot_posix_memalign)
        return LK_REAL(posix_memalign)(result, alignment, size);
    void *fresh = area_take(alignment, size);
    if (!fresh)
        return ENOMEM;
    *result = fresh;
    return 0;
}

void *lk_boot_valloc(size_t size)
{
    return lk_boot_memalign(PAGE, size);
}

size_t lk_boot_usable_size(void *pointer)
{
    lk_real_init();
    if (LK_REAL(malloc_usable_size) != lk_boot_usable_size)
        return LK_REAL(malloc_usable_size)(pointer);
    return pointer && lk_boot_owns(pointer) ? lk_boot_size(pointer) : 0;
}
