/* What a capture says of its process: read from /proc, raw. */
#define _GNU_SOURCE
#include "capture/about.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

#include "config.h"
#include "sys.h"

#define TEXTS_OFFSET 1024u
static_assert(TEXTS_OFFSET >= LK_PAUSES_OFFSET + LK_PAUSES * sizeof(struct lk_pause),
              "behind the pauses");

void lk_about_command_name(char *name, size_t room)
{
    const char *from = program_invocation_short_name;
    size_t used = 0;
    for (; from && *from && used + 1 < room; from++) {
        char c = *from;
        bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                     c == '-' || c == '_' || c == '+' || (c == '.' && used);
        name[used++] = plain ? c : '_';
    }
    if (used == 0)
        name[used++] = '_';
    name[used] = '\0';
}

/* Reads at most room bytes of a file; returns how many. */
static size_t read_file(const char *path, char *to, size_t room)
{
    size_t used = 0;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return 0;
    while (used < room) {
        ssize_t got = lk_sys_read(fd, to + used, room - used);
        if (got <= 0)
            break;
        used += (size_t)got;
    }
    lk_sys_close(fd);
    return used;
}

/* Field 22 of /proc/self/stat; the second field may hold anything up to the last ')'. */
static uint64_t start_ticks(void)
{
    char text[1024];
    size_t bytes = read_file("/proc/self/stat", text, sizeof text - 1);
    text[bytes] = '\0';
    const char *at = strrchr(text, ')');
    uint64_t ticks = 0;
    for (int field = 2; at && field < 22; field++)
        at = strchr(at + 1, ' ');
    for (at = at ? at + 1 : ""; *at >= '0' && *at <= '9'; at++)
        ticks = ticks * 10 + (uint64_t)(*at - '0');
    return ticks;
}

static int digit_value(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static void read_boot_id(uint8_t id[16])
{
    char text[40];
    size_t bytes = read_file("/proc/sys/kernel/random/boot_id", text, sizeof text), digits = 0;
    for (size_t i = 0; i < bytes && digits < 32; i++) {
        int value = digit_value(text[i]);
        if (value >= 0) {
            id[digits / 2] = (uint8_t)(id[digits / 2] << 4 | value);
            digits++;
        }
    }
}

void lk_about_fill(struct lk_header *header, char *base)
{
    header->pid = (uint32_t)getpid();
    header->ppid = (uint32_t)getppid();
    header->process_start_ticks = start_ticks();
    read_boot_id(header->boot_id);
    header->executable_offset = TEXTS_OFFSET;
    ssize_t linked = readlink("/proc/self/exe", base + TEXTS_OFFSET, 4096);
    header->executable_bytes = linked > 0 ? (uint32_t)linked : 0;
    header->command_offset = TEXTS_OFFSET + 4096;
    char *command = base + header->command_offset;
    size_t room = LK_GRANULE - header->command_offset - 1;
    size_t bytes = read_file("/proc/self/cmdline", command, room);
    if (lk_config.hash_keys) { /* arguments may be secrets, or prompts: the program's name alone */
        size_t first = strnlen(command, bytes);
        memset(command + first, 0, bytes - first);
        bytes = first < bytes ? first + 1 : bytes;
    }
    header->command_bytes = (uint32_t)bytes;
}
