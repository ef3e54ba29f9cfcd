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
    struct numbered *sorted = g_new(struct numbered, count);
    size_t usable = 0;
    for (size_t i = 0; i < count; i++) {
        block_of[i] = BLOCKS_NONE;
        if (is_usable(&spans[i]) && usable < BLOCKS_NONE)
            sorted[usable++] = (struct numbered){spans[i], i};
    }
    qsort(sorted, usable, sizeof(*sorted), by_start);
    blocks->starts = g_new(uint64_t, usable);
    blocks->ends = g_new(uint64_t, usable);
    for (size_t i = 0; i < usable; i++) {
        const struct span *span = &sorted[i].span;
        uint32_t last = blocks->count - 1;
        if (blocks->count != 0 && span->start < blocks->ends[last]) {
            blocks->ends[last] = MAX(blocks->ends[last], span->end);
        } else {
            blocks->starts[blocks->count] = span->start;
            blocks->ends[blocks->count++] = span->end;
        }
        block_of[sorted[i].number] = blocks->count - 1;
    }
    g_free(sorted);
}

/* Marks the pages that a block reaches into. Blocks come in order, so the first to mark a page is
 * its first. */
static void enter_pages(struct blocks *blocks, uint32_t block)
{
    uint64_t last = (blocks->ends[block] - 1) >> BLOCKS_PAGE_BIT;
    for (uint64_t page = blocks->starts[block] >> BLOCKS_PAGE_BIT; page <= last; page++) {
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
        blocks->lowest = blocks->starts[0];
        blocks->width = blocks->ends[blocks->count - 1] - blocks->lowest;
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
    g_free(blocks->starts);
    g_free(blocks->ends);
    g_free(blocks);
}

/* ---- Looking up ---- */

/* The last block at or behind `first` that starts at or before `value`. */
static uint32_t last_started(const struct blocks *blocks, uint32_t first, uint64_t value)
{
    uint32_t low = first;
    for (uint32_t step = 0; step < NEAR_BLOCKS; step++, low++)
        if (low + 1 >= blocks->count || blocks->starts[low + 1] > value)
            return low;
    uint32_t high = MIN(blocks->count - low, (1u << BLOCKS_PAGE_BIT) + 1) + low;
    while (high - low > 1) {
        uint32_t middle = low + (high - low) / 2;
        if (blocks->starts[middle] <= value)
            low = middle;
        else
            high = middle;
    }
    return low;
}

static inline uint32_t look_up(const struct blocks *blocks, uint64_t value)
{
    const struct blocks_span *span = blocks->spans[value >> BLOCKS_SPAN_BIT];
    uint32_t page = (value >> BLOCKS_PAGE_BIT) & (BLOCKS_PAGES - 1);
    if (span == NULL || !(span->pages[page / 64] >> (page % 64) & 1))
        return BLOCKS_NONE;
    uint32_t block = span->first[page];
    if (value < blocks->starts[block])
        return BLOCKS_NONE;
    block = last_started(blocks, block, value);
    return value < blocks->ends[block] ? block : BLOCKS_NONE;
}

uint32_t blocks_at(const struct blocks *blocks, uint64_t value)
{
    return value - blocks->lowest < blocks->width ? look_up(blocks, value) : BLOCKS_NONE;
}

uint32_t blocks_from(const struct blocks *blocks, uint64_t address)
{
    uint32_t low = 0, high = blocks->count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (blocks->ends[middle] > address)
            high = middle;
        else
            low = middle + 1;
    }
    return low;
}

/* ---- Scanning ---- */

static void scan_stretch(const struct blocks *blocks, uint32_t from, const uint64_t *words,
                         size_t count, blocks_found *found, void *context)
{
    uint64_t lowest = blocks->lowest, width = blocks->width;
    size_t i = 0;
    while (i < count) {
        size_t end = MIN(i + AT_ONCE, count);
        if (end - i == AT_ONCE) { /* most eights hold nothing: no branch for each word */
            unsigned any = 0;
            for (size_t k = 0; k < AT_ONCE; k++)
                any |= words[i + k] - lowest < width;
            if (!any) {
                i = end;
                continue;
            }
        }
        for (; i < end; i++) {
            uint32_t to = blocks_at(blocks, words[i]);
            if (to != BLOCKS_NONE && to != from)
                found(context, from, to);
        }
    }
}

/* How many words, from `at` on, begin before `limit`. */
static size_t words_before(uint64_t at, uint64_t limit, size_t most)
{
    return limit <= at ? 0 : (size_t)MIN((limit - at + WORD - 1) / WORD, most);
}

void blocks_scan(const struct blocks *blocks, uint64_t address, const uint64_t *words, size_t count,
                 blocks_found *found, void *context)
{
    uint32_t next = blocks_from(blocks, address);
    while (count != 0 && blocks->count != 0) {
        while (next < blocks->count && blocks->ends[next] <= address)
            next++;
        bool is_last = next >= blocks->count;
        bool inside = !is_last && blocks->starts[next] <= address;
        uint64_t limit = is_last ? UINT64_MAX : inside ? blocks->ends[next] : blocks->starts[next];
        size_t stretch = is_last ? count : words_before(address, limit, count);
        scan_stretch(blocks, inside ? next : BLOCKS_NONE, words, stretch, found, context);
        address += stretch * WORD;
        words += stretch;
        count -= stretch;
    }
}
