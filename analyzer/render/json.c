/* The report as JSON, leakey.report/1: the fields of the specification's section 7, and a few more.
 */
#include <glib.h>
#include <math.h>

#include "render/json_values.h"
#include "render/renderers.h"

typedef json_t *make_element(const void *element);

static json_t *list_of(const GPtrArray *pointers, make_element *make)
{
    json_t *list = json_array();

    for (guint i = 0; pointers != NULL && i < pointers->len; i++)
        json_array_append_new(list, make(g_ptr_array_index(pointers, i)));
    return list;
}

static json_t *list_of_structs(const GArray *array, make_element *make)
{
    json_t *list = json_array();

    for (guint i = 0; array != NULL && i < array->len; i++)
        json_array_append_new(
            list,
            make(array->data + (size_t)i * g_array_get_element_size((GArray *)(uintptr_t)array)));
    return list;
}

static json_t *make_text(const void *text)
{
    return json_text(text);
}

/* ---- Captures ---- */

static json_t *make_time(double seconds_since_epoch)
{
    char text[40];
    double whole = floor(seconds_since_epoch);
    GDateTime *time = g_date_time_new_from_unix_utc((gint64)whole);

    if (time == NULL)
        return json_null();
    char *date = g_date_time_format(time, "%Y-%m-%dT%H:%M:%S");
    snprintf(text, sizeof(text), "%s.%06dZ", date, (int)((seconds_since_epoch - whole) * 1e6));
    g_free(date);
    g_date_time_unref(time);
    return json_text(text);
}

/* What was not searched is unknown. */
static json_t *make_reach(const struct reach_report *reach)
{
    if (reach == NULL)
        return json_null();
    return json_pack("{so, so, so, so, so, so}",                                //
                     "judged_count", json_whole(reach->judged_count),           //
                     "unreachable_count", json_whole(reach->unreachable_count), //
                     "unreachable_bytes", json_whole(reach->unreachable_bytes), //
                     "indirect_count", json_whole(reach->indirect_count),       //
                     "indirect_bytes", json_whole(reach->indirect_bytes),       //
                     "estimated_unreachable_bytes", json_whole(reach->estimated_bytes));
}

static json_t *make_search(const struct search_report *search)
{
    if (search == NULL)
        return json_null();
    json_t *made = make_reach(&search->reach);
    json_t *rest = json_pack("{so, so, so, so}",                                   //
                             "searched_bytes", json_whole(search->searched_bytes), //
                             "unread_bytes", json_whole(search->unread_bytes),     //
                             "stopped_seconds", json_number(search->stopped_seconds), "live_count",
                             json_whole(search->live_count));

    json_object_update(made, rest);
    json_decref(rest);
    return made;
}

static json_t *make_capture(const void *element)
{
    const struct capture_report *capture = element;

    return json_pack(
        "{so, s{si, si, so, so}, so, so, so, so, s{so, so, so}, sb, sb, sb, sb, so, so}", //
        "path", json_text(capture->path),                                                 //
        "process", "pid", (int)capture->pid, "parent_pid", (int)capture->parent_pid,      //
        "command", list_of(capture->command, make_text),                                  //
        "executable", json_text(capture->executable),                                     //
        "started", make_time(capture->started),                                           //
        "duration_seconds", json_number(capture->duration_seconds),                       //
        "end", json_text(capture->end),                                                   //
        "sample_bytes", json_count(capture->sample_bytes),                                //
        "events", "recorded_count", json_count(capture->recorded_count),                  //
        "overwritten_count",
        json_count(capture->overwritten_count + capture->overwritten_heap_count), //
        "dropped_count", json_count(capture->dropped_count),                      //
        "keys_hashed", capture->keys_hashed, "stack_fallback", capture->stack_fallback, "heap",
        capture->heap, "cache", capture->cache, "damaged_count", json_count(capture->damage),
        "reachability", make_search(capture->search));
}

/* ---- Stacks and sites ---- */

static json_t *make_frame(const void *element)
{
    const struct frame *frame = element;

    return json_pack("{so, so, so, so, so, so, sb}",                                    //
                     "function", json_text(frame->function),                            //
                     "file", json_text(frame->file),                                    //
                     "line", frame->line > 0 ? json_integer(frame->line) : json_null(), //
                     "module", json_text(frame->module),                                //
                     "build_id", json_text(frame->build_id),                            //
                     "offset", json_count(frame->offset),                               //
                     "inlined", frame->inlined);
}

