/* Which process writes a capture, and which capture a process writes: by /proc. */
#ifndef LEAKEY_LIVE_PROCESS_H
#define LEAKEY_LIVE_PROCESS_H

#include <glib.h>

#include "read/capture.h"

/* A file of /proc/PID, whole; NULL with an error that begins with the pid. */
char *process_text(unsigned long pid, const char *name, GError **error);

/* When it began, in clock ticks since the boot: tells a pid that is used again. 0 unknown. */
uint64_t process_start_ticks(unsigned long pid);

/* Opens the capture that the process has mapped, with these flags of open(2); -1 with an error.
 * *path is where it lies for us; the caller frees it. */
int process_open_capture(unsigned long pid, int flags, char **path, GError **error);

/* The process that writes the capture at `path`, by its pid here; 0 with an error: no capture, or
 * its process runs no more, or elsewhere. */
unsigned long process_of_capture(const char *path, GError **error);

/* The inode of a mapping, from its line in /proc/PID/maps; 0 for one of no file. */
uint64_t process_line_inode(const char *line);

#endif
