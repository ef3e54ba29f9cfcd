/*
 * Reuse distances in bytes: how large a cache with LRU eviction has to be for a read to hit. One
 * pass gives all sizes at once (stack distances, Mattson et al. 1970, with a tree as Olken 1981 has
 * it); O(log n) a step, n entries that are in.
 *
 * An entry's depth is the size of all entries that were used at or after its own latest use. What
 * is removed no longer counts, so depths fall, too; but a smaller cache that has let go of an entry
 * does not get it back. So the distance is the greatest depth since the entry's latest use: an LRU
 * cache holds the entry exactly if it never was less than that. The tree keeps for each entry its
 * depth and the greatest one: a segment tree over the order of use, where an addition to a range
 * waits at a node together with the highest that it has been.
 *
 * This is exact for caches that are at least as large as the largest entry. A smaller one does not
 * let such entries in, where this makes room for them: it has at most as many misses as said here.
 *
 * Assumed: what a smaller cache misses and the unlimited one has, is written again at once, with
 * the size and expiry that it has in the unlimited one.
 */
#ifndef LEAKEY_REPLAY_REUSE_H
#define LEAKEY_REPLAY_REUSE_H

#include <stdint.h>

#define REUSE_NONE UINT64_MAX

struct reuse;

/* Entries are numbers below `entries`. */
struct reuse *reuse_new(uint32_t entries);
void reuse_free(struct reuse *reuse);

/* The distance; REUSE_NONE when the entry is not even in the unlimited cache. */
uint64_t reuse_read(struct reuse *reuse, uint32_t entry);
void reuse_write(struct reuse *reuse, uint32_t entry, uint64_t bytes);
void reuse_remove(struct reuse *reuse, uint32_t entry);
/* Of an entry that is in; else 0. */
uint64_t reuse_bytes(const struct reuse *reuse, uint32_t entry);
uint64_t reuse_total_bytes(const struct reuse *reuse);
/* Forgets those that were longest not used, until so many are left; the distances of the others are
 * as before. */
void reuse_keep_latest(struct reuse *reuse, uint32_t count);

#endif
