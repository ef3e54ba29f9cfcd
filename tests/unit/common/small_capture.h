/*
 * A small capture that holds something in every table, and enough for finders to find: what fuzzers
 * and tests of damage begin with.
 */
#ifndef LEAKEY_TESTS_SMALL_CAPTURE_H
#define LEAKEY_TESTS_SMALL_CAPTURE_H

#include <stddef.h>
#include <stdint.h>

#include "read/capture.h"

/* Its bytes: g_free. */
uint8_t *small_capture(size_t *bytes);

/* Everything that `leakey report` does with an open capture: every model and finder, the replay
 * with all normalisers, every renderer and exporter of text. Symbols are looked for, as there. A
 * sum of what came out. */
uint64_t small_capture_report(struct capture *capture);

#endif
