/*
 * Keys that hold nothing which varies but a digest whose input was not seen: which of them are of
 * the same input, as far as equal stored values say so.
 */
#ifndef LEAKEY_FIND_EQUAL_VALUES_H
#define LEAKEY_FIND_EQUAL_VALUES_H

#include "find/duplicates.h"
#include "find/identities.h"

/* Numbers a template's keys by value, from identities->count on, if the values tell inputs apart;
 * else false, and nothing was done. */
bool equal_values_number(struct identities *identities, const struct cache_model *model,
                         const GArray *keys);

/* What a finding says of such keys: its message, remedy, what varies, and evidence. */
void equal_values_tell(struct cache_model *model, const struct duplicates *duplicates,
                       struct finding *finding);

#endif
