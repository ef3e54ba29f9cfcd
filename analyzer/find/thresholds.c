/* thresholds.def, as values and as rows. */
#include "find/thresholds.h"

#include <stddef.h>

const struct thresholds thresholds = {
#define THRESHOLD(name, value, rule, meaning) .name = value,
#include "find/thresholds.def"
#undef THRESHOLD
};

const struct threshold_row threshold_rows[] = {
#define THRESHOLD(name, value, rule, meaning) {#name, value, rule, meaning},
#include "find/thresholds.def"
#undef THRESHOLD
    {NULL, 0, NULL, NULL},
};
