/* Walks a capture's extents and fills its tables from them. What is damaged is left out and
 * counted. */
#include <math.h>
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
static bool id_is_plausible(const struct part *part, uint64_t id, size_t item_bytes)
{
    if (id <= part->capture->bytes / item_bytes)
        return true;
    capture_damage(part->capture, "extent at %" G_GUINT64_FORMAT ": no such id: %" G_GUINT64_FORMAT,
                   part->offset, id);
    return false;
}

static void *element_with_id(GArray *array, uint64_t id)
{
    if (id >= array->len)
        g_array_set_size(array, (guint)id + 1);
    return array->data + id * g_array_get_element_size(array);
}

static void read_segment(const struct part *part)
{
    if (part->head->granules == 1)
        g_array_append_val(part->segments, part->offset);
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

struct lk_totals totals_sum(const struct lk_totals *stripes, bool *damaged)
{
    struct lk_totals sum = {.samples = 0};
    for (size_t i = 0; i < LK_STRIPES; i++) {
        sum.allocated_bytes += stripes[i].allocated_bytes;
        sum.allocated_count_q16 += stripes[i].allocated_count_q16;
        sum.freed_bytes += stripes[i].freed_bytes;
        sum.freed_count_q16 += stripes[i].freed_count_q16;
        sum.temporary_count_q16 += stripes[i].temporary_count_q16;
        sum.samples += stripes[i].samples;
        sum.sample_frees += stripes[i].sample_frees;
        sum.allocated_variance += stripes[i].allocated_variance;
    }
    *damaged = !isfinite(sum.allocated_variance) || sum.allocated_variance < 0;
    if (*damaged)
        sum.allocated_variance = 0;
    return sum;
}

static void read_site(const struct part *part, const struct lk_site *raw, uint32_t id)
{
    struct capture *capture = part->capture;
    bool damaged;
    struct capture_site *site = element_with_id(capture->sites, id);
    g_free(site->frames);
    *site = (struct capture_site){.id = id,
                                  .cut = (raw->flags & LK_SITE_CUT) != 0,
                                  .epoch = raw->epoch,
                                  .first_ns = raw->first_ns,
                                  .totals = totals_sum(raw->totals, &damaged)};
    size_t bytes = raw->depth * sizeof(uint64_t);
    if (raw->depth > LK_SITE_FRAMES_MAX || raw->frames_offset % sizeof(uint64_t) != 0 ||
        raw->frames_offset < LK_GRANULE || raw->frames_offset > capture->bytes ||
        bytes > capture->bytes - raw->frames_offset)
        damaged = true;
    else
        site->depth = raw->depth;
    if (site->depth != 0)
        site->frames = g_memdup2(capture->data + raw->frames_offset, bytes);
    if (damaged)
        capture_damage(capture, "site %u: its stack or totals", id);
}

static void read_sites(const struct part *part)
{
    const struct lk_site *sites = (const void *)part->data;
    size_t count = items_within(part, sizeof(*sites));
    for (size_t i = 0; i < count; i++) {
        uint64_t id = part->head->first_id + i;
        if (sites[i].depth == 0)
            continue;
        if (!id_is_plausible(part, id, sizeof(*sites)))
            return;
        read_site(part, &sites[i], (uint32_t)id);
    }
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

/* Registers that no hash gives would carry an estimate away. */
static bool sketch_is_sound(const struct capture *capture, uint64_t offset)
{
    if (offset < LK_GRANULE || offset > capture->bytes || LK_SKETCH_BYTES > capture->bytes - offset)
        return false;
    for (size_t i = 0; i < LK_SKETCH_BYTES; i++)
        if (capture->data[offset + i] > SKETCH_RANK_MAX)
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
        if (!id_is_plausible(part, id, sizeof(*templates)))
            return;
        struct lk_template *template = element_with_id(capture->templates, id);
        *template = templates[i];
        if (template->text_bytes > LK_TEMPLATE_TEXT) {
            capture_damage(capture, "template %u: its text", (uint32_t)id);
            template->text_bytes = 0;
        }
        if (template->sketch_offset != 0 && !sketch_is_sound(capture, template->sketch_offset)) {
            capture_damage(capture, "template %u: its sketch", (uint32_t)id);
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
        if (!id_is_plausible(part, id, sizeof(*verbs)))
            return;
        struct lk_verb *verb = element_with_id(part->capture->verbs, id);
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
    [LK_EXTENT_SEGMENT] = read_segment,   [LK_EXTENT_LIVE] = read_live,
    [LK_EXTENT_SITES] = read_sites,       [LK_EXTENT_FRAMES] = read_nothing,
    [LK_EXTENT_MODULES] = read_modules,   [LK_EXTENT_TEMPLATES] = read_templates,
    [LK_EXTENT_VERBS] = read_verbs,       [LK_EXTENT_SKETCHES] = read_nothing,
    [LK_EXTENT_TIMELINE] = read_timeline,
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

void capture_read_tables(struct capture *capture, GArray *segments)
{
    g_array_set_size(capture->sites, 1);
    g_array_set_size(capture->templates, 1);
    g_array_set_size(capture->verbs, 1);
    uint64_t offset = LK_GRANULE;
    while (offset + sizeof(struct lk_extent) <= capture->bytes)
        offset += read_extent(capture, offset, segments) * LK_GRANULE;
    check_live(capture);
    g_array_sort(capture->timeline, compare_points);
}
