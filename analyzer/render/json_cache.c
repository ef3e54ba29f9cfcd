/* The cache side of a report as JSON. */
#include <math.h>

#include "render/json_parts.h"
#include "render/json_values.h"

/* ---- Cache ---- */

static json_t *make_causes(const struct miss_causes *causes)
{
    return json_pack("{so, so, so, so, so, so, so}",                         //
                     "first-seen", json_count(causes->first_seen),           //
                     "duplicate-input", json_count(causes->duplicate_input), //
                     "expired", json_count(causes->expired),                 //
                     "evicted", json_count(causes->evicted),                 //
                     "deleted", json_count(causes->deleted),                 //
                     "concurrent", json_count(causes->concurrent),           //
                     "not-stored", json_count(causes->not_stored));
}

static json_t *hit_ratio(uint64_t hits, uint64_t misses)
{
    return json_number(hits + misses == 0 ? NAN : (double)hits / (double)(hits + misses));
}

/* Bytes per command of that outcome. */
static json_t *make_outcome(const struct outcome_bytes *bytes, uint64_t commands)
{
    double count = commands == 0 ? NAN : (double)commands;

    return json_pack("{so, so, so}", "allocated_bytes", json_number(bytes->allocated / count),
                     "kept_bytes", json_number(bytes->kept / count), "leaked_bytes",
                     json_number(bytes->leaked / count));
}

static json_t *make_outcomes(const struct template_report *template)
{
    return json_pack("{so, so, so}", "hit",
                     make_outcome(&template->outcome_bytes[0], template->hits), "miss",
                     make_outcome(&template->outcome_bytes[1], template->misses), "write",
                     make_outcome(&template->outcome_bytes[2], template->writes));
}

enum { WINDOW_READS, WINDOW_HITS, WINDOW_MISSES, WINDOW_WRITES };

/* A number for each of the report's windows. */
static json_t *make_row(const GArray *windows, int which)
{
    json_t *row = json_array();

    for (guint i = 0; i < windows->len; i++) {
        const struct template_window *window = &g_array_index(windows, struct template_window, i);
        const uint32_t counts[] = {window->reads, window->hits, window->misses, window->writes};

        json_array_append_new(row, json_count(counts[which]));
    }
    return row;
}

static json_t *make_template_windows(const GArray *windows)
{
    if (windows == NULL)
        return json_null();
    return json_pack("{so, so, so, so}", "reads", make_row(windows, WINDOW_READS), "hits",
                     make_row(windows, WINDOW_HITS), "misses", make_row(windows, WINDOW_MISSES),
                     "writes", make_row(windows, WINDOW_WRITES));
}

static json_t *make_template(const void *element)
{
    const struct template_report *template = element;
    json_t *made = json_pack("{so, so, so, so, so, so, so, so, so, so, so}",           //
                             "template", json_text(template->name),                    //
                             "reads", json_count(template->reads),                     //
                             "hits", json_count(template->hits),                       //
                             "misses", json_count(template->misses),                   //
                             "hit_ratio", hit_ratio(template->hits, template->misses), //
                             "writes", json_count(template->writes),                   //
                             "written_bytes", json_count(template->written_bytes),     //
                             "deletes", json_count(template->deletes),                 //
                             "errors", json_count(template->errors),                   //
                             "distinct_keys", json_whole(template->distinct_keys),     //
                             "distinct_keys_error_ratio",                              //
                             json_number(template->distinct_keys_error_ratio));
    json_t *rest =
        json_pack("{so, so, so, s{so, so, so, so}, s{so, so, so}, s{so, so}, so, so, so}", //
                  "distinct_inputs", json_whole(template->distinct_inputs),                //
                  "miss_causes", make_causes(&template->causes),                           //
                  "never_read_keys", json_whole(template->never_read_keys),                //
                  "ttl_seconds", "none_count", json_count(template->ttl_none_count),       //
                  "min", json_number(template->ttl_min), "median",
                  json_number(template->ttl_median),                                //
                  "max", json_number(template->ttl_max),                            //
                  "recompute_seconds", "p50", json_number(template->recompute_p50), //
                  "p99", json_number(template->recompute_p99),                      //
                  "total", json_number(template->recompute_total),                  //
                  "latency_seconds", "p50", json_number(template->latency_p50),     //
                  "p99", json_number(template->latency_p99),                        //
                  "heap_per_command", make_outcomes(template),                      //
                  "windows", make_template_windows(template->windows),              //
                  "call_sites", json_list_of(template->call_sites, json_stack));

    json_object_update(made, rest);
    json_decref(rest);
    return made;
}

