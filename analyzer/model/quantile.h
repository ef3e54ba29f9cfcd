/* Quantiles of samples. */
#ifndef LEAKEY_MODEL_QUANTILE_H
#define LEAKEY_MODEL_QUANTILE_H

#include <glib.h>

/* The sample (double) of that rank, from 0 on: in linear time, in place, by reordering them. */
double quantile_rank(GArray *samples, guint rank);
/* By nearest rank: the least sample that `ratio` of them do not exceed; NAN without samples. */
double quantile(GArray *samples, double ratio);

#endif
