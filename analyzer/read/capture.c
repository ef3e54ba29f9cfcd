/* Opens a capture: the header, then tables and events by the other files here; see capture.h. */
#define _GNU_SOURCE
#include "read/capture.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#include "read/parts.h"
#include "read/regular.h"

#define NOTES_MAX         20u
#define HISTORY_SHIFT_MAX 40u          /* windows of more than a year */
#define LONGEST_NS        (1ull << 58) /* nine years */

GQuark leakey_error_quark(void)
{
    return g_quark_from_static_string("leakey-error-quark");
}

void capture_damage(struct capture *capture, const char *format, ...)
{
    capture->damage++;
    if (capture->damage_notes->len >= NOTES_MAX)
        return;
    va_list arguments;
    va_start(arguments, format);
    g_ptr_array_add(capture->damage_notes, g_strdup_vprintf(format, arguments));
    va_end(arguments);
}

static bool refuse(GError **error, const char *name, const char *why)
{
    g_set_error(error, LEAKEY_ERROR, LEAKEY_ERROR_INPUT, "%s: %s", name, why);
    return false;
}

/* The fields without which nothing else can be read. */
static bool check_header(const struct lk_header *header, size_t bytes, const char *name,
                         GError **error)
{
    static const char none[sizeof(header->magic)];
    if (bytes >= LK_GRANULE && memcmp(header->magic, none, sizeof(none)) == 0)
        return refuse(error, name,
                      "not a leakey capture, or one whose header is lost: it begins with zeros");
    if (bytes < sizeof(header->magic) ||
        memcmp(header->magic, LK_MAGIC, sizeof(header->magic)) != 0)
        return refuse(error, name,
                      bytes == 0 ? "not a leakey capture: it is empty" : "not a leakey capture");
    if (bytes < sizeof(*header))
        return refuse(error, name, "the capture is cut off within its header");
    if (header->byte_order == GUINT32_SWAP_LE_BE_CONSTANT(LK_BYTE_ORDER))
        return refuse(error, name, "written on a machine of the other byte order");
    if (header->byte_order != LK_BYTE_ORDER)
        return refuse(error, name, "the byte-order mark is damaged");
    if (header->version != LK_VERSION) {
        g_set_error(error, LEAKEY_ERROR, LEAKEY_ERROR_INPUT,
                    "%s: capture version %u, of %s leakey; this one reads version %u", name,
                    header->version, header->version > LK_VERSION ? "a newer" : "an older",
                    LK_VERSION);
        return false;
    }
    if (header->header_bytes != sizeof(*header) || header->granule_bytes != LK_GRANULE)
        return refuse(error, name, "the header's sizes are not those of its version");
    return true;
}

/* A text that the header points at; NULL when it is not within the first granule. */
static char *header_text(struct capture *capture, const char *what, uint32_t offset, uint32_t bytes)
{
    size_t end = MIN(capture->bytes, LK_GRANULE);
    if (bytes == 0)
        return NULL;
    if (offset < sizeof(struct lk_header) || offset > end || bytes > end - offset) {
        capture_damage(capture, "header: the %s lies outside of it", what);
        return NULL;
    }
    return g_strndup((const char *)capture->data + offset, bytes);
}

static void read_command(struct capture *capture)
{
    const struct lk_header *header = &capture->header;
    char *words =
        header_text(capture, "command line", header->command_offset, header->command_bytes);
    if (words == NULL)
        return;
    g_free(words);
    const char *at = (const char *)capture->data + header->command_offset;
    const char *end = at + header->command_bytes;
    while (at < end) {
        size_t bytes = strnlen(at, (size_t)(end - at));
        g_ptr_array_add(capture->command, g_strndup(at, bytes));
        at += bytes + 1;
    }
}

static bool is_cut(const struct capture *capture)
{
    return capture->header.used_bytes > capture->bytes;
}

