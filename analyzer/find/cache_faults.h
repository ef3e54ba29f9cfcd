/*
 * The rules about the cache, each a function that looks at the model and adds findings to its
 * report. They run in the order of the table in cache_faults.c; each may look at the findings of
 * those before it, so that one fault is told once.
 */
#ifndef LEAKEY_FIND_CACHE_FAULTS_H
#define LEAKEY_FIND_CACHE_FAULTS_H

#include "find/identities.h"
#include "find/thresholds.h"

typedef void cache_rule(struct cache_model *model, const struct identities *identities);

/* duplicates.c: same input under different keys; fills causes.duplicate_input and distinct_inputs
 * as well. */
cache_rule find_duplicates;

#endif
