/*
 * Which pages of a stopped process there are, and their contents. Nothing is faulted in but what
 * was swapped out: pages that were never touched are known to hold nothing, and those of a private
 * file mapping that were not written are the file's.
 */
#ifndef LEAKEY_LIVE_PAGES_H
#define LEAKEY_LIVE_PAGES_H

#include <glib.h>
#include <stdbool.h>

#include "live/blocks.h"

struct pages;

/* For a process; -1 where /proc does not let us: NULL with an error. `by_ioctl`: by the ioctl that
 * passes over what is not there (Linux 6.7), where there is one. */
struct pages *pages_open(unsigned long pid, bool by_ioctl, GError **error);
void pages_close(struct pages *pages);

/* Appends to `out` (struct span) the parts of `span` to be read. `shared`: a shared mapping's,
 * whose pages are all looked at. False when that cannot be told. */
bool pages_present(const struct pages *pages, struct span span, bool shared, GArray *out);

/* Copies what the spans hold into `into`, one behind the other; `bytes` is their sum. False when
 * some could not be read; those are zeros then, and their bytes are added to *unread_bytes. */
bool pages_read(const struct pages *pages, const struct span *spans, size_t count, void *into,
                size_t bytes, uint64_t *unread_bytes);

#endif
