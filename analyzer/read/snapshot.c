/*
 * A capture file's bytes in private memory. The writer may be at work meanwhile: its tables only
 * grow and a segment's head is copied before its records, so all is consistent but for a segment
 * that was taken for reuse between the two. Those are read again.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "read/parts.h"

#define REREADS 8

/* Reads up to `bytes` at `offset`; how many there were. */
static size_t read_at(int fd, void *into, size_t bytes, size_t offset)
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
    if (read_at(fd, &now, sizeof(now), offset) != sizeof(now))
        return true;
    return now.sequence == head->sequence && now.committed >= head->committed;
}

static void settle_segment(int fd, uint8_t *granule, size_t offset)
{
    for (int i = 0; i < REREADS; i++) {
        if (segment_is_settled(fd, granule, offset))
            return;
        if (read_at(fd, granule, LK_GRANULE, offset) != LK_GRANULE)
            break;
    }
    memset(granule, 0, LK_GRANULE);
}

static void settle_segments(int fd, uint8_t *data, size_t bytes)
{
    for (size_t offset = LK_GRANULE; offset + LK_GRANULE <= bytes; offset += LK_GRANULE) {
        const struct lk_extent *head = (const void *)(data + offset);
        if (head->kind == LK_EXTENT_SEGMENT && head->granules == 1)
            settle_segment(fd, data + offset, offset);
    }
}

uint8_t *snapshot_file(int fd, size_t *bytes, GError **error)
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
    size_t size = (size_t)status.st_size;
    uint8_t *data = g_try_malloc(size + 1);
    if (data == NULL) {
        g_set_error(error, LEAKEY_ERROR, LEAKEY_ERROR_SYSTEM, "no memory for %zu bytes", size);
        return NULL;
    }
    errno = 0;
    *bytes = read_at(fd, data, size, 0);
    if (*bytes == 0 && size != 0 && errno != 0) {
        g_set_error(error, LEAKEY_ERROR, LEAKEY_ERROR_SYSTEM, "%s", g_strerror(errno));
        g_free(data);
        return NULL;
    }
    const struct lk_header *header = (const void *)data;
    if (*bytes >= sizeof(*header) && header->end == LK_END_RUNNING)
        settle_segments(fd, data, *bytes);
    return data;
}
