/*
 * The outcomes of reads, one after the other, and their hit ratio. The 95 % interval is the wider,
 * on each side, of Wilson's for the ratio and a bootstrap over 50 consecutive blocks of reads
 * (which feels that misses come in clusters).
 */
#ifndef LEAKEY_REPLAY_HIT_RATIO_H
#define LEAKEY_REPLAY_HIT_RATIO_H

#include <glib.h>

/* outcomes: uint8_t of each read, 1 a hit. NAN, and an interval of NAN, without reads. */
double hit_ratio_of(const GArray *outcomes, double interval[2]);

#endif
