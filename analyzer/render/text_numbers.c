/* The report's numbers: the processes, the cache, the heap, the cost. */
#include <math.h>
#include <string.h>

#include "model/text.h"
#include "model/units.h"
#include "render/text_parts.h"

#define LABEL       18 /* columns */
#define BAR_COLUMNS 24

static const char *count_text(char *out, uint64_t count)
{
    return units_count(out, UNITS_ROOM, (double)count);
}

/* ---- Processes ---- */

static const char *sampling(char *out, size_t room, const struct capture_report *capture)
{
    char size[UNITS_ROOM];

    if (!capture->heap)
        g_strlcpy(out, "heap side off", room);
    else if (capture->sample_bytes <= 1)
        g_strlcpy(out, "every allocation", room);
    else
        g_snprintf(out, room, "one allocation sampled per %s",
                   units_bytes(size, sizeof(size), (double)capture->sample_bytes));
    return out;
}

static void append_losses(GString *line, const struct capture_report *capture)
{
    char count[UNITS_ROOM];

    if (capture->overwritten_count != 0)
        g_string_append_printf(line, ", the oldest %s overwritten (see --ring)",
                               count_text(count, capture->overwritten_count));
    if (capture->dropped_count != 0)
        g_string_append_printf(line, ", %s dropped", count_text(count, capture->dropped_count));
    if (capture->damage != 0)
        g_string_append_printf(line, ", %s damaged parts left out (see leakey check)",
                               count_text(count, capture->damage));
}

static char *command_line(const struct capture_report *capture)
{
    GString *line = g_string_new(NULL);

    for (guint i = 0; i < capture->command->len; i++) {
        const char *word = g_ptr_array_index(capture->command, i);
        g_string_append_printf(line, "%s%s", i == 0 ? "" : " ",
                               i == 0 ? text_base_name(word) : word);
    }
    if (line->len == 0)
        g_string_append(line, capture->executable == NULL ? "(unknown)"
                                                          : text_base_name(capture->executable));
    return g_string_free(line, FALSE);
}

static const char *ending(const char *end)
{
    static const struct {
        const char *end, *words;
    } endings[] = {{"exit", "ended by exit"},
                   {"signal", "ended by a signal"},
                   {"exec", "ended by exec"},
                   {"running", "still running"}};

    for (size_t i = 0; i < G_N_ELEMENTS(endings); i++)
        if (strcmp(endings[i].end, end) == 0)
            return endings[i].words;
    return "how it ended is unknown";
}

static void print_search(const struct page *page, const char *label, size_t indent,
                         const struct search_report *search)
{
    char memory[UNITS_ROOM], stood[UNITS_ROOM], judged[UNITS_ROOM], live[UNITS_ROOM],
        lost[UNITS_ROOM], bytes[UNITS_ROOM], indirect[UNITS_ROOM];
    const struct reach_report *reach = &search->reach;

    page_wrapped(page, STYLE_PLAIN, label, indent,
                 "%s of memory for %s of %s recorded live blocks, while the process stood for %s: "
                 "%s unreachable (%s), %s of them only from other unreachable ones",
                 units_bytes(memory, sizeof(memory), search->searched_bytes),
                 units_count(judged, sizeof(judged), reach->judged_count),
                 units_count(live, sizeof(live), search->live_count),
                 units_seconds(stood, sizeof(stood), search->stopped_seconds),
                 units_count(lost, sizeof(lost), reach->unreachable_count),
                 units_bytes(bytes, sizeof(bytes), reach->unreachable_bytes),
                 units_count(indirect, sizeof(indirect), reach->indirect_count));
}

/* Nothing where it never was. */
static void print_pauses(const struct page *page, const char *label, unsigned indent,
                         const struct capture_report *capture)
{
    char paused[UNITS_ROOM], count[UNITS_ROOM];

    if (capture->paused_count == 0)
        return;
    page_wrapped(page, STYLE_PLAIN, label, indent,
                 "%s in %s pause%s; what was allocated and asked for then is in no number, and "
                 "rates are taken over the rest",
                 units_seconds(paused, sizeof(paused), capture->paused_seconds),
                 count_text(count, capture->paused_count), capture->paused_count == 1 ? "" : "s");
}

