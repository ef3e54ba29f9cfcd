/*
 * Recompute times from a ring's commands and replies as they come, by the rules of the cache model
 * (model/writes.c): a write answers a miss of the same thread, else of the same connection, else
 * the oldest on that key. Memory is bounded: of the misses that no write has answered yet, the
 * latest RECOMPUTE_MISSES are remembered.
 *
 * Commands are taken in the order of issue; one waits for its answer for RECOMPUTE_PATIENCE_NS of
 * the capture's time.
 */
#ifndef LEAKEY_WATCH_RECOMPUTE_H
#define LEAKEY_WATCH_RECOMPUTE_H

#include "metrics/durations.h"
#include "read/capture.h"

#define RECOMPUTE_MISSES      262144u
#define RECOMPUTE_PATIENCE_NS 10000000000ull

struct recompute;

struct recompute *recompute_new(void);
void recompute_free(struct recompute *recompute);
/* A record, by time and thread not before the last one. */
void recompute_record(struct recompute *recompute, const struct lk_record *record, uint32_t thread);
/* All that waits for an answer will not get one. */
void recompute_finish(struct recompute *recompute);
/* Of a template, by its id in the capture; NULL: none yet. */
const struct durations *recompute_durations(const struct recompute *recompute,
                                            uint32_t template_id);

#endif
