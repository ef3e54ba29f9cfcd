/*
 * Gives the parts of an input their slots (model/inputs.h). A step of parts_read.
 */
#ifndef LEAKEY_MODEL_PLACES_H
#define LEAKEY_MODEL_PLACES_H

#include "model/inputs.h"

struct field {
    uint64_t path;          /* hash of the names down to it */
    uint32_t offset, bytes; /* of its name in the source; 0 bytes: none */
};

enum place { PLACE_WHOLE = 1, PLACE_NAMED, PLACE_FIRST, PLACE_LAST, PLACE_COUNTED };

/* Whether the part is a token that says something: neither white space nor punctuation nor a name.
 */
bool places_has_content(const struct part *part);
void places_put(struct part *part, uint64_t path, enum place place, uint64_t detail);

/* Gives the tokens that stand directly in a group, the last one of the tree, their slots. */
void places_assign(struct parts *parts, uint32_t group, const char *source,
                   const struct field *field);

#endif
