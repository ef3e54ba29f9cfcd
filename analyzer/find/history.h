/*
 * Growth by a site's history: its live bytes at the ends of windows over the whole run, which the
 * capture keeps whatever its ring has lost.
 */
#ifndef LEAKEY_FIND_HISTORY_H
#define LEAKEY_FIND_HISTORY_H

#include "read/capture.h"

/* What one capture says of one site. */
struct verdict {
    double confidence;               /* 0: no leak */
    double slope, slope_interval[2]; /* bytes a second */
    uint64_t since_ns;               /* survivors from then on are what leaks */
};

/* What the live table says of one site. */
struct survivors {
    double count, bytes;             /* samples; estimate */
    double early_count, early_bytes; /* of these, born before the middle of the steady state */
};

/* The steady state of a capture: its run without the warm-up, in windows of the histories. */
struct steady_state {
    uint32_t first, count; /* windows */
    uint64_t start_ns, middle_ns, end_ns;
};

/* False: the run is too short to have one. */
bool steady_state_of(const struct capture *capture, struct steady_state *steady);

/* Every site's survivors (g_free). */
struct survivors *survivors_of(const struct capture *capture, const struct steady_state *steady);

struct verdict judge_history(const struct capture *capture, uint32_t site,
                             const struct steady_state *steady, const struct survivors *survivors);

#endif
