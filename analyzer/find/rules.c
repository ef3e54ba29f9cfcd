/* Every rule of the specification's table of findings. */
#include "find/rules.h"

#include <glib.h>

const char *const rule_names[] = {
#define RULE(name, severity, side, says, remedy) name,
#include "find/rules.def"
#undef RULE
    NULL,
};

const struct rule rule_table[RULES] = {
#define RULE(name, severity, side, says, remedy) {name, severity, side, says, remedy},
#include "find/rules.def"
#undef RULE
};

bool rule_known(const char *name)
{
    return g_strv_contains(rule_names, name);
}