static void read_header(struct capture *capture)
{
    struct lk_header *header = &capture->header;
    memcpy(header, capture->data, sizeof(*header));
    capture->executable = header_text(capture, "executable's path", header->executable_offset,
                                      header->executable_bytes);
    read_command(capture);
    if (header->sample_bytes == 0) {
        capture_damage(capture, "header: a sampling mean of 0");
        header->sample_bytes = 1;
    }
    if (header->end > LK_END_SIGNAL) {
        capture_damage(capture, "header: no such end mark: %u", header->end);
        header->end = LK_END_RUNNING;
    }
    if (header->end_ns > LONGEST_NS || header->last_ns > LONGEST_NS)
        capture_damage(capture, "header: recorded for longer than nine years");
    if (header->history_shift > HISTORY_SHIFT_MAX) {
        capture_damage(capture, "header: the histories' shift: %u", header->history_shift);
        header->history_shift = HISTORY_SHIFT_MAX;
    }
    if (is_cut(capture))
        capture_damage(capture, "the file ends early: %zu of %" PRIu64 " bytes are there",
                       capture->bytes, header->used_bytes);
    capture->overwritten_count = header->overwritten_count;
    capture->overwritten_heap_count = header->overwritten_heap_count;
    for (size_t i = 0; i < LK_DROP_REASONS; i++)
        capture->dropped_count += header->dropped[i];
}

static struct capture *capture_allocate(const char *name)
{
    struct capture *capture = g_new0(struct capture, 1);
    capture->path = g_strdup(name);
    capture->fd = -1;
    capture->command = g_ptr_array_new_with_free_func(g_free);
    capture->segments = g_array_new(FALSE, FALSE, sizeof(struct ring_segment));
    capture->command_times = g_array_new(FALSE, FALSE, sizeof(uint64_t));
    capture->command_step = 1;
    capture->connects = g_array_new(FALSE, FALSE, sizeof(struct capture_connect));
    capture->text = g_string_chunk_new(1024);
    capture->sites = g_array_new(FALSE, TRUE, sizeof(struct capture_site));
    capture->live = g_array_new(FALSE, FALSE, sizeof(struct lk_live));
    capture->modules = g_array_new(FALSE, TRUE, sizeof(struct capture_module));
    capture->templates = g_array_new(FALSE, TRUE, sizeof(struct lk_template));
    capture->verbs = g_array_new(FALSE, TRUE, sizeof(struct lk_verb));
    capture->pauses = g_array_new(FALSE, FALSE, sizeof(struct capture_pause));
    capture->timeline = g_array_new(FALSE, TRUE, sizeof(struct timeline_point));
    capture->damage_notes = g_ptr_array_new_with_free_func(g_free);
    capture->heap_segments = g_array_new(FALSE, FALSE, sizeof(struct ring_segment));
    return capture;
}

/* To the end mark; without one, to the latest thing that anything in the capture tells of. */
static uint64_t find_duration(const struct capture *capture)
{
    uint64_t latest = capture->header.last_ns;
    if (capture->header.end != LK_END_RUNNING && capture->header.end_ns != 0)
        return capture->header.end_ns;
    latest = MAX(latest, capture->last_record_ns);
    for (guint i = 0; i < capture->live->len; i++)
        latest = MAX(latest, g_array_index(capture->live, struct lk_live, i).time_ns);
    if (capture->timeline->len != 0)
        latest = MAX(latest, g_array_index(capture->timeline, struct timeline_point,
                                           capture->timeline->len - 1)
                                 .time_ns);
    /* It stands still, and so does all that could tell of time. */
    uint64_t now = (uint64_t)g_get_monotonic_time() * 1000;
    if (capture->end == CAPTURE_END_RUNNING && (capture->header.control & LK_CONTROL_PAUSED) != 0 &&
        now > capture->header.start_monotonic_ns)
        latest = MAX(latest, now - capture->header.start_monotonic_ns);
    return latest;
}

