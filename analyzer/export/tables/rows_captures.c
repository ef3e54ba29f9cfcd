/* Rows of what each process did in the cache: counters of its own tables, and causes from the
 * accesses of the whole set. */
#include <math.h>
#include <string.h>

#include "capture/layout.h"
#include "export/tables/rows.h"
#include "model/cache.h"
#include "model/sketch.h"

struct counts {
    uint64_t reads, hits, misses, writes, written_bytes, deletes, errors;
};

struct part { /* one process's share of one template */
    uint32_t capture, template_index;
    struct counts counts;
    double causes[CAUSES];    /* of what the rings hold; then scaled */
    double recompute_seconds; /* the same */
};

struct parts {
    const struct cache_model *model;
    GArray *parts;    /* struct part, by capture */
    struct map index; /* capture, template -> index in `parts` */
};

static struct part *part_of(struct parts *parts, uint32_t capture, uint32_t template_index)
{
    bool added;
    uint32_t *at = map_put(&parts->index, hash_mix(capture + 1, template_index), &added);

    if (added) {
        struct part part = {.capture = capture, .template_index = template_index};
        *at = parts->parts->len;
        g_array_append_val(parts->parts, part);
    }
    return &g_array_index(parts->parts, struct part, *at);
}

static void add_counts(struct counts *sum, const struct lk_template *raw)
{
    sum->reads += raw->reads;
    sum->hits += raw->hits;
    sum->misses += raw->misses;
    sum->writes += raw->writes;
    sum->written_bytes += raw->written_bytes;
    sum->deletes += raw->deletes;
    sum->errors += raw->errors;
}

static bool is_used(const struct lk_template *template)
{
    return template->reads || template->writes || template->deletes || template->errors;
}

static void add_tables(struct parts *parts)
{
    const struct cache_model *model = parts->model;

    for (guint c = 0; c < model->captures->len; c++) {
        const struct capture *capture = g_ptr_array_index(model->captures, c);
        const uint32_t *map = g_array_index(model->template_maps, uint32_t *, c);

        for (guint id = 0; id < capture->templates->len; id++) {
            const struct lk_template *raw =
                &g_array_index(capture->templates, struct lk_template, id);
            if (is_used(raw))
                add_counts(&part_of(parts, c, map[id])->counts, raw);
        }
    }
}

static void add_accesses(struct parts *parts)
{
    const struct cache_model *model = parts->model;

    for (guint i = 0; i < model->accesses->len; i++) {
        const struct cache_access *access = model_access(model, i);

        if (access->key == CACHE_NONE || !access_is_miss(access))
            continue;
        struct part *part = part_of(parts, access_connection(model, access)->capture,
                                    model_key(model, access->key)->template_index);
        double seconds = access_recompute_seconds(model, access);
        if (access->cause < CAUSES)
            part->causes[access->cause]++;
        if (isfinite(seconds))
            part->recompute_seconds += seconds;
    }
}

/* ---- To the report's numbers ---- */

static void causes_of(const struct miss_causes *causes, double all[CAUSES])
{
    all[CAUSE_FIRST_SEEN] = (double)causes->first_seen;
    all[CAUSE_DUPLICATE_INPUT] = (double)causes->duplicate_input;
    all[CAUSE_EXPIRED] = (double)causes->expired;
    all[CAUSE_EVICTED] = (double)causes->evicted;
    all[CAUSE_DELETED] = (double)causes->deleted;
    all[CAUSE_CONCURRENT] = (double)causes->concurrent;
    all[CAUSE_NOT_STORED] = (double)causes->not_stored;
}

/* Where the rings lost events the report scales what they still hold; so does this, such that the
 * processes add up to it. A cause that no ring holds any more goes by the processes' misses. */
static void scale_part(const struct cache_model *model, struct part *part, const double *ring)
{
    const struct cache_template *template = model_template(model, part->template_index);
    double wanted[CAUSES], misses = (double)part->counts.misses;

    causes_of(&template->report->causes, wanted);
    for (int cause = 0; cause < CAUSES; cause++)
        part->causes[cause] = ring[cause] > 0 ? part->causes[cause] * wanted[cause] / ring[cause]
                              : wanted[cause] > 0
                                  ? wanted[cause] * misses / (double)template->report->misses
                                  : 0;
    if (template->ring_misses != 0)
        part->recompute_seconds *= (double)template->report->misses / (double)template->ring_misses;
    else
        part->recompute_seconds = NAN;
}

static void scale_parts(struct parts *parts)
{
    const struct cache_model *model = parts->model;
    double(*ring)[CAUSES] = g_malloc0_n(model->templates->len + 1, sizeof(*ring));

    for (guint i = 0; i < parts->parts->len; i++) {
        const struct part *part = &g_array_index(parts->parts, struct part, i);
        for (int cause = 0; cause < CAUSES; cause++)
            ring[part->template_index][cause] += part->causes[cause];
    }
    for (guint i = 0; i < parts->parts->len; i++) {
        struct part *part = &g_array_index(parts->parts, struct part, i);
        scale_part(model, part, ring[part->template_index]);
    }
    g_free(ring);
}

