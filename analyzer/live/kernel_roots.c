/* Pointers in the kernel's hands, by /proc; see kernel_roots.h. */
#define _GNU_SOURCE
#include "live/kernel_roots.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "live/process.h"

GArray *kernel_epolls(unsigned long pid)
{
    GArray *found = g_array_new(FALSE, FALSE, sizeof(int));
    char *path = g_strdup_printf("/proc/%lu/fd", pid), target[PATH_MAX];
    GDir *directory = g_dir_open(path, 0, NULL);
    const char *name;

    while (directory != NULL && (name = g_dir_read_name(directory)) != NULL) {
        char *link = g_build_filename(path, name, NULL);
        ssize_t bytes = readlink(link, target, sizeof(target) - 1);
        int fd = (int)strtol(name, NULL, 10);
        target[MAX(bytes, 0)] = '\0';
        if (strcmp(target, "anon_inode:[eventpoll]") == 0)
            g_array_append_val(found, fd);
        g_free(link);
    }
    if (directory != NULL)
        g_dir_close(directory);
    g_free(path);
    return found;
}

void kernel_numbers(const char *text, const char *label, char after, GArray *words)
{
    for (const char *at = text; (at = strstr(at, label)) != NULL;) {
        at += strlen(label);
        if (after != '\0')
            at += strcspn(at, (const char[]){after, '\n', '\0'});
        if (after != '\0' && *at != after)
            continue;
        uint64_t word = g_ascii_strtoull(at + (after != '\0'), NULL, 16);
        g_array_append_val(words, word);
    }
}

void kernel_roots(unsigned long pid, const GArray *epolls, GArray *words)
{
    for (guint i = 0; i < epolls->len; i++) {
        char *name = g_strdup_printf("fdinfo/%d", g_array_index(epolls, int, i));
        char *text = process_text(pid, name, NULL); /* tfd: 5 events: 19 data: 55d0c0de2010 */
        if (text != NULL)
            kernel_numbers(text, " data:", '\0', words);
        g_free(text);
        g_free(name);
    }
    char *timers = process_text(pid, "timers", NULL); /* signal: 14/000055d0c0de2010 */
    if (timers != NULL)
        kernel_numbers(timers, "signal:", '/', words);
    g_free(timers);
}
