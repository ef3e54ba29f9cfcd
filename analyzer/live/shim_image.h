/*
 * Where in a process the shim's own variables lie: its image's written pages, and its part of each
 * thread's static TLS. Both hold addresses of sampled blocks.
 */
#ifndef LEAKEY_LIVE_SHIM_IMAGE_H
#define LEAKEY_LIVE_SHIM_IMAGE_H

#include <glib.h>
#include <stdbool.h>

#include "live/blocks.h"

struct pages;

struct shim_image {
    struct span image;  /* from the first to the last segment; {0, 0}: not found */
    uint64_t tls_below; /* the thread pointer's distance to the start of its TLS; 0 unknown */
    uint64_t tls_bytes;
};

/* Looks for the image among the regions (struct region): by its soname. */
struct shim_image shim_image_find(const struct pages *pages, const GArray *regions);

#endif
