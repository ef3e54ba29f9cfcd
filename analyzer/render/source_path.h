/*
 * Where a reader finds a source file: relative to the directory that leakey runs in, which for
 * editors and CI is the root of the sources. Host paths of whoever built it are never shown.
 */
#ifndef LEAKEY_RENDER_SOURCE_PATH_H
#define LEAKEY_RENDER_SOURCE_PATH_H

#include <stdbool.h>

#include "model/report.h"

/* The path below the current directory: that of the file itself, or else the longest tail of its
 * path that is a file there (it was built elsewhere). Otherwise its last component, and `*below` is
 * false. g_free. */
char *source_path(const char *file, bool *below);

/* The stack that says where in the code a finding is; NULL none. */
const struct stack *finding_stack(const struct finding *finding);
/* Its frame to look at first, as stack_culprit; NULL none. */
const struct frame *finding_frame(const struct finding *finding);

#endif
