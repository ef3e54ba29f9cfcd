/* Templates by their merged names, as the report has them. */
#include <string.h>

#include "metrics/measure_parts.h"
#include "model/sketch.h"

struct part { /* a template, as far as it is the process's */
    struct measured_template item;
    uint8_t *sketch; /* NULL: none */
    double commands;
};

static void add_raw(struct part *part, const struct lk_template *raw, const uint8_t *sketch)
{
    struct measured_template *item = &part->item;

    item->reads += (double)raw->reads;
    item->hits += (double)raw->hits;
    item->misses += (double)raw->misses;
    item->writes += (double)raw->writes;
    item->deletes += (double)raw->deletes;
    item->errors += (double)raw->errors;
    item->written_bytes += (double)raw->written_bytes;
    item->read_bytes += (double)raw->read_bytes;
    item->unfreed_replies += (double)raw->replies_live;
    for (int outcome = 0; outcome < OUTCOMES; outcome++)
        item->allocated_bytes[outcome] += (double)raw->allocated_bytes[outcome];
    durations_add_latency(&item->latency, raw->latency);
    part->commands += (double)(raw->reads + raw->writes + raw->deletes + raw->errors);
    if (sketch == NULL)
        return;
    if (part->sketch == NULL)
        part->sketch = g_malloc0(LK_SKETCH_BYTES);
    sketch_merge(part->sketch, sketch);
}

static void fold(struct part *sum, const struct part *more)
{
    struct measured_template *item = &sum->item;
    const struct measured_template *other = &more->item;

    item->reads += other->reads;
    item->hits += other->hits;
    item->misses += other->misses;
    item->writes += other->writes;
    item->deletes += other->deletes;
    item->errors += other->errors;
    item->written_bytes += other->written_bytes;
    item->read_bytes += other->read_bytes;
    item->unfreed_replies += other->unfreed_replies;
    for (int outcome = 0; outcome < OUTCOMES; outcome++)
        item->allocated_bytes[outcome] += other->allocated_bytes[outcome];
    durations_add(&item->latency, &other->latency);
    durations_add(&item->recompute, &other->recompute);
    sum->commands += more->commands;
    if (more->sketch == NULL)
        return;
    if (sum->sketch == NULL)
        sum->sketch = g_malloc0(LK_SKETCH_BYTES);
    sketch_merge(sum->sketch, more->sketch);
}

static struct part *gather(const struct capture *capture, guint index,
                           const struct cache_model *model, const struct measure_sources *sources)
{
    const uint32_t *map = g_array_index(model->template_maps, uint32_t *, index);
    struct part *parts = g_new0(struct part, model->templates->len);

    for (guint id = 0; id < capture->templates->len; id++) {
        struct part *part = &parts[map[id]];
        const struct durations *recompute =
            sources->recompute == NULL ? NULL : sources->recompute(sources->context, id);

        part->item.head.labels[0] = model_template(model, map[id])->report->name;
        add_raw(part, &g_array_index(capture->templates, struct lk_template, id),
                capture_sketch(capture, id));
        if (recompute != NULL)
            durations_add(&part->item.recompute, recompute);
    }
    return parts;
}

static gint by_commands(gconstpointer a, gconstpointer b)
{
    const struct part *x = *(struct part *const *)a, *y = *(struct part *const *)b;

    return x->commands != y->commands ? (x->commands < y->commands) - (x->commands > y->commands)
                                      : strcmp(x->item.head.labels[0], y->item.head.labels[0]);
}

/* Whether it has a label of its own: it had one before, or there is one left. */
static bool is_shown(struct measure_bounds *bounds, const char *name, guint shown)
{
    if (bounds == NULL)
        return true;
    if (bounds->shown_templates == NULL)
        return shown < bounds->templates;
    if (g_hash_table_contains(bounds->shown_templates, name))
        return true;
    if (g_hash_table_size(bounds->shown_templates) >= bounds->templates)
        return false;
    g_hash_table_add(bounds->shown_templates, g_strdup(name));
    return true;
}

static void publish(struct measured *measured, struct part *part, const char *name)
{
    part->item.head.labels[0] = measured_text(measured, name);
    part->item.distinct_keys = part->sketch == NULL ? 0 : sketch_estimate(part->sketch);
    g_array_append_val(measured->templates, part->item);
}

void measure_templates(struct measured *measured, guint index, const struct cache_model *model,
                       struct measure_bounds *bounds, const struct measure_sources *sources)
{
    const struct capture *capture = g_ptr_array_index(model->captures, index);
    struct part *parts = gather(capture, index, model, sources), other = {.sketch = NULL};
    GPtrArray *order = g_ptr_array_new();

    for (guint i = 0; i < model->templates->len; i++)
        if (parts[i].commands > 0)
            g_ptr_array_add(order, &parts[i]);
    g_ptr_array_sort(order, by_commands);
    /* The first is what the shim had no room to tell apart. */
    for (guint i = 0; i < order->len; i++) {
        struct part *part = g_ptr_array_index(order, i);

        if (part != parts && is_shown(bounds, part->item.head.labels[0], i))
            publish(measured, part, part->item.head.labels[0]);
        else
            fold(&other, part);
    }
    if (other.commands > 0)
        publish(measured, &other, MEASURED_OTHER);
    for (guint i = 0; i < model->templates->len; i++)
        g_free(parts[i].sketch);
    g_free(other.sketch);
    g_free(parts);
    g_ptr_array_free(order, TRUE);
}
