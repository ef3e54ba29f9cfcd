/* Live and allocated bytes over time, in the capture. Between lk_enter and lk_leave. */
#ifndef LK_HEAP_TIMELINE_H
#define LK_HEAP_TIMELINE_H

#include <stdint.h>

void lk_timeline_update(uint64_t time_ns, uint64_t live_bytes, uint64_t allocated_bytes);

#endif