/* ---- Rows ---- */

static void put_counts(struct rows *rows, const char *id, const char *name, const struct part *part)
{
    row_begin(rows, TABLE_CAPTURE_TEMPLATES);
    row_text(rows, id);
    row_text(rows, name);
    row_count(rows, part->counts.reads);
    row_count(rows, part->counts.hits);
    row_count(rows, part->counts.misses);
    row_count(rows, part->counts.writes);
    row_count(rows, part->counts.written_bytes);
    row_count(rows, part->counts.deletes);
    row_count(rows, part->counts.errors);
    row_real(rows, part->recompute_seconds);
    row_end(rows);
}

static void put_causes(struct rows *rows, const char *id, const char *name, const struct part *part)
{
    static const char *const names[CAUSES] = {
        [CAUSE_FIRST_SEEN] = "first-seen", [CAUSE_DUPLICATE_INPUT] = "duplicate-input",
        [CAUSE_EXPIRED] = "expired",       [CAUSE_EVICTED] = "evicted",
        [CAUSE_DELETED] = "deleted",       [CAUSE_CONCURRENT] = "concurrent",
        [CAUSE_NOT_STORED] = "not-stored",
    };

    for (int cause = 0; cause < CAUSES; cause++) {
        if (part->causes[cause] <= 0)
            continue;
        row_begin(rows, TABLE_CAPTURE_MISS_CAUSES);
        row_text(rows, id);
        row_text(rows, name);
        row_text(rows, names[cause]);
        row_real(rows, part->causes[cause]);
        row_end(rows);
    }
}

/* The registers that are not 0 of all that the template is made of in this capture. */
static void put_sketch(struct rows *rows, const char *id, const char *name, const struct part *part)
{
    const struct cache_model *model = rows->analysis->cache;
    const struct capture *capture = g_ptr_array_index(model->captures, part->capture);
    const uint32_t *map = g_array_index(model->template_maps, uint32_t *, part->capture);
    uint8_t *merged = g_malloc0(LK_SKETCH_BYTES);
    GArray *places = g_array_new(FALSE, FALSE, sizeof(uint16_t)),
           *registers = g_array_new(FALSE, FALSE, sizeof(uint16_t));

    for (guint t = 0; t < capture->templates->len; t++) {
        const uint8_t *sketch = map[t] == part->template_index ? capture_sketch(capture, t) : NULL;
        if (sketch != NULL)
            sketch_merge(merged, sketch);
    }
    for (uint16_t i = 0; i < LK_SKETCH_BYTES; i++) {
        uint16_t value = merged[i];
        if (value == 0)
            continue;
        g_array_append_val(places, i);
        g_array_append_val(registers, value);
    }
    row_begin(rows, TABLE_CAPTURE_SKETCHES);
    row_text(rows, id);
    row_text(rows, name);
    row_list(rows, places);
    row_list(rows, registers);
    row_end(rows);
    g_array_free(places, TRUE);
    g_array_free(registers, TRUE);
    g_free(merged);
}

static void put_commands(struct rows *rows, const char *id, const struct capture *capture)
{
    for (guint v = 0; v < capture->verbs->len; v++) {
        const struct lk_verb *verb = &g_array_index(capture->verbs, struct lk_verb, v);
        char *name = g_strndup(v ? verb->name : "other", sizeof(verb->name));

        if (verb->calls != 0) {
            row_begin(rows, TABLE_CAPTURE_COMMANDS);
            row_text(rows, id);
            row_text(rows, name);
            row_count(rows, verb->calls);
            row_end(rows);
        }
        g_free(name);
    }
}

void rows_capture_cache(struct rows *rows)
{
    const struct cache_model *model = rows->analysis->cache;
    struct parts parts = {.model = model, .parts = g_array_new(FALSE, TRUE, sizeof(struct part))};
    char id[CAPTURE_ID_BYTES];

    for (guint c = 0; c < model->captures->len; c++) {
        const struct capture *capture = g_ptr_array_index(model->captures, c);
        tables_capture_id(capture, id);
        put_commands(rows, id, capture);
    }
    add_tables(&parts);
    add_accesses(&parts);
    scale_parts(&parts);
    for (guint i = 0; i < parts.parts->len && !rows->failed; i++) {
        const struct part *part = &g_array_index(parts.parts, struct part, i);
        const char *name = model_template(model, part->template_index)->report->name;

        tables_capture_id(g_ptr_array_index(model->captures, part->capture), id);
        put_counts(rows, id, name, part);
        put_causes(rows, id, name, part);
        if (rows->sink->lists)
            put_sketch(rows, id, name, part);
    }
    g_array_free(parts.parts, TRUE);
    map_clear(&parts.index);
}
