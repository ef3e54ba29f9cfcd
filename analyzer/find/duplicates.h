/*
 * What one template's duplicate-input misses came to: between duplicates.c, which finds them, and
 * wording.c, which says it.
 */
#ifndef LEAKEY_FIND_DUPLICATES_H
#define LEAKEY_FIND_DUPLICATES_H

#include "find/cures.h"

struct duplicate { /* one miss, and the key under which the input was cached */
    uint32_t access;
    uint32_t key_a, key_b;
};

#define FIELDS_NAMED 3

struct variation { /* of one feature */
    unsigned feature;
    enum normaliser normaliser;
    double share_ratio;
    GPtrArray *fields; /* of char *: members in which a spelling varies; at most FIELDS_NAMED, else
                          empty */
    bool many_fields;
};

struct duplicates {
    const struct cache_template *template;
    const struct cures *cures;
    const struct duplicate *all;
    size_t count;
    GArray *variations; /* struct variation, share falling */
};

const char *wording_message(struct report *report, const struct duplicates *duplicates);
const char *wording_remedy(struct report *report, const struct duplicates *duplicates);

#endif
