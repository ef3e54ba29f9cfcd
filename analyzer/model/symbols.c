/* From a capture's sites to stacks with names; each file is opened once, each address looked up
 * once. */
#include <string.h>

#include "model/debugfiles.h"
#include "model/debuginfo.h"
#include "model/module_map.h"

#define NS_PER_SECOND  1000000000u
#define DOWNLOADS_MOST 60 /* seconds, unless told otherwise */
#define NAMED_MOST     8u /* files in a note */

/* A module of any capture: the same file has the same names. */
struct module {
    const char *path, *build_id; /* the report's */
    struct debuginfo *info;      /* NULL: no names to be had */
    enum binary_found found;
    GHashTable *spans; /* offset -> struct span in a pointer */
    GArray *frames;    /* struct frame, those of an offset in a row */
};

/* Where the frames of one address are among its module's. */
union span {
    struct {
        guint32 first, count;
    } part;
    gpointer packed;
};
G_STATIC_ASSERT(sizeof(union span) == sizeof(gpointer));

/* What is known of a capture. */
struct mapped {
    struct module_map *map;
    GHashTable *modules; /* its struct capture_module -> struct module */
    GPtrArray *stacks;   /* of const struct stack *, by site id */
};

struct symbols {
    struct report *report;
    struct debug_files *files; /* NULL: not looked for any yet */
    GHashTable *modules;       /* "path\nbuild-id" -> struct module */
    GPtrArray *in_order;       /* the same, as they were met */
    GHashTable *captures;      /* capture -> struct mapped */
    struct module nowhere;     /* of addresses in no module */
};

static void module_init(struct module *module)
{
    module->spans = g_hash_table_new(NULL, NULL);
    module->frames = g_array_new(FALSE, FALSE, sizeof(struct frame));
}

static void module_release(struct module *module)
{
    debuginfo_free(module->info);
    g_hash_table_destroy(module->spans);
    g_array_free(module->frames, TRUE);
}

static void module_free(gpointer data)
{
    module_release(data);
    g_free(data);
}

static void mapped_free(gpointer data)
{
    struct mapped *mapped = data;
    module_map_free(mapped->map);
    g_hash_table_destroy(mapped->modules);
    g_ptr_array_free(mapped->stacks, TRUE);
    g_free(mapped);
}

struct symbols *symbols_new(struct report *report)
{
    struct symbols *symbols = g_new0(struct symbols, 1);
    symbols->report = report;
    symbols->modules = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, module_free);
    symbols->in_order = g_ptr_array_new();
    symbols->captures = g_hash_table_new_full(NULL, NULL, NULL, mapped_free);
    module_init(&symbols->nowhere);
    return symbols;
}

void symbols_search(struct symbols *symbols, const struct symbol_search *search)
{
    debug_files_free(symbols->files);
    symbols->files = debug_files_new(search);
}

void symbols_free(struct symbols *symbols)
{
    if (symbols == NULL)
        return;
    g_hash_table_destroy(symbols->modules);
    g_ptr_array_free(symbols->in_order, TRUE);
    g_hash_table_destroy(symbols->captures);
    module_release(&symbols->nowhere);
    debug_files_free(symbols->files);
    g_free(symbols);
}

/* ---- Modules ---- */

static void open_module(struct symbols *symbols, const struct capture *capture,
                        const struct capture_module *raw, struct module *module)
{
    const struct binary_wanted wanted = {
        .path = raw->path,
        .build_id = raw->build_id,
        .pid = capture->end == CAPTURE_END_RUNNING ? capture->header.pid : 0,
        .started_ns = capture->header.start_realtime_ns};
    char *found = NULL;
    int fd = -1;
    if (raw->path[0] != '/')
        return; /* [vdso] and kin: no file */
    if (symbols->files == NULL)
        symbols_search(symbols, &(struct symbol_search){.download_seconds = DOWNLOADS_MOST});
    module->found = debug_files_open(symbols->files, &wanted, &fd, &found);
    if (module->found == BINARY_FOUND)
        module->info = debuginfo_open(fd, raw->path, found, symbols->files);
    if (module->found == BINARY_FOUND && module->info == NULL)
        module->found = BINARY_NOT_THERE;
    g_free(found);
}

