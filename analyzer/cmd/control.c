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
#include "read/capture.h"

#define SUFFIX  ".leakey"
#define DELETED " (deleted)"

/* ---- The process ---- */

static char *proc_text(unsigned long pid, const char *name, GError **error)
{
    char *path = g_strdup_printf("/proc/%lu/%s", pid, name), *text = NULL;
    GError *cause = NULL;

    if (!g_file_get_contents(path, &text, NULL, &cause)) {
        if (g_error_matches(cause, G_FILE_ERROR, G_FILE_ERROR_NOENT) ||
            g_error_matches(cause, G_FILE_ERROR, G_FILE_ERROR_FAILED))
            g_set_error(error, LEAKEY_ERROR, LEAKEY_ERROR_INPUT, "%lu: no such process", pid);
        else
            g_set_error(error, LEAKEY_ERROR, LEAKEY_ERROR_SYSTEM, "%lu: %s", pid, cause->message);
        g_error_free(cause);
    }
    g_free(path);
    return text;
}

/* Field 22 of /proc/PID/stat; fields are counted from behind the name, which may hold anything. 0
 * unknown. */
static uint64_t start_ticks(unsigned long pid)
{
    char *text = proc_text(pid, "stat", NULL);
    const char *at = text == NULL ? NULL : strrchr(text, ')');
    uint64_t ticks = 0;

    for (int field = 2; field < 22 && at != NULL; field++)
        at = strchr(at + 1, ' ');
    if (at != NULL)
        ticks = g_ascii_strtoull(at, NULL, 10);
    g_free(text);
    return ticks;
}

/* The pid that the process itself knows: the last of NSpid, which differs from ours in a container.
 */
static uint32_t own_pid(unsigned long pid)
{
    char *text = proc_text(pid, "status", NULL);
    const char *line = text == NULL ? NULL : strstr(text, "\nNSpid:");
    uint32_t own = (uint32_t)pid;

    if (line != NULL) {
        size_t bytes = strcspn(line + 1, "\n");
        char *last = g_strndup(line + 1, bytes), *blank = strrchr(last, '\t');
        if (blank != NULL)
            own = (uint32_t)g_ascii_strtoull(blank + 1, NULL, 10);
        g_free(last);
    }
    g_free(text);
    return own;
}

/* ---- Its capture ---- */

/* The path in a line of /proc/PID/maps ("start-end perms offset major:minor inode   path"), as the
 * process sees it; NULL when it is no capture's. */
static const char *capture_path(const char *line, bool *deleted)
{
    const char *path = strchr(line, '/');

    if (path == NULL)
        return NULL;
    if (g_str_has_suffix(path, SUFFIX DELETED))
        *deleted = true;
    return g_str_has_suffix(path, SUFFIX) ? path : NULL;
}

static bool is_own(int fd, unsigned long pid, struct lk_header *header)
{
    return pread(fd, header, sizeof(*header), 0) == (ssize_t)sizeof(*header) &&
           memcmp(header->magic, LK_MAGIC, sizeof(header->magic)) == 0 &&
           header->pid == own_pid(pid) && header->process_start_ticks == start_ticks(pid);
}

static int open_mapped(const char *mapped, unsigned long pid, GError **error)
{
    char *path = g_strdup_printf("/proc/%lu/root%s", pid, mapped);
    struct lk_header header;
    int fd = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW);

    if (fd < 0) {
        g_set_error(error, LEAKEY_ERROR, LEAKEY_ERROR_SYSTEM, "%lu: %s: %s", pid, mapped,
                    g_strerror(errno));
    } else if (!is_own(fd, pid, &header)) {
        g_set_error(error, LEAKEY_ERROR, LEAKEY_ERROR_INPUT, "%lu: %s is another process's capture",
                    pid, mapped);
        close(fd);
        fd = -1;
    } else if (header.version != LK_VERSION || header.byte_order != LK_BYTE_ORDER) {
        g_set_error(error, LEAKEY_ERROR, LEAKEY_ERROR_INPUT,
                    "%lu: %s is of another version of leakey", pid, mapped);
        close(fd);
        fd = -1;
    }
    g_free(path);
    return fd;
}

/* Opens the process's own capture, read-write; -1 with an error. */
static int open_capture(unsigned long pid, char **path, GError **error)
{
    char *maps = proc_text(pid, "maps", error);
    char **lines = maps == NULL ? NULL : g_strsplit(maps, "\n", -1);
    bool deleted = false;
    int fd = -1;

    for (char **line = lines; line != NULL && *line != NULL && fd < 0; line++) {
        const char *mapped = capture_path(*line, &deleted);

        if (mapped == NULL)
            continue;
        g_clear_error(error);
        fd = open_mapped(mapped, pid, error);
        if (fd >= 0)
            *path = g_strdup(mapped);
    }
    if (lines != NULL && fd < 0 && *error == NULL)
        g_set_error(error, LEAKEY_ERROR, LEAKEY_ERROR_INPUT,
                    deleted ? "%lu: its capture has been deleted"
                            : "%lu: it has no capture: not run under the shim, or nothing was "
                              "recorded yet (--paused makes one at the start)",
                    pid);
    g_strfreev(lines);
    g_free(maps);
    return fd;
}

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
    int fd = open_capture(pid, &path, &error);
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
