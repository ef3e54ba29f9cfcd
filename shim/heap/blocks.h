/*
 * The live heap blocks of every-allocation mode, by address: no hashing, no atomic operation, for
 * the owner of a block alone touches its entry; what lies together in memory lies together here. In
 * the capture (struct lk_block). Between lk_enter and lk_leave.
 */
#ifndef LK_HEAP_BLOCKS_H
#define LK_HEAP_BLOCKS_H

#include <stddef.h>

#include "capture/state.h"

#define LK_BLOCK_ADDRESS_BITS     47u
#define LK_BLOCK_REGION_BITS      30u /* a region's pages are found through one table */
#define LK_BLOCK_PAGES_PER_REGION ((1u << LK_BLOCK_REGION_BITS) / LK_BLOCK_PAGE)
#define LK_BLOCK_LARGE            4096u /* such a block is hashed: it would have a page for itself */

extern uint32_t **lk_block_regions __attribute__((visibility("hidden"))); /* NULL at first */

/* Whether a block of that size, allocated at that site, can have an entry. */
static inline bool lk_block_fits(uint64_t address, uint64_t size, uint32_t site)
{
    return address % 16 == 0 && address >> LK_BLOCK_ADDRESS_BITS == 0 && size < LK_BLOCK_LARGE &&
           site >> LK_BLOCK_SITE_BITS == 0;
}

/* The entry of an address; NULL when no block near it was ever entered. */
static inline struct lk_block *lk_block_find(uint64_t address)
{
    const uint32_t *pages;
    uint32_t page;
    uint32_t **regions = __atomic_load_n(&lk_block_regions, __ATOMIC_ACQUIRE);
    if (!regions || address % 16 || address >> LK_BLOCK_ADDRESS_BITS)
        return NULL;
    pages = __atomic_load_n(&regions[address >> LK_BLOCK_REGION_BITS], __ATOMIC_ACQUIRE);
    if (!pages)
        return NULL;
    page = __atomic_load_n(&pages[address / LK_BLOCK_PAGE % LK_BLOCK_PAGES_PER_REGION],
                           __ATOMIC_ACQUIRE);
    if (!page)
        return NULL;
    return (struct lk_block *)(lk_state->base + (uint64_t)page * LK_BLOCK_PAGE) +
           address / 16 % LK_BLOCKS_PER_PAGE;
}

/* The same, made if there is none; NULL: no space. *homeless: only because the process has no
 * memory left to find it by. */
struct lk_block *lk_block_make(uint64_t address, bool *homeless);

static inline void lk_block_enter(struct lk_block *block, uint64_t size, uint32_t site,
                                  uint32_t tag, uint32_t lane, uint64_t time_ns)
{
    block->past = tag | (uint64_t)lane << LK_TAG_BITS |
                  time_ns / LK_BLOCK_TIME_UNIT_NS << (LK_TAG_BITS + LK_BLOCK_LANE_BITS);
    __atomic_store_n(&block->block, size | (uint64_t)site << LK_BLOCK_SIZE_BITS | (uint64_t)1 << 62,
                     __ATOMIC_RELEASE);
}

static inline uint64_t lk_block_size(uint64_t block)
{
    return block & (((uint64_t)1 << LK_BLOCK_SIZE_BITS) - 1);
}
static inline uint32_t lk_block_site(uint64_t block)
{
    return (uint32_t)(block >> LK_BLOCK_SIZE_BITS) & ((1u << LK_BLOCK_SITE_BITS) - 1);
}

#endif
