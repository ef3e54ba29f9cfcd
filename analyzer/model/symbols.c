/* From a capture's sites to stacks with names; each module is opened once, each address looked up
 * once. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "model/debuginfo.h"
#include "model/model.h"

#define DELETED_MARK " (deleted)" /* of /proc/PID/maps */

/* A module of any capture: the same file has the same names. */
struct module {
    const char *path, *build_id; /* the report's */
    struct debuginfo *info;      /* NULL: no names to be had */
    GHashTable *found;           /* offset -> GArray of struct frame */
};

struct symbols {
    struct report *report;
    GHashTable *modules;   /* "path\nbuild-id" -> struct module */
    GHashTable *stacks;    /* capture -> GPtrArray of const struct stack *, by site id */
    struct module nowhere; /* of addresses in no module */
};

static void module_free(gpointer data)
{
    struct module *module = data;
    debuginfo_free(module->info);
    g_hash_table_destroy(module->found);
    g_free(module);
}

static void frames_free(gpointer frames)
{
    g_array_free(frames, TRUE);
}

static void stacks_free(gpointer stacks)
{
    g_ptr_array_free(stacks, TRUE);
}

static GHashTable *new_found(void)
{
    return g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, frames_free);
}

struct symbols *symbols_new(struct report *report)
{
    struct symbols *symbols = g_new0(struct symbols, 1);
    symbols->report = report;
    symbols->modules = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, module_free);
    symbols->stacks = g_hash_table_new_full(NULL, NULL, NULL, stacks_free);
    symbols->nowhere.found = new_found();
    return symbols;
}

void symbols_free(struct symbols *symbols)
{
    if (symbols == NULL)
        return;
    g_hash_table_destroy(symbols->modules);
    g_hash_table_destroy(symbols->stacks);
    g_hash_table_destroy(symbols->nowhere.found);
    g_free(symbols);
}

/* ---- Modules ---- */

/* Where the file may be: at its path; where a process in another root sees it; its debug file
 * alone. g_strfreev. */
static char **candidate_paths(const struct capture *capture, const struct capture_module *raw)
{
    GStrvBuilder *paths = g_strv_builder_new();
    char *path = g_strdup(raw->path);
    if (g_str_has_suffix(path, DELETED_MARK))
        path[strlen(path) - strlen(DELETED_MARK)] = '\0';
    g_strv_builder_add(paths, path);
    if (capture->end == CAPTURE_END_RUNNING) {
        char *seen = g_strdup_printf("/proc/%u/root%s", capture->header.pid, path);
        g_strv_builder_add(paths, seen);
        g_free(seen);
    }
    if (raw->build_id != NULL && strlen(raw->build_id) > 2) {
        char *debug = g_strdup_printf("/usr/lib/debug/.build-id/%.2s/%s.debug", raw->build_id,
                                      raw->build_id + 2);
        g_strv_builder_add(paths, debug);
        g_free(debug);
    }
    g_free(path);
    char **all = g_strv_builder_end(paths);
    g_strv_builder_unref(paths);
    return all;
}

static void open_module(struct symbols *symbols, const struct capture *capture,
                        const struct capture_module *raw, struct module *module)
{
    bool other = false;
    if (raw->path[0] != '/')
        return; /* [vdso] and kin: no file */
    char **paths = candidate_paths(capture, raw);
    for (size_t i = 0; paths[i] != NULL && module->info == NULL; i++)
        other |= debuginfo_open(paths[i], raw->build_id, &module->info) == DEBUGINFO_OTHER_BUILD;
    g_strfreev(paths);
    if (module->info == NULL)
        report_note(symbols->report,
                    report_printf(symbols->report, "no symbols for %s: %s", raw->path,
                                  other
                                      ? "the file there now is another build than the one that ran"
                                      : "the file is not there"));
}

