/* Whether a command can be recorded at all: whether the loader will bring the shim into it. */
#ifndef LEAKEY_CMD_TARGET_H
#define LEAKEY_CMD_TARGET_H

#include <glib.h>

enum target {
    TARGET_FITS,
    TARGET_NOT_FOUND,      /* a shell says 127 */
    TARGET_NOT_EXECUTABLE, /* 126 */
    TARGET_REFUSED,        /* it would run, but without the shim, or not as it should */
};

/* Looks argv[0] up as a shell does, follows `#!` lines and `env`, and looks at the program that
 * comes out. `*why` (g_free) says what is wrong, NULL when it fits. */
enum target target_check(char *const *argv, char **why);

#endif
