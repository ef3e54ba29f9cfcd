/*
 * Where binaries and debug files lie. A file is used only if it has the build-id that is wanted;
 * where none is known, a debug file must have the checksum of its link, and a binary must not have
 * changed since it ran, unless the user named its directory.
 */
#ifndef LEAKEY_MODEL_DEBUGFILES_H
#define LEAKEY_MODEL_DEBUGFILES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "model/model.h"

struct debug_files;

struct debug_files *debug_files_new(const struct symbol_search *search);
void debug_files_free(struct debug_files *files);

struct binary_wanted {
    const char *path;     /* when it ran */
    const char *build_id; /* lower-case hex; NULL: it had none */
    uint32_t pid;         /* of the process, if it still runs; else 0 */
    uint64_t started_ns;  /* of the process, since the epoch */
};

enum binary_found { BINARY_FOUND, BINARY_NOT_THERE, BINARY_OTHER_BUILD, BINARY_CHANGED };

/* Opens the binary, or its debug file alone: that has the names too. `found` (g_free) is where. */
enum binary_found debug_files_open(struct debug_files *files, const struct binary_wanted *wanted,
                                   int *fd, char **found);

struct debug_wanted {
    const unsigned char *build_id; /* NULL: none */
    size_t build_id_bytes;
    const char *path, *found; /* the binary's when it ran, and now */
    const char *link;         /* .gnu_debuglink's name, or dwz's; NULL none */
    uint32_t link_crc;
};

/* The debug file of a binary, open; `found` (free) is where. -1: none. */
int debug_files_find(struct debug_files *files, const struct debug_wanted *wanted, char **found);

/* Why debuginfod was given up, see debuginfod.h; NULL. */
const char *debug_files_problem(const struct debug_files *files);

#endif
