/* The table of modules, from /proc/self/maps and the ELF headers that lie in memory. */
#define _GNU_SOURCE
#include "stack/modules.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

#include "capture/state.h"
#include "stack/image.h"
#include "stack/rules.h"
#include "sys.h"

#define MODULES_MAX 4096u
#define ENTRIES_MAX 16384u /* in the capture, with what is gone: some megabytes */
#define PATH_ROOM   1024u

/* What is in the table, by address, for look-ups; the capture holds the entries themselves. */
struct known {
    uint64_t start, end;
    struct lk_module *entry;
    uint32_t seen; /* scan number */
    uint32_t gone;
    uint32_t comes_back; /* it was there before, at the same place */
};

static struct {
    uint32_t lock;
    uint32_t scans;
    uint32_t count;
    struct lk_extent *extent; /* the one that takes new entries */
    uint32_t generation_low;  /* of the capture that this describes: another one means a fork */
    uint32_t contested;       /* two modules have had one place, one after the other */
    struct known known[MODULES_MAX];
} modules;

/* ---- One mapping of /proc/self/maps ---- */

struct mapping {
    uint64_t start, end, offset;
    bool readable, executable;
    char path[PATH_ROOM];
};

static const char *parse_hex(const char *at, uint64_t *value)
{
    *value = 0;
    for (;; at++) {
        if (*at >= '0' && *at <= '9')
            *value = *value << 4 | (uint64_t)(*at - '0');
        else if (*at >= 'a' && *at <= 'f')
            *value = *value << 4 | (uint64_t)(*at - 'a' + 10);
        else
            return at;
    }
}

/* start-end perms offset dev inode path */
static bool parse_mapping(const char *line, struct mapping *mapping)
{
    const char *at = parse_hex(line, &mapping->start);
    if (*at++ != '-')
        return false;
    at = parse_hex(at, &mapping->end);
    if (*at++ != ' ' || strlen(at) < 5)
        return false;
    mapping->readable = at[0] == 'r';
    mapping->executable = at[2] == 'x';
    at = parse_hex(at + 5, &mapping->offset);
    for (int field = 0; field < 2; field++) {
        at += strspn(at, " ");
        at += strcspn(at, " ");
    }
    at += strspn(at, " ");
    size_t bytes = strlen(at);
    if (bytes == 0 || bytes >= sizeof mapping->path)
        return false;
    memcpy(mapping->path, at, bytes + 1);
    return at[0] == '/' || strcmp(at, "[vdso]") == 0;
}

/* ---- The table ---- */

static struct lk_module *new_entry(size_t bytes)
{
    struct lk_extent *extent = modules.extent;
    if (!extent || extent->items > LK_GRANULE - sizeof *extent - bytes) {
        extent = lk_extent_new(1, 0, 0);
        if (!extent)
            return NULL;
        lk_extent_publish(extent, LK_EXTENT_MODULES);
        modules.extent = extent;
    }
    return (struct lk_module *)((char *)(extent + 1) + extent->items);
}

/* A process may load and unload plugins for ever: what is gone makes room, once there is none. */
static uint32_t free_place(void)
{
    uint32_t place = modules.count;
    if (place == MODULES_MAX)
        for (place = 0; place < MODULES_MAX && !modules.known[place].gone; place++)
            ;
    if (place < modules.count && modules.known[place].entry->last_epoch == UINT32_MAX)
        modules.known[place].entry->last_epoch = lk_state->epoch;
    return place;
}

static void add(const struct mapping *mapping, const struct lk_image *image, bool comes_back)
{
    size_t path_bytes = strlen(mapping->path);
    size_t bytes = (sizeof(struct lk_module) + path_bytes + 1 + 7) & ~(size_t)7;
    uint32_t place = free_place();
    if (place == MODULES_MAX)
        return;
    if (lk_capture_header()->modules >= ENTRIES_MAX) {
        lk_drop(LK_DROP_NO_SPACE);
        return;
    }
    struct lk_module *entry = new_entry(bytes);
    if (!entry)
        return;
    entry->path_bytes = (uint32_t)path_bytes;
    entry->start = mapping->start;
    entry->end = image->end;
    entry->bias = image->bias;
    entry->first_epoch = lk_state->epoch;
    entry->last_epoch = UINT32_MAX;
    entry->build_id_bytes = image->build_id_bytes;
    memcpy(entry->build_id, image->build_id, sizeof entry->build_id);
    memcpy(entry + 1, mapping->path, path_bytes);
    __atomic_store_n(&entry->bytes, (uint32_t)bytes, __ATOMIC_RELEASE);
    __atomic_store_n(&modules.extent->items, modules.extent->items + bytes, __ATOMIC_RELEASE);
    lk_add(&lk_capture_header()->modules, 1);
    struct known *known = &modules.known[place];
    known->start = mapping->start;
    known->end = image->end;
    known->entry = entry;
    known->seen = modules.scans;
    known->comes_back = comes_back;
    __atomic_store_n(&known->gone, 0, __ATOMIC_RELEASE);
    if (place == modules.count)
        __atomic_store_n(&modules.count, place + 1, __ATOMIC_RELEASE);
}

static bool is_same(const struct known *known, const struct mapping *first,
                    const struct lk_image *image)
{
    const struct lk_module *entry = known->entry;
    return known->start == first->start && known->end == image->end &&
           entry->path_bytes == strlen(first->path) &&
           memcmp(entry + 1, first->path, entry->path_bytes) == 0 &&
           memcmp(entry->build_id, image->build_id, sizeof image->build_id) == 0;
}