static json_t *make_stack(const void *element)
{
    const struct stack *stack = element;

    return list_of_structs(stack == NULL ? NULL : stack->frames, make_frame);
}

static json_t *make_site(const void *element)
{
    const struct site_report *site = element;

    if (site == NULL)
        return json_null();
    return json_pack("{so, so, so, so, so, so, so, so, sb, so, so, so}",   //
                     "id", json_text(site->id),                            //
                     "allocated_bytes", json_whole(site->allocated_bytes), //
                     "allocated_count", json_whole(site->allocated_count), //
                     "live_bytes", json_whole(site->live_bytes),           //
                     "live_count", json_whole(site->live_count),           //
                     "temporary_count", json_whole(site->temporary_count), //
                     "peak_live_bytes", json_whole(site->peak_live_bytes), //
                     "stack", make_stack(site->stack),                     //
                     "stack_cut", site->stack != NULL && site->stack->cut, //
                     "allocated_bytes_interval",
                     json_whole_interval(site->allocated_bytes_interval), "live_bytes_interval",
                     json_whole_interval(site->live_bytes_interval), "reachability",
                     make_reach(site->reach));
}

/* ---- Heap ---- */

static json_t *make_point(const void *element)
{
    const struct timeline_report *point = element;

    return json_pack("{so, so, so, so}", "seconds", json_number(point->seconds), "live_bytes",
                     json_whole(point->live_bytes), "allocated_bytes",
                     json_whole(point->allocated_bytes), "max_live_bytes",
                     json_whole(point->max_live_bytes));
}

/* A heap that was not recorded is unknown, not empty. */
static json_t *whole_if(bool known, double value)
{
    return json_whole(known ? value : NAN);
}

static json_t *make_heap(const struct heap_report *heap)
{
    bool known = heap->present;
    const double nothing[2] = {NAN, NAN};

    return json_pack("{sb, so, so, so, so, so, so, so, so, so, so, so}",                    //
                     "exact", heap->exact,                                                  //
                     "allocated_bytes", whole_if(known, heap->allocated_bytes),             //
                     "allocated_count", whole_if(known, heap->allocated_count),             //
                     "freed_bytes", whole_if(known, heap->freed_bytes),                     //
                     "freed_count", whole_if(known, heap->freed_count),                     //
                     "live_bytes", whole_if(known, heap->live_bytes),                       //
                     "live_count", whole_if(known, heap->live_count),                       //
                     "peak_live_bytes", whole_if(known, heap->peak_live_bytes),             //
                     "allocated_bytes_interval",                                            //
                     json_whole_interval(known ? heap->allocated_bytes_interval : nothing), //
                     "live_bytes_interval",
                     json_whole_interval(known ? heap->live_bytes_interval : nothing), "sites",
                     list_of(heap->sites, make_site), //
                     "timeline", list_of_structs(heap->timeline, make_point));
}

static json_t *make_branch(const void *element)
{
    const struct leak_branch *branch = element;

    return json_pack("{so, so, so}", "branch", json_text(branch->name), "count",
                     json_whole(branch->count), "bytes", json_whole(branch->bytes));
}