static json_t *make_curve_point(const void *element)
{
    const struct curve_point *point = element;

    return json_pack("{so, so, so}", "cache_bytes", json_whole(point->cache_bytes), "miss_ratio",
                     json_number(point->miss_ratio), "miss_ratio_interval",
                     json_interval(point->miss_ratio_interval));
}

static json_t *make_curve(const GArray *curve)
{
    return curve == NULL ? json_null() : json_list_of_structs(curve, make_curve_point);
}

json_t *json_window(const void *element)
{
    const struct window *window = element;

    return json_pack("{so, so, so, so, so, so, so, so, so, so, so, so}",          //
                     "seconds", json_number(window->seconds),                     //
                     "width_seconds", json_number(window->width_seconds),         //
                     "reads", json_whole(window->reads),                          //
                     "hits", json_whole(window->hits),                            //
                     "misses", json_whole(window->misses),                        //
                     "writes", json_whole(window->writes),                        //
                     "new_keys", json_whole(window->new_keys),                    //
                     "recompute_seconds", json_number(window->recompute_seconds), //
                     "allocated_bytes", json_whole(window->allocated_bytes),      //
                     "live_bytes", json_whole(window->live_bytes),                //
                     "max_live_bytes", json_whole(window->max_live_bytes),        //
                     "leaked_bytes", json_whole(window->leaked_bytes));
}

static json_t *make_commands(const GArray *commands)
{
    json_t *counts = json_object();

    for (guint i = 0; i < commands->len; i++) {
        const struct command_count *command = &g_array_index(commands, struct command_count, i);
        char *verb = g_utf8_make_valid(command->verb, -1);

        json_object_set_new_nocheck(counts, verb, json_count(command->count));
        g_free(verb);
    }
    return counts;
}

static bool cache_known(const struct report *report)
{
    for (guint i = 0; i < report->captures->len; i++)
        if (((const struct capture_report *)g_ptr_array_index(report->captures, i))->cache)
            return true;
    return report->cache.present;
}

/* A cache side that was switched off is unknown, not idle. */
json_t *json_cache(const struct report *report)
{
    const struct cache_report *cache = &report->cache;
    bool known = cache_known(report);

    return json_pack("{so, so, so, so, so, so, so, so, so, so, so, sb, so, sb, so}",      //
                     "commands", make_commands(cache->commands),                          //
                     "reads", json_whole_if(known, (double)cache->reads),                 //
                     "hits", json_whole_if(known, (double)cache->hits),                   //
                     "misses", json_whole_if(known, (double)cache->misses),               //
                     "hit_ratio", hit_ratio(cache->hits, cache->misses),                  //
                     "writes", json_whole_if(known, (double)cache->writes),               //
                     "written_bytes", json_whole_if(known, (double)cache->written_bytes), //
                     "errors", json_whole_if(known, (double)cache->errors),               //
                     "distinct_keys", json_whole_if(known, cache->distinct_keys),         //
                     "distinct_keys_error_ratio",                                         //
                     json_number(known ? cache->distinct_keys_error_ratio : NAN),         //
                     "miss_causes", make_causes(&cache->causes),                          //
                     "causes_exact", cache->causes_exact,                                 //
                     "miss_ratio_curve", make_curve(cache->curve),                        //
                     "curve_exact", cache->curve_exact,                                   //
                     "templates", json_list_of(cache->templates, make_template));
}
