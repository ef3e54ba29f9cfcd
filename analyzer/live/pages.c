/* Pages of another process: /proc/PID/pagemap, process_vm_readv, /proc/PID/mem; see pages.h. */
#define _GNU_SOURCE
#include "live/pages.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/uio.h>
#include <unistd.h>

#include "live/process.h"

#define ENTRIES  8192u /* of the page map, read at once */
#define RANGES   256u  /* of the ioctl, taken at once */
#define IN_RAM   (1ull << 63)
#define SWAPPED  (1ull << 62)
#define OF_FILE  (1ull << 61) /* or shared */
#define MOST_IOV 512u

/* <linux/fs.h> of Linux 6.7. */
struct scan_range {
    uint64_t start, end, categories;
};
struct scan_arguments {
    uint64_t size, flags, start, end, walk_end, ranges, range_count, max_pages, inverted, all_of,
        any_of, returned;
};
#define SCAN         _IOWR('f', 16, struct scan_arguments)
#define SCAN_FILE    4u
#define SCAN_IN_RAM  8u
#define SCAN_SWAPPED 16u
#define SCAN_ZERO    32u

struct pages {
    pid_t pid;
    int map, memory; /* memory: -1 none */
    bool by_ioctl;
    uint64_t page_bytes;
};

static int open_in_proc(unsigned long pid, const char *name)
{
    char *path = g_strdup_printf("/proc/%lu/%s", pid, name);
    int fd = open(path, O_RDONLY | O_CLOEXEC);

    g_free(path);
    return fd;
}

static bool scan(const struct pages *pages, struct span span, bool shared, GArray *out);

struct pages *pages_open(unsigned long pid, bool by_ioctl, GError **error)
{
    struct pages *pages = g_new0(struct pages, 1);

    pages->pid = (pid_t)pid;
    pages->page_bytes = (uint64_t)sysconf(_SC_PAGESIZE);
    pages->map = open_in_proc(pid, "pagemap");
    pages->memory = open_in_proc(pid, "mem");
    if (pages->map < 0) {
        g_set_error(error, LEAKEY_ERROR, LEAKEY_ERROR_SYSTEM,
                    "%lu: no permission to look into its memory (%s): this needs its user or "
                    "CAP_SYS_PTRACE",
                    pid, g_strerror(errno));
        pages_close(pages);
        return NULL;
    }
    GArray *none = g_array_new(FALSE, FALSE, sizeof(struct span));
    struct span first = {0, pages->page_bytes};
    pages->by_ioctl = by_ioctl && scan(pages, first, false, none);
    g_array_free(none, TRUE);
    return pages;
}

void pages_close(struct pages *pages)
{
    if (pages == NULL)
        return;
    if (pages->map >= 0)
        close(pages->map);
    if (pages->memory >= 0)
        close(pages->memory);
    g_free(pages);
}

/* ---- Which there are ---- */

/* Appends, or makes the last one longer. */
static void append(GArray *out, guint from, uint64_t start, uint64_t end)
{
    struct span next = {start, end};
    struct span *last = out->len == from ? NULL : &g_array_index(out, struct span, out->len - 1);

    if (last != NULL && last->end == start)
        last->end = end;
    else
        g_array_append_val(out, next);
}

static bool scan(const struct pages *pages, struct span span, bool shared, GArray *out)
{
    struct scan_range ranges[RANGES];
    struct scan_arguments arguments = {
        .size = sizeof(arguments),
        .start = span.start,
        .end = span.end,
        .ranges = (uint64_t)(uintptr_t)ranges,
        .range_count = RANGES,
        .inverted = shared ? SCAN_ZERO : SCAN_ZERO | SCAN_FILE,
        .all_of = shared ? SCAN_ZERO : SCAN_ZERO | SCAN_FILE,
        .any_of = SCAN_IN_RAM | SCAN_SWAPPED,
        .returned = SCAN_IN_RAM,
    };
    guint from = out->len;

    while (arguments.start < span.end) {
        int count = ioctl(pages->map, SCAN, &arguments);
        if (count < 0)
            return false;
        for (int i = 0; i < count; i++)
            append(out, from, ranges[i].start, ranges[i].end);
        if (arguments.walk_end <= arguments.start)
            return false;
        arguments.start = arguments.walk_end;
    }
    return true;
}

