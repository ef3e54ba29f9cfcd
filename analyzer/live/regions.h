/*
 * What a process has mapped, and which of it can hold pointers. Private memory can wherever the
 * process has written, whatever its protection is now; shared memory where it can be written. Left
 * out are devices, the kernel's own pages, and what the shim keeps for itself, which holds the
 * addresses of all sampled blocks: the capture, the shim's image, and memory that forks wipe, which
 * is how the shim takes its own.
 */
#ifndef LEAKEY_LIVE_REGIONS_H
#define LEAKEY_LIVE_REGIONS_H

#include <glib.h>
#include <stdbool.h>

#include "live/blocks.h"

struct region {
    uint64_t start, end, offset, inode;
    bool readable, writable, executable, shared;
    char *path; /* "" anonymous; "[stack]" */
};

/* From the text of /proc/PID/maps: a GArray of struct region, by address. Lines that are none are
 * passed over. */
GArray *regions_parse(const char *maps);
void regions_free(GArray *regions);

/* The region that holds the address; NULL. */
const struct region *regions_at(const GArray *regions, uint64_t address);

/* From the text of /proc/PID/smaps: those that are wiped on fork, as struct span. */
GArray *regions_wiped(const char *smaps);

/* Whether pointers there count at all. `capture_inode`: the capture's. */
bool region_is_searched(const struct region *region, uint64_t capture_inode);

/* Sorts spans and joins those that touch or overlap. */
void spans_join(GArray *spans);
/* Appends to `out` what is left of [start, end) without `holes`, which are joined. */
void spans_without(GArray *out, struct span span, const GArray *holes);

#endif
