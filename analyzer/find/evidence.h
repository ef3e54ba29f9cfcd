/*
 * Two keys of the same input, side by side: where they differ, and in what.
 */
#ifndef LEAKEY_FIND_EVIDENCE_H
#define LEAKEY_FIND_EVIDENCE_H

#include "find/cures.h"

struct mismatch { /* one place where they differ */
    unsigned feature;
    bool of_key; /* offsets are in the keys, not in the inputs */
    uint32_t a_offset, a_bytes, b_offset, b_bytes;
    uint64_t a_hash, b_hash; /* hash mode: of the token */
    uint32_t field_offset,
        field_bytes;         /* name of the member it is in, in b's source; 0 bytes: none */
    uint32_t a_part, b_part; /* index of the part; of a set, for its order */
};

/* Appends the mismatches (struct mismatch) between two trees that are equal under cures->mask, in
 * the order of a. */
void evidence_align(const struct cures *cures, const struct parts *a, const struct parts *b,
                    GArray *mismatches);

/* Bits of the features that vary between them. */
uint64_t evidence_features(const GArray *mismatches);

/* What a report shows of the pair. */
struct evidence *evidence_new(struct cache_model *model, const struct cures *cures, uint32_t key_a,
                              uint32_t key_b, double confidence_ratio, struct parts *a,
                              struct parts *b, const GArray *mismatches);

struct pair_end {        /* one side of a pair whose keys no template's cures have in common */
    uint32_t key, input; /* CACHE_NONE: there is none */
};

/* The pair without its differences. */
struct evidence *evidence_pair(struct cache_model *model, const char *kind, double confidence_ratio,
                               struct pair_end a, struct pair_end b);

struct span { /* of a text */
    const char *text;
    size_t bytes, offset; /* SIZE_MAX: not in what the evidence shows */
};

void evidence_differ(struct cache_model *model, struct evidence *evidence, const char *class_name,
                     struct span a, struct span b);

#endif