static bool is_wanted(uint64_t entry, bool shared)
{
    if (entry & SWAPPED)
        return true;
    return (entry & IN_RAM) && (shared || !(entry & OF_FILE));
}

static bool read_map(const struct pages *pages, struct span span, bool shared, GArray *out)
{
    uint64_t entries[ENTRIES], page = span.start / pages->page_bytes;
    uint64_t end = (span.end + pages->page_bytes - 1) / pages->page_bytes;
    guint from = out->len;

    while (page < end) {
        size_t wanted = MIN(end - page, ENTRIES) * sizeof(*entries);
        ssize_t got = pread(pages->map, entries, wanted, (off_t)(page * sizeof(*entries)));
        if (got < (ssize_t)sizeof(*entries))
            return got == 0; /* behind all user space */
        for (size_t i = 0; i < (size_t)got / sizeof(*entries); i++, page++)
            if (is_wanted(entries[i], shared))
                append(out, from, MAX(page * pages->page_bytes, span.start),
                       MIN((page + 1) * pages->page_bytes, span.end));
    }
    return true;
}

bool pages_present(const struct pages *pages, struct span span, bool shared, GArray *out)
{
    uint64_t mask = pages->page_bytes - 1;
    bool whole = ((span.start | span.end) & mask) == 0; /* the ioctl takes nothing else */

    return pages->by_ioctl && whole ? scan(pages, span, shared, out)
                                    : read_map(pages, span, shared, out);
}

/* ---- What they hold ---- */

/* Page by page, also where the process itself may not read. */
static uint64_t read_slowly(const struct pages *pages, struct span span, uint8_t *into)
{
    uint64_t unread = 0;

    for (uint64_t at = span.start; at < span.end;) {
        uint64_t end = MIN((at / pages->page_bytes + 1) * pages->page_bytes, span.end);
        uint8_t *place = into + (at - span.start);
        if (pages->memory < 0 ||
            pread(pages->memory, place, end - at, (off_t)at) != (ssize_t)(end - at)) {
            memset(place, 0, end - at);
            unread += end - at;
        }
        at = end;
    }
    return unread;
}

/* How many of the spans, from `first` on, go into one call. */
static size_t fill_call(const struct span *spans, size_t count, struct iovec *remote, size_t *bytes)
{
    size_t n = 0;

    *bytes = 0;
    for (; n < count && n < MOST_IOV; n++) {
        remote[n].iov_base = (void *)(uintptr_t)spans[n].start;
        remote[n].iov_len = spans[n].end - spans[n].start;
        *bytes += remote[n].iov_len;
    }
    return n;
}

bool pages_read(const struct pages *pages, const struct span *spans, size_t count, void *into,
                size_t bytes, uint64_t *unread_bytes)
{
    struct iovec remote[MOST_IOV];
    uint8_t *place = into, *end = place + bytes;
    uint64_t unread = 0;

    while (count != 0) {
        size_t wanted, n = fill_call(spans, count, remote, &wanted);
        struct iovec local = {place, wanted};
        g_assert(wanted <= (size_t)(end - place));
        if (process_vm_readv(pages->pid, &local, 1, remote, n, 0) == (ssize_t)wanted) {
            place += wanted;
        } else {
            for (size_t i = 0; i < n; i++) {
                unread += read_slowly(pages, spans[i], place);
                place += spans[i].end - spans[i].start;
            }
        }
        spans += n;
        count -= n;
    }
    *unread_bytes += unread;
    return unread == 0;
}
