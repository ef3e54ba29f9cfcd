/* Pages of entries, and the tables that find them. */
#include "heap/blocks.h"

#include "sys.h"

#define REGIONS (1u << (LK_BLOCK_ADDRESS_BITS - LK_BLOCK_REGION_BITS))

uint32_t **lk_block_regions;
static struct filling {
    struct lk_extent *extent; /* the one that takes new pages; its `items` counts them */
} * filling;

/* A page of the capture for the page of memory at `memory`: its number, or 0. */
static uint32_t new_page(uint64_t memory)
{
    struct filling *now = lk_sys_once_wiped((void **)&filling, sizeof *filling);
    for (int tries = 0; now && tries < 3; tries++) {
        struct lk_extent *extent = lk_extent_at(&now->extent, LK_EXTENT_BLOCKS, 1, 0, 0, 0);
        if (!extent)
            return 0;
        uint64_t number = __atomic_fetch_add(&extent->items, 1, __ATOMIC_RELAXED);
        if (number < LK_BLOCK_PAGES) {
            __atomic_store_n((uint64_t *)(extent + 1) + number, memory, __ATOMIC_RELEASE);
            return (uint32_t)(lk_capture_offset(extent) / LK_BLOCK_PAGE + 1 + number);
        }
        __atomic_compare_exchange_n(&now->extent, &extent, NULL, false, __ATOMIC_RELEASE,
                                    __ATOMIC_RELAXED);
    }
    return 0;
}

struct lk_block *lk_block_make(uint64_t address, bool *homeless)
{
    struct lk_block *found = lk_block_find(address);
    *homeless = false;
    if (found)
        return found;
    uint32_t **regions =
        lk_sys_once_wiped((void **)&lk_block_regions, REGIONS * sizeof *lk_block_regions);
    uint32_t *pages = regions
                          ? lk_sys_once_wiped((void **)&regions[address >> LK_BLOCK_REGION_BITS],
                                              LK_BLOCK_PAGES_PER_REGION * sizeof *pages)
                          : NULL;
    *homeless = !pages;
    uint32_t none = 0, page = pages ? new_page(address - address % LK_BLOCK_PAGE) : 0;
    if (!page)
        return NULL;
    /* if another thread was faster, this page stays empty */
    __atomic_compare_exchange_n(&pages[address / LK_BLOCK_PAGE % LK_BLOCK_PAGES_PER_REGION], &none,
                                page, false, __ATOMIC_RELEASE, __ATOMIC_RELAXED);
    return lk_block_find(address);
}
