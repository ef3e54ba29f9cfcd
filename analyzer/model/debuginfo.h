/*
 * Names for addresses of one ELF file, by elfutils: DWARF where there is some (in the file or in a
 * debug file, model/debugfiles.h), else the symbol tables, MiniDebugInfo's among them. A symbol
 * names an address only if its size covers it: a wrong name is worse than none.
 */
#ifndef LEAKEY_MODEL_DEBUGINFO_H
#define LEAKEY_MODEL_DEBUGINFO_H

#include <stdbool.h>
#include <stdint.h>

struct debug_files;
struct debuginfo;

/* Opens the file behind `fd`, which is the callee's from then on. `path` is where it was when it
 * ran, `found` where it is now; debug files are looked for with `files`, which must live longer.
 * NULL when it is no ELF file. */
struct debuginfo *debuginfo_open(int fd, const char *path, const char *found,
                                 struct debug_files *files);
void debuginfo_free(struct debuginfo *info);

struct debug_frame {      /* texts live as long as the struct debuginfo */
    const char *function; /* demangled; NULL unknown */
    const char *file;     /* absolute where DWARF tells; NULL unknown */
    int line;             /* 0 unknown */
    bool inlined;         /* the function was inlined into the next frame's */
};

typedef void debug_frame_given(const struct debug_frame *frame, void *context);

/* Calls `each` for every function that holds the address (an ELF vaddr), innermost first: one, and
 * one more for each level of inlining, each with the line it is in; once with nothing known when
 * nothing is. */
void debuginfo_find(struct debuginfo *info, uint64_t address, debug_frame_given *each,
                    void *context);

/* Whether there is DWARF, in the file or apart from it. */
bool debuginfo_has_lines(struct debuginfo *info);

#endif
