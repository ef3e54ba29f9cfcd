/* The table of blocks, and the search of words for pointers into them; see blocks.h. */
#include "live/blocks.h"

#include <glib.h>
#include <stdlib.h>

#define WORD        sizeof(uint64_t)
#define USER_BYTES  (1ull << 47)
#define AT_ONCE     8u /* words that are tried together */
#define NEAR_BLOCKS 8u /* that many are looked at one after the other */

/* ---- Making the table ---- */

struct numbered {
    struct span span;
    size_t number;
};

static int by_start(const void *a, const void *b)
{
    const struct numbered *x = a, *y = b;
    return (x->span.start > y->span.start) - (x->span.start < y->span.start);
}

static bool is_usable(const struct span *span)
{
    return span->start < span->end && span->end <= USER_BYTES;
}

/* Sorts, joins what overlaps, numbers the rest. */
static void join_spans(struct blocks *blocks, const struct span *spans, size_t count,
                       uint32_t *block_of)
{
    struct numbered *sorted = g_new(struct numbered, count + 1);
    size_t usable = 0;
    for (size_t i = 0; i < count; i++) {
        block_of[i] = BLOCKS_NONE;
        if (is_usable(&spans[i]) && usable < BLOCKS_NONE)
            sorted[usable++] = (struct numbered){spans[i], i};
    }
    qsort(sorted, usable, sizeof(*sorted), by_start);
    blocks->all = g_new(struct span, usable + 1);
    for (size_t i = 0; i < usable; i++) {
        const struct span *span = &sorted[i].span;
        struct span *last = blocks->count == 0 ? NULL : &blocks->all[blocks->count - 1];
        if (last != NULL && span->start < last->end)
            last->end = MAX(last->end, span->end);
        else
            blocks->all[blocks->count++] = *span;
        block_of[sorted[i].number] = blocks->count - 1;
    }
    g_free(sorted);
}

/* Marks the pages that a block reaches into. Blocks come in order, so the first to mark a page is
 * its first. */
static void enter_pages(struct blocks *blocks, uint32_t block)
{
    uint64_t last = (blocks->all[block].end - 1) >> BLOCKS_PAGE_BIT;
    for (uint64_t page = blocks->all[block].start >> BLOCKS_PAGE_BIT; page <= last; page++) {
        struct blocks_span **span = &blocks->spans[page >> (BLOCKS_SPAN_BIT - BLOCKS_PAGE_BIT)];
        if (*span == NULL)
            *span = g_new0(struct blocks_span, 1);
        uint32_t within = page & (BLOCKS_PAGES - 1);
        uint64_t bit = 1ull << (within % 64);
        if ((*span)->pages[within / 64] & bit)
            continue;
        (*span)->pages[within / 64] |= bit;
        (*span)->first[within] = block;
    }
}

struct blocks *blocks_new(const struct span *spans, size_t count, uint32_t *block_of)
{
    struct blocks *blocks = g_new0(struct blocks, 1);
    blocks->spans = g_new0(struct blocks_span *, BLOCKS_SPANS);
    join_spans(blocks, spans, count, block_of);
    for (uint32_t i = 0; i < blocks->count; i++)
        enter_pages(blocks, i);
    if (blocks->count != 0) {
        blocks->lowest = blocks->all[0].start;
        blocks->width = blocks->all[blocks->count - 1].end - blocks->lowest;
    }
    return blocks;
}

void blocks_free(struct blocks *blocks)
{
    if (blocks == NULL)
        return;
    for (size_t i = 0; i < BLOCKS_SPANS; i++)
        g_free(blocks->spans[i]);
    g_free(blocks->spans);
    g_free(blocks->all);
    g_free(blocks);
}

/* ---- Looking up ---- */

/* The place that knows the first block of the value's page; NULL when the page has none. */
static inline const uint32_t *first_of_page(const struct blocks *blocks, uint64_t value)
{
    const struct blocks_span *span = blocks->spans[value >> BLOCKS_SPAN_BIT];
    uint32_t page = (value >> BLOCKS_PAGE_BIT) & (BLOCKS_PAGES - 1);
    bool any = span != NULL && (span->pages[page / 64] >> (page % 64) & 1);
    return any ? &span->first[page] : NULL;
}

