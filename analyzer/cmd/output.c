/* Writes results by way of a temporary file beside the wanted one. */
#include "cmd/output.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "read/capture.h"

static bool fail(GError **error, const char *path, int reason)
{
    g_set_error(error, LEAKEY_ERROR, LEAKEY_ERROR_SYSTEM, "%s: %s", path, g_strerror(reason));
    return false;
}

/* As open(2) would have made it: mkstemp's 0600 is not what the user's umask asks for. */
static mode_t wanted_mode(const char *path)
{
    struct stat status;
    mode_t mask;

    if (stat(path, &status) == 0)
        return status.st_mode & 0777;
    mask = umask(0);
    umask(mask);
    return 0666 & ~mask;
}

static int open_temporary(struct output *output)
{
    char *directory = g_path_get_dirname(output->path);
    int fd;

    output->temporary = g_build_filename(directory, ".leakey-XXXXXX", NULL);
    g_free(directory);
    fd = g_mkstemp(output->temporary);
    if (fd >= 0 && fchmod(fd, wanted_mode(output->path)) != 0) {
        int reason = errno;
        unlink(output->temporary);
        close(fd);
        errno = reason;
        fd = -1;
    }
    return fd;
}

bool output_open(struct output *output, const char *path, GError **error)
{
    struct stat status;

    *output = (struct output){.stream = stdout};
    if (path == NULL || strcmp(path, "-") == 0)
        return true;
    output->path = path;
    if (stat(path, &status) == 0 && !S_ISREG(status.st_mode)) {
        output->stream = S_ISDIR(status.st_mode) ? NULL : fopen(path, "we");
        return output->stream != NULL ||
               fail(error, path, S_ISDIR(status.st_mode) ? EISDIR : errno);
    }
    int fd = open_temporary(output);
    output->stream = fd < 0 ? NULL : fdopen(fd, "w");
    if (output->stream == NULL) {
        fail(error, path, errno);
        g_free(output->temporary);
        return false;
    }
    return true;
}

bool output_open_paged(struct output *output, const char *path, GError **error)
{
    if (!output_open(output, path, error))
        return false;
    FILE *stream = output->stream == stdout ? pager_start(&output->pager) : NULL;
    if (stream != NULL)
        output->stream = stream;
    return true;
}

/* A reader who has seen enough leaves the pipe broken; only a pager that never ran is an error. */
static bool close_paged(struct output *output, GError **error)
{
    fclose(output->stream);
    if (pager_end(&output->pager))
        return true;
    g_set_error(error, LEAKEY_ERROR, LEAKEY_ERROR_SYSTEM,
                "the pager cannot be run; LEAKEY_PAGER=cat does without one");
    return false;
}

bool output_close(struct output *output, GError **error)
{
    if (output->pager.pid > 0)
        return close_paged(output, error);

    const char *name = output->path == NULL ? "standard output" : output->path;
    int reason = 0;

    errno = 0;
    bool written = fflush(output->stream) == 0 && !ferror(output->stream);
    if (!written)
        reason = errno == 0 ? EIO : errno;
    if (output->stream != stdout && fclose(output->stream) != 0 && reason == 0)
        reason = errno;
    if (output->temporary != NULL) {
        if (reason == 0 && rename(output->temporary, output->path) != 0)
            reason = errno;
        if (reason != 0)
            unlink(output->temporary);
        g_free(output->temporary);
    }
    return reason == 0 || fail(error, name, reason);
}

void output_abandon(struct output *output)
{
    if (output->stream != stdout)
        fclose(output->stream);
    pager_end(&output->pager);
    if (output->temporary != NULL) {
        unlink(output->temporary);
        g_free(output->temporary);
    }
}

bool output_colour(const struct output *output)
{
    const char *no_colour = g_getenv("NO_COLOR");

    return (output->pager.pid > 0 || isatty(fileno(output->stream))) &&
           (no_colour == NULL || *no_colour == '\0');
}
