/* Anonymous mappings from some megabytes on; below, the allocator's own. */
#define _GNU_SOURCE
#include "model/big.h"

#include <glib.h>
#include <sys/mman.h>

#define MAPPED_BYTES_MIN ((size_t)4 << 20)

void *big_new0(size_t bytes)
{
    void *memory;

    if (bytes < MAPPED_BYTES_MIN)
        return g_malloc0(bytes);
    memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
                  -1, 0);
    if (memory == MAP_FAILED)
        g_error("no memory for %zu bytes", bytes);
    madvise(memory, bytes, MADV_HUGEPAGE);
    return memory;
}

void big_free(void *memory, size_t bytes)
{
    if (bytes < MAPPED_BYTES_MIN)
        g_free(memory);
    else
        munmap(memory, bytes);
}
