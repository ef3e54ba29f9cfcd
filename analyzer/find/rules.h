/* The names of the rules that a finding can have: one list, for gates and messages. */
#ifndef LEAKEY_FIND_RULES_H
#define LEAKEY_FIND_RULES_H

#include <stdbool.h>

/* NULL at the end. */
extern const char *const rule_names[];

bool rule_known(const char *name);

#endif
