/*
 * Gathers the captures' cache records into the model: accesses with their answers, keys, inputs,
 * servers. A step of cache_model_new.
 */
#ifndef LEAKEY_MODEL_GATHER_H
#define LEAKEY_MODEL_GATHER_H

#include "model/cache.h"

/* Makes accesses, keys, inputs, others, connections, servers and texts, start_ns, end_ns and
 * complete; needs template_maps. */
void gather_accesses(struct cache_model *model);
/* Frees what it made. */
void gather_release(struct cache_model *model);
/* Ties each write to the miss that led to it (cache_access.partner). */
void gather_pair_writes(struct cache_model *model);

#endif