static json_t *make_leak(const void *element)
{
    const struct leak_report *leak = element;

    return json_pack("{so, so, so, so, so, so, so, so, so, so, so, so, so, so, so, sb, so}", //
                     "rule", json_text(leak->rule),                                          //
                     "site", make_site(leak->site),                                          //
                     "live_bytes", json_whole(leak->live_bytes),                             //
                     "live_count", json_whole(leak->live_count),                             //
                     "live_bytes_interval", json_whole_interval(leak->live_bytes_interval),  //
                     "growth_bytes_per_second", json_number(leak->growth_bytes_per_second),  //
                     "growth_interval", json_interval(leak->growth_interval),                //
                     "started_seconds", json_number(leak->started_seconds),                  //
                     "confidence_ratio", json_number(leak->confidence_ratio),                //
                     "template", json_text(leak->template_name),                             //
                     "outcome", json_text(leak->outcome),                                    //
                     "branch", json_text(leak->branch),                                      //
                     "branches", list_of_structs(leak->branches, make_branch),               //
                     "bytes_per_command", json_number(leak->bytes_per_command),              //
                     "count_per_command", json_number(leak->count_per_command),              //
                     "exact", leak->exact, "reachability", make_reach(leak->reach));
}

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
    json_t *rest = json_pack("{so, so, so, s{so, so, so, so}, s{so, so, so}, s{so, so}, so, so}", //
                             "distinct_inputs", json_whole(template->distinct_inputs),            //
                             "miss_causes", make_causes(&template->causes),                       //
                             "never_read_keys", json_whole(template->never_read_keys),            //
                             "ttl_seconds", "none_count", json_count(template->ttl_none_count),   //
                             "min", json_number(template->ttl_min), "median",
                             json_number(template->ttl_median),                                //
                             "max", json_number(template->ttl_max),                            //
                             "recompute_seconds", "p50", json_number(template->recompute_p50), //
                             "p99", json_number(template->recompute_p99),                      //
                             "total", json_number(template->recompute_total),                  //
                             "latency_seconds", "p50", json_number(template->latency_p50),     //
                             "p99", json_number(template->latency_p99),                        //
                             "heap_per_command", make_outcomes(template),                      //
                             "call_sites", list_of(template->call_sites, make_stack));

    json_object_update(made, rest);
    json_decref(rest);
    return made;
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
static json_t *make_cache(const struct report *report)
{
    const struct cache_report *cache = &report->cache;
    bool known = cache_known(report);

    return json_pack("{so, so, so, so, so, so, so, so, so, so, so, sb, so}",         //
                     "commands", make_commands(cache->commands),                     //
                     "reads", whole_if(known, (double)cache->reads),                 //
                     "hits", whole_if(known, (double)cache->hits),                   //
                     "misses", whole_if(known, (double)cache->misses),               //
                     "hit_ratio", hit_ratio(cache->hits, cache->misses),             //
                     "writes", whole_if(known, (double)cache->writes),               //
                     "written_bytes", whole_if(known, (double)cache->written_bytes), //
                     "errors", whole_if(known, (double)cache->errors),               //
                     "distinct_keys", whole_if(known, cache->distinct_keys),         //
                     "distinct_keys_error_ratio",                                    //
                     json_number(known ? cache->distinct_keys_error_ratio : NAN),    //
                     "miss_causes", make_causes(&cache->causes),                     //
                     "causes_exact", cache->causes_exact,                            //
                     "templates", list_of(cache->templates, make_template));
}

/* ---- Findings ---- */

static json_t *make_offset(size_t offset)
{
    return offset == SIZE_MAX ? json_null() : json_count(offset);
}

static json_t *make_difference(const void *element)
{
    const struct difference *difference = element;

    return json_pack("{so, so, so, so, so}", "class", json_text(difference->class_name), "a",
                     json_text(difference->a), "b", json_text(difference->b), "a_offset",
                     make_offset(difference->a_offset), "b_offset",
                     make_offset(difference->b_offset));
}

static json_t *make_evidence(const void *element)
{
    const struct evidence *evidence = element;

    return json_pack("{so, so, so, so, so, so, so}",                              //
                     "kind", json_text(evidence->kind),                           //
                     "confidence_ratio", json_number(evidence->confidence_ratio), //
                     "key_a", json_text(evidence->key_a),                         //
                     "key_b", json_text(evidence->key_b),                         //
                     "input_a", json_text(evidence->input_a),                     //
                     "input_b", json_text(evidence->input_b),                     //
                     "differs", list_of_structs(evidence->differs, make_difference));
}

static json_t *make_varying(const void *element)
{
    const struct varying *varying = element;

    return json_pack("{so, so}", "class", json_text(varying->class_name), "share_ratio",
                     json_number(varying->share_ratio));
}

static json_t *make_prediction(const struct prediction *predicted)
{
    if (predicted == NULL)
        return json_null();
    return json_pack("{so, so, so, so, so}",                                             //
                     "hit_ratio", json_number(predicted->hit_ratio),                     //
                     "hit_ratio_interval", json_interval(predicted->hit_ratio_interval), //
                     "distinct_keys", json_whole(predicted->distinct_keys),              //
                     "saved_recompute_seconds", json_number(predicted->saved_recompute_seconds),
                     "saved_redis_bytes", json_whole(predicted->saved_redis_bytes));
}

static json_t *make_metrics(const GArray *metrics)
{
    json_t *values = json_object();

    for (guint i = 0; i < metrics->len; i++) {
        const struct metric *metric = &g_array_index(metrics, struct metric, i);
        bool whole = !g_str_has_suffix(metric->name, "_ratio") &&
                     !g_str_has_suffix(metric->name, "_seconds") &&
                     metric->value == floor(metric->value);

        json_object_set_new(values, metric->name,
                            whole ? json_whole(metric->value) : json_number(metric->value));
    }
    return values;
}

