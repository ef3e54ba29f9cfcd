/* The rules that a finding can have: one list (rules.def), for gates, messages and renderers. */
#ifndef LEAKEY_FIND_RULES_H
#define LEAKEY_FIND_RULES_H

#include <stdbool.h>

#include "model/report.h"

/* NULL at the end. */
extern const char *const rule_names[];

struct rule {
    const char *name;
    enum severity severity; /* the usual one; a finding has its own */
    const char *side;       /* memory cache */
    const char *says;       /* a sentence */
    const char *remedy;     /* in general; a finding has its own */
};

#define RULE(name, severity, side, says, remedy) +1
enum {
    RULES = 0
#include "find/rules.def"
};
#undef RULE
extern const struct rule rule_table[RULES];

bool rule_known(const char *name);

#endif
