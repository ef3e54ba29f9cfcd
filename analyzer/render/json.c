/* The report as JSON, leakey.report/1: the fields of the specification's section 7, and a few more.
 */
#include <glib.h>
#include <math.h>

#include "render/json_parts.h"
#include "render/json_values.h"
#include "render/renderers.h"

json_t *json_list_of(const GPtrArray *pointers, make_element *make)
{
    json_t *list = json_array();

    for (guint i = 0; pointers != NULL && i < pointers->len; i++)
        json_array_append_new(list, make(g_ptr_array_index(pointers, i)));
    return list;
}

json_t *json_list_of_structs(const GArray *array, make_element *make)
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
        "{so, s{si, si, so, so}, so, so, so, so, so, so, s{so, so, so}, sb, sb, sb, sb, so, so}", //
        "path", json_text(capture->path),                                                         //
        "process", "pid", (int)capture->pid, "parent_pid", (int)capture->parent_pid,              //
        "command", json_list_of(capture->command, make_text),                                     //
        "executable", json_text(capture->executable),                                             //
        "started", make_time(capture->started),                                                   //
        "duration_seconds", json_number(capture->duration_seconds),                               //
        "paused_seconds", json_number(capture->paused_seconds),                                   //
        "paused_count", json_count(capture->paused_count),                                        //
        "end", json_text(capture->end),                                                           //
        "sample_bytes", json_count(capture->sample_bytes),                                        //
        "events", "recorded_count", json_count(capture->recorded_count),                          //
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

json_t *json_stack(const void *element)
{
    const struct stack *stack = element;

    return json_list_of_structs(stack == NULL ? NULL : stack->frames, make_frame);
}

static json_t *make_site(const void *element)
{
    const struct site_report *site = element;

    if (site == NULL)
        return json_null();
    return json_pack("{so, so, so, so, so, so, so, so, so, sb, so, so, so}", //
                     "id", json_text(site->id),                              //
                     "allocated_bytes", json_whole(site->allocated_bytes),   //
                     "allocated_count", json_whole(site->allocated_count),   //
                     "live_bytes", json_whole(site->live_bytes),             //
                     "live_count", json_whole(site->live_count),             //
                     "temporary_count", json_whole(site->temporary_count),   //
                     "temporary_bytes", json_whole(site->temporary_bytes),   //
                     "peak_live_bytes", json_whole(site->peak_live_bytes),   //
                     "stack", json_stack(site->stack),                       //
                     "stack_cut", site->stack != NULL && site->stack->cut,   //
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
static json_t *make_heap(const struct heap_report *heap)
{
    bool known = heap->present;
    const double nothing[2] = {NAN, NAN};

    return json_pack("{sb, so, so, so, so, so, so, so, so, so, so, so}",                    //
                     "exact", heap->exact,                                                  //
                     "allocated_bytes", json_whole_if(known, heap->allocated_bytes),        //
                     "allocated_count", json_whole_if(known, heap->allocated_count),        //
                     "freed_bytes", json_whole_if(known, heap->freed_bytes),                //
                     "freed_count", json_whole_if(known, heap->freed_count),                //
                     "live_bytes", json_whole_if(known, heap->live_bytes),                  //
                     "live_count", json_whole_if(known, heap->live_count),                  //
                     "peak_live_bytes", json_whole_if(known, heap->peak_live_bytes),        //
                     "allocated_bytes_interval",                                            //
                     json_whole_interval(known ? heap->allocated_bytes_interval : nothing), //
                     "live_bytes_interval",
                     json_whole_interval(known ? heap->live_bytes_interval : nothing), "sites",
                     json_list_of(heap->sites, make_site), //
                     "timeline", json_list_of_structs(heap->timeline, make_point));
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
                     "branches", json_list_of_structs(leak->branches, make_branch),          //
                     "bytes_per_command", json_number(leak->bytes_per_command),              //
                     "count_per_command", json_number(leak->count_per_command),              //
                     "exact", leak->exact, "reachability", make_reach(leak->reach));
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
                     "differs", json_list_of_structs(evidence->differs, make_difference));
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
                     json_stack(site->stack));
}

static json_t *make_spike(const struct spike_report *spike)
{
    return json_pack("{so, so, so, so, so, sb, so, so}",                             //
                     "first_seconds", json_number(spike->first_seconds),             //
                     "height_bytes_interval", json_interval(spike->height_interval), //
                     "period_variation_ratio",                                       //
                     json_number(spike->period_variation_ratio),                     //
                     "processes_count", json_whole(spike->processes),                //
                     "covered_count", json_whole(spike->covered_count),              //
                     "exact", spike->exact,                                          //
                     "outcome", json_text(spike->outcome),                           //
                     "sites", json_list_of(spike->sites, make_spike_site));
}

static json_t *make_finding(const void *element)
{
    const struct finding *finding = element;
    json_t *made;

    made = json_pack("{so, so, so, so, so, so, so, so, so, so}",                      //
                     "rule", json_text(finding->rule),                                //
                     "severity", json_text(severity_name(finding->severity)),         //
                     "template", json_text(finding->template_name),                   //
                     "message", json_text(finding->message),                          //
                     "remedy", json_text(finding->remedy),                            //
                     "metrics", make_metrics(finding->metrics),                       //
                     "evidence", json_list_of(finding->evidence, make_evidence),      //
                     "varying", json_list_of_structs(finding->varying, make_varying), //
                     "predicted", make_prediction(finding->predicted),                //
                     "call_sites", json_list_of(finding->call_sites, json_stack));
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
                     "lines", json_list_of_structs(suppressed->lines, make_suppression));
}

json_t *json_report(const struct report *report)
{
    return json_pack("{ss, so, so, so, so, so, so, so, so, so}",                    //
                     "schema", "leakey.report/1",                                   //
                     "captures", json_list_of(report->captures, make_capture),      //
                     "heap", make_heap(&report->heap),                              //
                     "leaks", json_list_of(report->leaks, make_leak),               //
                     "suppressed", make_suppressed(&report->suppressed),            //
                     "cache", json_cache(report),                                   //
                     "findings", json_list_of(report->findings, make_finding),      //
                     "cost", make_cost(&report->cost),                              //
                     "windows", json_list_of_structs(report->windows, json_window), //
                     "notes", json_list_of(report->notes, make_text));
}

void render_report_json(const struct report *report, const struct render_options *options,
                        FILE *out)
{
    (void)options;
    json_put(json_report(report), out);
}
