/* Bytes that are kept together and freed together: the texts of a model that outlive the records
 * they came with. */
#ifndef LEAKEY_MODEL_ARENA_H
#define LEAKEY_MODEL_ARENA_H

#include <glib.h>

struct arena { /* all zero: empty */
    GPtrArray *blocks;
    size_t used, room; /* of the last block */
};

/* A copy of `bytes` bytes, aligned to 8; NULL for none. */
const void *arena_copy(struct arena *arena, const void *from, size_t bytes);
void arena_clear(struct arena *arena);

#endif
