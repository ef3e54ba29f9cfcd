/* The live curves of a capture's sites over a stretch of its run, and when their survivors were
 * born. */
#ifndef LEAKEY_FIND_CURVE_H
#define LEAKEY_FIND_CURVE_H

#include "find/growth.h"
#include "read/capture.h"

/* A site's live memory in a stretch of time. */
struct curve {
    double floor_count[GROWTH_WINDOWS], floor_bytes[GROWTH_WINDOWS];
    double count, bytes;           /* now, while it is replayed */
    double births[GROWTH_WINDOWS]; /* of survivors, in samples */
    double born_before;            /* survivors from before the stretch */
    double moves;                  /* blocks that realloc made of others */
    uint32_t window;               /* the one that is being replayed */
    bool wanted;                   /* has enough samples to be looked at */
};

struct stretch {
    const struct capture *capture;
    struct work_clock clock;
    uint64_t edges[GROWTH_WINDOWS + 1]; /* times */
};

/* The whole run without its warm-up, by the clock of these commands (none: by time). */
void stretch_after_warm_up(struct stretch *stretch, const GArray *ticks);

/* A curve for each site (g_free): survivors counted; those with at least `least` of them from the
 * stretch are wanted. */
struct curve *curves_new(const struct stretch *stretch, double least);
/* Fills the wanted sites' floors; the ring has to hold every event of the stretch. */
void curves_replay(const struct stretch *stretch, struct curve *curves);

/* A sawtooth of a longer period than a window touches its floor in some windows alone: lets
 * neighbours count too. */
void curve_join_floors(struct curve *curve);
/* How many samples more the floor holds at the end than at the start; a step at the end alone is
 * none. */
double curve_growth(const struct curve *curve);
/* Births of survivors in windows from..to - 1; `even`: without what a single refill put into one
 * window. */
double curve_births(const struct curve *curve, size_t from, size_t to);
double curve_even_births(const struct curve *curve, size_t from, size_t to);

#endif
