/* The analysis, step by step: each reads what the steps before it left in the report and adds its
 * own. */
#include <math.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "model/model.h"
#include "model/suppressions.h"

#define NS_PER_SECOND 1e9

static void tell(const struct analysis_options *options, const char *what, double share_ratio)
{
    if (options->progress != NULL)
        options->progress(what, share_ratio, options->progress_context);
}

/* ---- Captures ---- */

struct opened {
    GPtrArray *captures; /* of struct capture * */
    GHashTable *files;   /* "device:inode" of each: one named twice is read once */
    struct report *report;
    GError *first; /* why the first that was left out was */
};

static void free_capture(gpointer capture)
{
    capture_free(capture);
}

static bool is_known(struct opened *opened, const char *path)
{
    struct stat status;

    if (stat(path, &status) != 0)
        return false;
    return !g_hash_table_add(opened->files, g_strdup_printf("%ju:%ju", (uintmax_t)status.st_dev,
                                                            (uintmax_t)status.st_ino));
}

/* A capture that was named must be readable; one that is merely in a directory is passed over, with
 * a note. */
static bool open_one(struct opened *opened, const char *path, bool named, GError **error)
{
    GError *cause = NULL;
    struct capture *capture;

    if (is_known(opened, path))
        return true;
    capture = capture_open(path, &cause);
    if (capture != NULL) {
        g_ptr_array_add(opened->captures, capture);
        return true;
    }
    if (named) {
        g_propagate_error(error, cause);
        return false;
    }
    g_ptr_array_add(opened->report->notes, (gpointer)(uintptr_t)report_printf(
                                               opened->report, "left out: %s", cause->message));
    if (opened->first == NULL)
        opened->first = cause;
    else
        g_error_free(cause);
    return true;
}

static bool open_path(struct opened *opened, const char *path,
                      const struct analysis_options *options, GError **error)
{
    GPtrArray *found = g_ptr_array_new_with_free_func(g_free);
    bool readable = capture_list(path, found, error);

    for (guint i = 0; i < found->len && readable; i++) {
        const char *name = g_ptr_array_index(found, i);

        tell(options, "reading", (double)i / found->len);
        readable = open_one(opened, name, strcmp(name, path) == 0, error);
    }
    g_ptr_array_free(found, TRUE);
    return readable;
}

static gint by_start(gconstpointer a, gconstpointer b)
{
    const struct capture *x = *(struct capture *const *)a, *y = *(struct capture *const *)b;

    if (x->header.start_realtime_ns != y->header.start_realtime_ns)
        return x->header.start_realtime_ns < y->header.start_realtime_ns ? -1 : 1;
    return strcmp(x->path, y->path);
}

/* Each capture's file stays open. */
static void allow_many_files(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
}

static bool open_all(struct opened *opened, char *const *paths, size_t count,
                     const struct analysis_options *options, GError **error)
{
    allow_many_files();
    for (size_t i = 0; i < count; i++)
        if (!open_path(opened, paths[i], options, error))
            return false;
    if (opened->captures->len == 0) {
        g_propagate_error(error, g_steal_pointer(&opened->first));
        return false;
    }
    g_ptr_array_sort(opened->captures, by_start);
    return true;
}

static struct capture_report *describe(struct report *report, const struct capture *capture)
{
    struct capture_report *described = report_alloc(report, sizeof(*described));
    const struct lk_header *header = &capture->header;

    *described = (struct capture_report){
        .path = report_text(report, capture->path),
        .pid = header->pid,
        .parent_pid = header->ppid,
        .command = report_pointers(report),
        .executable = report_text(report, capture->executable),
        .started = (double)header->start_realtime_ns / NS_PER_SECOND,
        .duration_seconds = (double)capture->duration_ns / NS_PER_SECOND,
        .paused_seconds = (double)capture->paused_ns / NS_PER_SECOND,
        .paused_count = header->pauses,
        .end = capture_end_name(capture->end),
        .sample_bytes = header->sample_bytes,
        .recorded_count = capture->recorded_count,
        .overwritten_count = capture->overwritten_count,
        .overwritten_heap_count = capture->overwritten_heap_count,
        .dropped_count = capture->dropped_count,
        .keys_hashed = header->flags & LK_FLAG_KEYS_HASHED,
        .stack_fallback = header->flags & LK_FLAG_STACK_FALLBACK,
        .heap = header->flags & LK_FLAG_HEAP,
        .cache = header->flags & LK_FLAG_CACHE,
        .damage = capture->damage,
    };
    for (guint i = 0; i < capture->command->len; i++)
        g_ptr_array_add(described->command, (gpointer)(uintptr_t)report_text(
                                                report, g_ptr_array_index(capture->command, i)));
    return described;
}

