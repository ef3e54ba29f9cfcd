/*
 * What a change would do: the hit ratio, keys and bytes as measured and as predicted, and the
 * miss-ratio curve of an LRU cache with the other changes made. All of the reads that the rings
 * still hold.
 *
 * The prediction without a cache size keeps the evictions that were seen; with one, and in the
 * curve, the size alone decides who goes.
 */
#ifndef LEAKEY_FIND_WHAT_IF_H
#define LEAKEY_FIND_WHAT_IF_H

#include "find/altered.h"

struct what_if_settings {
    uint32_t normaliser_bits;  /* a bit for each enum normaliser */
    int64_t ttl_ms;            /* LK_TTL_NONE; TTL_AS_CAPTURED */
    uint64_t cache_bytes;      /* CACHE_UNLIMITED: as captured */
    enum policy policy;        /* where there is a cache size */
    const char *template_name; /* NULL: all */
};

struct what_if {
    struct what_if_settings settings;
    struct altered measured; /* reads, hits and keys are the capture's own; bytes are replayed */
    struct altered predicted;
    double whole_run_reads; /* of which those replayed are a part */
    GArray *curve;          /* struct miss_curve_point */
    bool curve_exact;
    uint64_t largest_entry_bytes; /* below that size the curve is an upper bound */
};

/* find_curve, which is declared in model/model.h: report->cache.curve, with nothing changed. */

/* NULL: no template of that name. The settings' name must outlive it. */
struct what_if *what_if_new(const struct cache_model *model,
                            const struct what_if_settings *settings);
void what_if_free(struct what_if *what_if);

/* The smallest size of the curve that misses hardly more (0.01) than an unlimited cache. 0: there
 * were no reads. */
uint64_t what_if_enough_bytes(const struct what_if *what_if);

#endif
