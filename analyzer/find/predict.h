/*
 * What a template's hit ratio would be if something were changed: keys of the same input made one
 * key, with every cure applied, or entries kept for longer. Its reads are replayed with that. An
 * entry is there from the write that the first miss led to until its TTL, a delete, or an eviction
 * that was seen; misses before that write stay misses; a miss that becomes a hit neither computes
 * nor writes.
 *
 * The interval is that of replay/hit_ratio.h.
 */
#ifndef LEAKEY_FIND_PREDICT_H
#define LEAKEY_FIND_PREDICT_H

#include "model/cache.h"

struct prediction_change {
    const uint32_t *identities; /* of each key of the model; equal numbers are one key */
    size_t identity_count;
    int64_t ttl_ns; /* of every write that has a TTL, in its place; 0: what it had */
};

struct prediction *predict_change(struct cache_model *model, uint32_t template_index,
                                  const struct prediction_change *change);
/* With every cure applied: `identities` says which keys are of one input. */
struct prediction *predict_cured(struct cache_model *model, const uint32_t *identities,
                                 size_t identity_count, uint32_t template_index);

#endif