static struct module *named_module(struct symbols *symbols, const struct capture *capture,
                                   const struct capture_module *raw)
{
    char *key = g_strconcat(raw->path, "\n", raw->build_id, NULL);
    struct module *module = g_hash_table_lookup(symbols->modules, key);
    if (module != NULL) {
        g_free(key);
        return module;
    }
    module = g_new0(struct module, 1);
    module_init(module);
    module->path = report_text(symbols->report, raw->path);
    module->build_id = report_text(symbols->report, raw->build_id);
    open_module(symbols, capture, raw, module);
    g_hash_table_insert(symbols->modules, key, module);
    g_ptr_array_add(symbols->in_order, module);
    return module;
}

static struct module *module_for(struct symbols *symbols, const struct capture *capture,
                                 struct mapped *mapped, const struct capture_module *raw)
{
    if (raw == NULL)
        return &symbols->nowhere;
    struct module *module = g_hash_table_lookup(mapped->modules, raw);
    if (module == NULL) {
        module = named_module(symbols, capture, raw);
        g_hash_table_insert(mapped->modules, (gpointer)(uintptr_t)raw, module);
    }
    return module;
}

/* ---- Frames ---- */

struct frame_maker {
    struct report *report;
    struct module *module;
    uint64_t offset;
};

static void add_frame(const struct debug_frame *found, void *context)
{
    const struct frame_maker *maker = context;
    struct report *report = maker->report;
    struct frame frame = {.function = report_text(report, found->function),
                          .file = report_text(report, found->file),
                          .line = found->line,
                          .module = maker->module->path,
                          .build_id = maker->module->build_id,
                          .offset = maker->offset,
                          .inlined = found->inlined};
    g_array_append_val(maker->module->frames, frame);
}

/* The frames of one address within a module, looked up once. */
static union span find_frames(struct symbols *symbols, struct module *module, uint64_t offset)
{
    gpointer key = GSIZE_TO_POINTER(offset);
    union span span = {.packed = g_hash_table_lookup(module->spans, key)};
    if (span.packed != NULL)
        return span;
    struct frame_maker maker = {symbols->report, module, offset};
    span.part.first = module->frames->len;
    if (module->info != NULL)
        debuginfo_find(module->info, offset, add_frame, &maker);
    else
        add_frame(&(struct debug_frame){.function = NULL}, &maker);
    span.part.count = module->frames->len - span.part.first;
    g_hash_table_insert(module->spans, key, span.packed);
    return span;
}

/* ---- Stacks ---- */

static const struct stack *make_stack(struct symbols *symbols, const struct capture *capture,
                                      struct mapped *mapped, const struct capture_site *site)
{
    struct stack *stack = report_alloc(symbols->report, sizeof(*stack));
    stack->frames = report_array(symbols->report, sizeof(struct frame));
    stack->cut = site->cut;
    for (uint32_t i = 0; i < site->depth; i++) {
        uint64_t call =
            site->frames[i] - 1; /* a return address is the instruction after the call */
        const struct capture_module *raw = module_map_find(mapped->map, call, site->epoch);
        struct module *module = module_for(symbols, capture, mapped, raw);
        union span span = find_frames(symbols, module, raw == NULL ? call : call - raw->bias);
        g_array_append_vals(stack->frames,
                            &g_array_index(module->frames, struct frame, span.part.first),
                            span.part.count);
    }
    return stack;
}

