/*
 * The capture of this process: its file, its extents, its ring. All of it is called between
 * lk_enter and lk_leave. Nothing waits: what finds no room is dropped and counted.
 */
#ifndef LK_CAPTURE_CAPTURE_H
#define LK_CAPTURE_CAPTURE_H

#include <stdbool.h>

#include "capture/layout.h"

/* The open capture's header; everything in the file lies at (char *)lk_capture_base() + offset. */
struct lk_header *lk_capture_header(void);
char *lk_capture_base(void);
uint64_t lk_capture_offset(const void *pointer); /* of a pointer into the capture */

/* Nanoseconds since the capture's start; clock.h has the inline form. */
uint64_t lk_now(void);

/* A new extent of that many granules, zeroed, its `struct lk_extent` filled but for `kind`; publish
 * it by lk_extent_publish when its contents may be read. NULL: no space (counted). */
struct lk_extent *lk_extent_new(uint32_t granules, uint64_t first_id, uint64_t items);
void lk_extent_publish(struct lk_extent *extent, enum lk_extent_kind kind);
/* The extent that *place points at; made and published, for `owner` (of kinds that have one), if
 * there is none yet. Two threads may make it at once: one of the two stays unused. NULL: no space.
 */
struct lk_extent *lk_extent_at(struct lk_extent **place, enum lk_extent_kind kind,
                               uint32_t granules, uint64_t first_id, uint64_t items,
                               uint32_t owner);

/* Reserves a record of `bytes` (the whole record; rounded up to 8) in this thread's part of the
 * ring; head is filled, the rest is whatever was there: fill all of it. NULL: dropped and counted.
 * Each non-NULL begin has one end before the next begin. */
void *lk_record_begin(enum lk_record_type type, size_t bytes, uint64_t time_ns);
void lk_record_end(void);

void lk_drop(enum lk_drop why);

/* A short lock that is only ever tried: true when taken. Lives in wiped memory or the capture, so a
 * child has it free. */
static inline bool lk_try_lock(uint32_t *lock)
{
    return __atomic_exchange_n(lock, 1, __ATOMIC_ACQUIRE) == 0;
}
static inline void lk_unlock(uint32_t *lock)
{
    __atomic_store_n(lock, 0, __ATOMIC_RELEASE);
}
static inline void lk_add(uint64_t *counter, uint64_t n)
{
    __atomic_fetch_add(counter, n, __ATOMIC_RELAXED);
}

#endif
