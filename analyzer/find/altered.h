/*
 * The captured commands once more, with something changed: what counts as the same key, how long
 * entries live, how much the cache holds.
 *
 * An entry is there from its write until its TTL, a delete, a flush, or an eviction. A miss that
 * becomes a hit neither computes nor writes, nor sets an expiry after the write; a hit that becomes
 * a miss is computed and written at once, and its TTL runs from when a recomputation of the
 * template's median time would be done. A hit on what was never seen written was in the cache
 * before the capture began: it stays one, at every size that the entry fits in, and the entry has
 * no TTL that is known. A miss that was never written stays a miss unless the entry is there.
 *
 * An entry's size is that of its key, of the value that was last written (or read, where it was not
 * written), and ENTRY_OVERHEAD_BYTES.
 */
#ifndef LEAKEY_FIND_ALTERED_H
#define LEAKEY_FIND_ALTERED_H

#include "model/cache.h"
#include "replay/miss_curve.h"
#include "replay/policies.h"

#define TTL_AS_CAPTURED INT64_MIN

struct alteration {
    const uint32_t *identities; /* of each key of the model: equal numbers are one entry */
    size_t identity_count;
    int64_t ttl_ms;       /* of every write and EXPIRE; LK_TTL_NONE; TTL_AS_CAPTURED */
    uint64_t cache_bytes; /* CACHE_UNLIMITED */
    enum policy policy;
    bool seen_evictions;      /* what was seen to be evicted is gone */
    uint32_t template_index;  /* the others' commands are left out; CACHE_NONE: none is */
    struct miss_curve *curve; /* filled; NULL: none. It is that of an unlimited cache's entries */
};

struct altered {
    uint64_t reads, hits, writes, written_bytes; /* of values */
    uint64_t evictions, peak_bytes;              /* of entries, all that were there at once */
    double hit_ratio, hit_ratio_interval[2];     /* NAN without reads */
    double distinct_keys;                        /* read or written */
};

struct altered altered_replay(const struct cache_model *model, const struct alteration *alteration);

#endif