static void print_process(const struct page *page, const struct capture_report *capture)
{
    char duration[UNITS_ROOM], heap[64], events[UNITS_ROOM];
    char *command = command_line(capture);
    GString *line = g_string_new(NULL);

    shown_append(line, command, strlen(command));
    shown_shorten(line, page->width - LABEL);
    page_line(page, STYLE_PLAIN, "%-*s%s", LABEL, "Process", line->str);
    page_wrapped(page, STYLE_PLAIN, "", LABEL, "pid %u, %s, %s", capture->pid,
                 units_seconds(duration, sizeof(duration), capture->duration_seconds),
                 ending(capture->end));
    print_pauses(page, "Paused", LABEL, capture);
    g_string_assign(line, "");
    append_losses(line, capture);
    page_wrapped(page, STYLE_PLAIN, "Recorded", LABEL, "%s%s; %s events%s",
                 sampling(heap, sizeof(heap), capture),
                 !capture->cache        ? "; cache side off"
                 : capture->keys_hashed ? "; keys hashed"
                                        : "",
                 count_text(events, capture->recorded_count), line->str);
    if (capture->search != NULL)
        print_search(page, "Searched", LABEL, capture->search);
    g_string_free(line, TRUE);
    g_free(command);
}

static void print_processes(const struct page *page, const GPtrArray *captures)
{
    page_line(page, STYLE_PLAIN, "%u captures, taken together as one service", captures->len);
    page_line(page, STYLE_BOLD, "  %-34s %8s %15s %15s", "Process", "Pid", "Duration", "End");
    for (guint i = 0; i < MIN(captures->len, page->top); i++) {
        const struct capture_report *capture = g_ptr_array_index(captures, i);
        char duration[UNITS_ROOM], *command = command_line(capture);
        GString *line = g_string_new("  ");

        shown_cell(line, command, 34);
        page_line(page, STYLE_PLAIN, "%s %8u %15s %15s", line->str, capture->pid,
                  units_seconds(duration, sizeof(duration), capture->duration_seconds),
                  capture->end);
        g_string_assign(line, "");
        append_losses(line, capture);
        if (line->len != 0)
            page_wrapped(page, STYLE_PLAIN, "", 4, "%s", line->str + strlen(", "));
        print_pauses(page, "    paused", 11, capture);
        if (capture->search != NULL)
            print_search(page, "    searched", 13, capture->search);
        g_string_free(line, TRUE);
        g_free(command);
    }
    if (captures->len > page->top)
        page_line(page, STYLE_PLAIN, "  and %zu more (--top)", captures->len - page->top);
}

/* ---- Cache ---- */

static void print_commands(const struct page *page, const GArray *commands)
{
    GString *list = g_string_new(NULL);
    uint64_t total = 0;
    char count[UNITS_ROOM];

    for (guint i = 0; i < commands->len; i++) {
        const struct command_count *command = &g_array_index(commands, struct command_count, i);

        total += command->count;
        if (i < page->top)
            g_string_append_printf(list, "%s%s %s", i == 0 ? "" : ", ", command->verb,
                                   count_text(count, command->count));
    }
    page_wrapped(page, STYLE_PLAIN, "  Commands", LABEL, "%s%s%s%s", count_text(count, total),
                 commands->len != 0 ? ": " : "", list->str,
                 commands->len > page->top ? ", ..." : "");
    g_string_free(list, TRUE);
}

static void print_causes(const struct page *page, const struct cache_report *cache)
{
    const struct {
        const char *name;
        uint64_t count;
    } causes[] = {
        {"duplicate-input", cache->causes.duplicate_input},
        {"first-seen", cache->causes.first_seen},
        {"expired", cache->causes.expired},
        {"evicted", cache->causes.evicted},
        {"deleted", cache->causes.deleted},
        {"concurrent", cache->causes.concurrent},
        {"not-stored", cache->causes.not_stored},
    };
    const char *label = cache->causes_exact ? "  Misses by cause" : "  Misses (about)";

    for (size_t i = 0; i < G_N_ELEMENTS(causes) && cache->misses != 0; i++) {
        double share = (double)causes[i].count / (double)cache->misses;
        char count[UNITS_ROOM], ratio[UNITS_ROOM], bar[BAR_COLUMNS + 1];
        int columns = (int)lround(share * BAR_COLUMNS);

        if (causes[i].count == 0)
            continue;
        memset(bar, '#', BAR_COLUMNS);
        bar[CLAMP(columns, 0, BAR_COLUMNS)] = '\0';
        page_line(page, STYLE_PLAIN, "%-*s%-16s %9s %7s  %s", LABEL, label, causes[i].name,
                  count_text(count, causes[i].count), units_ratio(ratio, sizeof(ratio), share),
                  bar);
        label = "";
    }
}

