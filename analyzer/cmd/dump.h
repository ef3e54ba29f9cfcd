/*
 * The parts of a capture as JSON objects, one an item: what `leakey dump` prints as they are, or as
 * text. A new part is a function here and its row in dump.c.
 */
#ifndef LEAKEY_CMD_DUMP_H
#define LEAKEY_CMD_DUMP_H

#include <jansson.h>
#include <stdbool.h>

#include "model/model.h"

struct dump {
    const struct capture *capture;
    struct report *report; /* owns the symbols' texts */
    struct symbols *symbols;
    bool (*emit)(struct dump *dump, json_t *item); /* takes the item over; false: nobody reads on */
    void *context;
    char separator; /* of values, in text */
};

/* Each emits its items; false when emit did. */
bool dump_header(struct dump *dump);
bool dump_events(struct dump *dump);
bool dump_sites(struct dump *dump);
bool dump_live(struct dump *dump);
bool dump_modules(struct dump *dump);
bool dump_templates(struct dump *dump);
bool dump_verbs(struct dump *dump);
bool dump_timeline(struct dump *dump);

/* Why something was dropped (enum lk_drop), and what an outcome is called. */
const char *dump_drop_name(size_t reason);
const char *dump_outcome_name(uint32_t outcome);

/* Helpers for the parts: a text that may be anything (escaped where it is not UTF-8), and a 64-bit
 * number in hex. */
json_t *dump_text(const char *text, size_t bytes);
json_t *dump_hex(uint64_t number);
json_t *dump_hash(uint64_t hash); /* always 16 digits */
/* Puts `outcome` and `template` of a tag into the item. */
void dump_tag(const struct dump *dump, json_t *item, uint32_t tag);
/* Names of the set bits, in their order. */
json_t *dump_flags(uint32_t flags, const char *const *names, size_t count);

#endif