/* The last block at or behind `first` that starts at or before `value`. */
static uint32_t last_started(const struct blocks *blocks, uint32_t first, uint64_t value)
{
    uint32_t low = first;
    for (uint32_t step = 0; step < NEAR_BLOCKS; step++, low++)
        if (low + 1 >= blocks->count || blocks->all[low + 1].start > value)
            return low;
    uint32_t high = low + MIN(blocks->count - low, (1u << BLOCKS_PAGE_BIT) + 1);
    while (high - low > 1) {
        uint32_t middle = low + (high - low) / 2;
        if (blocks->all[middle].start <= value)
            low = middle;
        else
            high = middle;
    }
    return low;
}

/* The block of the value, `first` being the first of its page. */
static inline uint32_t look_from(const struct blocks *blocks, uint32_t first, uint64_t value)
{
    if (value < blocks->all[first].start)
        return BLOCKS_NONE;
    uint32_t block = last_started(blocks, first, value);
    return value < blocks->all[block].end ? block : BLOCKS_NONE;
}

uint32_t blocks_at(const struct blocks *blocks, uint64_t value)
{
    const uint32_t *first = NULL;
    if (value - blocks->lowest < blocks->width)
        first = first_of_page(blocks, value);
    return first == NULL ? BLOCKS_NONE : look_from(blocks, *first, value);
}

uint32_t blocks_from(const struct blocks *blocks, uint64_t address)
{
    uint32_t low = 0, high = blocks->count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (blocks->all[middle].end > address)
            high = middle;
        else
            low = middle + 1;
    }
    return low;
}

/* ---- Scanning ---- */

/* Words whose page has blocks. What the look-up needs is far apart in memory, so it is fetched for
 * all of them before it is used. */
struct pending {
    const uint32_t *first;
    uint64_t value, address;
};

struct scan {
    const struct blocks *blocks;
    blocks_found *found;
    void *context;
    uint32_t next; /* the first block that ends behind the words seen so far */
    uint32_t count;
    struct pending pending[BLOCKS_HITS];
};

/* Addresses come in order. */
static uint32_t block_around(struct scan *scan, uint64_t address)
{
    const struct blocks *blocks = scan->blocks;
    while (scan->next < blocks->count && blocks->all[scan->next].end <= address)
        scan->next++;
    bool inside = scan->next < blocks->count && blocks->all[scan->next].start <= address;
    return inside ? scan->next : BLOCKS_NONE;
}

static void resolve(struct scan *scan)
{
    struct hit hits[BLOCKS_HITS];
    size_t count = 0;
    for (uint32_t i = 0; i < scan->count; i++)
        __builtin_prefetch(&scan->blocks->all[*scan->pending[i].first]);
    for (uint32_t i = 0; i < scan->count; i++) {
        const struct pending *word = &scan->pending[i];
        struct hit hit = {block_around(scan, word->address),
                          look_from(scan->blocks, *word->first, word->value)};
        if (hit.to != BLOCKS_NONE && hit.to != hit.from)
            hits[count++] = hit;
    }
    if (count != 0)
        scan->found(scan->context, hits, count);
    scan->count = 0;
}

static inline void try_word(struct scan *scan, uint64_t address, uint64_t value)
{
    const struct blocks *blocks = scan->blocks;
    if (value - blocks->lowest >= blocks->width)
        return;
    const uint32_t *first = first_of_page(blocks, value);
    if (first == NULL)
        return;
    __builtin_prefetch(first);
    scan->pending[scan->count++] = (struct pending){first, value, address};
    if (scan->count == BLOCKS_HITS)
        resolve(scan);
}

void blocks_scan(const struct blocks *blocks, uint64_t address, const uint64_t *words, size_t count,
                 blocks_found *found, void *context)
{
    struct scan scan = {.blocks = blocks, .found = found, .context = context};
    uint64_t lowest = blocks->lowest, width = blocks->width;
    size_t i = 0;
    scan.next = blocks_from(blocks, address);
    for (; i + AT_ONCE <= count; i += AT_ONCE) { /* most eights hold nothing: one branch for all */
        unsigned any = 0;
        for (size_t k = 0; k < AT_ONCE; k++)
            any |= words[i + k] - lowest < width;
        for (size_t k = 0; any && k < AT_ONCE; k++)
            try_word(&scan, address + (i + k) * WORD, words[i + k]);
    }
    for (; i < count; i++)
        try_word(&scan, address + i * WORD, words[i]);
    resolve(&scan);
}
