/* Where a command's result goes: stdout, or a file that appears whole or not at all. */
#ifndef LEAKEY_CMD_OUTPUT_H
#define LEAKEY_CMD_OUTPUT_H

#include <glib.h>
#include <stdbool.h>
#include <stdio.h>

#include "cmd/pager.h"

struct output {
    FILE *stream;
    const char *path; /* NULL: stdout */
    char *temporary;  /* renamed to `path` at the end; NULL: written in place */
    struct pager pager;
};

/* `path` NULL or "-": stdout. What exists and is no regular file (a pipe, a device) is written in
 * place. */
bool output_open(struct output *output, const char *path, GError **error);
/* The same, but on a terminal it goes through the pager, which output_close waits for. That a
 * reader leaves the pager before the end is no error. */
bool output_open_paged(struct output *output, const char *path, GError **error);
/* Ends it: after success the whole result is there; after an error nothing is left, and an earlier
 * file is untouched. */
bool output_close(struct output *output, GError **error);
/* Ends it after a failure: nothing is left, and an earlier file is untouched. */
void output_abandon(struct output *output);

/* Whether colours are for this stream: a terminal, and no NO_COLOR in the environment. */
bool output_colour(const struct output *output);

#endif
