/* Block bootstrap over a report's windows: how far a number may lie from what was measured. */
#ifndef LEAKEY_MODEL_BOOTSTRAP_H
#define LEAKEY_MODEL_BOOTSTRAP_H

#include "model/report.h"

/* A number that windows add up to: the sum of one field over the sum of another, or the highest of
 * one field. */
struct statistic {
    size_t numerator;   /* offset in struct window of a double */
    size_t denominator; /* the same; STATISTIC_WINDOWS: a mean over windows; STATISTIC_HIGHEST: the
                           maximum */
};
#define STATISTIC_WINDOWS SIZE_MAX
#define STATISTIC_HIGHEST (SIZE_MAX - 1)

/* Over the windows [0, count). NAN where it has no meaning (nothing to divide by, unknown values).
 */
double statistic_value(const struct statistic *statistic, const struct window *windows,
                       size_t count);

/* The length of block that keeps what hangs together, by the automatic rule of compare.h's
 * references. At least 1, at most a third of the series. */
size_t block_length(const double *series, size_t count);

/* The 95 % interval of b's number less a's. NANs where one of them has no meaning or too few
 * windows to tell. */
void bootstrap_difference(const struct statistic *statistic, const GArray *a, const GArray *b,
                          double interval[2]);

#endif
