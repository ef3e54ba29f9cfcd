/*
 * A capture file's bytes in private memory. The writer may be at work meanwhile: its tables only
 * grow and a segment's head is copied before its records, so all is consistent but for a segment
 * that was taken for reuse between the two. Those are read again. Segments may be gigabytes: they
 * stay where they are until they are asked for, but for records of a process that goes on
 * overwriting them.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "read/parts.h"

#define REREADS 8

size_t snapshot_read(int fd, void *into, size_t bytes, size_t offset)
{
    size_t done = 0;
    while (done < bytes) {
        ssize_t n = pread(fd, (uint8_t *)into + done, bytes - done, (off_t)(offset + done));
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            break;
        done += (size_t)n;
    }
    return done;
}

/* True when the segment's records are of the time its head speaks of. */
static bool segment_is_settled(int fd, const uint8_t *granule, size_t offset)
{
    const struct lk_extent *head = (const void *)granule;
    struct lk_extent now;
    if (snapshot_read(fd, &now, sizeof(now), offset) != sizeof(now))
        return true;
    return now.sequence == head->sequence && now.committed >= head->committed;
}

static void settle_segment(int fd, uint8_t *granule, size_t offset)
{
    for (int i = 0; i < REREADS; i++) {
        if (segment_is_settled(fd, granule, offset))
            return;
        if (snapshot_read(fd, granule, LK_GRANULE, offset) != LK_GRANULE)
            break;
    }
    memset(granule, 0, LK_GRANULE);
}

/* Whether the extent is one of the tables that are wanted. */
static bool is_wanted(uint32_t kind, unsigned tables)
{
    switch (kind) {
    case LK_EXTENT_SEGMENT:
    case LK_EXTENT_HEAP_SEGMENT:
    case LK_EXTENT_BLOCKS:
    case LK_EXTENT_HISTORY:
        return false;
    case LK_EXTENT_LIVE:
        return tables & CAPTURE_LIVE;
    case LK_EXTENT_TIMELINE:
        return tables & CAPTURE_TIMELINE;
    default:
        return true;
    }
}

/* Reads one extent (a granule where its size is damaged); how many granules to go on by. Zeros are
 * not written: the memory is zero already, and takes no room then. */
static size_t read_extent(int fd, uint8_t *data, size_t size, size_t offset, bool running,
                          GArray *heads)
{
    struct lk_extent head = {.kind = 0};
    size_t left = size - offset;
    if (snapshot_read(fd, &head, MIN(sizeof(head), left), offset) == 0 || head.kind == 0)
        return 1;
    size_t granules = head.granules != 0 && head.granules <= left / LK_GRANULE ? head.granules : 1;
    size_t bytes = MIN(granules * LK_GRANULE, left);
    bool segment =
        head.kind == LK_EXTENT_HEAP_SEGMENT || (head.kind == LK_EXTENT_SEGMENT && !running);
    if (segment && head.granules == 1 && left > sizeof(head)) {
        struct segment_head found = {.offset = offset, .head = head};
        snapshot_read(fd, &found.mark, MIN(sizeof(found.mark), left - sizeof(head)),
                      offset + sizeof(head));
        g_array_append_val(heads, found);
        return 1;
    }
    snapshot_read(fd, data + offset, bytes, offset);
    if (head.kind == LK_EXTENT_SEGMENT && running && bytes == LK_GRANULE)
        settle_segment(fd, data + offset, offset);
    return granules;
}

/* What lies behind `used_bytes` was reserved and never handed out. */
static void read_all(int fd, uint8_t *data, size_t size, GArray *heads)
{
    const struct lk_header *header = (const void *)data;
    snapshot_read(fd, data, MIN(size, LK_GRANULE), 0);
    if (size < LK_GRANULE)
        return;
    bool running =
        header->end == LK_END_RUNNING && capture_find_end(header, fd) == CAPTURE_END_RUNNING;
    size_t used = (size_t)MIN((uint64_t)size, header->used_bytes);
    for (size_t offset = LK_GRANULE; offset < used;)
        offset += read_extent(fd, data, size, offset, running, heads) * LK_GRANULE;
}

/* Of a file whose tables alone are wanted. */
static void read_tables(int fd, uint8_t *data, size_t size, unsigned tables, GArray *extents)
{
    const struct lk_header *header = (const void *)data;
    snapshot_read(fd, data, MIN(size, LK_GRANULE), 0);
    size_t used = size < LK_GRANULE ? 0 : (size_t)MIN((uint64_t)size, header->used_bytes);
    for (uint64_t offset = LK_GRANULE, next; offset < used; offset = next) {
        struct lk_extent head = {.kind = 0};
        size_t left = used - offset;
        snapshot_read(fd, &head, MIN(sizeof(head), left), offset);
        bool sound = head.granules != 0 && head.granules <= left / LK_GRANULE;
        next = offset + (sound ? head.granules : 1) * (uint64_t)LK_GRANULE;
        if (head.kind == 0 || !is_wanted(head.kind, tables))
            continue;
        snapshot_read(fd, data + offset, MIN(next - offset, left), offset);
        g_array_append_val(extents, offset);
    }
}

/* Pages that are never written to take no memory: a large ring of heap events costs none. */
static uint8_t *take_memory(size_t bytes, GError **error)
{
    void *data = mmap(NULL, bytes + 1, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (data != MAP_FAILED)
        return data;
    g_set_error(error, LEAKEY_ERROR, LEAKEY_ERROR_SYSTEM, "no memory for %zu bytes", bytes);
    return NULL;
}

/* Room for the file's bytes; NULL with an error. */
static uint8_t *room_for_file(int fd, size_t *bytes, GError **error)
{
    struct stat status;
    if (fstat(fd, &status) != 0) {
        g_set_error(error, LEAKEY_ERROR, LEAKEY_ERROR_SYSTEM, "%s", g_strerror(errno));
        return NULL;
    }
    if (!S_ISREG(status.st_mode)) {
        g_set_error(error, LEAKEY_ERROR, LEAKEY_ERROR_INPUT, "not a regular file");
        return NULL;
    }
    *bytes = (size_t)status.st_size;
    return take_memory(*bytes, error);
}

uint8_t *snapshot_file(int fd, size_t *bytes, GArray *heads, GError **error)
{
    uint8_t *data = room_for_file(fd, bytes, error);
    if (data != NULL)
        read_all(fd, data, *bytes, heads);
    return data;
}

uint8_t *snapshot_tables(int fd, size_t *bytes, unsigned tables, GArray *extents, GError **error)
{
    uint8_t *data = room_for_file(fd, bytes, error);
    if (data != NULL)
        read_tables(fd, data, *bytes, tables, extents);
    return data;
}

uint8_t *snapshot_memory(const void *from, size_t bytes, GError **error)
{
    uint8_t *data = take_memory(bytes, error);
    if (data != NULL)
        memcpy(data, from, bytes);
    return data;
}

void snapshot_free(uint8_t *data, size_t bytes)
{
    munmap(data, bytes + 1);
}
