/*
 * The miss-ratio curve of a stream of reads, writes and removals: for each size of an LRU cache,
 * the share of reads that miss. From reuse distances in bytes (replay/reuse.h, which says what is
 * assumed).
 *
 * With at most `exact_entries` entries every one is followed, and the curve is exact. Beyond that
 * the small distances are exact still: the MISS_CURVE_NEAR_ENTRIES that were used last are
 * followed. Larger ones are estimated by spatial sampling (SHARDS: Waldspurger, Park, Garthwaite,
 * Ahmad, "Efficient MRC construction with SHARDS", FAST 2015): only entries whose hash is below a
 * threshold are followed, and their distances are scaled up. As in the fixed-size form the memory
 * is bounded; as all entries are known beforehand, the threshold is set once, so that
 * MISS_CURVE_SAMPLE_ENTRIES are expected, and need not fall as it goes. The adjustment is made: how
 * many reads go beyond the small distances is known, and those that the sample has too many or too
 * few, for it has or lacks some of the most read entries, count at the smallest of the large
 * distances. Reads of what not even an unlimited cache has are counted, not estimated.
 *
 * MISS_CURVE_SAMPLES such samples with hashes of their own are followed at once. The estimate is
 * their mean; the interval (95 %) is Student's, from how they differ.
 */
#ifndef LEAKEY_REPLAY_MISS_CURVE_H
#define LEAKEY_REPLAY_MISS_CURVE_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#define MISS_CURVE_EXACT_ENTRIES  262144u
#define MISS_CURVE_NEAR_ENTRIES   16384u
#define MISS_CURVE_SAMPLES        8
#define MISS_CURVE_SAMPLE_ENTRIES 8192u
#define MISS_CURVE_POINTS         48

struct miss_curve_point {
    uint64_t cache_bytes;
    double miss_ratio;
    double interval[2]; /* of an estimate; a point where it is exact */
};

struct miss_curve;

/* Entries are numbers below `entries`. */
struct miss_curve *miss_curve_new(uint32_t entries, uint32_t exact_entries);
void miss_curve_free(struct miss_curve *curve);

/* A read of what is not in counts as a miss at every size. */
void miss_curve_read(struct miss_curve *curve, uint32_t entry);
void miss_curve_write(struct miss_curve *curve, uint32_t entry, uint64_t bytes);
void miss_curve_remove(struct miss_curve *curve, uint32_t entry);

bool miss_curve_is_exact(const struct miss_curve *curve);
uint64_t miss_curve_largest_entry_bytes(const struct miss_curve *curve);
/* After the last read. There was one. */
struct miss_curve_point miss_curve_at(struct miss_curve *curve, uint64_t cache_bytes);
/* struct miss_curve_point, at most MISS_CURVE_POINTS, sizes rising from 0 to where a larger cache
 * helps no more; empty without reads. */
GArray *miss_curve_points(struct miss_curve *curve);

#endif
