/*
 * Opens files that a capture or a directory names. Whoever made those may have named anything:
 * opening a device can do something, a FIFO waits, and a file of the kernel's has no end.
 */
#ifndef LEAKEY_READ_REGULAR_H
#define LEAKEY_READ_REGULAR_H

#include <sys/stat.h>

/* Opens a regular file for reading: -1 with errno, which is 0 when it is something else. What is
 * not regular is looked at, never opened. */
int regular_open(const char *path, struct stat *status);

/* Why the latest regular_open gave -1, by errno. */
const char *regular_problem(void);

#endif
