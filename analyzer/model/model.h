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
struct cache_model;  /* model/cache.h */
struct suppressions; /* model/suppressions.h */

typedef void analysis_progress(const char *what, double share_ratio, void *context);

/* Where binaries and debug files are looked for, beside their own paths. */
struct symbol_search {
    char *const *sysroots;    /* copies of another machine's root; NULL: none */
    char *const *debug_paths; /* laid out like /usr/lib/debug, or just full of files; NULL: none */
    double download_seconds;  /* that debuginfod may take, all together; 0: never asked */
    analysis_progress *progress; /* of downloads; NULL: none */
    void *progress_context;
};

struct analysis_options {
    double price_gpu_hour, price_gib_month; /* NAN: no money */
    analysis_progress *progress;            /* NULL: none */
    void *progress_context;
    struct symbol_search search;
    const struct suppressions *suppressions; /* NULL: none */
    bool curve;          /* draw the miss-ratio curve, which takes another replay */
    GPtrArray *searches; /* of struct search *: processes whose memory was searched; NULL none */
};

/* Opens every capture that the paths name and analyses them together, as one service, merged by
 * time. NULL with an error. The report is the caller's. */
struct report *analyse(char *const *paths, size_t count, const struct analysis_options *options,
                       GError **error);

/* The same with what it was made from, for what needs more than a report: exporters, replays. To be
 * released. */
struct analysis {
    GPtrArray *captures; /* of struct capture *, by start */
    struct report *report;
    struct cache_model *cache;
    struct symbols *symbols; /* NULL: only the cache was analysed */
};
/* False with an error, and nothing to release. */
bool analyse_all(struct analysis *analysis, char *const *paths, size_t count,
                 const struct analysis_options *options, GError **error);
/* The same of captures that are open already (of struct capture *, at least one); they go with the
 * array. */
void analyse_opened(struct analysis *analysis, GPtrArray *captures,
                    const struct analysis_options *options);
/* Only up to what happened in the cache, without names for addresses. */
bool analyse_cache(struct analysis *analysis, char *const *paths, size_t count,
                   const struct analysis_options *options, GError **error);
void analysis_release(struct analysis *analysis);

/* model/symbols.c: names for addresses, by libdw; the path in the capture is looked for here, and
 * used only if its build-id is the capture's. The stacks live as long as the report. */
struct symbols *symbols_new(struct report *report);
/* To be called before the first look-up, if at all; copied. */
void symbols_search(struct symbols *symbols, const struct symbol_search *search);
/* Notes in the report which files were wanted and not found, and what to do about it. */
void symbols_tell(struct symbols *symbols);
void symbols_free(struct symbols *symbols);
const struct stack *symbols_stack(struct symbols *symbols, const struct capture *capture,
                                  uint32_t site_id);
/* Equal for equal stacks in function names (not addresses): what merges sites across processes and
 * rebuilds. */
const char *stack_identity(struct report *report, const struct stack *stack);
/* The innermost frame that is the service's own, not an allocator's, libc's or a client library's:
 * what a reader wants to see first. NULL when there is no frame. */
const struct frame *stack_culprit(const struct stack *stack);
/* The innermost frame in which an interpreter runs code that has no frames of its own; NULL: this
 * is compiled code alone. */
const struct frame *stack_interpreter(const struct stack *stack);
/* Whether it lies in the same file as `interpreter` (NULL: no). */
bool frame_is_interpreters(const struct frame *frame, const struct frame *interpreter);
/* "Python" and kin, when interpreted code is all that is known of whose the stack is: no compiled
 * extension stands between it and what it asked for. NULL: it is a compiled function's. */
const char *stack_language(const struct stack *stack);
/* Whether a file is the service's own: its executable, or a library that came with it. */
bool module_is_own(const char *path);
/* "lookup_answer (llm_cache.c:88)", or as much of it as is known, printable: g_free. */
char *stack_place(const struct stack *stack);

/* model/heap.c: report->heap. */
void heap_model(struct report *report, struct symbols *symbols, GPtrArray *captures);
/* model/reachability.c: what the searches say of sites and captures, after heap_model. */
void reachability_model(struct report *report, struct symbols *symbols, GPtrArray *captures,
                        GPtrArray *searches);
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
/* The same, looking at no more than that. */
struct cache_limits; /* model/cache.h */
struct cache_model *cache_model_new_within(struct report *report, struct symbols *symbols,
                                           GPtrArray *captures, const struct cache_limits *limits);
void cache_model_free(struct cache_model *model);
/* find/cache_faults.c: every rule about the cache; fills causes.duplicate_input, distinct_inputs
 * and findings of the model's report. */
void find_cache_faults(struct cache_model *model);
/* model/outcomes.c: what each template's hits, misses and writes allocated, kept and leaked; after
 * find_leaks. */
void outcomes_model(struct report *report, const struct cache_model *model);
/* model/windows.c: report->windows, from events of heap and cache. */
void windows_model(struct report *report, struct cache_model *model, GPtrArray *captures);
/* find/what_if.c: report->cache.curve. */
void find_curve(struct report *report, const struct cache_model *model);
/* find/cost.c */
void find_cost(struct report *report, struct cache_model *model,
               const struct analysis_options *options);

#endif
