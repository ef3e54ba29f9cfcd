/* Fixed-size summaries in the capture: distinct keys (HyperLogLog) and durations. Pure, lock-free.
 */
#ifndef LK_CACHE_SKETCH_H
#define LK_CACHE_SKETCH_H

#include <stdint.h>

#include "capture/layout.h"

/* Flajolet et al., "HyperLogLog: the analysis of a near-optimal cardinality estimation algorithm",
 * 2007; how registers are computed stands in layout.h. */
void lk_sketch_add(uint8_t *registers, uint64_t hash);

/* The histogram bucket of a duration. */
uint32_t lk_histogram_bucket(uint64_t nanoseconds);

#endif
