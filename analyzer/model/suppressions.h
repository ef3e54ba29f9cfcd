/*
 * Leaks that are known and not to be told again, in LeakSanitizer's syntax, a line each:
 *
 *   # a comment
 *   leak:PATTERN
 *
 * A pattern is looked for anywhere in the names of functions, source files and modules of a leak's
 * stack; `*` stands for anything, `^` at its beginning and `$` at its end for theirs. As in
 * LeakSanitizer what follows a `$` is ignored.
 */
#ifndef LEAKEY_MODEL_SUPPRESSIONS_H
#define LEAKEY_MODEL_SUPPRESSIONS_H

#include <stdbool.h>
#include <stddef.h>

#include "model/report.h"

struct suppressions;

/* NULL with an error that names `name` (the file) and the line that is wrong. */
struct suppressions *suppressions_parse(const char *text, size_t bytes, const char *name,
                                        GError **error);
/* The same of a file. */
struct suppressions *suppressions_read(const char *path, GError **error);
void suppressions_free(struct suppressions *suppressions);

bool suppression_matches(const char *pattern, const char *text);

/* A step of the analysis, after the leak finders: takes the leaks that a line matches, and their
 * findings, out of the report and fills report->suppressed. */
void suppress_leaks(struct report *report, const struct suppressions *suppressions);

#endif
