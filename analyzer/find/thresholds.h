/* The thresholds of the rules about the cache, by name: thresholds.def. */
#ifndef LEAKEY_FIND_THRESHOLDS_H
#define LEAKEY_FIND_THRESHOLDS_H

struct thresholds {
#define THRESHOLD(name, value, rule, meaning) double name;
#include "find/thresholds.def"
#undef THRESHOLD
};

extern const struct thresholds thresholds;

/* The same as rows, for documentation and its test; ends with a row without a name. */
struct threshold_row {
    const char *name;
    double value;
    const char *rule, *meaning;
};

extern const struct threshold_row threshold_rows[];

#endif