static struct module *module_for(struct symbols *symbols, const struct capture *capture,
                                 const struct capture_module *raw)
{
    char *key = g_strconcat(raw->path, "\n", raw->build_id, NULL);
    struct module *module = g_hash_table_lookup(symbols->modules, key);
    if (module != NULL) {
        g_free(key);
        return module;
    }
    module = g_new0(struct module, 1);
    module->path = report_text(symbols->report, raw->path);
    module->build_id = report_text(symbols->report, raw->build_id);
    module->found = new_found();
    open_module(symbols, capture, raw, module);
    g_hash_table_insert(symbols->modules, key, module);
    return module;
}

static const struct capture_module *find_module(const struct capture *capture, uint64_t address,
                                                uint32_t epoch)
{
    for (guint i = 0; i < capture->modules->len; i++) {
        const struct capture_module *module =
            &g_array_index(capture->modules, struct capture_module, i);
        if (address >= module->start && address < module->end && epoch >= module->first_epoch &&
            epoch <= module->last_epoch)
            return module;
    }
    return NULL;
}

/* ---- Frames ---- */

struct frame_maker {
    struct symbols *symbols;
    const struct module *module;
    uint64_t offset;
    GArray *frames;
};

static void add_frame(const struct debug_frame *found, void *context)
{
    const struct frame_maker *maker = context;
    struct report *report = maker->symbols->report;
    struct frame frame = {.function = report_text(report, found->function),
                          .file = report_text(report, found->file),
                          .line = found->line,
                          .module = maker->module->path,
                          .build_id = maker->module->build_id,
                          .offset = maker->offset,
                          .inlined = found->inlined};
    g_array_append_val(maker->frames, frame);
}

/* The frames of one address within a module, looked up once. */
static const GArray *module_frames(struct symbols *symbols, struct module *module, uint64_t offset)
{
    gint64 key = (gint64)offset;
    GArray *frames = g_hash_table_lookup(module->found, &key);
    if (frames != NULL)
        return frames;
    frames = g_array_new(FALSE, TRUE, sizeof(struct frame));
    struct frame_maker maker = {symbols, module, offset, frames};
    if (module->info != NULL)
        debuginfo_find(module->info, offset, add_frame, &maker);
    else
        add_frame(&(struct debug_frame){.function = NULL}, &maker);
    g_hash_table_insert(module->found, g_memdup2(&key, sizeof(key)), frames);
    return frames;
}

static const struct stack *make_stack(struct symbols *symbols, const struct capture *capture,
                                      const struct capture_site *site)
{
    struct stack *stack = report_alloc(symbols->report, sizeof(*stack));
    const struct capture_module *raw = NULL;
    stack->frames = report_array(symbols->report, sizeof(struct frame));
    stack->cut = site->cut;
    for (uint32_t i = 0; i < site->depth; i++) {
        uint64_t call =
            site->frames[i] - 1; /* a return address is the instruction after the call */
        if (raw == NULL || call < raw->start || call >= raw->end)
            raw = find_module(capture, call, site->epoch);
        struct module *module = raw == NULL ? &symbols->nowhere : module_for(symbols, capture, raw);
        uint64_t offset = raw == NULL ? call : call - raw->bias;
        const GArray *frames = module_frames(symbols, module, offset);
        g_array_append_vals(stack->frames, frames->data, frames->len);
    }
    return stack;
}

const struct stack *symbols_stack(struct symbols *symbols, const struct capture *capture,
                                  uint32_t site_id)
{
    if (site_id >= capture->sites->len)
        site_id = 0;
    GPtrArray *stacks = g_hash_table_lookup(symbols->stacks, capture);
    if (stacks == NULL) {
        stacks = g_ptr_array_sized_new(capture->sites->len);
        g_ptr_array_set_size(stacks, (gint)capture->sites->len);
        g_hash_table_insert(symbols->stacks, (gpointer)(uintptr_t)capture, stacks);
    }
    const struct stack *stack = g_ptr_array_index(stacks, site_id);
    if (stack == NULL) {
        stack = make_stack(symbols, capture,
                           &g_array_index(capture->sites, struct capture_site, site_id));
        g_ptr_array_index(stacks, site_id) = (gpointer)(uintptr_t)stack;
    }
    return stack;
}