/* ---- Findings ---- */

static double badness(const struct finding *finding)
{
    return finding->leak != NULL ? finding->leak->live_bytes : 0;
}

/* Most severe first; leaks by size; else as the finders found them. */
static gint by_severity(gconstpointer a, gconstpointer b)
{
    const struct finding *x = *(struct finding *const *)a, *y = *(struct finding *const *)b;

    if (x->severity != y->severity)
        return x->severity > y->severity ? -1 : 1;
    return (badness(x) < badness(y)) - (badness(x) > badness(y));
}

static void sort_findings(struct report *report)
{
    g_ptr_array_sort(report->findings, by_severity); /* stable */
}

static void run_steps(struct analysis *analysis, const struct analysis_options *options)
{
    struct report *report = analysis->report;
    GPtrArray *captures = analysis->captures;
    struct symbols *symbols = analysis->symbols = symbols_new(report);

    symbols_search(symbols, &options->search);
    tell(options, "heap", 0.1);
    heap_model(report, symbols, captures);
    if (options->searches != NULL)
        reachability_model(report, symbols, captures, options->searches);
    tell(options, "cache", 0.3);
    struct cache_model *cache = analysis->cache = cache_model_new(report, symbols, captures);
    tell(options, "cache faults", 0.5);
    find_cache_faults(cache);
    tell(options, "leaks", 0.8);
    find_leaks(report, symbols, captures, cache);
    suppress_leaks(report, options->suppressions);
    find_spikes(report, symbols, captures, cache);
    outcomes_model(report, cache);
    tell(options, "cost", 0.9);
    windows_model(report, cache, captures);
    find_cost(report, cache, options);
    if (options->curve)
        find_curve(report, cache);
    sort_findings(report);
    symbols_tell(symbols);
}

/* Takes both over. */
static void begin_with(struct analysis *analysis, struct report *report, GPtrArray *captures)
{
    *analysis = (struct analysis){.captures = captures, .report = report};
    for (guint i = 0; i < captures->len; i++)
        g_ptr_array_add(report->captures, describe(report, g_ptr_array_index(captures, i)));
}

/* The captures, described in a new report. False with an error. */
static bool open_captures(struct analysis *analysis, char *const *paths, size_t count,
                          const struct analysis_options *options, GError **error)
{
    struct opened opened = {
        .captures = g_ptr_array_new_with_free_func(free_capture),
        .files = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL),
        .report = report_new(),
    };
    bool readable = open_all(&opened, paths, count, options, error);

    *analysis = (struct analysis){0};
    if (readable) {
        begin_with(analysis, opened.report, opened.captures);
    } else {
        report_free(opened.report);
        g_ptr_array_free(opened.captures, TRUE);
    }
    g_clear_error(&opened.first);
    g_hash_table_destroy(opened.files);
    return readable;
}

bool analyse_all(struct analysis *analysis, char *const *paths, size_t count,
                 const struct analysis_options *options, GError **error)
{
    if (!open_captures(analysis, paths, count, options, error))
        return false;
    run_steps(analysis, options);
    return true;
}

void analyse_opened(struct analysis *analysis, GPtrArray *captures,
                    const struct analysis_options *options)
{
    begin_with(analysis, report_new(), captures);
    run_steps(analysis, options);
}

bool analyse_cache(struct analysis *analysis, char *const *paths, size_t count,
                   const struct analysis_options *options, GError **error)
{
    if (!open_captures(analysis, paths, count, options, error))
        return false;
    tell(options, "cache", 0.3);
    analysis->cache = cache_model_new(analysis->report, NULL, analysis->captures);
    return true;
}

/* The report stands on its own. */
static void release_models(struct analysis *analysis)
{
    cache_model_free(analysis->cache);
    symbols_free(analysis->symbols);
    g_ptr_array_free(analysis->captures, TRUE);
}

void analysis_release(struct analysis *analysis)
{
    release_models(analysis);
    report_free(analysis->report);
}

struct report *analyse(char *const *paths, size_t count, const struct analysis_options *options,
                       GError **error)
{
    struct analysis analysis;

    if (!analyse_all(&analysis, paths, count, options, error))
        return NULL;
    release_models(&analysis);
    return analysis.report;
}
