/* The heap's tables: what each site's lanes counted, its history, and the live blocks of
 * every-allocation mode. */
#include <math.h>
#include <string.h>

#include "read/parts.h"

/* ---- Counts ---- */

static void add_totals(struct heap_totals *sum, const struct heap_totals *more)
{
    sum->allocated_bytes += more->allocated_bytes;
    sum->allocated_count_q16 += more->allocated_count_q16;
    sum->freed_bytes += more->freed_bytes;
    sum->freed_count_q16 += more->freed_count_q16;
    sum->temporary_count_q16 += more->temporary_count_q16;
    sum->samples += more->samples;
    sum->sample_frees += more->sample_frees;
    sum->allocated_variance += more->allocated_variance;
    /* A damaged capture's numbers may be anything. */
    sum->peak_bytes = (int64_t)((uint64_t)sum->peak_bytes + (uint64_t)more->peak_bytes);
}

static struct heap_totals totals_of(const struct lk_counts *counts, uint32_t peak_number)
{
    int64_t live = (int64_t)(counts->allocated_bytes - counts->freed_bytes);
    return (struct heap_totals){
        .allocated_bytes = counts->allocated_bytes,
        .allocated_count_q16 = counts->allocated_count_q16,
        .freed_bytes = counts->freed_bytes,
        .freed_count_q16 = counts->freed_count_q16,
        .temporary_count_q16 = counts->temporary_count_q16,
        .samples = counts->samples,
        .sample_frees = counts->sample_frees,
        .allocated_variance = counts->allocated_variance,
        .peak_bytes = counts->peak_number == peak_number ? counts->peak_bytes : live,
    };
}

void read_counts(struct capture *capture, const struct lk_extent *head, const uint8_t *data,
                 size_t room)
{
    const struct lk_counts *counts = (const void *)data;
    size_t items = (size_t)MIN(head->items, room / sizeof(*counts));
    for (size_t i = 0; i < items; i++) {
        uint64_t id = head->first_id + i;
        if (counts[i].allocated_count_q16 == 0 && counts[i].freed_count_q16 == 0)
            continue;
        struct capture_site *site =
            element_with_id(capture, capture->sites, id, sizeof(struct lk_site));
        if (site == NULL)
            return;
        struct heap_totals totals = totals_of(&counts[i], capture->header.peak_number);
        add_totals(&site->totals, &totals);
    }
}

/* Exact captures leave out what follows from the counts. */
static void finish_totals(struct capture *capture, struct capture_site *site)
{
    struct heap_totals *totals = &site->totals;
    if (!isfinite(totals->allocated_variance) || totals->allocated_variance < 0) {
        capture_damage(capture, "site %u: its variance is no number", site->id);
        totals->allocated_variance = 0;
    }
    if (capture->header.sample_bytes <= 1) {
        totals->samples = totals->allocated_count_q16 >> 16;
        totals->sample_frees = totals->freed_count_q16 >> 16;
    }
}

/* ---- Histories ---- */

/* At the header's shift; a site's own may be finer. finish_history fills in what came after. */
static void copy_history(const struct capture *capture, struct capture_site *site,
                         const struct lk_history *raw)
{
    uint32_t later = capture->header.history_shift - raw->shift;
    uint32_t last = later > 31 ? 0 : raw->last >> later;
    for (uint32_t i = 0; i < LK_HISTORY_WINDOWS; i++)
        site->history[i] = i < last ? raw->live_bytes[((i + 1) << later) - 1] : INT64_MAX;
}

void read_histories(struct capture *capture, const struct lk_extent *head, const uint8_t *data,
                    size_t room)
{
    const struct lk_history *raw = (const void *)data;
    size_t items = (size_t)MIN(head->items, room / sizeof(*raw));
    for (size_t i = 0; i < items; i++) {
        uint64_t id = head->first_id + i;
        if (raw[i].last == 0 && raw[i].shift == 0)
            continue;
        if (raw[i].shift > capture->header.history_shift || raw[i].last >= LK_HISTORY_WINDOWS) {
            capture_damage(capture, "site %u: its history", (uint32_t)id);
            continue;
        }
        struct capture_site *site =
            element_with_id(capture, capture->sites, id, sizeof(struct lk_site));
        if (site == NULL)
            return;
        if (site->history == NULL)
            site->history = g_new(int64_t, LK_HISTORY_WINDOWS);
        copy_history(capture, site, &raw[i]);
    }
}

/* What no window was closed for has stayed what it is at the end. */
static void finish_history(struct capture_site *site)
{
    const struct heap_totals *totals = &site->totals;
    int64_t live = (int64_t)(totals->allocated_bytes - totals->freed_bytes);
    if (site->history == NULL && totals->allocated_bytes == 0)
        return;
    if (site->history == NULL) {
        site->history = g_new(int64_t, LK_HISTORY_WINDOWS);
        for (uint32_t i = 0; i < LK_HISTORY_WINDOWS; i++)
            site->history[i] = INT64_MAX;
    }
    for (uint32_t i = 0; i < LK_HISTORY_WINDOWS; i++)
        if (site->history[i] == INT64_MAX)
            site->history[i] = live;
}

void finish_sites(struct capture *capture)
{
    for (guint id = 0; id < capture->sites->len; id++) {
        struct capture_site *site = &g_array_index(capture->sites, struct capture_site, id);
        site->id = id;
        finish_totals(capture, site);
        finish_history(site);
        add_totals(&capture->totals, &site->totals);
    }
    capture->history_ns = LK_HISTORY_NS(capture->header.history_shift);
}

/* ---- Live blocks ---- */

static void read_block_page(struct capture *capture, uint64_t memory, const struct lk_block *blocks)
{
    for (uint32_t i = 0; i < LK_BLOCKS_PER_PAGE; i++) {
        uint64_t block = blocks[i].block;
        if (block == 0)
            continue;
        struct lk_live entry = {.key = memory + 16 * (uint64_t)i,
                                .size = block & ((1ull << LK_BLOCK_SIZE_BITS) - 1),
                                .time_ns = LK_BLOCK_TIME_NS(blocks[i].past),
                                .site = (uint32_t)(block >> LK_BLOCK_SIZE_BITS) &
                                        ((1u << LK_BLOCK_SITE_BITS) - 1),
                                .tag = LK_BLOCK_TAG(blocks[i].past)};
        g_array_append_val(capture->live, entry);
    }
}

void read_blocks(struct capture *capture, const uint8_t *data, size_t room)
{
    const uint64_t *memory = (const void *)data;
    const uint8_t *granule = data - sizeof(struct lk_extent);
    for (size_t i = 0; i < LK_BLOCK_PAGES; i++) {
        size_t page = LK_BLOCK_PAGE * (i + 1);
        if (page + LK_BLOCK_PAGE - sizeof(struct lk_extent) > room)
            return;
        if (memory[i] == 0)
            continue;
        if (memory[i] % LK_BLOCK_PAGE != 0 || memory[i] >> 48 != 0) {
            capture_damage(capture, "a page of live blocks");
            continue;
        }
        read_block_page(capture, memory[i], (const void *)(granule + page));
    }
}
