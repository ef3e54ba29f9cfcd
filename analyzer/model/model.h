/*
 * From captures to a report. Each step reads what the steps before it left and adds its own; none
 * prints.
 *
 *   captures --heap_model--> report.heap --cache_model--> report.cache --finders--> report.leaks,
 * findings, cost
 */
#ifndef LEAKEY_MODEL_MODEL_H
#define LEAKEY_MODEL_MODEL_H

#include "model/report.h"
#include "read/capture.h"

struct symbols;
struct cache_model; /* model/cache.h */

struct analysis_options {
    double price_gpu_hour, price_gib_month;                                /* NAN: no money */
    void (*progress)(const char *what, double share_ratio, void *context); /* NULL: none */
    void *progress_context;
};

/* Opens every capture that the paths name and analyses them together, as one service, merged by
 * time. NULL with an error. The report is the caller's. */
struct report *analyse(char *const *paths, size_t count, const struct analysis_options *options,
                       GError **error);

/* model/symbols.c: names for addresses, by libdw; the path in the capture is looked for here, and
 * used only if its build-id is the capture's. The stacks live as long as the report. */
struct symbols *symbols_new(struct report *report);
void symbols_free(struct symbols *symbols);
const struct stack *symbols_stack(struct symbols *symbols, const struct capture *capture,
                                  uint32_t site_id);
/* Equal for equal stacks in function names (not addresses): what merges sites across processes and
 * rebuilds. */
const char *stack_identity(struct report *report, const struct stack *stack);
/* The innermost frame that is the service's own, not an allocator's, libc's or a client library's:
 * what a reader wants to see first. NULL when there is no frame. */
const struct frame *stack_culprit(const struct stack *stack);
/* "lookup_answer (llm_cache.c:88)", or as much of it as is known, printable: g_free. */
char *stack_place(const struct stack *stack);

/* model/heap.c: report->heap. */
void heap_model(struct report *report, struct symbols *symbols, GPtrArray *captures);
/* find/leaks.c: report->leaks and their findings, after heap_model. The cache model (NULL: none)
 * names the templates. */
void find_leaks(struct report *report, struct symbols *symbols, GPtrArray *captures,
                const struct cache_model *model);
/* find/spikes.c: periodic spikes of live memory, after cache_model_new (NULL: none). */
void find_spikes(struct report *report, struct symbols *symbols, GPtrArray *captures,
                 const struct cache_model *model);

/* model/cache.c: replays the commands in order; report->cache and its templates. Free with
 * cache_model_free. */
struct cache_model *cache_model_new(struct report *report, struct symbols *symbols,
                                    GPtrArray *captures);
void cache_model_free(struct cache_model *model);
/* find/duplicates.c: same input under different keys; fills causes.duplicate_input,
 * distinct_inputs, findings. */
void find_duplicates(struct report *report, struct cache_model *model);
/* model/windows.c: report->windows, from events of heap and cache. */
void windows_model(struct report *report, struct cache_model *model, GPtrArray *captures);
/* find/cost.c */
void find_cost(struct report *report, struct cache_model *model,
               const struct analysis_options *options);

#endif
