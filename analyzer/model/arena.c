/* Blocks of a fixed size; what is larger has one of its own. */
#include "model/arena.h"

#include <string.h>

#define BLOCK_BYTES ((size_t)1 << 20)

static size_t rounded(size_t bytes)
{
    return (bytes + 7) / 8 * 8;
}

const void *arena_copy(struct arena *arena, const void *from, size_t bytes)
{
    char *to;

    if (bytes == 0)
        return NULL;
    if (arena->blocks == NULL)
        arena->blocks = g_ptr_array_new_with_free_func(g_free);
    if (rounded(bytes) > arena->room - arena->used) {
        arena->room = MAX(BLOCK_BYTES, rounded(bytes));
        arena->used = 0;
        g_ptr_array_add(arena->blocks, g_malloc(arena->room));
    }
    to = (char *)g_ptr_array_index(arena->blocks, arena->blocks->len - 1) + arena->used;
    arena->used += rounded(bytes);
    return memcpy(to, from, bytes);
}

void arena_clear(struct arena *arena)
{
    if (arena->blocks != NULL)
        g_ptr_array_free(arena->blocks, TRUE);
    *arena = (struct arena){0};
}
