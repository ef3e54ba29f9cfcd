/* `leakey top` itself: reads, draws, and does as the keys say. */
#ifndef LEAKEY_TOP_LIVE_VIEW_H
#define LEAKEY_TOP_LIVE_VIEW_H

#include <stdio.h>

#include "watch/watch.h"

/* Until the user quits or a signal ends it (*signal_number, but for SIGINT, which quits). False
 * with an error. When the process ends the last picture stays. */
bool live_view_run(struct watch *watch, double interval_seconds, int *signal_number,
                   GError **error);
/* One picture, whole; of a running process after an interval, so that there are rates. */
bool live_view_once(struct watch *watch, double interval_seconds, FILE *out, GError **error);

#endif
