/*
 * Which spellings and slots of one template's inputs can be left out of account, found by trying: a
 * cure is a hypothesis that is believed when the stored values agree within the groups that it
 * makes, or when what it leaves out is a clock or a nonce that never comes back and what remains
 * still tells inputs apart; and never when stored values follow what it leaves out. The order of
 * trial: start from all spellings, clocks and nonces, take away the worst until each one that is
 * left stands; then see whether values speak for more (counters, versions, identifiers).
 */
#ifndef LEAKEY_FIND_CURES_H
#define LEAKEY_FIND_CURES_H

#include "find/normalise.h"

/* The features that are spellings. */
#define SPELLINGS                                                                                 \
    (FEATURE_BIT(FEATURE_WHITESPACE) | FEATURE_BIT(FEATURE_CASE) | FEATURE_BIT(FEATURE_UNICODE) | \
     FEATURE_BIT(FEATURE_ORDER) | FEATURE_BIT(FEATURE_NUMBER_FORMAT))

struct slot {
    uint64_t id;
    unsigned feature;
    enum normaliser normaliser;
    enum name_hint hint;
    char *name;       /* of the field; NULL */
    bool of_key;      /* it stands in the key, not in the input */
    bool digest_like; /* its parts are as long as digests are: they may stand for contents */
    bool number; /* plain numbers without a telling name: counters, seeds, identifiers, or contents
                  */
    uint64_t counts[NORMALISERS + 1]; /* parts by what they look like */
    uint64_t total, numbers;          /* of these, plain integers */
    double returns_ratio;             /* parts whose text was seen before, and others in between */
    double rounded_ratio; /* timestamps that are dates or whole minutes: meant to change slowly */
    double rises_ratio;   /* numbers that are larger than the one before */
    uint32_t distinct;
};

struct cures {
    GArray *slots;               /* struct slot, by feature */
    struct map features;         /* slot -> feature */
    uint64_t mask;               /* what is left out of account */
    double confidence[FEATURES]; /* of each feature in the mask: that two inputs that differ in it
                                    alone are the same */
};

/* keys: indices into model->keys, in the order of first use; all of one template, all with an input
 * or all without. */
struct cures *cures_find(const struct cache_model *model, const uint32_t *keys, size_t count);
/* Leaves out what these normalisers (a bit for each) speak of, and nothing else, whether anything
 * speaks for it or not. Where the trials found which parts a normaliser should leave out it is
 * those; else all of its kind, but for nameless ones as long as a digest, which are contents. */
void cures_choose(struct cures *cures, uint32_t normaliser_bits);
void cures_free(struct cures *cures);

/* Reads a key's parts and marks them; the result of parts_hash under cures->mask is its identity.
 */
void cures_read(const struct cures *cures, const struct cache_model *model, uint32_t key,
                struct parts *parts);

const struct slot *cures_slot(const struct cures *cures, unsigned feature); /* NULL for spellings */
enum normaliser cures_normaliser(const struct cures *cures, unsigned feature);

/* ---- Between cures.c, slots.c and trial.c ---- */

#define UNIQUE_MIN      0.95 /* share of different texts in a slot, of a nonce */
#define VALUE_BYTES_MIN 64   /* shorter values are labels, that prove nothing */

struct sample { /* one key of those that are tried on */
    uint32_t key;
    GArray *parts;  /* struct part */
    uint64_t value; /* of its first write; 0: none, or too short */
};

struct samples {
    GArray *array;      /* struct sample, in the order of first use */
    double reuse_ratio; /* hits per read of these keys */
    uint64_t rewrites,
        rewrites_agree; /* writes of a key that had been written before, and with the same value */
};

struct trial {               /* what speaks for and against one feature */
    uint32_t groups;         /* of equal inputs, with the feature left out */
    uint32_t split;          /* of these, how many it splits otherwise */
    double effective_groups; /* inverse Simpson index */
    uint64_t differ,
        differ_agree; /* pairs in one group that differ in the feature; of these, values equal */
    uint64_t same, same_agree; /* pairs in one group that do not */
    double chance_ratio;       /* how often values of different groups are equal */
};

/* Fills cures->slots and cures->features from these keys; normaliser, name and hint of each slot.
 */
void slots_find(struct cures *cures, const struct cache_model *model, const uint32_t *keys,
                size_t count);
/* Fills in the ratios. */
void slots_measure(struct cures *cures, const struct cache_model *model,
                   const struct samples *samples);

struct trial trial_run(const struct samples *samples, uint64_t mask, unsigned feature);
/* How many different words, digests and the like tell the groups apart. */
uint32_t trial_vocabulary(const struct samples *samples, uint64_t mask);
/* Values follow the feature: equal where it is, different where it is not. How clearly, 0: they do
 * not. */
double trial_follows(const struct samples *samples, const struct trial *trial);

#endif
