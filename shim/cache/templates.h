/*
 * The templates of the keys that this process uses, their counters and sketches, and the verbs:
 * tables of the capture that hold for the whole run. Lock-free. Between lk_enter and lk_leave.
 */
#ifndef LK_CACHE_TEMPLATES_H
#define LK_CACHE_TEMPLATES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cache/commands.h"
#include "capture/layout.h"

#define LK_TEMPLATES_MAX 1024u /* a sketch is 16 KiB each; a heap event has 10 bits for it */
#define LK_WORDS_MAX                                                             \
    48u /* distinct words at one place of a template; further ones become <text> \
         */

/* Reserves memory; once. */
void lk_templates_init(void);

/* The template of a key; 0: no room for more. *fresh: nobody had it before. */
uint32_t lk_template_of(const char *key, size_t bytes, uint64_t key_hash, bool *fresh);

/* Its record; NULL when not even that of template 0 could be had. */
struct lk_template *lk_template_at(uint32_t id);

/* Its key was read or written at that time. */
void lk_template_used(struct lk_template *record, uint64_t key_hash, uint64_t time_ns);

/* Counts a call of the verb; its id, 0: any other verb. */
uint16_t lk_verb_count(const struct lk_command *command);

#endif
