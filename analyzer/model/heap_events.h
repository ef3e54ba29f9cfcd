/* The heap's events in order of time: the one place where finders ask for them, wherever the
 * capture keeps them. */
#ifndef LEAKEY_MODEL_HEAP_EVENTS_H
#define LEAKEY_MODEL_HEAP_EVENTS_H

#include "read/capture.h"

struct heap_event {
    uint64_t time_ns;
    double bytes;       /* what it stands for (Horvitz-Thompson); below 0: freed */
    uint32_t site, tag; /* of the allocation */
};

/* Calls `visit` for each allocation and free in [from_ns, to_ns). What the capture has lost is not
 * there: heap_events_from tells from when on it has every one. */
void heap_events_each(const struct capture *capture, uint64_t from_ns, uint64_t to_ns,
                      void (*visit)(const struct heap_event *event, void *context), void *context);
uint64_t heap_events_from(const struct capture *capture);

#endif
