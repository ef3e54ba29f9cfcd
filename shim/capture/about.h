/* What a capture says of its process. */
#ifndef LK_CAPTURE_ABOUT_H
#define LK_CAPTURE_ABOUT_H

#include <stddef.h>

#include "capture/layout.h"

/* The command's base name, fit for a file's name; always terminated, never empty. */
void lk_about_command_name(char *name, size_t room);

/* Pids, start, boot, executable and command line; the texts go behind the header, within the first
 * granule at `base`. */
void lk_about_fill(struct lk_header *header, char *base);

#endif