static struct mapped *mapped_for(struct symbols *symbols, const struct capture *capture)
{
    struct mapped *mapped = g_hash_table_lookup(symbols->captures, capture);
    if (mapped != NULL)
        return mapped;
    mapped = g_new0(struct mapped, 1);
    mapped->map = module_map_new(capture->modules);
    mapped->modules = g_hash_table_new(NULL, NULL);
    mapped->stacks = g_ptr_array_new();
    g_ptr_array_set_size(mapped->stacks, (gint)capture->sites->len);
    g_hash_table_insert(symbols->captures, (gpointer)(uintptr_t)capture, mapped);
    return mapped;
}

const struct stack *symbols_stack(struct symbols *symbols, const struct capture *capture,
                                  uint32_t site_id)
{
    struct mapped *mapped = mapped_for(symbols, capture);
    if (site_id >= capture->sites->len)
        site_id = 0;
    const struct stack *stack = g_ptr_array_index(mapped->stacks, site_id);
    if (stack == NULL) {
        stack = make_stack(symbols, capture, mapped,
                           &g_array_index(capture->sites, struct capture_site, site_id));
        g_ptr_array_index(mapped->stacks, site_id) = (gpointer)(uintptr_t)stack;
    }
    return stack;
}

/* ---- What was missing ---- */

static void append_file(GString *list, const struct module *module, guint number)
{
    static const char *const why[] = {
        [BINARY_NOT_THERE] = "not here",
        [BINARY_OTHER_BUILD] = "another build is here now",
        [BINARY_CHANGED] = "changed since, and without a build-id",
    };
    g_string_append_printf(list, "%s%s (%s", number == 0 ? "" : ", ", module->path,
                           why[module->found]);
    if (module->build_id != NULL)
        g_string_append_printf(list, "; build-id %s", module->build_id);
    g_string_append_c(list, ')');
}

typedef bool module_test(const struct module *module);

static bool has_no_file(const struct module *module)
{
    return module->found != BINARY_FOUND;
}

static bool has_no_lines(const struct module *module)
{
    return module->info != NULL && module_is_own(module->path) &&
           !debuginfo_has_lines(module->info);
}

/* A list of the modules of which it is true; NULL when there is none. */
static char *list_modules(const struct symbols *symbols, module_test *test, bool why)
{
    GString *list = g_string_new(NULL);
    guint count = 0;
    for (guint i = 0; i < symbols->in_order->len; i++) {
        const struct module *module = g_ptr_array_index(symbols->in_order, i);
        if (!test(module))
            continue;
        if (count < NAMED_MOST && why)
            append_file(list, module, count);
        else if (count < NAMED_MOST)
            g_string_append_printf(list, "%s%s", count == 0 ? "" : ", ", module->path);
        count++;
    }
    if (count > NAMED_MOST)
        g_string_append_printf(list, " and %u more", count - NAMED_MOST);
    return g_string_free(list, count == 0);
}

void symbols_tell(struct symbols *symbols)
{
    struct report *report = symbols->report;
    char *missing = list_modules(symbols, has_no_file, true);
    char *plain = list_modules(symbols, has_no_lines, false);
    const char *problem = symbols->files == NULL ? NULL : debug_files_problem(symbols->files);
    if (missing != NULL)
        report_note(report, report_printf(report,
                                          "no names for %s: the file that ran was not found. "
                                          "--sysroot DIR or --debug-path DIR says where it, or its "
                                          "debug file, is; DEBUGINFOD_URLS which servers have it",
                                          missing));
    if (plain != NULL)
        report_note(report, report_printf(report,
                                          "no debug information for %s: functions have their names "
                                          "from symbol tables alone, and no lines. Build with -g, "
                                          "or say where debug files are: --debug-path DIR, or "
                                          "DEBUGINFOD_URLS for those of a distribution",
                                          plain));
    if (problem != NULL)
        report_note(report, report_printf(report,
                                          "debuginfod was given up: %s. What it had not delivered "
                                          "is without lines or names",
                                          problem));
    g_free(missing);
    g_free(plain);
}
