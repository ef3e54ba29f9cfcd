/*
 * This process's capture as the shim sees it. It lies in wiped memory: a child by fork finds zeros,
 * that is, no capture yet, and opens its own at its first event. The mapping itself is not
 * inherited (MADV_DONTFORK).
 */
#ifndef LK_CAPTURE_STATE_H
#define LK_CAPTURE_STATE_H

#include "capture/capture.h"

enum lk_phase {
    LK_PHASE_NONE = 0, /* nothing recorded yet */
    LK_PHASE_OPENING,
    LK_PHASE_OPEN,
    LK_PHASE_STOPPED, /* it could not be opened: nothing will be recorded */
};

#define LK_PARKED            64u
#define LK_SEGMENT_SLOTS_MAX 65536u /* a ring of 4 GiB */

/* The ring's segments of one kind: records, most of them of the cache, or heap events. */
enum lk_ring_kind { LK_RING_RECORDS, LK_RING_HEAP, LK_RINGS };
struct lk_ring {
    uint64_t turn;     /* where recycling looks next */
    uint32_t segments; /* slots in use; may pass segments_max while racing */
    uint32_t segments_max;
    struct lk_extent *parked[LK_PARKED];
    uint32_t slots[LK_SEGMENT_SLOTS_MAX]; /* granule number of each segment */
};

struct lk_state {
    uint32_t phase; /* enum lk_phase */
    uint32_t pid;
    uint64_t generation; /* unlike any other capture's in this process and its forebears */
    char *base;
    uint64_t mapped_bytes;
    uint64_t reserved_bytes; /* as in the header, for when that is lost */
    uint64_t device, inode;  /* of the file */
    int fd;                  /* kept high and close-on-exec, to reserve more; -1: by path */
    uint32_t threads;
    uint32_t removed;       /* the file was empty at the end and is gone */
    uint32_t epoch;         /* how often dlclose unloaded something */
    uint64_t full_until_ns; /* CLOCK_MONOTONIC; the file could not grow: not tried until then */
    uint64_t not_ready;     /* events lost while it was being opened */
    struct lk_ring rings[LK_RINGS];
};

extern struct lk_state *lk_state __attribute__((visibility("hidden"))); /* NULL before lk_init */

/* lk_capture_header for hot paths. */
static inline struct lk_header *lk_state_header(void)
{
    return (struct lk_header *)(void *)lk_state->base;
}

/* Opens the capture if it can: true when it is open. Between an increment of lk_self.depth and its
 * decrement. */
bool lk_capture_open(bool patient);

/* Reserves file space up to `end`: false when there is none. */
bool lk_capture_reserve(uint64_t end);

/* Removes the file if nothing was recorded, else marks how the process ended. */
void lk_capture_end(enum lk_end end, int status);
void lk_capture_unend(void); /* the exec failed after all */

/* The file has been cut: capture/cut.h. False: it cannot be helped. */
bool lk_capture_lost(void);

/* Gives this thread's segments to the next threads that want one. */
void lk_ring_park(void);

#endif
