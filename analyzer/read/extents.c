/* Walks a capture's extents and fills its tables from them. What is damaged is left out and
 * counted. */
#include <string.h>

#include "read/parts.h"

#define SKETCH_RANK_MAX (64 - LK_SKETCH_PRECISION + 1)
#define TAG_OUTCOMES    (LK_OUTCOME_PENDING + 1u)

/* One extent's contents: `room` bytes that are there, whatever its head says. */
struct part {
    struct capture *capture;
    const struct lk_extent *head;
    uint64_t offset; /* of the extent */
    const uint8_t *data;
    size_t room;
    GArray *segments;
};

/* How many items of that size to read: those that the head speaks of, as far as they are there. */
static size_t items_within(const struct part *part, size_t item_bytes)
{
    return (size_t)MIN(part->head->items, part->room / item_bytes);
}

/* Ids are given in a row, so there are no more of them than items could be in the file. */
void *element_with_id(struct capture *capture, GArray *array, uint64_t id, size_t item_bytes)
{
    if (id > capture->bytes / item_bytes) {
        capture_damage(capture, "no such id: %" G_GUINT64_FORMAT, id);
        return NULL;
    }
    if (id >= array->len)
        g_array_set_size(array, (guint)id + 1);
    return array->data + id * g_array_get_element_size(array);
}

/* Of a capture in memory; a file's were found by the snapshot. */
static void add_heap_segment(const struct part *part)
{
    struct segment_head found = {.offset = part->offset, .head = *part->head};
    memcpy(&found.mark, part->data, MIN(sizeof(found.mark), part->room));
    capture_add_heap_segment(part->capture, &found, true);
}

static void add_segment(const struct part *part)
{
    struct ring_segment segment = {.offset = part->offset, .held = true};
    g_array_append_val(part->segments, segment);
}

static void read_segment(const struct part *part)
{
    if (part->head->granules == 1 && part->head->kind == LK_EXTENT_HEAP_SEGMENT)
        add_heap_segment(part);
    else if (part->head->granules == 1)
        add_segment(part);
    else
        capture_damage(part->capture, "segment at %" G_GUINT64_FORMAT ": %u granules", part->offset,
                       part->head->granules);
}

/* Sites and templates are not known yet: check_live follows. */
static void read_live(const struct part *part)
{
    const struct lk_live *entries = (const void *)part->data;
    size_t count = items_within(part, sizeof(*entries));
    for (size_t i = 0; i < count; i++)
        if (entries[i].key > 2) /* neither empty, deleted nor being written */
            g_array_append_val(part->capture->live, entries[i]);
}

static void read_site(const struct part *part, const struct lk_site *raw, uint32_t id)
{
    struct capture *capture = part->capture;
    struct capture_site *site = element_with_id(capture, capture->sites, id, sizeof(*raw));
    size_t bytes = raw->depth * sizeof(uint64_t);
    if (site == NULL)
        return;
    site->id = id;
    site->cut = (raw->flags & LK_SITE_CUT) != 0;
    site->epoch = raw->epoch;
    site->first_ns = raw->first_ns;
    if (raw->depth > LK_SITE_FRAMES_MAX || raw->frames_offset % sizeof(uint64_t) != 0 ||
        raw->frames_offset < LK_GRANULE || raw->frames_offset > capture->bytes ||
        bytes > capture->bytes - raw->frames_offset) {
        capture_damage(capture, "site %u: its stack", id);
        return;
    }
    if (bytes != 0 && *(const uint64_t *)(const void *)(capture->data + raw->frames_offset) == 0) {
        capture_damage(capture, "site %u: its stack is zeros", id);
        return;
    }
    g_free(site->frames);
    site->depth = raw->depth;
    site->frames = g_memdup2(capture->data + raw->frames_offset, bytes);
}

static void read_sites(const struct part *part)
{
    const struct lk_site *sites = (const void *)part->data;
    size_t count = items_within(part, sizeof(*sites));
    for (size_t i = 0; i < count; i++)
        if (sites[i].depth != 0)
            read_site(part, &sites[i], (uint32_t)(part->head->first_id + i));
}

static void read_site_counts(const struct part *part)
{
    read_counts(part->capture, part->head, part->data, part->room);
}

static void read_site_histories(const struct part *part)
{
    read_histories(part->capture, part->head, part->data, part->room);
}

