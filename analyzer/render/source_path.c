/* From a compiler's paths to paths below the current directory. */
#include "render/source_path.h"

#include <string.h>

#include "model/model.h"
#include "model/text.h"

static bool is_below(const char *root, const char *path)
{
    char *whole = g_build_filename(root, path, NULL);
    bool found = g_file_test(whole, G_FILE_TEST_IS_REGULAR);

    g_free(whole);
    return found;
}

/* Lexically, as a compiler's "../lib/a.c" or "/src/build/../a.c" are meant. */
static char *canonical(const char *root, const char *file)
{
    return g_canonicalize_filename(file, root);
}

char *source_path(const char *file, bool *below)
{
    char *root = g_get_current_dir();
    char *whole = canonical(root, file), *path = NULL;
    size_t bytes = strlen(root);

    if (strncmp(whole, root, bytes) == 0 && whole[bytes] == '/')
        path = g_strdup(whole + bytes + 1);
    for (const char *tail = whole; path == NULL && tail != NULL; tail = strchr(tail, '/')) {
        tail += *tail == '/';
        if (*tail != '\0' && is_below(root, tail))
            path = g_strdup(tail);
    }
    *below = path != NULL;
    if (path == NULL)
        path = g_strdup(text_base_name(whole));
    g_free(whole);
    g_free(root);
    return path;
}

const struct stack *finding_stack(const struct finding *finding)
{
    if (finding->leak != NULL && finding->leak->site != NULL)
        return finding->leak->site->stack;
    if (finding->call_sites != NULL && finding->call_sites->len > 0)
        return g_ptr_array_index(finding->call_sites, 0);
    if (finding->spike != NULL && finding->spike->sites != NULL && finding->spike->sites->len > 0)
        return ((const struct spike_site *)g_ptr_array_index(finding->spike->sites, 0))->stack;
    return NULL;
}

const struct frame *finding_frame(const struct finding *finding)
{
    const struct stack *stack = finding_stack(finding);

    return stack == NULL ? NULL : stack_culprit(stack);
}
