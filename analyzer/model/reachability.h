/* What searches of processes' memory say: verdicts of captures' live entries, and sums of them. */
#ifndef LEAKEY_MODEL_REACHABILITY_H
#define LEAKEY_MODEL_REACHABILITY_H

#include "live/search.h"
#include "model/model.h"

/* Of each entry of the capture's live table (enum verdict); NULL when its process was not searched,
 * or not all of its memory could be, so that nothing is to be concluded. */
const uint8_t *reachability_verdicts(const struct report *report, guint capture_index);

void reach_add(struct reach_report *sum, const struct lk_live *entry, enum verdict verdict,
               uint64_t sample_bytes);

#endif