static const char *about(char *out, double value, double error_ratio)
{
    char count[UNITS_ROOM];

    if (!isfinite(value))
        g_strlcpy(out, "-", UNITS_ROOM);
    else
        g_snprintf(out, UNITS_ROOM, "%s%s", error_ratio > 0 ? "~" : "",
                   units_count(count, sizeof(count), round(value)));
    return out;
}

static double hit_ratio(uint64_t hits, uint64_t misses)
{
    return hits + misses == 0 ? NAN : (double)hits / (double)(hits + misses);
}

/* For columns: 1,412; 12.3 M. */
static const char *short_count(char *out, double count)
{
    if (!isfinite(count))
        g_strlcpy(out, "-", UNITS_ROOM);
    else if (count < 999999.5)
        units_count(out, UNITS_ROOM, round(count));
    else if (count < 1e9)
        g_snprintf(out, UNITS_ROOM, "%.4g M", count / 1e6);
    else
        g_snprintf(out, UNITS_ROOM, "%.4g G", count / 1e9);
    return out;
}

static void print_template(const struct page *page, const struct template_report *template)
{
    GString *line = g_string_new("  ");
    char reads[UNITS_ROOM], ratio[UNITS_ROOM], keys[UNITS_ROOM], inputs[UNITS_ROOM],
        writes[UNITS_ROOM], recompute[UNITS_ROOM];
    double hits = hit_ratio(template->hits, template->misses);

    shown_cell(line, template->name, 24);
    page_line(page, STYLE_PLAIN, "%s %8s %9s %7s %7s %7s %9s", line->str,
              short_count(reads, (double)template->reads),
              isnan(hits) ? "-" : shown_ratio(ratio, sizeof(ratio), hits),
              short_count(keys, template->distinct_keys),
              short_count(inputs, template->distinct_inputs),
              short_count(writes, (double)template->writes),
              isnan(template->recompute_p50)
                  ? "-"
                  : units_seconds(recompute, sizeof(recompute), template->recompute_p50));
    g_string_free(line, TRUE);
}

static void print_templates(const struct page *page, const GPtrArray *templates)
{
    if (templates->len == 0)
        return;
    page_blank(page);
    page_line(page, STYLE_BOLD, "  %-24s %8s %9s %7s %7s %7s %9s", "Template", "Reads", "Hit ratio",
              "Keys", "Inputs", "Writes", "Recompute");
    for (guint i = 0; i < MIN(templates->len, page->top); i++)
        print_template(page, g_ptr_array_index(templates, i));
    if (templates->len > page->top)
        page_line(page, STYLE_PLAIN, "  and %zu more (--top)", templates->len - page->top);
    page_wrapped(page, STYLE_PLAIN, "", 2,
                 "(Keys, Inputs: how many different ones. Recompute: median time from a miss to "
                 "the write of its key.)");
}

static void print_cache(const struct page *page, const struct cache_report *cache)
{
    char reads[UNITS_ROOM], hits[UNITS_ROOM], misses[UNITS_ROOM], ratio[UNITS_ROOM],
        writes[UNITS_ROOM], bytes[UNITS_ROOM], errors[UNITS_ROOM], keys[UNITS_ROOM];

    page_heading(page, "Cache");
    print_commands(page, cache->commands);
    page_wrapped(page, STYLE_PLAIN, "  Reads", LABEL, "%s: %s hits, %s misses, hit ratio %s",
                 count_text(reads, cache->reads), count_text(hits, cache->hits),
                 count_text(misses, cache->misses),
                 shown_ratio(ratio, sizeof(ratio), hit_ratio(cache->hits, cache->misses)));
    page_wrapped(page, STYLE_PLAIN, "  Writes", LABEL, "%s keys, %s of values",
                 count_text(writes, cache->writes),
                 units_bytes(bytes, sizeof(bytes), (double)cache->written_bytes));
    if (cache->errors != 0)
        page_wrapped(page, STYLE_PLAIN, "  Errors", LABEL, "%s error replies",
                     count_text(errors, cache->errors));
    page_wrapped(page, STYLE_PLAIN, "  Distinct keys", LABEL, "%s%s",
                 about(keys, cache->distinct_keys, cache->distinct_keys_error_ratio),
                 cache->distinct_keys_error_ratio > 0 ? " (estimated, to about 2 %)" : "");
    print_causes(page, cache);
    print_templates(page, cache->templates);
}

