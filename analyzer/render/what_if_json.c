/* A prediction as JSON, leakey.what-if/1. */
#include <glib.h>
#include <math.h>

#include "find/normalise.h"
#include "find/what_if.h"
#include "render/json_values.h"
#include "render/renderers.h"

static json_t *make_side(const struct altered *side)
{
    return json_pack("{so, so, so, so, so, so, so, so, so}",                        //
                     "hit_ratio", json_number(side->hit_ratio),                     //
                     "hit_ratio_interval", json_interval(side->hit_ratio_interval), //
                     "distinct_keys", json_whole(side->distinct_keys),              //
                     "reads", json_count(side->reads),                              //
                     "hits", json_count(side->hits),                                //
                     "writes", json_count(side->writes),                            //
                     "written_bytes", json_count(side->written_bytes),              //
                     "peak_cache_bytes", json_count(side->peak_bytes),              //
                     "evicted_count", json_count(side->evictions));
}

static json_t *make_normalisers(uint32_t normaliser_bits)
{
    json_t *list = json_array();

    for (unsigned i = 0; i < NORMALISERS; i++)
        if (normaliser_bits & (1u << i))
            json_array_append_new(list, json_text(normalisers[i].name));
    return list;
}

static double ttl_seconds(int64_t ttl_ms)
{
    return ttl_ms == TTL_AS_CAPTURED ? NAN : ttl_ms == LK_TTL_NONE ? 0 : (double)ttl_ms / 1000;
}

static json_t *make_settings(const struct what_if_settings *settings)
{
    bool limited = settings->cache_bytes != CACHE_UNLIMITED;

    return json_pack("{so, so, so, so, so, so}",                                               //
                     "normalise", make_normalisers(settings->normaliser_bits),                 //
                     "ttl_seconds", json_number(ttl_seconds(settings->ttl_ms)),                //
                     "cache_bytes", limited ? json_count(settings->cache_bytes) : json_null(), //
                     "policy", json_text(limited ? policy_name(settings->policy) : NULL),      //
                     "template", json_text(settings->template_name),                           //
                     "entry_overhead_bytes", json_count(ENTRY_OVERHEAD_BYTES));
}

static json_t *make_curve(const GArray *curve)
{
    json_t *list = json_array();

    for (guint i = 0; i < curve->len; i++) {
        const struct miss_curve_point *point = &g_array_index(curve, struct miss_curve_point, i);

        json_array_append_new(list,
                              json_pack("{so, so, so}",                                //
                                        "cache_bytes", json_count(point->cache_bytes), //
                                        "miss_ratio", json_number(point->miss_ratio),  //
                                        "miss_ratio_interval", json_interval(point->interval)));
    }
    return list;
}

static json_t *make_method(const struct what_if *what_if)
{
    return json_pack("{ss, ss, so, so}", "policy", policy_name(POLICY_LRU), "method",
                     what_if->curve_exact ? "exact" : "sampled", "largest_entry_bytes",
                     json_count(what_if->largest_entry_bytes), "enough_bytes",
                     what_if->curve->len == 0 ? json_null()
                                              : json_count(what_if_enough_bytes(what_if)));
}

void render_what_if_json(const struct what_if *what_if, const struct render_options *options,
                         FILE *out)
{
    (void)options;
    json_put(json_pack("{ss, so, so, so, so, so, so}",                          //
                       "schema", "leakey.what-if/1",                            //
                       "settings", make_settings(&what_if->settings),           //
                       "whole_run_reads", json_whole(what_if->whole_run_reads), //
                       "measured", make_side(&what_if->measured),               //
                       "predicted", make_side(&what_if->predicted),             //
                       "curve", make_method(what_if),                           //
                       "miss_ratio_curve", make_curve(what_if->curve)),
             out);
}