static json_t *make_spike_site(const void *element)
{
    const struct spike_site *site = element;

    return json_pack("{so, so, so}", "height_bytes", json_whole(round(site->height_bytes)),
                     "share_ratio", json_number(site->share_ratio), "stack",
                     make_stack(site->stack));
}

static json_t *make_spike(const struct spike_report *spike)
{
    return json_pack("{so, so, so, so, sb, so, so}",                                 //
                     "height_bytes_interval", json_interval(spike->height_interval), //
                     "period_variation_ratio",                                       //
                     json_number(spike->period_variation_ratio),                     //
                     "processes_count", json_whole(spike->processes),                //
                     "covered_count", json_whole(spike->covered_count),              //
                     "exact", spike->exact,                                          //
                     "outcome", json_text(spike->outcome),                           //
                     "sites", list_of(spike->sites, make_spike_site));
}

static json_t *make_finding(const void *element)
{
    const struct finding *finding = element;
    json_t *made;

    made = json_pack("{so, so, so, so, so, so, so, so, so, so}",                 //
                     "rule", json_text(finding->rule),                           //
                     "severity", json_text(severity_name(finding->severity)),    //
                     "template", json_text(finding->template_name),              //
                     "message", json_text(finding->message),                     //
                     "remedy", json_text(finding->remedy),                       //
                     "metrics", make_metrics(finding->metrics),                  //
                     "evidence", list_of(finding->evidence, make_evidence),      //
                     "varying", list_of_structs(finding->varying, make_varying), //
                     "predicted", make_prediction(finding->predicted),           //
                     "call_sites", list_of(finding->call_sites, make_stack));
    if (finding->spike != NULL)
        json_object_set_new(made, "spike", make_spike(finding->spike));
    return made;
}

static json_t *make_cost(const struct cost_report *cost)
{
    return json_pack("{so, so, so, so}",                                                      //
                     "wasted_recompute_seconds", json_number(cost->wasted_recompute_seconds), //
                     "wasted_redis_bytes", json_whole(cost->wasted_redis_bytes),              //
                     "wasted_allocated_bytes", json_whole(cost->wasted_allocated_bytes),      //
                     "wasted_money", json_number(cost->wasted_money));
}

/* ---- Suppressed leaks ---- */

static json_t *make_suppression(const void *element)
{
    const struct suppression_report *line = element;

    return json_pack("{so, si, si, so, so}",                     //
                     "pattern", json_text(line->pattern),        //
                     "line", (int)line->line,                    //
                     "leaks_count", (int)line->leaks,            //
                     "live_bytes", json_whole(line->live_bytes), //
                     "live_count", json_whole(line->live_count));
}

static json_t *make_suppressed(const struct suppressed_report *suppressed)
{
    struct suppression_report all = {.leaks = 0};

    if (suppressed->file == NULL)
        return json_null();
    for (guint i = 0; i < suppressed->lines->len; i++) {
        const struct suppression_report *line =
            &g_array_index(suppressed->lines, struct suppression_report, i);
        all.leaks += line->leaks;
        all.live_bytes += line->live_bytes;
        all.live_count += line->live_count;
    }
    return json_pack("{so, si, so, so, so}",                   //
                     "file", json_text(suppressed->file),      //
                     "leaks_count", (int)all.leaks,            //
                     "live_bytes", json_whole(all.live_bytes), //
                     "live_count", json_whole(all.live_count), //
                     "lines", list_of_structs(suppressed->lines, make_suppression));
}

void render_report_json(const struct report *report, const struct render_options *options,
                        FILE *out)
{
    (void)options;
    json_put(json_pack("{ss, so, so, so, so, so, so, so, so}",              //
                       "schema", "leakey.report/1",                         //
                       "captures", list_of(report->captures, make_capture), //
                       "heap", make_heap(&report->heap),                    //
                       "leaks", list_of(report->leaks, make_leak),          //
                       "suppressed", make_suppressed(&report->suppressed),  //
                       "cache", make_cache(report),                         //
                       "findings", list_of(report->findings, make_finding), //
                       "cost", make_cost(&report->cost),                    //
                       "notes", list_of(report->notes, make_text)),
             out);
}
