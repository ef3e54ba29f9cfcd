/*
 * For tests of the shim: the capture that shim/capture/ring.c needs, in plain memory instead of a
 * file, and memory of the system that is given back after each test. Defines lk_state, lk_self and
 * what capture/file.c and sys.c would define of capture/capture.h and sys.h.
 */
#ifndef LEAKEY_TESTS_PLAYED_CAPTURE_H
#define LEAKEY_TESTS_PLAYED_CAPTURE_H

#include "capture/state.h"
#include "thread.h"

/* An empty capture with room for that many granules; the calling thread's state is zero. */
void played_begin(uint32_t granules);
/* All that the test made is gone, and places that pointed at it are NULL again. */
void played_end(void);

/* Calls `each` for every extent of the kind, in the order of the file. */
void played_each(enum lk_extent_kind kind, void (*each)(struct lk_extent *extent, void *context),
                 void *context);

/* Threads of indices 0.., each with a state of its own; each must return NULL. */
void played_run_threads(uint32_t count, void *(*function)(void *index));

/* Deterministic random numbers. */
uint64_t played_random(void);

#endif
