/*
 * How a process ended whose capture has no end mark. The shim marks exit, _exit and exec, so on
 * this boot only a signal is left when the process is gone. It is the capture's own process if it
 * has the start time that the header tells and has the file mapped; its pid may be another one here
 * (a container's).
 */
#define _GNU_SOURCE
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "read/parts.h"

#define STAT_START_FIELD 22 /* proc(5) */

static bool boot_is_ours(const struct lk_header *header)
{
    char *text = NULL, digits[33] = "", ours[33];
    if (!g_file_get_contents("/proc/sys/kernel/random/boot_id", &text, NULL, NULL))
        return false;
    size_t n = 0;
    for (const char *at = text; *at != '\0' && n < 32; at++)
        if (isxdigit((unsigned char)*at))
            digits[n++] = *at;
    g_free(text);
    for (size_t i = 0; i < 16; i++)
        snprintf(ours + 2 * i, 3, "%02x", header->boot_id[i]);
    return n == 32 && strncmp(digits, ours, 32) == 0;
}

/* Field 22 of /proc/PID/stat; 0 when there is no such process, or one that has ended and that
 * nobody has waited for yet. The name in field 2 may hold anything. */
static uint64_t start_ticks(const char *pid)
{
    char path[64], *text = NULL;
    uint64_t ticks = 0;
    snprintf(path, sizeof(path), "/proc/%s/stat", pid);
    if (!g_file_get_contents(path, &text, NULL, NULL))
        return 0;
    const char *at = strrchr(text, ')');
    if (at != NULL && (g_str_has_prefix(at, ") Z") || g_str_has_prefix(at, ") X")))
        at = NULL;
    for (int field = 2; at != NULL && field < STAT_START_FIELD; field++)
        at = strchr(at + 1, ' ');
    if (at != NULL)
        ticks = strtoull(at, NULL, 10);
    g_free(text);
    return ticks;
}

/* MAPPED_GONE: it is about to end, and has no memory any more. */
enum mapped { MAPPED_NO, MAPPED_YES, MAPPED_HIDDEN, MAPPED_GONE };

/* Whether the process maps the file: by inode, as the device differs between views of an overlay.
 */
static enum mapped maps_file(const char *pid, const struct stat *file)
{
    char path[64], *text = NULL, wanted[32];
    snprintf(path, sizeof(path), "/proc/%s/maps", pid);
    snprintf(wanted, sizeof(wanted), " %llu ", (unsigned long long)file->st_ino);
    if (!g_file_get_contents(path, &text, NULL, NULL))
        return MAPPED_HIDDEN;
    enum mapped found = strstr(text, wanted) != NULL ? MAPPED_YES : MAPPED_NO;
    if (*text == '\0')
        found = MAPPED_GONE;
    g_free(text);
    return found;
}

/* Another process here that began at that time and maps the file: the same one by another pid. */
static bool runs_under_another_pid(const struct lk_header *header, const struct stat *file)
{
    GDir *directory = g_dir_open("/proc", 0, NULL);
    const char *name;
    bool found = false;
    while (directory != NULL && !found && (name = g_dir_read_name(directory)) != NULL)
        found = isdigit((unsigned char)*name) && start_ticks(name) == header->process_start_ticks &&
                maps_file(name, file) == MAPPED_YES;
    if (directory != NULL)
        g_dir_close(directory);
    return found;
}

enum capture_end capture_find_end(const struct lk_header *header, int fd)
{
    struct stat file;
    char pid[16];
    if (fd < 0 || fstat(fd, &file) != 0 || !boot_is_ours(header))
        return CAPTURE_END_UNKNOWN;
    snprintf(pid, sizeof(pid), "%u", header->pid);
    uint64_t ticks = start_ticks(pid);
    if (ticks != 0 && ticks == header->process_start_ticks) {
        enum mapped mapped = maps_file(pid, &file);
        if (mapped == MAPPED_GONE)
            return CAPTURE_END_SIGNAL;
        return mapped == MAPPED_NO ? CAPTURE_END_EXEC : CAPTURE_END_RUNNING;
    }
    return runs_under_another_pid(header, &file) ? CAPTURE_END_RUNNING : CAPTURE_END_SIGNAL;
}
