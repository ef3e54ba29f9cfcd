/* Writes what a capture builder has gathered as a capture's bytes. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "common/capture_builder_parts.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

/* An extent with room for `bytes` behind its head, at the image's end. Returns its offset. */
static size_t append_extent(GByteArray *image, struct lk_extent head, size_t bytes)
{
    size_t offset = image->len;
    head.granules = (uint32_t)((sizeof(head) + bytes + LK_GRANULE - 1) / LK_GRANULE);
    g_byte_array_set_size(image, (guint)(offset + (size_t)head.granules * LK_GRANULE));
    memset(image->data + offset, 0, (size_t)head.granules * LK_GRANULE);
    memcpy(image->data + offset, &head, sizeof(head));
    return offset;
}

/* Extents of one granule each with as many of the items as fit; none when there are none. */
static void append_table(GByteArray *image, enum lk_extent_kind kind, const GArray *items)
{
    size_t size = g_array_get_element_size((GArray *)(uintptr_t)items);
    size_t room = LK_SEGMENT_ROOM / size;
    for (size_t first = 0; first < items->len; first += room) {
        struct lk_extent head = {.kind = kind, .first_id = first, .items = room};
        size_t offset = append_extent(image, head, room * size);
        memcpy(image->data + offset + sizeof(head), items->data + first * size,
               MIN(room, items->len - first) * size);
    }
}

static void append_frames(struct builder *b, GByteArray *image, GArray *sites)
{
    if (b->frames->len == 0)
        return;
    size_t bytes = b->frames->len * sizeof(uint64_t);
    struct lk_extent head = {.kind = LK_EXTENT_FRAMES, .items = b->frames->len};
    size_t offset = append_extent(image, head, bytes) + sizeof(head);
    memcpy(image->data + offset, b->frames->data, bytes);
    for (guint i = 0; i < sites->len; i++) {
        struct lk_site *site = &g_array_index(sites, struct lk_site, i);
        if (site->depth != 0)
            site->frames_offset = offset + site->frames_offset * sizeof(uint64_t);
    }
}

static void append_sketches(struct builder *b, GByteArray *image, GArray *templates)
{
    for (guint id = 0; id < templates->len; id++) {
        const uint8_t *sketch = g_ptr_array_index(b->sketches, id);
        if (sketch == NULL)
            continue;
        struct lk_extent head = {.kind = LK_EXTENT_SKETCHES, .first_id = id, .items = 1};
        size_t offset = append_extent(image, head, LK_SKETCH_BYTES) + sizeof(head);
        memcpy(image->data + offset, sketch, LK_SKETCH_BYTES);
        g_array_index(templates, struct lk_template, id).sketch_offset = offset;
    }
}

static void append_modules(const struct builder *b, GByteArray *image)
{
    if (b->modules->len == 0)
        return;
    struct lk_extent head = {.kind = LK_EXTENT_MODULES, .items = b->modules->len};
    size_t offset = append_extent(image, head, b->modules->len + 8) + sizeof(head);
    memcpy(image->data + offset, b->modules->data, b->modules->len);
}

/* A hash table with a load of at most a half, some deleted entries among the others. */
static void append_live(const struct builder *b, GByteArray *image)
{
    if (b->live->len == 0)
        return;
    size_t slots = 64;
    while (slots < 2 * (size_t)b->live->len)
        slots *= 2;
    struct lk_extent head = {.kind = LK_EXTENT_LIVE, .items = slots};
    size_t offset = append_extent(image, head, slots * sizeof(struct lk_live)) + sizeof(head);
    struct lk_live *table = (struct lk_live *)(void *)(image->data + offset);
    table[0].key = 1;
    for (guint i = 0; i < b->live->len; i++) {
        struct lk_live entry = g_array_index(b->live, struct lk_live, i);
        size_t slot = XXH3_64bits(&entry.key, sizeof(entry.key)) & (slots - 1);
        while (table[slot].key != 0)
            slot = (slot + 1) & (slots - 1);
        table[slot] = entry;
    }
}

