/* Heap events as changes of live memory, for finders. */
#ifndef LEAKEY_MODEL_HEAP_EVENTS_H
#define LEAKEY_MODEL_HEAP_EVENTS_H

#include "read/capture.h"

struct heap_change {
    uint64_t time_ns;
    double bytes;       /* what it stands for (Horvitz-Thompson); below 0: freed */
    uint32_t site, tag; /* of the allocation */
};

/* Calls `visit` for each allocation and free in [from_ns, to_ns). What the capture has lost is not
 * there: capture->heap_complete_from_ns tells from when on it has every one. */
void heap_changes_each(const struct capture *capture, uint64_t from_ns, uint64_t to_ns,
                       void (*visit)(const struct heap_change *change, void *context),
                       void *context);

#endif
