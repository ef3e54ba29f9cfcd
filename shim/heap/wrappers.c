/*
 * The malloc family. On the fast path a wrapper counts bytes or looks at one byte of the filter,
 * and jumps to the original; all else is out of line. A free is recorded before it happens, and
 * realloc gives up its old pointer before the call and takes it back on failure: otherwise another
 * thread may already own the address.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <string.h>

#include "boot.h"
#include "heap/filter.h"
#include "heap/heap.h"
#include "real.h"

/* Reached by a jump from its wrapper, so that LK_CALLER_HERE() is the host's frame. */
#define OUT_OF_LINE __attribute__((noinline))

static OUT_OF_LINE void *sampled_malloc(size_t size)
{
    struct lk_caller from = LK_CALLER_HERE();
    void *pointer = LK_REAL(malloc)(size);
    lk_heap_allocated(pointer, size, NULL, &from);
    return pointer;
}

void *malloc(size_t size)
{
    return lk_heap_due(size) ? sampled_malloc(size) : LK_REAL(malloc)(size);
}

static OUT_OF_LINE void *sampled_calloc(size_t count, size_t size)
{
    struct lk_caller from = LK_CALLER_HERE();
    void *pointer = LK_REAL(calloc)(count, size);
    lk_heap_allocated(pointer, count * size, NULL, &from);
    return pointer;
}

void *calloc(size_t count, size_t size)
{
    /* A product that overflows makes the original fail, and is not counted then. */
    return lk_heap_due(count * size) ? sampled_calloc(count, size) : LK_REAL(calloc)(count, size);
}

static OUT_OF_LINE void free_maybe_sampled(void *pointer)
{
    if (!pointer || lk_boot_owns(pointer))
        return;
    lk_heap_free(pointer);
    LK_REAL(free)(pointer);
}

void free(void *pointer)
{
    if (__builtin_expect(lk_filter_may_hold(pointer), 0))
        free_maybe_sampled(pointer);
    else
        LK_REAL(free)(pointer);
}

void free_sized(void *pointer, size_t size)
{
    if (__builtin_expect(lk_filter_may_hold(pointer), 0))
        free_maybe_sampled(pointer);
    else
        LK_REAL(free_sized)(pointer, size);
}

void free_aligned_sized(void *pointer, size_t alignment, size_t size)
{
    if (__builtin_expect(lk_filter_may_hold(pointer), 0))
        free_maybe_sampled(pointer);
    else
        LK_REAL(free_aligned_sized)(pointer, alignment, size);
}

/* ---- realloc ---- */

static void *leave_boot_area(void *pointer, size_t size)
{
    void *fresh = malloc(size);
    size_t old = lk_boot_size(pointer);
    if (fresh)
        memcpy(fresh, pointer, old < size ? old : size);
    return fresh;
}

/* `failed`: the original gave NULL and the old block stays. A size of 0 frees it (glibc). */
static void settle_realloc(void *old, bool was_live, const struct lk_live *entry, void *fresh,
                           size_t size, bool due, const struct lk_caller *from)
{
    int kept = errno;
    bool failed = !fresh && size != 0;
    if (was_live && failed)
        lk_heap_restore(old, entry);
    else if (was_live)
        lk_heap_freed(old, entry, fresh != NULL);
    if (due)
        lk_heap_allocated(fresh, size, old ? entry : NULL, from);
    errno = kept;
}

static OUT_OF_LINE void *sampled_realloc(void *pointer, size_t size, bool due)
{
    struct lk_caller from = LK_CALLER_HERE();
    struct lk_live entry = {.key = 0};
    if (pointer && lk_boot_owns(pointer))
        return leave_boot_area(pointer, size);
    bool was_live = pointer && lk_filter_may_hold(pointer) && lk_heap_forget(pointer, &entry);
    void *fresh = LK_REAL(realloc)(pointer, size);
    settle_realloc(pointer, was_live, &entry, fresh, size, due, &from);
    return fresh;
}

void *realloc(void *pointer, size_t size)
{
    bool due = lk_heap_due(size);
    if (__builtin_expect(due || lk_filter_may_hold(pointer), 0))
        return sampled_realloc(pointer, size, due);
    return LK_REAL(realloc)(pointer, size);
}

/* What glibc's does, which would come to our realloc, and count, a second time: the host's realloc.
 */
void *reallocarray(void *pointer, size_t count, size_t size)
{
    size_t bytes;
    if (__builtin_mul_overflow(count, size, &bytes))
        return LK_REAL(reallocarray)(pointer, count, size); /* fails, and says how */
    return lk_host_realloc(pointer, bytes);
}

/* ---- Aligned ---- */

static OUT_OF_LINE int sampled_posix_memalign(void **result, size_t alignment, size_t size)
{
    struct lk_caller from = LK_CALLER_HERE();
    int status = LK_REAL(posix_memalign)(result, alignment, size);
    lk_heap_allocated(status == 0 ? *result : NULL, size, NULL, &from);
    return status;
}

int posix_memalign(void **result, size_t alignment, size_t size)
{
    return lk_heap_due(size) ? sampled_posix_memalign(result, alignment, size)
                             : LK_REAL(posix_memalign)(result, alignment, size);
}

static OUT_OF_LINE void *sampled(void *pointer, size_t size)
{
    struct lk_caller from = LK_CALLER_HERE();
    lk_heap_allocated(pointer, size, NULL, &from);
    return pointer;
}

void *aligned_alloc(size_t alignment, size_t size)
{
    return lk_heap_due(size) ? sampled(LK_REAL(aligned_alloc)(alignment, size), size)
                             : LK_REAL(aligned_alloc)(alignment, size);
}

void *memalign(size_t alignment, size_t size)
{
    return lk_heap_due(size) ? sampled(LK_REAL(memalign)(alignment, size), size)
                             : LK_REAL(memalign)(alignment, size);
}

void *valloc(size_t size)
{
    return lk_heap_due(size) ? sampled(LK_REAL(valloc)(size), size) : LK_REAL(valloc)(size);
}

void *pvalloc(size_t size)
{
    return lk_heap_due(size) ? sampled(LK_REAL(pvalloc)(size), size) : LK_REAL(pvalloc)(size);
}

size_t malloc_usable_size(void *pointer)
{
    if (__builtin_expect(lk_filter_may_hold(pointer) && pointer && lk_boot_owns(pointer), 0))
        return lk_boot_size(pointer);
    return LK_REAL(malloc_usable_size)(pointer);
}
