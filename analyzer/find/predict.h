/*
 * What a template's hit ratio would be if keys of the same input were one key: its reads replayed
 * with every cure applied. An entry is there from the write that the first miss led to until its
 * TTL, a delete, or an eviction that was seen; misses before that write stay misses; a miss that
 * becomes a hit neither computes nor writes.
 *
 * The interval is that of replay/outcomes.h.
 */
#ifndef LEAKEY_FIND_PREDICT_H
#define LEAKEY_FIND_PREDICT_H

#include "model/cache.h"

/* identities: of each key of the model; equal numbers are the same input. */
struct prediction *predict_cured(struct cache_model *model, const uint32_t *identities,
                                 size_t identity_count, uint32_t template_index);

#endif