/* By the mark that the process left, else by looking for it. */
static enum capture_end find_end(const struct capture *capture, int fd)
{
    switch (capture->header.end) {
    case LK_END_EXIT:
        return CAPTURE_END_EXIT;
    case LK_END_EXEC:
        return CAPTURE_END_EXEC;
    case LK_END_SIGNAL:
        return CAPTURE_END_SIGNAL;
    default: /* of what was cut the process knows nothing any more, nor do we */
        return is_cut(capture) ? CAPTURE_END_UNKNOWN : capture_find_end(&capture->header, fd);
    }
}

/* One that was left in the file. */
static void add_segment(struct capture *capture, const struct segment_head *found)
{
    struct ring_segment segment = {.offset = found->offset};
    if (found->head.kind == LK_EXTENT_HEAP_SEGMENT)
        capture_add_heap_segment(capture, found, false);
    else
        g_array_append_val(capture->segments, segment);
}

struct snapshot { /* a capture's bytes */
    uint8_t *data;
    size_t bytes;
    bool borrowed; /* the caller's, and not to be freed */
};

/* Takes the snapshot over. fd < 0: bytes of no file. `extents`: as in capture_read_tables. */
static struct capture *capture_parse(const struct snapshot *snapshot, const GArray *heads,
                                     const GArray *extents, const char *name, int fd,
                                     GError **error)
{
    struct lk_header header = {.version = 0};
    if (snapshot->bytes != 0)
        memcpy(&header, snapshot->data, MIN(snapshot->bytes, sizeof(header)));
    if (!check_header(&header, snapshot->bytes, name, error)) {
        if (!snapshot->borrowed)
            snapshot_free(snapshot->data, snapshot->bytes);
        return NULL;
    }
    struct capture *capture = capture_allocate(name);
    capture->data = snapshot->data;
    capture->bytes = snapshot->bytes;
    capture->borrowed = snapshot->borrowed;
    read_header(capture);
    for (guint i = 0; i < heads->len; i++)
        add_segment(capture, &g_array_index(heads, struct segment_head, i));
    capture_read_tables(capture, capture->segments, extents);
    capture_check_records(capture, capture->segments, fd);
    capture->recorded_count +=
        capture->records_count + capture->overwritten_count + capture->overwritten_heap_count;
    capture->end = find_end(capture, fd);
    capture->duration_ns = MIN(find_duration(capture), LONGEST_NS);
    capture->history_windows =
        (uint32_t)MIN(capture->duration_ns / capture->history_ns + 1, LK_HISTORY_WINDOWS);
    capture_read_pauses(capture);
    return capture;
}

struct capture *capture_open(const char *path, GError **error)
{
    struct stat status;
    int fd = regular_open(path, &status);
    if (fd < 0) {
        g_set_error(error, LEAKEY_ERROR, LEAKEY_ERROR_INPUT, "%s: %s", path, regular_problem());
        return NULL;
    }
    size_t bytes = 0;
    GError *cause = NULL;
    struct capture *capture = NULL;
    GArray *heads = g_array_new(FALSE, FALSE, sizeof(struct segment_head));
    uint8_t *data = snapshot_file(fd, &bytes, heads, &cause);
    if (data == NULL) {
        g_propagate_prefixed_error(error, cause, "%s: ", path);
    } else {
        capture =
            capture_parse(&(struct snapshot){data, bytes, false}, heads, NULL, path, fd, error);
    }
    g_array_free(heads, TRUE);
    if (capture == NULL)
        close(fd);
    else
        capture->fd = fd;
    return capture;
}

struct capture *capture_open_tables(int fd, const char *name, unsigned tables, GError **error)
{
    size_t bytes = 0;
    GError *cause = NULL;
    GArray *extents = g_array_new(FALSE, FALSE, sizeof(uint64_t));
    GArray *none = g_array_new(FALSE, FALSE, sizeof(struct segment_head));
    struct capture *capture = NULL;
    uint8_t *data = snapshot_tables(fd, &bytes, tables, extents, &cause);
    if (data == NULL)
        g_propagate_prefixed_error(error, cause, "%s: ", name);
    else
        capture =
            capture_parse(&(struct snapshot){data, bytes, false}, none, extents, name, fd, error);
    if (capture != NULL)
        capture->fd = fd;
    g_array_free(extents, TRUE);
    g_array_free(none, TRUE);
    return capture;
}

