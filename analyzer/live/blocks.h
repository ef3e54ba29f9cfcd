/*
 * The blocks that are searched for, and whether a word points into one of them: the part that has
 * to run at the speed of memory. Three looks, each far rarer than the one before: is the word
 * between the lowest and the highest block; does a block lie in that 4 KiB page (32 KiB of bits a
 * GiB of addresses); which of the page's blocks is it.
 */
#ifndef LEAKEY_LIVE_BLOCKS_H
#define LEAKEY_LIVE_BLOCKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Addresses: from `start` up to, not including, `end`. */
struct span {
    uint64_t start, end;
};

#define BLOCKS_NONE     UINT32_MAX
#define BLOCKS_SPAN_BIT 30u /* addresses are divided into spans of 1 GiB */
#define BLOCKS_SPANS    (1u << (47 - BLOCKS_SPAN_BIT))
#define BLOCKS_PAGE_BIT 12u
#define BLOCKS_PAGES    (1u << (BLOCKS_SPAN_BIT - BLOCKS_PAGE_BIT)) /* of a span */

struct blocks_span { /* one GiB that has blocks */
    uint64_t pages[BLOCKS_PAGES / 64];
    uint32_t first[BLOCKS_PAGES]; /* of a page with blocks: the first that reaches into it */
};

struct blocks {
    struct span *all; /* sorted, disjoint */
    uint32_t count;
    uint64_t lowest, width;     /* all lie in [lowest, lowest + width) */
    struct blocks_span **spans; /* BLOCKS_SPANS */
};

/* Of any spans; those that overlap become one block, and those beyond user space none. Puts the
 * block of each in `block_of` (BLOCKS_NONE for none), which has room for `count`. */
struct blocks *blocks_new(const struct span *spans, size_t count, uint32_t *block_of);
void blocks_free(struct blocks *blocks);

/* The block that `value` points into, or BLOCKS_NONE. */
uint32_t blocks_at(const struct blocks *blocks, uint64_t value);

/* The first block that ends beyond `address`; `count` when there is none. */
uint32_t blocks_from(const struct blocks *blocks, uint64_t address);

/* A word that points into the block `to`, and lies in the block `from`; BLOCKS_NONE outside of all.
 */
struct hit {
    uint32_t from, to;
};
#define BLOCKS_HITS 64u /* handed over at once, at most: enough to wait for memory once for all */

typedef void blocks_found(void *context, const struct hit *hits, size_t count);

/* Looks at `count` words that lie at `address` (a multiple of 8) on. A block's pointers into itself
 * are passed over. */
void blocks_scan(const struct blocks *blocks, uint64_t address, const uint64_t *words, size_t count,
                 blocks_found *found, void *context);

#endif
