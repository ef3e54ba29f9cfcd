/*
 * Names for addresses of one ELF file, by elfutils: DWARF where there is some (in the file, under
 * /usr/lib/debug by build-id, or from debuginfod when DEBUGINFOD_URLS is set), else the symbol
 * table.
 */
#ifndef LEAKEY_MODEL_DEBUGINFO_H
#define LEAKEY_MODEL_DEBUGINFO_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

struct debuginfo;

enum debuginfo_open { DEBUGINFO_OPENED, DEBUGINFO_NO_FILE, DEBUGINFO_OTHER_BUILD };

/* Opens `path` if it is an ELF file with that build-id (lower-case hex; NULL: of a file that has
 * none). Anything can stand at `path`: what is not a regular file is not touched. */
enum debuginfo_open debuginfo_open(const char *path, const char *build_id,
                                   struct debuginfo **opened);
void debuginfo_free(struct debuginfo *info);

struct debug_frame {      /* texts are the callee's until it returns */
    const char *function; /* demangled; NULL unknown */
    const char *file;     /* absolute where DWARF tells; NULL unknown */
    int line;             /* 0 unknown */
    bool inlined;         /* the function was inlined into the next frame's */
};

/* Calls `each` for every function that holds the address (an ELF vaddr), innermost first: one, and
 * one more for each level of inlining; once with nothing known when nothing is. */
void debuginfo_find(struct debuginfo *info, uint64_t address,
                    void (*each)(const struct debug_frame *frame, void *context), void *context);

/* The name as a person wrote it: C++ and Rust demangled, a compiler's clone suffixes (.isra.0,
 * .cold) left out. g_free. */
char *debuginfo_demangle(const char *name);

#endif