/* Of no file: all of it is in memory. Takes the snapshot over. */
static struct capture *parse_memory(const struct snapshot *snapshot, const char *name,
                                    GError **error)
{
    GArray *none = g_array_new(FALSE, FALSE, sizeof(struct segment_head));
    struct capture *capture = capture_parse(snapshot, none, NULL, name, -1, error);
    g_array_free(none, TRUE);
    return capture;
}

struct capture *capture_open_borrowed(const void *bytes, size_t size, const char *name,
                                      GError **error)
{
    return parse_memory(&(struct snapshot){(uint8_t *)(uintptr_t)bytes, size, true}, name, error);
}

struct capture *capture_open_memory(const void *bytes, size_t size, const char *name,
                                    GError **error)
{
    uint8_t *data = snapshot_memory(bytes, size, error);
    return data == NULL ? NULL : parse_memory(&(struct snapshot){data, size, false}, name, error);
}

void capture_free(struct capture *capture)
{
    if (capture == NULL)
        return;
    for (guint i = 0; i < capture->sites->len; i++) {
        g_free(g_array_index(capture->sites, struct capture_site, i).frames);
        g_free(g_array_index(capture->sites, struct capture_site, i).history);
    }
    for (guint i = 0; i < capture->modules->len; i++) {
        g_free(g_array_index(capture->modules, struct capture_module, i).path);
        g_free(g_array_index(capture->modules, struct capture_module, i).build_id);
    }
    if (capture->fd >= 0)
        close(capture->fd);
    g_free(capture->path);
    g_free(capture->executable);
    g_ptr_array_free(capture->command, TRUE);
    g_array_free(capture->segments, TRUE);
    g_array_free(capture->command_times, TRUE);
    g_array_free(capture->connects, TRUE);
    g_string_chunk_free(capture->text);
    g_array_free(capture->sites, TRUE);
    g_array_free(capture->live, TRUE);
    g_array_free(capture->modules, TRUE);
    g_array_free(capture->templates, TRUE);
    g_array_free(capture->verbs, TRUE);
    g_array_free(capture->pauses, TRUE);
    g_array_free(capture->timeline, TRUE);
    g_ptr_array_free(capture->damage_notes, TRUE);
    g_array_free(capture->heap_segments, TRUE);
    if (!capture->borrowed)
        snapshot_free(capture->data, capture->bytes);
    g_free(capture);
}

const uint8_t *capture_sketch(const struct capture *capture, uint32_t template_id)
{
    if (template_id >= capture->templates->len)
        return NULL;
    uint64_t offset =
        g_array_index(capture->templates, struct lk_template, template_id).sketch_offset;
    return offset == 0 ? NULL : capture->data + offset;
}

const char *capture_end_name(enum capture_end end)
{
    static const char *const names[] = {
        [CAPTURE_END_UNKNOWN] = "unknown", [CAPTURE_END_RUNNING] = "running",
        [CAPTURE_END_EXIT] = "exit",       [CAPTURE_END_EXEC] = "exec",
        [CAPTURE_END_SIGNAL] = "signal",
    };
    return names[end];
}

const char *event_text(const struct lk_record *record, size_t *bytes)
{
    const void *start = NULL;
    *bytes = 0;
    if (record->type == LK_RECORD_COMMAND) {
        const struct lk_record_command *command = (const void *)record;
        *bytes = command->text_bytes;
        start = command + 1;
    } else if (record->type == LK_RECORD_INPUT) {
        const struct lk_record_input *input = (const void *)record;
        *bytes = input->text_bytes;
        start = input + 1;
    } else if (record->type == LK_RECORD_CONNECT || record->type == LK_RECORD_DISCONNECT) {
        const struct lk_record_connect *connect = (const void *)record;
        *bytes = connect->peer_bytes;
        start = connect + 1;
    }
    return *bytes == 0 ? NULL : start;
}