/* Pages in the order in which their first blocks came, as many to an extent as fit. */
static void append_blocks(const struct builder *b, GByteArray *image)
{
    uint64_t *memory = NULL;
    size_t offset = 0, pages = LK_BLOCK_PAGES;
    GHashTable *page_of = g_hash_table_new(NULL, NULL); /* memory -> offset of its page */
    for (guint i = 0; i < b->blocks->len; i++) {
        const struct lk_live *entry = &g_array_index(b->blocks, struct lk_live, i);
        gpointer page = GSIZE_TO_POINTER(entry->key & ~(uint64_t)(LK_BLOCK_PAGE - 1));
        size_t at = GPOINTER_TO_SIZE(g_hash_table_lookup(page_of, page));
        if (at == 0 && pages == LK_BLOCK_PAGES) {
            struct lk_extent head = {.kind = LK_EXTENT_BLOCKS, .items = LK_BLOCK_PAGES};
            offset = append_extent(image, head, LK_SEGMENT_ROOM);
            pages = 0;
        }
        if (at == 0) {
            memory = (uint64_t *)(void *)(image->data + offset + sizeof(struct lk_extent));
            memory[pages] = GPOINTER_TO_SIZE(page);
            at = offset + LK_BLOCK_PAGE * ++pages;
            g_hash_table_insert(page_of, page, GSIZE_TO_POINTER(at));
        }
        struct lk_block *block =
            (struct lk_block *)(void *)(image->data + at) + (entry->key / 16) % LK_BLOCKS_PER_PAGE;
        block->block =
            entry->size | (uint64_t)entry->site << LK_BLOCK_SIZE_BITS | (uint64_t)1 << 62;
        block->past = entry->tag | entry->time_ns / LK_BLOCK_TIME_UNIT_NS
                                       << (LK_TAG_BITS + LK_BLOCK_LANE_BITS);
    }
    g_hash_table_destroy(page_of);
}

static void append_rest(const struct builder *b, GByteArray *image)
{
    for (unsigned level = 0; level < LK_TIMELINE_LEVELS; level++) {
        if (b->timeline[level] == NULL)
            continue;
        size_t bytes = (size_t)LK_TIMELINE_BUCKETS * sizeof(struct lk_bucket);
        struct lk_extent head = {
            .kind = LK_EXTENT_TIMELINE, .first_id = level, .items = LK_TIMELINE_BUCKETS};
        size_t offset = append_extent(image, head, bytes) + sizeof(head);
        memcpy(image->data + offset, b->timeline[level], bytes);
    }
    for (guint i = 0; i < b->segments->len; i++) {
        const struct segment *segment = &g_array_index(b->segments, struct segment, i);
        size_t offset =
            append_extent(image, segment->head, LK_SEGMENT_ROOM) + sizeof(segment->head);
        memcpy(image->data + offset, segment->room, LK_SEGMENT_ROOM);
    }
}

/* ---- Histories, and who made the peak ---- */

static gint by_time(gconstpointer a, gconstpointer b)
{
    const struct change *x = a, *y = b;
    return (x->time_ns > y->time_ns) - (x->time_ns < y->time_ns);
}

static void close_windows(struct lk_history *history, uint32_t window, int64_t live)
{
    for (; history->last < window; history->last++)
        history->live_bytes[history->last] = live;
}

/* As the shim does it, event by event, but at the last shift from the beginning. */
static void append_histories(struct builder *b, GByteArray *image, GArray *peaks)
{
    GArray *histories = g_array_new(FALSE, TRUE, sizeof(struct lk_history));
    int64_t *live = g_new0(int64_t, b->sites->len), all = 0, peak = 0;
    g_array_set_size(histories, b->sites->len);
    g_array_set_size(peaks, b->sites->len);
    while (b->latest_ns / LK_HISTORY_NS(b->header.history_shift) >= LK_HISTORY_WINDOWS)
        b->header.history_shift++;
    g_array_sort(b->changes, by_time);
    for (guint i = 0; i < b->changes->len; i++) {
        const struct change *change = &g_array_index(b->changes, struct change, i);
        struct lk_history *history = &g_array_index(histories, struct lk_history, change->site);
        history->shift = b->header.history_shift;
        close_windows(history, (uint32_t)(change->time_ns / LK_HISTORY_NS(history->shift)),
                      live[change->site]);
        live[change->site] += change->bytes;
        all += change->bytes;
        if (all <= peak)
            continue;
        peak = all;
        memcpy(peaks->data, live, b->sites->len * sizeof(*live));
    }
    append_table(image, LK_EXTENT_HISTORY, histories);
    g_array_free(histories, TRUE);
    g_free(live);
}

