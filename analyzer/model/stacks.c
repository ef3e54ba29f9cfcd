/* What a stack is known by, and which of its frames a reader wants to see first. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "model/model.h"
#include "model/names.h"
#include "model/text.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

/* ---- Identity ---- */

static void hash_text(XXH3_state_t *state, const char *text)
{
    XXH3_64bits_update(state, text, strlen(text) + 1);
}

/* A function that is known counts by name, so that a rebuild keeps its identity; one that is not,
 * by its place. Code of no module (generated at run time) lies anywhere and counts as just that, if
 * there is better in the stack. */
static void hash_frame(XXH3_state_t *state, const struct frame *frame, bool any_module)
{
    if (frame->function != NULL) {
        hash_text(state, frame->function);
    } else if (frame->module != NULL) {
        hash_text(state, frame->build_id != NULL ? frame->build_id : frame->module);
        XXH3_64bits_update(state, &frame->offset, sizeof(frame->offset));
    } else if (any_module) {
        hash_text(state, "?");
    } else {
        XXH3_64bits_update(state, &frame->offset, sizeof(frame->offset));
    }
}

const char *stack_identity(struct report *report, const struct stack *stack)
{
    XXH3_state_t state;
    char text[17];
    bool any_module = false;
    XXH3_64bits_reset(&state);
    for (guint i = 0; i < stack->frames->len; i++)
        any_module |= g_array_index(stack->frames, struct frame, i).module != NULL;
    for (guint i = 0; i < stack->frames->len; i++)
        hash_frame(&state, &g_array_index(stack->frames, struct frame, i), any_module);
    snprintf(text, sizeof(text), "%016" PRIx64, (uint64_t)XXH3_64bits_digest(&state));
    return report_text(report, text);
}

/* ---- Culprit ---- */

/* Libraries here are the system's when their names begin with "lib" or "ld-": a plugin's own does
 * not. */
static const char *const system_directories[] = {"/lib/",           "/lib32/",     "/lib64/",
                                                 "/usr/lib/",       "/usr/lib32/", "/usr/lib64/",
                                                 "/usr/local/lib/", "/nix/store/", "/snap/"};

/* Client libraries, allocators and runtimes that a service may carry with it. */
static const char *const foreign_libraries[] = {
    "libc.so",     "libc-",     "ld-",      "libm.so",   "libpthread", "libhiredis",  "libvalkey",
    "libredis++",  "libstdc++", "libgcc_s", "libglib-",  "libjansson", "libjemalloc", "libtcmalloc",
    "libmimalloc", "libcrypto", "libssl",   "libxxhash", "libleakey",  "linux-vdso",  "[vdso]",
};

/* Functions of the service's own file that only pass an allocation or a cache command on. */
static const char *const passing_functions[] = {
    "malloc",      "calloc",    "realloc",   "reallocarray",   "free",          "strdup",
    "strndup",     "asprintf",  "vasprintf", "posix_memalign", "aligned_alloc", "xmalloc",
    "xcalloc",     "xrealloc",  "xstrdup",   "zmalloc",        "zcalloc",       "zrealloc",
    "safe_malloc", "my_malloc", "hi_malloc", "hi_calloc",      "hi_realloc",    "hi_strdup",
};
static const char *const passing_prefixes[] = {
    "operator new", "std::",         "__gnu_cxx::", "__interceptor_", "g_malloc",
    "g_strdup",     "g_realloc",     "sds",         "redisReader",    "redisGetReply",
    "redisCommand", "redisvCommand", "redisAppend", "redisBuffer",    "redisConnect",
    "redisContext", "__redis",       "redisNext",   "alloc::",        "<alloc::",
    "hashbrown::",  "core::",        "__rust_",     "__rg_",          "__rdl_",
};

static bool has_prefix_of(const char *text, const char *const *prefixes, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (g_str_has_prefix(text, prefixes[i]))
            return true;
    return false;
}

static bool is_foreign_library(const char *module)
{
    return has_prefix_of(text_base_name(module), foreign_libraries,
                         G_N_ELEMENTS(foreign_libraries));
}

bool module_is_own(const char *module)
{
    const char *name = text_base_name(module);
    bool library = g_str_has_prefix(name, "lib") || g_str_has_prefix(name, "ld-");
    bool system = has_prefix_of(module, system_directories, G_N_ELEMENTS(system_directories));
    return !is_foreign_library(module) && !(library && system);
}

/* A template's return type stands before its name, so the short name is asked too. */
static bool only_passes_on(const char *function)
{
    for (size_t i = 0; i < G_N_ELEMENTS(passing_functions); i++)
        if (strcmp(function, passing_functions[i]) == 0)
            return true;
    char *name = name_short(function);
    bool passes = has_prefix_of(function, passing_prefixes, G_N_ELEMENTS(passing_prefixes)) ||
                  has_prefix_of(name, passing_prefixes, G_N_ELEMENTS(passing_prefixes));
    g_free(name);
    return passes;
}

/* How well a frame answers "whose code is it?"; 0 is not at all. An interpreter does as it is told:
 * by an extension of its, or by code that has no frames. */
static int culprit_rank(const struct frame *frame, const struct frame *interpreter)
{
    if (frame->module == NULL)
        return 1;
    if (frame_is_interpreters(frame, interpreter))
        return module_is_own(frame->module) ? 3 : 2;
    if (module_is_own(frame->module))
        return frame->function != NULL && only_passes_on(frame->function) ? 3 : 4;
    return is_foreign_library(frame->module) ? 1 : 2;
}

const struct frame *stack_culprit(const struct stack *stack)
{
    const struct frame *best = NULL, *interpreter = stack_interpreter(stack);
    int best_rank = 0;
    for (guint i = 0; i < stack->frames->len; i++) {
        const struct frame *frame = &g_array_index(stack->frames, struct frame, i);
        int rank = culprit_rank(frame, interpreter);
        if (rank > best_rank) {
            best = frame;
            best_rank = rank;
        }
        if (frame == interpreter && best_rank > 2)
            break; /* what called the interpreted code is not to blame for it */
    }
    return best;
}

char *stack_place(const struct stack *stack)
{
    const struct frame *frame = stack_culprit(stack);
    GString *place = g_string_new(NULL);
    if (frame == NULL) {
        g_string_append(place, "a place that has no stack");
    } else if (frame->function != NULL) {
        char *name = name_short(frame->function);
        g_string_append(place, name);
        g_free(name);
        if (frame->file != NULL && frame->line != 0)
            g_string_append_printf(place, " (%s:%d)", text_base_name(frame->file), frame->line);
        else if (frame->module != NULL)
            g_string_append_printf(place, " (%s)", text_base_name(frame->module));
    } else {
        g_string_append_printf(place,
                               frame->module != NULL ? "%s+0x%" G_GINT64_MODIFIER "x"
                                                     : "%s, 0x%" G_GINT64_MODIFIER "x",
                               frame->module != NULL ? text_base_name(frame->module)
                                                     : "code of no file",
                               frame->offset);
    }
    char *shown = text_printable(place->str, place->len);
    g_string_free(place, TRUE);
    return shown;
}
