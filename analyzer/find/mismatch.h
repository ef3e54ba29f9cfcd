/*
 * Readers and writers that do not meet: between mismatch.c, which pairs them, and
 * mismatch_wording.c, which says it.
 */
#ifndef LEAKEY_FIND_MISMATCH_H
#define LEAKEY_FIND_MISMATCH_H

#include "find/evidence.h"

#define ABBREVIATION_MIN 3 /* letters: "emb" of "embedding" */

/* What two keys are taken to have the same input by; the surest first. */
enum likeness {
    LIKE_TEXT,        /* the same but for case, separators and blanks */
    LIKE_INPUT,       /* digests of the same input */
    LIKE_DIGEST,      /* the same digest, whose input was not seen */
    LIKE_ABBREVIATED, /* the same text, if the one name is an abbreviation of the other */
    LIKE_SPELLED,     /* digests of an input that differs in spelling alone */
    LIKENESSES
};

struct unit { /* the keys of one template in one database of one server */
    uint32_t template_index, server, database;
    uint64_t reads, hits, writes;
};

struct meeting { /* a reader's unit and the writer's that has its inputs */
    const struct unit *reader, *writer;
    bool related;    /* their names say that they are meant to be one */
    uint64_t asked;  /* reads for an input that the writer writes */
    uint64_t missed; /* of these, while its entry was there */
    uint64_t keys;   /* the reader's keys of such inputs */
};

/* Whether the literal words of two templates' names are the same but for spelling, abbreviation and
 * version. */
bool names_relate(const char *a, const char *b);

const char *mismatch_message(struct cache_model *model, const struct meeting *meeting);
const char *mismatch_remedy(struct cache_model *model, const struct meeting *meeting);

#endif
