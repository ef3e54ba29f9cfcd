/*
 * What is live: a lock-free hash table in the capture of the sampled allocations, replies and
 * contexts that nobody has freed. The owner of an address is the only one who inserts or removes
 * it. Between lk_enter and lk_leave.
 */
#ifndef LK_HEAP_LIVE_H
#define LK_HEAP_LIVE_H

#include <stdbool.h>

#include "capture/layout.h"

/* Makes the first level, before other threads come. While the capture is being opened. */
void lk_live_open(void);

/* False: no room (counted). An entry that is there already under the address (its free was never
 * seen) is replaced and copied to *stale (if not NULL), whose key is 0 otherwise. */
bool lk_live_insert(enum lk_live_kind kind, uint64_t address, uint64_t size, uint64_t time_ns,
                    uint32_t site, uint32_t tag, struct lk_live *stale);
/* The same for an address that is certainly not there. */
bool lk_live_add(enum lk_live_kind kind, uint64_t address, uint64_t size, uint64_t time_ns,
                 uint32_t site, uint32_t tag);
/* True: it was there, and *entry is what it held. */
bool lk_live_remove(enum lk_live_kind kind, uint64_t address, struct lk_live *entry);
/* Changes the tag of an entry, if it is there. */
void lk_live_retag(enum lk_live_kind kind, uint64_t address, uint32_t tag);

#endif
