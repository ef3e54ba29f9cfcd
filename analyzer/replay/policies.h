/*
 * A cache of limited size, entry by entry: who is in, and who goes when room is needed. Sizes are
 * bytes, of whole entries (key, value and what the server needs for them).
 *
 *   lru               goes first: the entry that was longest neither read nor written
 *   lfu               the one that was least often read or written since it came in; among equals
 *                     the one that was longest not (Mattson et al. 1970 and many since)
 *   fifo-reinsertion  the oldest, unless it was read or written since it came in or since it was
 *                     last spared: then it is spared and counts as new (CLOCK with one bit, Corbato
 *                     1968)
 *
 * An entry larger than the whole cache is not let in; when an entry becomes so by a write, it goes.
 * A write of an entry that is in counts as a use; its new size holds at once, and others make room
 * for it.
 */
#ifndef LEAKEY_REPLAY_POLICIES_H
#define LEAKEY_REPLAY_POLICIES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum policy { POLICY_LRU, POLICY_LFU, POLICY_FIFO_REINSERTION, POLICIES };

const char *policy_name(enum policy policy);
/* False: there is none of that name. */
bool policy_named(const char *name, enum policy *policy);

#define CACHE_UNLIMITED UINT64_MAX

struct bounded_cache;

/* Entries are numbers below `entries`; capacity_bytes may be CACHE_UNLIMITED. */
struct bounded_cache *bounded_cache_new(enum policy policy, uint64_t capacity_bytes,
                                        uint32_t entries);
void bounded_cache_free(struct bounded_cache *cache);

bool bounded_cache_holds(const struct bounded_cache *cache, uint32_t entry);
/* It was read; it must be in. */
void bounded_cache_use(struct bounded_cache *cache, uint32_t entry);
/* It was written. False: it is too large, and not in. */
bool bounded_cache_put(struct bounded_cache *cache, uint32_t entry, uint64_t bytes);
void bounded_cache_remove(struct bounded_cache *cache, uint32_t entry);

uint64_t bounded_cache_peak_bytes(const struct bounded_cache *cache);
uint64_t bounded_cache_evictions(const struct bounded_cache *cache);

#endif
