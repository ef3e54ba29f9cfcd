/* `leakey pause` and `leakey resume`: a bit in the capture that a running process has mapped. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "capture/layout.h"
#include "cmd/cmd.h"
#include "cmd/messages.h"
#include "live/process.h"

/* ---- The bit ---- */

static bool set_paused(int fd, bool paused, bool *was_paused)
{
    struct lk_header *header =
        mmap(NULL, sizeof(*header), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    uint32_t before;

    if (header == MAP_FAILED)
        return false;
    before = paused ? __atomic_fetch_or(&header->control, LK_CONTROL_PAUSED, __ATOMIC_RELAXED)
                    : __atomic_fetch_and(&header->control, ~(uint32_t)LK_CONTROL_PAUSED,
                                         __ATOMIC_RELAXED);
    *was_paused = before & LK_CONTROL_PAUSED;
    munmap(header, sizeof(*header));
    return true;
}

static int control(const char *command, const char *argument, bool paused)
{
    GError *error = NULL;
    char *end, *path = NULL;
    bool was_paused;

    errno = 0;
    unsigned long pid = strtoul(argument, &end, 10);
    if (!g_ascii_isdigit(*argument) || *end != '\0' || errno != 0 || pid == 0 || pid > INT32_MAX)
        return usage_error(command, "\"%s\" is not a process id", argument);
    int fd = process_open_capture(pid, O_RDWR, &path, &error);
    if (error != NULL) {
        message(command, "%s", error->message);
        g_error_free(error);
        return STATUS_ERROR;
    }
    bool done = set_paused(fd, paused, &was_paused);
    if (!done)
        message(command, "%s: %s", path, g_strerror(errno));
    else if (was_paused == paused)
        message(command, "%s was %s already", path, paused ? "paused" : "being recorded");
    else
        message(command, "%s %s", path, paused ? "is paused" : "is being recorded again");
    close(fd);
    g_free(path);
    return done ? STATUS_DONE : STATUS_ERROR;
}

static int run(const char *command, const char *description, bool paused, int argc, char **argv)
{
    char **arguments = NULL;
    const GOptionEntry entries[] = {
        {G_OPTION_REMAINING, 0, 0, G_OPTION_ARG_FILENAME_ARRAY, &arguments, NULL, NULL}, {0}};
    const struct command_line line = {
        .name = command, .arguments = "PID", .description = description, .entries = entries};
    int status;

    if (command_line_parse(&line, &argc, &argv, &status)) {
        if (arguments == NULL || g_strv_length(arguments) != 1)
            status = usage_error(command, "one process id is needed");
        else
            status = control(command, arguments[0], paused);
    }
    g_strfreev(arguments);
    return status;
}

int cmd_pause(int argc, char **argv)
{
    return run("pause",
               "The process records nothing until `leakey resume PID`. Frees of what was recorded\n"
               "are still followed.",
               true, argc, argv);
}

int cmd_resume(int argc, char **argv)
{
    return run("resume", "The process, paused by `leakey pause` or --paused, records again.", false,
               argc, argv);
}
