/* Processes and their captures, by /proc; see process.h. */
#define _GNU_SOURCE
#include "live/process.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "read/regular.h"

#define SUFFIX           ".leakey"
#define DELETED          " (deleted)"
#define STAT_START_FIELD 22 /* proc(5) */

char *process_text(unsigned long pid, const char *name, GError **error)
{
    char *path = g_strdup_printf("/proc/%lu/%s", pid, name), *text = NULL;
    GError *cause = NULL;

    if (!g_file_get_contents(path, &text, NULL, &cause)) {
        if (g_error_matches(cause, G_FILE_ERROR, G_FILE_ERROR_NOENT) ||
            g_error_matches(cause, G_FILE_ERROR, G_FILE_ERROR_FAILED))
            g_set_error(error, LEAKEY_ERROR, LEAKEY_ERROR_INPUT, "%lu: no such process", pid);
        else if (g_error_matches(cause, G_FILE_ERROR, G_FILE_ERROR_ACCES))
            g_set_error(error, LEAKEY_ERROR, LEAKEY_ERROR_SYSTEM,
                        "%lu: no permission to look into it: this needs its user or CAP_SYS_PTRACE",
                        pid);
        else
            g_set_error(error, LEAKEY_ERROR, LEAKEY_ERROR_SYSTEM, "%lu: %s", pid, cause->message);
        g_error_free(cause);
    }
    g_free(path);
    return text;
}

/* Fields are counted from behind the name, which may hold anything. */
uint64_t process_start_ticks(unsigned long pid)
{
    char *text = process_text(pid, "stat", NULL);
    const char *at = text == NULL ? NULL : strrchr(text, ')');
    uint64_t ticks = 0;

    for (int field = 2; field < STAT_START_FIELD && at != NULL; field++)
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
    char *text = process_text(pid, "status", NULL);
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

/* ---- From the process to its capture ---- */

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
           header->pid == own_pid(pid) && header->process_start_ticks == process_start_ticks(pid);
}

