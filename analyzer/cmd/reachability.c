/* From what --reachability names to searches of processes. */
#include "cmd/reachability.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "live/process.h"
#include "live/search.h"

static void release_search(gpointer search)
{
    search_free(search);
}

static bool is_searched(const GPtrArray *searches, unsigned long pid)
{
    for (guint i = 0; i < searches->len; i++)
        if (search_facts(g_ptr_array_index(searches, i))->pid == pid)
            return true;
    return false;
}

static bool add_search(GPtrArray *searches, unsigned long pid, const char *path, GError **error)
{
    if (is_searched(searches, pid))
        return true;
    struct search *search = search_process(pid, path, error);
    if (search != NULL)
        g_ptr_array_add(searches, search);
    return search != NULL;
}

/* One of several captures: those whose process does not run are passed over; why the first was is
 * left in *first. */
static bool search_if_running(GPtrArray *searches, const char *path, GError **first, GError **error)
{
    GError *why = NULL;
    unsigned long pid = process_of_capture(path, &why);

    if (pid != 0)
        return add_search(searches, pid, path, error);
    if (g_error_matches(why, LEAKEY_ERROR, LEAKEY_ERROR_SYSTEM)) {
        g_propagate_error(error, why);
        return false;
    }
    if (*first == NULL)
        *first = why;
    else
        g_error_free(why);
    return true;
}

/* All captures that a path names. */
static bool search_path(GPtrArray *searches, const char *path, GError **first, GError **error)
{
    GPtrArray *found = g_ptr_array_new_with_free_func(g_free);
    bool good = capture_list(path, found, error);

    for (guint i = 0; i < found->len && good; i++)
        good = search_if_running(searches, g_ptr_array_index(found, i), first, error);
    g_ptr_array_free(found, TRUE);
    return good;
}

static bool search_capture(GPtrArray *searches, const char *target, GPtrArray *paths,
                           GError **error)
{
    GError *why = NULL;
    bool good = search_path(searches, target, &why, error);

    if (good && searches->len == 0)
        g_propagate_error(error, g_steal_pointer(&why));
    g_clear_error(&why);
    g_ptr_array_add(paths, g_strdup(target));
    return good && searches->len != 0;
}

static bool search_pid(GPtrArray *searches, const char *target, GPtrArray *paths, GError **error)
{
    unsigned long pid = strtoul(target, NULL, 10);
    char *path = NULL;
    int fd = process_open_capture(pid, O_RDONLY, &path, error);

    if (fd < 0)
        return false;
    close(fd);
    bool good = add_search(searches, pid, path, error);
    g_ptr_array_add(paths, path);
    return good;
}

GPtrArray *reachability_search(const char *target, GPtrArray *paths, GError **error)
{
    GPtrArray *searches = g_ptr_array_new_with_free_func(release_search);
    bool is_pid = *target != '\0' && strspn(target, "0123456789") == strlen(target);
    guint others = paths->len;
    GError *passed_over = NULL;

    bool good = is_pid ? search_pid(searches, target, paths, error)
                       : search_capture(searches, target, paths, error);
    for (guint i = 0; i < others && good; i++)
        good = search_path(searches, g_ptr_array_index(paths, i), &passed_over, error);
    g_clear_error(&passed_over);
    if (good)
        return searches;
    g_ptr_array_free(searches, TRUE);
    return NULL;
}
