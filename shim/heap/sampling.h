/*
 * Poisson sampling by bytes. A thread counts down the bytes to its next sampling point; the gaps
 * are exponential with mean R, so that an allocation of s bytes is sampled with probability P = 1 -
 * exp(-s/R), whatever came before it, and counts as 1/P allocations of its size (Horvitz-Thompson).
 */
#ifndef LK_HEAP_SAMPLING_H
#define LK_HEAP_SAMPLING_H

#include <stdint.h>

/* A gap in bytes for this mean from 64 random bits, exponentially distributed, at least 0. */
uint64_t lk_sampling_gap(uint64_t random, uint64_t mean);

/* The next of a thread's random numbers (splitmix64). */
uint64_t lk_sampling_random(uint64_t *state);

struct lk_weight {
    uint64_t bytes;     /* s/P, rounded */
    uint64_t count_q16; /* 1/P in 1/65536 */
    double variance;    /* (s/P)^2 (1-P) */
};

/* What a sampled allocation stands for. A mean of 1 or less means every allocation: itself. */
struct lk_weight lk_sampling_weight(uint64_t size, uint64_t mean);

#endif
