/* What the tags of live entries say: the cache's templates and how often each outcome came up on
 * them. */
#include <math.h>

#include "find/leaks.h"
#include "model/cache.h"
#include "model/text.h"

struct outcome_counts {
    uint64_t hits, misses, writes, errors;
};

struct tag_names {
    GPtrArray *names;   /* by capture: GPtrArray of const char *, by template id */
    GHashTable *counts; /* name -> struct outcome_counts */
};

static void names_free(gpointer names)
{
    g_ptr_array_free(names, TRUE);
}

/* As the cache's report calls it, where there is one, so that a leak and its template are found
 * together. */
static const char *name_of(struct report *report, const struct capture *capture, guint index,
                           guint id, const struct cache_model *model)
{
    const struct lk_template *template = &g_array_index(capture->templates, struct lk_template, id);
    if (id == 0 || template->text_bytes == 0)
        return NULL;
    if (model != NULL && index < model->template_maps->len)
        return model_template(model, g_array_index(model->template_maps, uint32_t *, index)[id])
            ->report->name;
    char *text = text_printable(template->text, template->text_bytes);
    const char *name = report_text(report, text);
    g_free(text);
    return name;
}

static void add_counts(struct tag_names *names, const char *name,
                       const struct lk_template *template)
{
    struct outcome_counts *counts = g_hash_table_lookup(names->counts, name);
    if (counts == NULL) {
        counts = g_new0(struct outcome_counts, 1);
        g_hash_table_insert(names->counts, (gpointer)(uintptr_t)name, counts);
    }
    counts->hits += template->hits;
    counts->misses += template->misses;
    counts->writes += template->writes;
    counts->errors += template->errors;
}

struct tag_names *tag_names_new(struct report *report, GPtrArray *captures,
                                const struct cache_model *model)
{
    struct tag_names *names = g_new0(struct tag_names, 1);
    names->names = g_ptr_array_new_with_free_func(names_free);
    names->counts = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, g_free);
    for (guint i = 0; i < captures->len; i++) {
        const struct capture *capture = g_ptr_array_index(captures, i);
        GPtrArray *of_capture = g_ptr_array_new();
        for (guint id = 0; id < capture->templates->len; id++) {
            const char *name = name_of(report, capture, i, id, model);
            g_ptr_array_add(of_capture, (gpointer)(uintptr_t)name);
            if (name != NULL)
                add_counts(names, name, &g_array_index(capture->templates, struct lk_template, id));
        }
        g_ptr_array_add(names->names, of_capture);
    }
    return names;
}

void tag_names_free(struct tag_names *names)
{
    g_ptr_array_free(names->names, TRUE);
    g_hash_table_destroy(names->counts);
    g_free(names);
}

const char *tag_template(const struct tag_names *names, guint capture_index, uint32_t tag)
{
    const GPtrArray *of_capture = g_ptr_array_index(names->names, capture_index);
    uint32_t id = LK_TAG_TEMPLATE(tag);
    return id < of_capture->len ? g_ptr_array_index(of_capture, id) : NULL;
}

double tag_commands(const struct tag_names *names, const char *template_name, uint32_t outcome)
{
    const struct outcome_counts *counts =
        template_name == NULL ? NULL : g_hash_table_lookup(names->counts, template_name);
    if (counts == NULL)
        return NAN;
    switch (outcome) {
    case LK_OUTCOME_HIT:
        return (double)counts->hits;
    case LK_OUTCOME_MISS:
        return (double)counts->misses;
    case LK_OUTCOME_WRITE:
        return (double)counts->writes;
    case LK_OUTCOME_ERROR:
        return (double)counts->errors;
    default:
        return NAN;
    }
}