/* From now on nothing that is gone keeps its place in the present epoch. */
static void contest(void)
{
    uint32_t kept = 0;
    modules.contested = 1;
    for (uint32_t i = 0; i < modules.count; i++) {
        struct lk_module *entry = modules.known[i].entry;
        if (!modules.known[i].gone || entry->last_epoch != UINT32_MAX)
            continue;
        entry->last_epoch = lk_state->epoch;
        kept++;
    }
    if (kept)
        __atomic_fetch_add(&lk_state->epoch, 1, __ATOMIC_RELEASE);
}

static void see(const struct mapping *first, uint64_t executable_start)
{
    struct lk_image image;
    bool comes_back = false, contests = false;
    if (!first->readable || first->offset != 0 ||
        !lk_image_read((const void *)(uintptr_t)first->start, first->end - first->start, &image))
        return;
    if (executable_start >= image.end)
        return;
    for (uint32_t i = 0; i < modules.count; i++) {
        struct known *known = &modules.known[i];
        bool same = is_same(known, first, &image);
        if (same && (!known->gone || known->entry->last_epoch == UINT32_MAX)) {
            known->seen = modules.scans;
            __atomic_store_n(&known->gone, 0, __ATOMIC_RELEASE);
            return;
        }
        comes_back |= same;
        contests |= !same && known->gone && first->start < known->end && known->start < image.end;
    }
    if (contests)
        contest();
    add(first, &image, comes_back);
}

/* A module is a file of which the beginning is mapped, and later a part that is executable. */
static void scan_line(const char *line, struct mapping *first)
{
    struct mapping mapping;
    if (!parse_mapping(line, &mapping))
        return;
    if (mapping.offset == 0)
        *first = mapping;
    if (mapping.executable && strcmp(mapping.path, first->path) == 0)
        see(first, mapping.start);
}

/* Scratch of the one scanning thread: stacks in the host may be small. */
static char buffer[8192];
static struct mapping first_mapping;

static bool scan_file(void)
{
    int fd = open("/proc/self/maps", O_RDONLY | O_CLOEXEC);
    size_t used = 0;
    ssize_t got;
    if (fd < 0)
        return false;
    memset(&first_mapping, 0, sizeof first_mapping);
    while ((got = lk_sys_read(fd, buffer + used, sizeof buffer - 1 - used)) > 0) {
        char *line = buffer, *end;
        used += (size_t)got;
        buffer[used] = '\0';
        while ((end = memchr(line, '\n', used - (size_t)(line - buffer)))) {
            *end = '\0';
            scan_line(line, &first_mapping);
            line = end + 1;
        }
        used -= (size_t)(line - buffer);
        if (used == sizeof buffer - 1)
            used = 0; /* a line longer than any path: pass it by */
        memmove(buffer, line, used);
    }
    lk_sys_close(fd);
    return got == 0;
}

static void begin_anew_after_fork(void)
{
    if (modules.generation_low == (uint32_t)lk_state->generation)
        return;
    modules.generation_low = (uint32_t)lk_state->generation;
    modules.count = 0;
    modules.contested = 0;
    modules.extent = NULL;
}

/* What is gone was there up to this epoch; then a new one begins: another module may come to lie
 * there. But what is loaded and unloaded for ever, where nothing else ever lay, keeps its place,
 * for its stacks mean the same each time, and each epoch has stacks of its own. Should another
 * module come there after all, its first stack, which nobody has seen before, makes us look. */
static void scan_locked(void)
{
    uint32_t gone = 0, ended = 0;
    begin_anew_after_fork();
    modules.scans++;
    if (!scan_file())
        return;
    for (uint32_t i = 0; i < modules.count; i++) {
        struct known *known = &modules.known[i];
        if (known->seen == modules.scans || known->gone)
            continue;
        gone++;
        if (modules.contested || !known->comes_back) {
            known->entry->last_epoch = lk_state->epoch;
            ended++;
        }
        __atomic_store_n(&known->gone, 1, __ATOMIC_RELEASE);
    }
    if (ended)
        __atomic_fetch_add(&lk_state->epoch, 1, __ATOMIC_RELEASE);
    if (gone)
        lk_rules_forget();
}

/* The lock's value is the capture's generation, so that a child does not inherit it taken. */
static bool try_lock(void)
{
    uint32_t mine = (uint32_t)lk_state->generation;
    uint32_t seen = __atomic_load_n(&modules.lock, __ATOMIC_RELAXED);
    return seen != mine && __atomic_compare_exchange_n(&modules.lock, &seen, mine, false,
                                                       __ATOMIC_ACQUIRE, __ATOMIC_RELAXED);
}

void lk_modules_scan(void)
{
    if (!try_lock())
        return;
    int kept = errno, before = lk_sys_no_cancel();
    scan_locked();
    lk_sys_cancel_again(before);
    errno = kept;
    __atomic_store_n(&modules.lock, 0, __ATOMIC_RELEASE);
}

enum lk_module_presence lk_modules_know(uint64_t address)
{
    uint32_t count = __atomic_load_n(&modules.count, __ATOMIC_ACQUIRE);
    enum lk_module_presence presence = LK_MODULE_UNKNOWN;
    for (uint32_t i = 0; i < count; i++) {
        if (address - modules.known[i].start >= modules.known[i].end - modules.known[i].start)
            continue;
        if (!__atomic_load_n(&modules.known[i].gone, __ATOMIC_ACQUIRE))
            return LK_MODULE_PRESENT;
        presence = LK_MODULE_GONE;
    }
    return presence;
}
