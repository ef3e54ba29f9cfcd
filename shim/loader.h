/*
 * The loader's functions, found and not linked to: before glibc 2.34 they stood in libdl, which a
 * host need not have, and the versions of today's libc are unknown there. So one file runs on any
 * glibc since 2.17, and needs libc alone.
 */
#ifndef LK_LOADER_H
#define LK_LOADER_H

#include <dlfcn.h>
#include <stdbool.h>

struct lk_loader {
    void *(*sym)(void *handle, const char *name);
    int (*addr)(const void *address, Dl_info *info);
    char *(*error)(void);
};

/* Before lk_loader_init, and where there is none: `sym` looks into libc alone, the others find
 * nothing. What they are called by decides what RTLD_NEXT is, and that is the shim. */
extern struct lk_loader lk_loader __attribute__((visibility("hidden")));

/* Finds them; loads libdl where that is what has them and it is not there. False: that cannot be
 * done yet, for libc itself is not set up (a host's preinit function calls us). Asks the loader.
 * Safe to call again. */
bool lk_loader_init(void);

/* As libc or libdl defines it, whatever else does; NULL: neither. */
void *lk_loader_find(const char *name);

#endif