static void read_live_blocks(const struct part *part)
{
    read_blocks(part->capture, part->data, part->room);
}

static char *hex(const uint8_t *bytes, size_t count)
{
    static const char digits[] = "0123456789abcdef";
    char *text = g_malloc(2 * count + 1);
    for (size_t i = 0; i < count; i++) {
        text[2 * i] = digits[bytes[i] >> 4];
        text[2 * i + 1] = digits[bytes[i] & 15];
    }
    text[2 * count] = '\0';
    return text;
}

static void read_module(const struct part *part, const struct lk_module *raw)
{
    GArray *modules = part->capture->modules;
    size_t path_room = raw->bytes - sizeof(*raw);
    if (raw->path_bytes > path_room || raw->build_id_bytes > sizeof(raw->build_id) ||
        raw->start >= raw->end) {
        capture_damage(part->capture, "a module at %" G_GUINT64_FORMAT, part->offset);
        return;
    }
    g_array_set_size(modules, modules->len + 1);
    g_array_index(modules, struct capture_module, modules->len - 1) = (struct capture_module){
        .start = raw->start,
        .end = raw->end,
        .bias = raw->bias,
        .first_epoch = raw->first_epoch,
        .last_epoch = raw->last_epoch,
        .path = g_strndup((const char *)(raw + 1), raw->path_bytes),
        .build_id = raw->build_id_bytes == 0 ? NULL : hex(raw->build_id, raw->build_id_bytes),
    };
}

static void read_modules(const struct part *part)
{
    size_t end = (size_t)MIN(part->head->items, part->room), at = 0;
    while (end - at >= sizeof(struct lk_module)) {
        const struct lk_module *module = (const void *)(part->data + at);
        if (module->bytes == 0)
            return;
        if (module->bytes < sizeof(*module) || module->bytes % 8 != 0 || module->bytes > end - at) {
            capture_damage(part->capture, "the modules at %" G_GUINT64_FORMAT " from one on",
                           part->offset);
            return;
        }
        read_module(part, module);
        at += module->bytes;
    }
}

/* Registers that no hash gives would carry an estimate away; a page of zeros, too. */
#define KEYS_ENOUGH 16u
static bool sketch_is_sound(const struct capture *capture, uint64_t offset, uint64_t uses)
{
    uint8_t any = 0;
    if (offset < LK_GRANULE || offset > capture->bytes || LK_SKETCH_BYTES > capture->bytes - offset)
        return false;
    for (size_t i = 0; i < LK_SKETCH_BYTES; i++) {
        if (capture->data[offset + i] > SKETCH_RANK_MAX)
            return false;
        any |= capture->data[offset + i];
    }
    return any != 0 || uses < KEYS_ENOUGH;
}

/* No process does that much. */
#define COUNT_MOST (1ull << 48)
static bool counts_are_sound(const struct lk_template *template)
{
    const uint64_t counts[] = {
        template->reads,         template->hits,       template->misses,
        template->writes,        template->deletes,    template->errors,
        template->written_bytes, template->read_bytes, template->no_ttl_writes};
    for (size_t i = 0; i < G_N_ELEMENTS(counts); i++)
        if (counts[i] > COUNT_MOST)
            return false;
    return true;
}

static void read_templates(const struct part *part)
{
    struct capture *capture = part->capture;
    const struct lk_template *templates = (const void *)part->data;
    size_t count = items_within(part, sizeof(*templates));
    for (size_t i = 0; i < count; i++) {
        uint64_t id = part->head->first_id + i;
        if (templates[i].text_bytes == 0 && id != 0)
            continue;
        struct lk_template *template =
            element_with_id(capture, capture->templates, id, sizeof(*templates));
        if (template == NULL)
            return;
        *template = templates[i];
        if (!counts_are_sound(template)) {
            capture_damage(capture, "template %u: its counts", (uint32_t)id);
            *template =
                (struct lk_template){.hash = template->hash, .text_bytes = template->text_bytes};
            memcpy(template->text, templates[i].text, sizeof(template->text));
        }
        if (template->text_bytes > LK_TEMPLATE_TEXT) {
            capture_damage(capture, "template %u: its text", (uint32_t)id);
            template->text_bytes = 0;
        }
        if (template->sketch_offset != 0 && !sketch_is_sound(capture, template->sketch_offset,
                                                             template->reads + template->writes)) {
            capture_damage(capture, "template %u: its sketch: how many keys it had", (uint32_t)id);
            template->sketch_offset = 0;
        }
    }
}

