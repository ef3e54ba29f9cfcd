/*
 * Files from debuginfod servers, by build-id. They are asked only when DEBUGINFOD_URLS names some
 * and libdebuginfod is installed, and never for longer than what was allowed for all files
 * together: then, or when one stalls, no more is asked.
 */
#ifndef LEAKEY_MODEL_DEBUGINFOD_H
#define LEAKEY_MODEL_DEBUGINFOD_H

#include <stdbool.h>
#include <stddef.h>

struct debuginfod;

typedef void debuginfod_progress(const char *what, double share_ratio, void *context);

/* `seconds` for all files together; 0: never asked. */
struct debuginfod *debuginfod_new(double seconds, debuginfod_progress *progress, void *context);
void debuginfod_free(struct debuginfod *debuginfod);

/* The debug file with that build-id, or the executable, as an open file; `path` (free) says where
 * the client keeps it. -1: not to be had. */
int debuginfod_fetch(struct debuginfod *debuginfod, const unsigned char *build_id, size_t bytes,
                     bool executable, char **path);

/* Why no more is asked, as the rest of a sentence; NULL when nothing is wrong. */
const char *debuginfod_problem(const struct debuginfod *debuginfod);

#endif