/* ---- Heap ---- */

struct place { /* sites whose stacks lead to one line of the service */
    char *name;
    double allocated_bytes, allocated_count, live_bytes, peak_live_bytes, unreachable_bytes;
};

static void free_place(gpointer data)
{
    struct place *place = data;

    g_free(place->name);
    g_free(place);
}

static gint by_allocated(gconstpointer a, gconstpointer b)
{
    const struct place *x = *(struct place *const *)a, *y = *(struct place *const *)b;

    return (x->allocated_bytes < y->allocated_bytes) - (x->allocated_bytes > y->allocated_bytes);
}

static GPtrArray *gather_places(const GPtrArray *sites)
{
    GPtrArray *places = g_ptr_array_new_with_free_func(free_place);
    GHashTable *known = g_hash_table_new(g_str_hash, g_str_equal);

    for (guint i = 0; i < sites->len; i++) {
        const struct site_report *site = g_ptr_array_index(sites, i);
        GString *name = g_string_new(NULL);
        struct place *place;

        text_place(name, site->stack);
        place = g_hash_table_lookup(known, name->str);
        if (place == NULL) {
            place = g_new0(struct place, 1);
            place->name = g_strdup(name->str);
            g_hash_table_insert(known, place->name, place);
            g_ptr_array_add(places, place);
        }
        place->allocated_bytes += site->allocated_bytes;
        place->allocated_count += site->allocated_count;
        place->live_bytes += site->live_bytes;
        place->peak_live_bytes += isfinite(site->peak_live_bytes) ? site->peak_live_bytes : 0;
        if (site->reach != NULL)
            place->unreachable_bytes += site->reach->unreachable_bytes;
        g_string_free(name, TRUE);
    }
    g_hash_table_destroy(known);
    g_ptr_array_sort(places, by_allocated);
    return places;
}

static const char *bytes_or_dash(char number[UNITS_ROOM], double bytes)
{
    return bytes > 0 ? units_bytes(number, UNITS_ROOM, bytes) : "-";
}

/* After a search its column stands where the peak's is. */
static void print_places(const struct page *page, const GPtrArray *sites)
{
    GPtrArray *places = gather_places(sites);
    bool searched = ((const struct site_report *)g_ptr_array_index(sites, 0))->reach != NULL;

    page_blank(page);
    page_line(page, STYLE_BOLD, "  %-32s %10s %11s %11s %10s", "Allocated in", "Bytes",
              "Allocations", searched ? "Unreachable" : "At peak", "Still live");
    for (guint i = 0; i < MIN(places->len, page->top); i++) {
        const struct place *place = g_ptr_array_index(places, i);
        GString *line = g_string_new("  ");
        char allocated[UNITS_ROOM], count[UNITS_ROOM], other[UNITS_ROOM], live[UNITS_ROOM];

        shown_cell(line, place->name, 32);
        page_line(
            page, STYLE_PLAIN, "%s %10s %11s %11s %10s", line->str,
            units_bytes(allocated, sizeof(allocated), place->allocated_bytes),
            short_count(count, place->allocated_count),
            bytes_or_dash(other, searched ? place->unreachable_bytes : place->peak_live_bytes),
            bytes_or_dash(live, place->live_bytes));
        g_string_free(line, TRUE);
    }
    if (places->len > page->top)
        page_line(page, STYLE_PLAIN, "  and %zu more (--top)", places->len - page->top);
    g_ptr_array_free(places, TRUE);
}

