/* Each site's live bytes over the whole run, in the capture (struct lk_history). */
#ifndef LK_HEAP_HISTORY_H
#define LK_HEAP_HISTORY_H

#include "capture/capture.h"

/* The window that a time lies in, as struct lk_counts keeps it. */
static inline uint32_t lk_history_window(const struct lk_header *header, uint64_t time_ns)
{
    uint32_t shift = __atomic_load_n(&header->history_shift, __ATOMIC_RELAXED);
    return shift << 24 | (uint32_t)((time_ns / LK_HISTORY_NS(0)) >> shift);
}

/* Something will be counted at the site for the first time in the window that `time_ns` lies in:
 * closes the windows before. To be called before it is counted. */
void lk_history_note(struct lk_counts *counts, uint32_t site, uint64_t time_ns);

#endif
