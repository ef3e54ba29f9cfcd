/* `leakey report --reachability PID|CAPTURE`: which processes are searched. */
#ifndef LEAKEY_CMD_REACHABILITY_H
#define LEAKEY_CMD_REACHABILITY_H

#include <glib.h>

/* Searches the process that `target` names by its pid, its capture or a directory with its capture,
 * and those whose captures are among `paths` (of char *), and adds the target's captures to
 * `paths`. Returns the searches (struct search *; freed with the array); NULL with an error. */
GPtrArray *reachability_search(const char *target, GPtrArray *paths, GError **error);

#endif
