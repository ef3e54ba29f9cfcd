/*
 * Which keys are of the same input: a number for each key of the model. Keys of different servers,
 * databases and templates are never the same; neither are keys of which nothing but a digest is
 * known, unless stored values tell (equal_values.h).
 */
#ifndef LEAKEY_FIND_IDENTITIES_H
#define LEAKEY_FIND_IDENTITIES_H

#include "find/cures.h"

struct identities {
    uint32_t *of; /* of each key: 0 .. count - 1 */
    size_t count;
    struct cures **cures; /* of each template; NULL where there was nothing to compare */
    uint32_t template_count;
    uint32_t *
        by_input; /* of each template: how many of its keys were compared by their digest's input */
    bool *by_value; /* of each template: its keys are told apart by their stored values alone */
};

struct identities *identities_new(const struct cache_model *model);
/* The same by the normalisers that are asked for (a bit for each enum normaliser), whether anything
 * speaks for them or not; without any each key is on its own. Without NORMALISER_SALT, keys of
 * different processes stay apart in templates where equal inputs have different digests. */
struct identities *identities_chosen(const struct cache_model *model, uint32_t normaliser_bits);
void identities_free(struct identities *identities);

/* How many inputs a template's keys stand for; NAN where some are behind digests that were not
 * seen. */
double identities_count(const struct identities *identities, const struct cache_model *model,
                        uint32_t template_index);

#endif