static void append_counts(struct builder *b, GByteArray *image, const GArray *peaks)
{
    b->header.peak_number = 1;
    for (uint32_t lane = 0; lane < LK_SHARED_LANES; lane++) {
        GArray *counts = g_array_copy(b->counts[lane]);
        for (guint site = 0; site < counts->len; site++) {
            struct lk_counts *at = &g_array_index(counts, struct lk_counts, site);
            at->peak_number = 1;
            at->peak_bytes = lane == 0 ? g_array_index(peaks, int64_t, site) : 0;
        }
        size_t offset = image->len;
        append_table(image, LK_EXTENT_COUNTS, counts);
        for (; offset < image->len; offset += LK_GRANULE)
            ((struct lk_extent *)(void *)(image->data + offset))->thread = lane;
        g_array_free(counts, TRUE);
    }
}

static void finish_header(const struct builder *b, GByteArray *image)
{
    struct lk_header header = b->header;
    size_t at = sizeof(header);
    header.executable_offset = (uint32_t)at;
    header.executable_bytes = (uint32_t)strlen(b->executable);
    memcpy(image->data + at, b->executable, header.executable_bytes);
    at += header.executable_bytes + 1;
    header.command_offset = (uint32_t)at;
    header.command_bytes = (uint32_t)b->command->len;
    memcpy(image->data + at, b->command->str, b->command->len);
    if (header.last_ns == 0)
        header.last_ns = b->latest_ns;
    if (header.end_ns == 0 && header.end != LK_END_RUNNING)
        header.end_ns = b->latest_ns;
    header.used_bytes = header.reserved_bytes = image->len;
    header.segments = 0;
    for (guint i = 0; i < b->segments->len; i++)
        header.segments += g_array_index(b->segments, struct segment, i).head.kind != 0;
    header.next_sequence = b->sequence;
    header.next_heap_sequence = b->heap_sequence;
    header.sites = b->sites->len;
    header.templates = b->templates->len;
    header.verbs = b->verbs->len;
    header.modules = b->module_count;
    memcpy(image->data, &header, sizeof(header));
}

uint8_t *builder_bytes(struct builder *b, size_t *bytes)
{
    GByteArray *image = g_byte_array_new();
    GArray *sites = g_array_copy(b->sites), *templates = g_array_copy(b->templates);
    GArray *peaks = g_array_new(FALSE, TRUE, sizeof(int64_t));
    g_byte_array_set_size(image, LK_GRANULE);
    memset(image->data, 0, LK_GRANULE);
    append_frames(b, image, sites);
    append_sketches(b, image, templates);
    append_table(image, LK_EXTENT_SITES, sites);
    append_table(image, LK_EXTENT_TEMPLATES, templates);
    append_table(image, LK_EXTENT_VERBS, b->verbs);
    append_modules(b, image);
    append_live(b, image);
    append_blocks(b, image);
    append_histories(b, image, peaks);
    append_counts(b, image, peaks);
    append_rest(b, image);
    g_array_free(peaks, TRUE);
    finish_header(b, image);
    g_array_free(sites, TRUE);
    g_array_free(templates, TRUE);
    *bytes = image->len;
    return g_byte_array_free(image, FALSE);
}

bool builder_save(struct builder *b, const char *path)
{
    size_t bytes, done = 0;
    uint8_t *image = builder_bytes(b, &bytes);
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    while (fd >= 0 && done < bytes) {
        ssize_t n = write(fd, image + done, bytes - done);
        if (n < 0 && errno != EINTR)
            break;
        done += n > 0 ? (size_t)n : 0;
    }
    g_free(image);
    return fd >= 0 && close(fd) == 0 && done == bytes;
}
