/*
 * Follows a ring while its process writes it: each reading hands out the records that have come
 * since the last one, in order of time, each once. What the process has overwritten meanwhile is
 * lost and counted. Nothing is asked of the process.
 */
#ifndef LEAKEY_WATCH_FOLLOW_H
#define LEAKEY_WATCH_FOLLOW_H

#include "read/capture.h"

/* Records are at least as old as this when they are handed out, so that a thread that is still
 * writing an earlier one is not overtaken. */
#define FOLLOW_DELAY_NS 50000000ull

struct follow;

struct follow *follow_new(void);
void follow_free(struct follow *follow);

typedef void follow_function(const struct lk_record *record, uint32_t thread, void *context);
/* `fd` is of the capture's file. `ended`: nothing more will come, so nothing is held back. False:
 * the file cannot be read as a capture any more. */
bool follow_read(struct follow *follow, int fd, bool ended, follow_function *each, void *context);
/* Records that were overwritten before they were handed out. */
uint64_t follow_missed_count(const struct follow *follow);

#endif
