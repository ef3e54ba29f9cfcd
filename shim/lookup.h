/*
 * dlsym that leaves no error behind: what it fails at is not the host's to see, and the loader
 * keeps no memory for it. Not before the C library is initialised: dlerror looks for translations.
 */
#ifndef LK_LOOKUP_H
#define LK_LOOKUP_H

#include <dlfcn.h>

#include "loader.h"

static inline void lk_forget_loader_error(void)
{
    while (lk_loader.error())
        ;
}

static inline void *lk_look_up(void *handle, const char *name)
{
    void *found = lk_loader.sym(handle, name);
    if (!found)
        lk_forget_loader_error();
    return found;
}

#endif
