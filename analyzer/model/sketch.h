/*
 * HyperLogLog sketches as captures hold them (capture/layout.h): LK_SKETCH_BYTES registers. The
 * estimate is Ertl's improved raw estimator (O. Ertl, "New cardinality estimation algorithms for
 * HyperLogLog sketches", 2017, algorithm 6), unbiased over the whole range without tables.
 */
#ifndef LEAKEY_MODEL_SKETCH_H
#define LEAKEY_MODEL_SKETCH_H

#include <stdint.h>

#include "capture/layout.h"

/* Half the width of the 95 % interval, relative: 1.96 * 1.04 / sqrt(2^14). */
#define SKETCH_ERROR_RATIO 0.016

void sketch_add(uint8_t *sketch, uint64_t hash);
void sketch_merge(uint8_t *sketch, const uint8_t *other); /* the union; equal hashes count once */
double sketch_estimate(const uint8_t *sketch);

#endif