static void read_verbs(const struct part *part)
{
    const struct lk_verb *verbs = (const void *)part->data;
    size_t count = items_within(part, sizeof(*verbs));
    for (size_t i = 0; i < count; i++) {
        uint64_t id = part->head->first_id + i;
        if (verbs[i].name[0] == '\0' && verbs[i].calls == 0)
            continue;
        struct lk_verb *verb =
            element_with_id(part->capture, part->capture->verbs, id, sizeof(*verbs));
        if (verb == NULL)
            return;
        *verb = verbs[i];
        verb->name[sizeof(verb->name) - 1] = '\0';
    }
}

/* A coarser level begins where the finer ones end, within one of its buckets. */
static void read_timeline(const struct part *part)
{
    struct capture *capture = part->capture;
    uint64_t level = part->head->first_id;
    if (level >= LK_TIMELINE_LEVELS ||
        part->room < LK_TIMELINE_BUCKETS * sizeof(struct lk_bucket)) {
        capture_damage(capture, "the timeline at %" G_GUINT64_FORMAT, part->offset);
        return;
    }
    const struct lk_bucket *buckets = (const void *)part->data;
    uint64_t width = LK_TIMELINE_NS(level);
    uint64_t covered = level == 0 ? 0 : LK_TIMELINE_NS(level - 1) * LK_TIMELINE_BUCKETS;
    for (size_t i = 0; i < LK_TIMELINE_BUCKETS; i++) {
        uint64_t start = MAX(i * width, covered), end = (i + 1) * width;
        struct timeline_point point = {.time_ns = start,
                                       .width_ns = end - start,
                                       .max_live_bytes = buckets[i].max_live_bytes,
                                       .last_live_bytes = buckets[i].last_live_bytes,
                                       .allocated_bytes = buckets[i].allocated_bytes};
        if (buckets[i].updates != 0 && start < end)
            g_array_append_val(capture->timeline, point);
    }
}

static void read_nothing(const struct part *part)
{
    (void)part; /* sites and templates point into FRAMES and SKETCHES */
}

static void (*const readers[])(const struct part *part) = {
    [LK_EXTENT_SEGMENT] = read_segment,
    [LK_EXTENT_LIVE] = read_live,
    [LK_EXTENT_SITES] = read_sites,
    [LK_EXTENT_FRAMES] = read_nothing,
    [LK_EXTENT_MODULES] = read_modules,
    [LK_EXTENT_TEMPLATES] = read_templates,
    [LK_EXTENT_VERBS] = read_verbs,
    [LK_EXTENT_SKETCHES] = read_nothing,
    [LK_EXTENT_TIMELINE] = read_timeline,
    [LK_EXTENT_COUNTS] = read_site_counts,
    [LK_EXTENT_HISTORY] = read_site_histories,
    [LK_EXTENT_BLOCKS] = read_live_blocks,
    [LK_EXTENT_HEAP_SEGMENT] = read_segment,
};

/* Reads the extent at `offset` and returns how many granules to go on by. */
static uint64_t read_extent(struct capture *capture, uint64_t offset, GArray *segments)
{
    struct part part = {.capture = capture,
                        .head = (const void *)(capture->data + offset),
                        .offset = offset,
                        .data = capture->data + offset + sizeof(struct lk_extent),
                        .segments = segments};
    uint64_t end = MAX(capture->bytes, MIN(capture->header.used_bytes, 1ull << 48));
    uint64_t bytes = (uint64_t)part.head->granules * LK_GRANULE;
    if (part.head->kind == 0)
        return 1; /* handed out and never filled, or not handed out */
    if (bytes == 0 || bytes > end - offset) {
        capture_damage(capture, "extent at %" G_GUINT64_FORMAT ": its size", offset);
        return 1;
    }
    part.room = (size_t)MIN(bytes, capture->bytes - offset) - sizeof(struct lk_extent);
    if (part.room + sizeof(struct lk_extent) < bytes)
        capture_damage(capture, "extent at %" G_GUINT64_FORMAT ": the file ends within it", offset);
    if (part.head->kind < G_N_ELEMENTS(readers) && readers[part.head->kind] != NULL)
        readers[part.head->kind](&part);
    return part.head->granules;
}

