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

/* salted.c: salted-key */
cache_rule find_salted;
/* duplicates.c: same input under different keys; fills causes.duplicate_input and distinct_inputs
 * as well. */
cache_rule find_duplicates;
/* mismatch.c: reader-writer-mismatch */
cache_rule find_mismatches;
/* false_hit.c: false-hit */
cache_rule find_false_hits;
/* stale.c: stale-version */
cache_rule find_stale;
/* entry_faults.c: never-read missing-ttl short-ttl evicted-early */
cache_rule find_entry_faults;
/* traffic_faults.c: unbounded-cardinality stampede */
cache_rule find_traffic_faults;
/* worth.c: oversized-value not-worth-caching */
cache_rule find_worthless;

/* A finding on a template, which shows its call sites. */
struct finding *fault_new(struct cache_model *model, uint32_t template_index, const char *rule,
                          enum severity severity);
/* Shows another template's call sites too. */
void fault_add_call_sites(const struct cache_model *model, uint32_t template_index,
                          struct finding *finding);
/* Whether that rule has spoken of the template. */
bool fault_told(const struct cache_model *model, uint32_t template_index, const char *rule);
/* Whether an earlier rule has already said of the template what makes it so: its keys miss because
 * of what they hold. What follows from that is a note. */
bool fault_follows(const struct cache_model *model, uint32_t template_index);

#endif
