/*
 * Modules that were loaded with RTLD_DEEPBIND. The loader binds their names to their own libraries
 * before it asks the preload, so they would pass the shim by. The flag is kept, for it may be what
 * keeps two versions of a library apart. Instead, once such a module is loaded, those of its
 * references that are to interposed names are bound to the wrappers, and the wrappers' originals
 * are found in its own order (real.h).
 */
#ifndef LK_DEEPBIND_H
#define LK_DEEPBIND_H

#include <stdbool.h>

/* Whether there are any, and whether the address lies in one. */
bool lk_deepbind_any(void);
bool lk_deepbind_holds(const void *address);

/* What could not be bound when it was loaded (see deepbind.c) is bound now. */
void lk_deepbind_settle(void);

/* After a dlclose: those that are gone. */
void lk_deepbind_forget(void);

/* dlopen's original, for the wrapper that jumps there. */
extern void *lk_dlopen_original __attribute__((visibility("hidden")));

#endif
