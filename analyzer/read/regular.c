/* Opens regular files alone; see regular.h. */
#define _GNU_SOURCE
#include "read/regular.h"

#include <errno.h>
#include <fcntl.h>
#include <glib.h>
#include <unistd.h>

int regular_open(const char *path, struct stat *status)
{
    if (stat(path, status) != 0)
        return -1;
    errno = 0;
    if (!S_ISREG(status->st_mode))
        return -1;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    /* It may have become something else in between. */
    if (fd >= 0 && (fstat(fd, status) != 0 || !S_ISREG(status->st_mode))) {
        close(fd);
        errno = 0;
        fd = -1;
    }
    return fd;
}

const char *regular_problem(void)
{
    return errno == 0 ? "not a regular file" : g_strerror(errno);
}