static int open_mapped(const char *mapped, unsigned long pid, int flags, GError **error)
{
    char *path = g_strdup_printf("/proc/%lu/root%s", pid, mapped);
    struct lk_header header;
    int fd = open(path, flags | O_CLOEXEC | O_NOFOLLOW);

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

/* The path as the process sees it, if the same file lies there for us too; else through /proc. */
static char *path_for_us(unsigned long pid, const char *mapped, int fd)
{
    struct stat there, here;

    if (fstat(fd, &there) == 0 && stat(mapped, &here) == 0 && there.st_dev == here.st_dev &&
        there.st_ino == here.st_ino)
        return g_strdup(mapped);
    return g_strdup_printf("/proc/%lu/root%s", pid, mapped);
}

int process_open_capture(unsigned long pid, int flags, char **path, GError **error)
{
    char *maps = process_text(pid, "maps", error);
    char **lines = maps == NULL ? NULL : g_strsplit(maps, "\n", -1);
    GError *cause = NULL;
    bool deleted = false;
    int fd = -1;

    for (char **line = lines; line != NULL && *line != NULL && fd < 0; line++) {
        const char *mapped = capture_path(*line, &deleted);

        if (mapped == NULL)
            continue;
        g_clear_error(&cause);
        fd = open_mapped(mapped, pid, flags, &cause);
        if (fd >= 0)
            *path = path_for_us(pid, mapped, fd);
    }
    if (lines != NULL && fd < 0 && cause == NULL)
        g_set_error(&cause, LEAKEY_ERROR, LEAKEY_ERROR_INPUT,
                    *maps == '\0' ? "%lu: it has ended"
                    : deleted     ? "%lu: its capture has been deleted"
                              : "%lu: it has no capture: not run under the shim, or nothing was "
                                "recorded yet (--paused makes one at the start)",
                    pid);
    if (cause != NULL)
        g_propagate_error(error, cause);
    g_strfreev(lines);
    g_free(maps);
    return fd;
}

/* ---- From the capture to its process ---- */

uint64_t process_line_inode(const char *line)
{
    for (int field = 0; field < 4; field++) {
        line += strcspn(line, " \n");
        line += strspn(line, " ");
    }
    return g_ascii_strtoull(line, NULL, 10);
}

/* By inode, as the device differs between views of an overlay. */
static bool maps_file(const char *maps, uint64_t inode)
{
    for (const char *line = maps; line != NULL; line = strchr(line, '\n')) {
        line += *line == '\n';
        if (*line != '\0' && process_line_inode(line) == inode)
            return true;
    }
    return false;
}

/* What a capture says of its process. */
struct writer {
    struct lk_header header;
    uint64_t inode;
};

/* Whether process `pid` began when the capture's did and has its file mapped; *hidden: began then,
 * but may not be looked into. */
static bool is_writer(const struct writer *writer, unsigned long pid, bool *hidden)
{
    if (process_start_ticks(pid) != writer->header.process_start_ticks)
        return false;
    char *maps = process_text(pid, "maps", NULL);
    bool is = maps != NULL && maps_file(maps, writer->inode);
    *hidden |= maps == NULL;
    g_free(maps);
    return is;
}

/* A container's process has another pid here. */
static unsigned long writer_by_another_pid(const struct writer *writer)
{
    GDir *directory = g_dir_open("/proc", 0, NULL);
    const char *name;
    unsigned long found = 0;
    bool hidden = false;

    while (directory != NULL && found == 0 && (name = g_dir_read_name(directory)) != NULL) {
        unsigned long pid = strtoul(name, NULL, 10);
        if (pid != 0 && is_writer(writer, pid, &hidden))
            found = pid;
    }
    if (directory != NULL)
        g_dir_close(directory);
    return found;
}

static bool boot_is_ours(const struct writer *writer)
{
    char *text = NULL, theirs[33];

    if (!g_file_get_contents("/proc/sys/kernel/random/boot_id", &text, NULL, NULL))
        return false;
    char **parts = g_strsplit(g_strstrip(text), "-", -1), *ours = g_strjoinv("", parts);
    for (size_t i = 0; i < sizeof(writer->header.boot_id); i++)
        g_snprintf(theirs + 2 * i, 3, "%02x", writer->header.boot_id[i]);
    bool same = g_ascii_strcasecmp(ours, theirs) == 0;
    g_free(ours);
    g_strfreev(parts);
    g_free(text);
    return same;
}

static bool read_writer(const char *path, struct writer *writer, GError **error)
{
    struct stat file;
    struct lk_header *header = &writer->header;
    int fd = regular_open(path, &file);
    bool is_there = fd >= 0;

    if (!is_there)
        g_set_error(error, LEAKEY_ERROR, LEAKEY_ERROR_INPUT, "%s: %s", path, regular_problem());
    bool good = is_there && pread(fd, header, sizeof(*header), 0) == (ssize_t)sizeof(*header) &&
                memcmp(header->magic, LK_MAGIC, sizeof(header->magic)) == 0;
    if (is_there && !good)
        g_set_error(error, LEAKEY_ERROR, LEAKEY_ERROR_INPUT, "%s: not a leakey capture", path);
    writer->inode = is_there ? file.st_ino : 0;
    if (fd >= 0)
        close(fd);
    return good;
}

/* Why the process of that pid is not the one. */
static const char *why_not(const struct writer *writer)
{
    if (writer->header.end == LK_END_EXEC)
        return "has become another program by exec";
    if (writer->header.end != LK_END_RUNNING)
        return "has ended";
    return process_start_ticks(writer->header.pid) != 0 ? "is gone; its pid is another one's now"
                                                        : "is gone";
}

unsigned long process_of_capture(const char *path, GError **error)
{
    struct writer writer;
    bool hidden = false;

    if (!read_writer(path, &writer, error))
        return 0;
    unsigned long pid = writer.header.pid;
    if (!boot_is_ours(&writer)) {
        g_set_error(error, LEAKEY_ERROR, LEAKEY_ERROR_INPUT,
                    "%s: its process (pid %lu) ran on another machine, or before the last boot",
                    path, pid);
        return 0;
    }
    if (is_writer(&writer, pid, &hidden))
        return pid;
    if (hidden) {
        g_set_error(error, LEAKEY_ERROR, LEAKEY_ERROR_SYSTEM,
                    "%s: no permission to look into its process (pid %lu): this needs its user or "
                    "CAP_SYS_PTRACE",
                    path, pid);
        return 0;
    }
    unsigned long found = writer_by_another_pid(&writer);
    if (found == 0)
        g_set_error(error, LEAKEY_ERROR, LEAKEY_ERROR_INPUT,
                    "%s: its process (pid %lu) %s: only memory of a running one can be searched",
                    path, pid, why_not(&writer));
    return found;
}
