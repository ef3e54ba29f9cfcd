/*
 * Gathers the captures' cache records into the model: accesses with their answers, keys, inputs,
 * servers. A step of cache_model_new.
 */
#ifndef LEAKEY_MODEL_GATHER_H
#define LEAKEY_MODEL_GATHER_H

#include "model/cache.h"

/* Fills accesses, keys, inputs, servers, end_ns, complete; needs template_maps. */
void gather_accesses(struct cache_model *model);
/* Ties each write to the miss that led to it (cache_access.partner). */
void gather_pair_writes(struct cache_model *model);

#endif
