/* Heap and cache together: what was allocated, kept and leaked after hits, misses and writes of
 * each template. */
#include <math.h>
#include <string.h>

#include "model/cache.h"
#include "model/heap.h"

static const char *const outcome_names[OUTCOMES] = {"hit", "miss", "write"};

static int outcome_index(uint32_t outcome)
{
    return outcome >= LK_OUTCOME_HIT && outcome <= LK_OUTCOME_WRITE
               ? (int)(outcome - LK_OUTCOME_HIT)
               : -1;
}

/* NULL: no template, or no such outcome. */
static struct outcome_bytes *bytes_of(const struct cache_model *model, guint capture_index,
                                      uint32_t id, int outcome)
{
    const struct capture *capture = g_ptr_array_index(model->captures, capture_index);
    const uint32_t *map = g_array_index(model->template_maps, uint32_t *, capture_index);

    return outcome < 0 || id == 0 || id >= capture->templates->len
               ? NULL
               : &model_template(model, map[id])->report->outcome_bytes[outcome];
}

static void add_allocated(const struct cache_model *model, guint capture_index)
{
    const struct capture *capture = g_ptr_array_index(model->captures, capture_index);

    for (guint id = 1; id < capture->templates->len; id++)
        for (int outcome = 0; outcome < OUTCOMES; outcome++)
            bytes_of(model, capture_index, id, outcome)->allocated +=
                (double)g_array_index(capture->templates, struct lk_template, id)
                    .allocated_bytes[outcome];
}

static void add_kept(const struct cache_model *model, guint capture_index)
{
    const struct capture *capture = g_ptr_array_index(model->captures, capture_index);

    for (guint i = 0; i < capture->live->len; i++) {
        const struct lk_live *entry = &g_array_index(capture->live, struct lk_live, i);
        struct outcome_bytes *bytes =
            live_kind(entry) == LK_LIVE_HEAP
                ? bytes_of(model, capture_index, LK_TAG_TEMPLATE(entry->tag),
                           outcome_index(LK_TAG_OUTCOME(entry->tag)))
                : NULL;

        if (bytes)
            bytes->kept +=
                (double)entry->size / sample_chance(entry->size, capture->header.sample_bytes);
    }
}

static void add_leaked(const struct cache_model *model, const struct leak_report *leak)
{
    for (guint t = 0; leak->outcome && leak->template_name && t < model->templates->len; t++) {
        struct template_report *report = model_template(model, t)->report;

        for (int outcome = 0; outcome < OUTCOMES; outcome++)
            if (strcmp(report->name, leak->template_name) == 0 &&
                strcmp(outcome_names[outcome], leak->outcome) == 0)
                report->outcome_bytes[outcome].leaked += leak->live_bytes;
    }
}

void outcomes_model(struct report *report, const struct cache_model *model)
{
    for (guint t = 0; t < model->templates->len; t++)
        for (int outcome = 0; outcome < OUTCOMES; outcome++)
            model_template(model, t)->report->outcome_bytes[outcome] =
                report->heap.present ? (struct outcome_bytes){0, 0, 0}
                                     : (struct outcome_bytes){NAN, NAN, NAN};
    if (!report->heap.present)
        return;
    for (guint c = 0; c < model->captures->len; c++) {
        add_allocated(model, c);
        add_kept(model, c);
    }
    for (guint i = 0; i < report->leaks->len; i++)
        add_leaked(model, g_ptr_array_index(report->leaks, i));
}
