/* A comparison as JSON, leakey.compare/1. */
#include <glib.h>

#include "model/compare.h"
#include "render/json_parts.h"
#include "render/json_values.h"
#include "render/renderers.h"

static json_t *make_summary(const struct summary *summary)
{
    return json_pack("{so, so, so, so, so, so, so, so, so, so}",          //
                     "reads", json_whole(summary->reads),                 //
                     "hit_ratio", json_number(summary->hit_ratio),        //
                     "misses", json_whole(summary->misses),               //
                     "distinct_keys", json_whole(summary->distinct_keys), //
                     "live_bytes", json_whole(summary->live_bytes),       //
                     "peak_live_bytes", json_whole(summary->peak_live_bytes),
                     "leaked_bytes_per_read", json_number(summary->leaked_bytes_per_read),
                     "allocated_bytes_per_read", json_number(summary->allocated_bytes_per_read),
                     "recompute_seconds_per_read", json_number(summary->recompute_seconds_per_read),
                     "duration_seconds", json_number(summary->duration_seconds));
}

static const char *unit_name(enum quantity quantity)
{
    static const char *const names[] = {[QUANTITY_RATIO] = "ratio",
                                        [QUANTITY_COUNT] = "count",
                                        [QUANTITY_BYTES] = "bytes",
                                        [QUANTITY_SECONDS] = "seconds"};

    return names[quantity];
}

static json_t *make_metrics(const GArray *metrics)
{
    json_t *list = json_array();

    for (guint i = 0; i < metrics->len; i++) {
        const struct change *change = &g_array_index(metrics, struct change, i);

        json_array_append_new(list, json_pack("{so, so, so, so, so, so, so}",                 //
                                              "name", json_text(change->name),                //
                                              "label", json_text(change->label),              //
                                              "unit", json_text(unit_name(change->quantity)), //
                                              "before", json_number(change->before),          //
                                              "after", json_number(change->after),            //
                                              "interval", json_interval(change->interval),
                                              "verdict", json_text(verdict_name(change->verdict))));
    }
    return list;
}

static json_t *make_items(const GArray *items)
{
    json_t *list = json_array();

    for (guint i = 0; i < items->len; i++) {
        const struct comparison_item *item = &g_array_index(items, struct comparison_item, i);

        json_array_append_new(
            list,
            json_pack("{so, so, so, so, so, so}", "rule", json_text(item->rule), "severity",
                      json_text(severity_name(item->severity)), "template",
                      json_text(item->template_name), "function", json_text(item->function),
                      "branch", json_text(item->branch), "message", json_text(item->message)));
    }
    return list;
}

json_t *json_comparison(const struct comparison *comparison)
{
    return json_pack("{ss, so, so, so, so, so, so, so, sb, sb, so}",          //
                     "schema", "leakey.compare/1",                            //
                     "before", make_summary(&comparison->before),             //
                     "after", make_summary(&comparison->after),               //
                     "metrics", make_metrics(comparison->metrics),            //
                     "fixed", make_items(comparison->fixed),                  //
                     "new", make_items(comparison->added),                    //
                     "remaining", make_items(comparison->remaining),          //
                     "verdict", json_text(verdict_name(comparison->verdict)), //
                     "unequal_lengths", comparison->unequal_lengths,          //
                     "unequal_paces", comparison->unequal_paces,              //
                     "pace_ratio", json_number(comparison->pace_ratio));
}

void render_comparison_json(const struct comparison *comparison,
                            const struct render_options *options, FILE *out)
{
    (void)options;
    json_put(json_comparison(comparison), out);
}