static void check_live(struct capture *capture)
{
    for (guint i = 0; i < capture->live->len; i++) {
        struct lk_live *entry = &g_array_index(capture->live, struct lk_live, i);
        bool site_is_there = entry->site < capture->sites->len;
        bool tag_is_there = LK_TAG_TEMPLATE(entry->tag) < capture->templates->len &&
                            LK_TAG_OUTCOME(entry->tag) < TAG_OUTCOMES;
        entry->site = site_is_there ? entry->site : 0;
        entry->tag = tag_is_there ? entry->tag : 0;
    }
}

static gint compare_points(gconstpointer a, gconstpointer b)
{
    uint64_t x = ((const struct timeline_point *)a)->time_ns;
    uint64_t y = ((const struct timeline_point *)b)->time_ns;
    return (x > y) - (x < y);
}

/* ---- What is missing ---- */

static void count_held(struct capture *capture, const GArray *segments)
{
    struct capture_parts *held = &capture->held;
    for (guint i = 1; i < capture->sites->len; i++)
        held->sites += g_array_index(capture->sites, struct capture_site, i).depth != 0;
    for (guint i = 1; i < capture->templates->len; i++)
        held->templates += g_array_index(capture->templates, struct lk_template, i).text_bytes != 0;
    for (guint i = 1; i < capture->verbs->len; i++)
        held->verbs += g_array_index(capture->verbs, struct lk_verb, i).name[0] != '\0';
    held->modules = capture->modules->len;
    held->segments = segments->len + capture->heap_segments->len + capture->empty_segments;
}

/* The shim counts a stack or a segment before it is all there, so a thread that was just making one
 * when the process ended has left none. */
#define BEING_MADE 4u

/* What was there and is not: its page may have been lost (zeros pass for never filled), or the end
 * of the file. */
static void note_missing(struct capture *capture, uint64_t held, uint64_t made, uint64_t being_made,
                         const char *what)
{
    if (held + being_made < made)
        capture_damage(capture, "%" G_GUINT64_FORMAT " of %" G_GUINT64_FORMAT " %s", made - held,
                       made, what);
}

static uint64_t made_of(uint64_t count, uint64_t held)
{
    return count > held + 1 ? count - 1 : held; /* id 0 is none */
}

static void find_missing(struct capture *capture, const GArray *segments)
{
    const struct lk_header *header = &capture->header;
    const struct capture_parts *held = &capture->held;
    struct capture_parts *made = &capture->made;
    count_held(capture, segments);
    made->sites = made_of(header->sites, held->sites);
    made->templates = made_of(header->templates, held->templates);
    made->verbs = made_of(header->verbs, held->verbs);
    made->modules = MAX(header->modules, held->modules);
    made->segments = MAX(header->segments, held->segments);
    if (header->dropped[LK_DROP_NO_SPACE] == 0 && header->lost_sites == 0)
        note_missing(capture, held->sites, made->sites, BEING_MADE,
                     "stacks: what was allocated there is of an unknown stack");
    note_missing(capture, held->templates, made->templates, 0,
                 "templates: their counts, and the names of their commands' keys");
    note_missing(capture, held->verbs, made->verbs, 0, "verbs: how often they were called");
    note_missing(capture, held->modules, made->modules, 0,
                 "modules: functions there have no names");
    note_missing(capture, held->segments, made->segments, BEING_MADE,
                 "segments of the ring: their events; what the tables count is not less for it");
}

void capture_read_tables(struct capture *capture, GArray *segments, const GArray *extents)
{
    g_array_set_size(capture->sites, 1);
    g_array_set_size(capture->templates, 1);
    g_array_set_size(capture->verbs, 1);
    uint64_t offset = LK_GRANULE;
    while (extents == NULL && offset + sizeof(struct lk_extent) <= capture->bytes)
        offset += read_extent(capture, offset, segments) * LK_GRANULE;
    for (guint i = 0; extents != NULL && i < extents->len; i++)
        read_extent(capture, g_array_index(extents, uint64_t, i), segments);
    finish_sites(capture);
    check_live(capture);
    if (extents == NULL)
        find_missing(capture, segments);
    capture_finish_heap_segments(capture);
    g_array_sort(capture->timeline, compare_points);
}
