/* One pass over the memory of a stopped process, by as many threads as there are cores: notes which
 * blocks something outside of all blocks points to, and which blocks point to which. */
#ifndef LEAKEY_LIVE_SCAN_H
#define LEAKEY_LIVE_SCAN_H

#include <glib.h>

#include "live/blocks.h"
#include "live/graph.h"
#include "live/pages.h"

struct scan_memory { /* what is to be read */
    GArray *own;     /* struct span; all of it must be readable */
    GArray *shared;  /* struct span; some may be no memory */
};

struct scan_result {
    uint8_t *reach;                    /* of each block, as graph_complete wants it */
    GArray *edges;                     /* struct edge_list: one of each worker */
    uint64_t read_bytes, unread_bytes; /* unread: of own memory */
};

struct scan_result scan_begin(const struct blocks *blocks);
/* Words that are no block's: registers. */
void scan_words(const struct blocks *blocks, const GArray *words, struct scan_result *result);
void scan_memory(const struct blocks *blocks, const struct pages *pages,
                 const struct scan_memory *memory, struct scan_result *result);
void scan_release(struct scan_result *result);

#endif
