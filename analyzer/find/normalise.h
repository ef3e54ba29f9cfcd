/*
 * The normalisers: what may vary between two spellings of the same input, in one table. A new one
 * is a row here, and, if it leaves out a part, a rule in slot_normaliser.
 *
 * Spellings (white space, case, order, ...) are features of a mask in model/inputs.h that fold. The
 * others leave out a part: clocks and nonces carry no meaning, so that little is asked before one
 * believes that they can go; counters, salts, versions and identifiers may well carry one, and go
 * only when stored values say so.
 */
#ifndef LEAKEY_FIND_NORMALISE_H
#define LEAKEY_FIND_NORMALISE_H

#include "model/inputs.h"

enum normaliser {
    NORMALISER_TIMESTAMP,
    NORMALISER_UUID,
    NORMALISER_COUNTER,
    NORMALISER_RANDOM,
    NORMALISER_WHITESPACE,
    NORMALISER_CASE,
    NORMALISER_UNICODE,
    NORMALISER_ORDER,
    NORMALISER_NUMBER_FORMAT,
    NORMALISER_SALT,
    NORMALISER_SIGNED_URL,
    NORMALISER_TEMP_PATH,
    NORMALISER_VERSION,
    NORMALISER_ADDRESS,
    NORMALISER_IDENTIFIER,
    NORMALISERS,
    NORMALISER_NONE = NORMALISERS
};

enum normaliser_kind {
    NORMALISER_SPELLS,   /* folds a spelling */
    NORMALISER_FREES,    /* leaves out what carries no meaning: a clock, a nonce */
    NORMALISER_SUPPOSES, /* leaves out what may carry one: needs stored values that agree */
};

struct normaliser_row {
    const char *name; /* as in reports */
    enum normaliser_kind kind;
    enum feature feature; /* of a spelling; FEATURE_SLOTS for the others */
    const char *varies;   /* "the key holds %s", "the input also varies in %s" */
    const char *cure;     /* what to do; %s is the field's name, for those that leave out a part */
};

extern const struct normaliser_row normalisers[NORMALISERS];

/* NORMALISER_NONE: there is none of that name. */
enum normaliser normaliser_named(const char *name);

/* What a field's name says of its contents. */
enum name_hint { HINT_NONE, HINT_CLOCK, HINT_NONCE, HINT_IDENTIFIER, HINT_SIGNATURE };
enum name_hint name_hint(const char *name, size_t bytes);

/* Which normaliser leaves out such a part; NORMALISER_NONE: it is content, and stays. */
enum normaliser slot_normaliser(const struct part *part, enum name_hint hint);

/* The normaliser of a spelling feature. */
enum normaliser feature_normaliser(unsigned feature);

#endif