static double sample_bytes(const struct report *report)
{
    double most = 1;

    for (guint i = 0; i < report->captures->len; i++)
        most = MAX(most,
                   (double)((const struct capture_report *)g_ptr_array_index(report->captures, i))
                       ->sample_bytes);
    return most;
}

static void print_live(const struct page *page, const struct report *report)
{
    const struct heap_report *heap = &report->heap;
    char bytes[UNITS_ROOM], count[UNITS_ROOM], interval[SHOWN_INTERVAL_ROOM];

    if (heap->exact || heap->live_count > 0)
        page_wrapped(page, STYLE_PLAIN, "  Live at the end", LABEL, "%s%s in %s allocations",
                     units_bytes(bytes, sizeof(bytes), heap->live_bytes),
                     shown_interval(interval, heap->live_bytes_interval, units_bytes),
                     units_count(count, sizeof(count), round(heap->live_count)));
    else /* none of n expected samples: 95 % sure that n < 3 */
        page_wrapped(page, STYLE_PLAIN, "  Live at the end", LABEL, "under %s: no sampled block",
                     units_bytes(bytes, sizeof(bytes), 3 * sample_bytes(report)));
}

static void print_heap(const struct page *page, const struct report *report)
{
    const struct heap_report *heap = &report->heap;
    char bytes[UNITS_ROOM], count[UNITS_ROOM], interval[SHOWN_INTERVAL_ROOM];

    page_heading(page, heap->exact ? "Heap (every allocation)"
                       : sample_bytes(report) <= 1
                           ? "Heap (every allocation but for what was dropped)"
                           : "Heap (estimated from samples; in brackets 95 % intervals)");
    page_wrapped(page, STYLE_PLAIN, "  Allocated", LABEL, "%s%s in %s allocations",
                 units_bytes(bytes, sizeof(bytes), heap->allocated_bytes),
                 shown_interval(interval, heap->allocated_bytes_interval, units_bytes),
                 units_count(count, sizeof(count), round(heap->allocated_count)));
    page_wrapped(page, STYLE_PLAIN, "  Freed", LABEL, "%s in %s frees",
                 units_bytes(bytes, sizeof(bytes), heap->freed_bytes),
                 units_count(count, sizeof(count), round(heap->freed_count)));
    print_live(page, report);
    page_wrapped(page, STYLE_PLAIN, "  Peak", LABEL, "%s live",
                 units_bytes(bytes, sizeof(bytes), heap->peak_live_bytes));
    if (heap->sites->len != 0)
        print_places(page, heap->sites);
}

/* ---- Cost ---- */

static void print_cost(const struct page *page, const struct cost_report *cost)
{
    char number[UNITS_ROOM];

    if (!(cost->wasted_recompute_seconds > 0) && !(cost->wasted_money > 0))
        return;
    page_heading(page, "Cost of the misses that a cure would spare");
    if (isfinite(cost->wasted_recompute_seconds))
        page_wrapped(page, STYLE_PLAIN, "  Recompute time", LABEL, "%s",
                     units_seconds(number, sizeof(number), cost->wasted_recompute_seconds));
    if (isfinite(cost->wasted_allocated_bytes))
        page_wrapped(page, STYLE_PLAIN, "  Allocated", LABEL, "%s on the way",
                     units_bytes(number, sizeof(number), cost->wasted_allocated_bytes));
    if (isfinite(cost->wasted_redis_bytes))
        page_wrapped(page, STYLE_PLAIN, "  Redis", LABEL, "%s of values written and never read",
                     units_bytes(number, sizeof(number), cost->wasted_redis_bytes));
    if (isfinite(cost->wasted_money))
        page_wrapped(page, STYLE_PLAIN, "  Money", LABEL, "%.*f at the given prices",
                     cost->wasted_money < 0.1 ? 6 : 2, cost->wasted_money);
}

void text_numbers(const struct page *page, const struct report *report)
{
    page_blank(page);
    if (report->captures->len == 1)
        print_process(page, g_ptr_array_index(report->captures, 0));
    else
        print_processes(page, report->captures);
    if (report->cache.present)
        print_cache(page, &report->cache);
    if (report->heap.present) {
        print_heap(page, report);
        text_outcomes(page, report);
    }
    print_cost(page, &report->cost);
}
