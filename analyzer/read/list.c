/* The captures that a path on the command line names. */
#include <string.h>
#include <sys/stat.h>

#include "read/capture.h"

#define SUFFIX ".leakey"

static gint compare_paths(gconstpointer a, gconstpointer b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static bool list_directory(const char *path, GPtrArray *paths, GError **error)
{
    GError *cause = NULL;
    GDir *directory = g_dir_open(path, 0, &cause);
    if (directory == NULL) {
        g_set_error(error, LEAKEY_ERROR, LEAKEY_ERROR_INPUT, "%s: %s", path, cause->message);
        g_error_free(cause);
        return false;
    }
    GPtrArray *found = g_ptr_array_new();
    const char *name;
    while ((name = g_dir_read_name(directory)) != NULL)
        if (g_str_has_suffix(name, SUFFIX))
            g_ptr_array_add(found, g_build_filename(path, name, NULL));
    g_dir_close(directory);
    bool any = found->len != 0;
    if (!any)
        g_set_error(error, LEAKEY_ERROR, LEAKEY_ERROR_INPUT, "%s: no captures (*" SUFFIX ") in it",
                    path);
    g_ptr_array_sort(found, compare_paths);
    g_ptr_array_extend_and_steal(paths, found);
    return any;
}

bool capture_list(const char *path, GPtrArray *paths, GError **error)
{
    struct stat status;
    if (stat(path, &status) == 0 && S_ISDIR(status.st_mode))
        return list_directory(path, paths, error);
    g_ptr_array_add(paths, g_strdup(path));
    return true;
}
