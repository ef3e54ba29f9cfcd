/* `leakey pause` and `leakey resume`: a bit in the capture that a running process has mapped, and
 * beside it when that was. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <unistd.h>

#include "capture/layout.h"
#include "cmd/cmd.h"
#include "cmd/messages.h"
#include "live/process.h"

/* ---- The bit ---- */

static struct lk_pause *pause_number(struct lk_header *header, uint32_t number)
{
    struct lk_pause *pauses = (struct lk_pause *)(void *)((char *)header + LK_PAUSES_OFFSET);
    return &pauses[MIN(number, LK_PAUSES - 1)];
}

static void begin_pause(struct lk_header *header, uint64_t now)
{
    struct lk_pause *pause = pause_number(header, header->pauses);

    if (header->pauses >= LK_PAUSES)
        header->paused_more_ns += pause->to_ns - pause->from_ns;
    *pause = (struct lk_pause){now, 0};
    header->pauses++;
    __atomic_fetch_or(&header->control, LK_CONTROL_PAUSED, __ATOMIC_RELEASE);
}

static void end_pause(struct lk_header *header, uint64_t now)
{
    if (header->pauses > 0)
        pause_number(header, header->pauses - 1)->to_ns = MAX(now, 1);
    __atomic_fetch_and(&header->control, ~(uint32_t)LK_CONTROL_PAUSED, __ATOMIC_RELEASE);
}

/* False with errno: the file cannot be written. */
static bool set_paused(int fd, bool paused, bool *was_paused)
{
    struct lk_header *header = mmap(NULL, LK_GRANULE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

    if (header == MAP_FAILED)
        return false;
    flock(fd, LOCK_EX); /* two of us at a time would both put it down; closing gives it up */
    uint64_t now = (uint64_t)g_get_monotonic_time() * 1000, start = header->start_monotonic_ns;
    now = now > start ? now - start : 0;
    *was_paused = (header->control & LK_CONTROL_PAUSED) != 0;
    if (paused && !*was_paused)
        begin_pause(header, now);
    else if (!paused && *was_paused)
        end_pause(header, now);
    munmap(header, LK_GRANULE);
    return true;
}

/* ---- Whose ---- */

/* A pid, or a capture, whose process is looked for. 0 with an error. */
static unsigned long pid_of(const char *argument, GError **error)
{
    char *end;

    errno = 0;
    unsigned long pid = strtoul(argument, &end, 10);
    if (g_ascii_isdigit(*argument) && *end == '\0' && errno == 0 && pid != 0 && pid <= INT32_MAX)
        return pid;
    if (strchr(argument, '/') != NULL || g_str_has_suffix(argument, ".leakey"))
        return process_of_capture(argument, error);
    g_set_error(error, LEAKEY_ERROR, LEAKEY_ERROR_USAGE,
                "\"%s\" is neither a process id nor a capture", argument);
    return 0;
}

static int control_process(const char *command, unsigned long pid, bool paused, GError **error)
{
    char *path = NULL;
    bool was_paused;
    int fd = process_open_capture(pid, O_RDWR, &path, error);

    if (fd < 0)
        return STATUS_ERROR;
    bool done = set_paused(fd, paused, &was_paused);
    if (!done)
        g_set_error(error, LEAKEY_ERROR, LEAKEY_ERROR_SYSTEM, "%s: %s", path, g_strerror(errno));
    else if (was_paused == paused)
        message(command, "%s was %s already", path, paused ? "paused" : "being recorded");
    else
        message(command, "%s %s", path, paused ? "is paused" : "is being recorded again");
    close(fd);
    g_free(path);
    return done ? STATUS_DONE : STATUS_ERROR;
}

static int control(const char *command, const char *argument, bool paused)
{
    GError *error = NULL;
    unsigned long pid = pid_of(argument, &error);
    int status = pid == 0 ? STATUS_ERROR : control_process(command, pid, paused, &error);

    if (error != NULL && error->code == LEAKEY_ERROR_USAGE)
        status = usage_error(command, "%s", error->message);
    else if (error != NULL)
        message(command, "%s", error->message);
    g_clear_error(&error);
    return status;
}

static int run(const char *command, const char *description, bool paused, int argc, char **argv)
{
    char **arguments = NULL;
    const GOptionEntry entries[] = {
        {G_OPTION_REMAINING, 0, 0, G_OPTION_ARG_FILENAME_ARRAY, &arguments, NULL, NULL}, {0}};
    const struct command_line line = {.name = command,
                                      .arguments = "PID|CAPTURE...",
                                      .description = description,
                                      .entries = entries};
    int status = STATUS_DONE;

    if (command_line_parse(&line, &argc, &argv, &status)) {
        if (arguments == NULL)
            status = usage_error(command, "no process given");
        for (char **argument = arguments; argument != NULL && *argument != NULL; argument++)
            if (control(command, *argument, paused) != STATUS_DONE)
                status = STATUS_ERROR;
    }
    g_strfreev(arguments);
    return status;
}

int cmd_pause(int argc, char **argv)
{
    return run("pause",
               "The processes record nothing until `leakey resume`. Frees of what was recorded\n"
               "are still followed. Each is named by its pid or its capture.",
               true, argc, argv);
}

int cmd_resume(int argc, char **argv)
{
    return run("resume",
               "The processes, paused by `leakey pause` or --paused, record again. Each is named\n"
               "by its pid or its capture.",
               false, argc, argv);
}
