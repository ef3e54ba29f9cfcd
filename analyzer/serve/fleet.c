/* The running captures of a directory; see fleet.h. */
#define _GNU_SOURCE
#include "serve/fleet.h"

#include <fcntl.h>
#include <math.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "serve/member.h"

#define SUFFIX     ".leakey"
#define US_PER_SEC 1e6

struct passed_over { /* a file that is not watched, as it was then */
    ino_t inode;
    off_t bytes;
    struct timespec changed;
    bool unreadable;
    guint scan; /* the latest in which it was seen */
};

struct fleet {
    const struct fleet_options *options;
    GHashTable *members; /* file name -> struct member * */
    GHashTable *passed;  /* file name -> struct passed_over * */
    GPtrArray *measured; /* of struct measured *: the members' */
    guint scan;
    bool readable;
};

static void free_member(gpointer member)
{
    member_free(member);
}

struct fleet *fleet_new(const struct fleet_options *options)
{
    struct fleet *fleet = g_new0(struct fleet, 1);

    fleet->options = options;
    fleet->members = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, free_member);
    fleet->passed = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    fleet->measured = g_ptr_array_new();
    return fleet;
}

void fleet_free(struct fleet *fleet)
{
    if (fleet == NULL)
        return;
    g_ptr_array_free(fleet->measured, TRUE);
    g_hash_table_destroy(fleet->members);
    g_hash_table_destroy(fleet->passed);
    g_free(fleet);
}

/* ---- Which there are ---- */

static void pass_over(struct fleet *fleet, const char *name, const struct stat *status,
                      bool unreadable)
{
    struct passed_over *passed = g_new(struct passed_over, 1);

    *passed = (struct passed_over){status->st_ino, status->st_size, status->st_mtim, unreadable,
                                   fleet->scan};
    g_hash_table_replace(fleet->passed, g_strdup(name), passed);
}

/* A file that could not be read may have been just begun: it is looked at again when it changes. */
static bool is_passed_over(struct fleet *fleet, const char *name, const struct stat *status)
{
    struct passed_over *passed = g_hash_table_lookup(fleet->passed, name);

    if (passed == NULL || passed->inode != status->st_ino)
        return false;
    passed->scan = fleet->scan;
    return !passed->unreadable ||
           (passed->bytes == status->st_size && passed->changed.tv_sec == status->st_mtim.tv_sec &&
            passed->changed.tv_nsec == status->st_mtim.tv_nsec);
}

static void look_at(struct fleet *fleet, const char *name)
{
    char *path = g_build_filename(fleet->options->directory, name, NULL);
    struct member *member = g_hash_table_lookup(fleet->members, name);
    struct stat status;

    if (stat(path, &status) != 0) {
        g_free(path);
        return;
    }
    if (member != NULL && member->inode == status.st_ino) {
        member->scan = fleet->scan;
    } else if (!is_passed_over(fleet, name, &status)) {
        bool unreadable = false;

        member = member_new(path, fleet->options, &unreadable);
        if (member == NULL) {
            g_hash_table_remove(fleet->members, name);
            pass_over(fleet, name, &status, unreadable);
        } else {
            member->scan = fleet->scan;
            g_hash_table_remove(fleet->passed, name);
            g_hash_table_replace(fleet->members, g_strdup(name), member);
        }
    }
    g_free(path);
}

static gboolean member_is_gone(gpointer name, gpointer value, gpointer context)
{
    (void)name;
    return ((struct member *)value)->scan != ((struct fleet *)context)->scan;
}

static gboolean passed_is_gone(gpointer name, gpointer value, gpointer context)
{
    (void)name;
    return ((struct passed_over *)value)->scan != ((struct fleet *)context)->scan;
}

static void scan(struct fleet *fleet)
{
    GDir *directory = g_dir_open(fleet->options->directory, 0, NULL);
    const char *name;

    fleet->scan++;
    fleet->readable = directory != NULL;
    while (directory != NULL && (name = g_dir_read_name(directory)) != NULL)
        if (g_str_has_suffix(name, SUFFIX))
            look_at(fleet, name);
    if (directory != NULL)
        g_dir_close(directory);
    g_hash_table_foreach_remove(fleet->members, member_is_gone, fleet);
    g_hash_table_foreach_remove(fleet->passed, passed_is_gone, fleet);
}

void fleet_poll(struct fleet *fleet)
{
    GHashTableIter iterator;
    gpointer member;

    g_ptr_array_set_size(fleet->measured, 0);
    scan(fleet);
    g_hash_table_iter_init(&iterator, fleet->members);
    while (g_hash_table_iter_next(&iterator, NULL, &member))
        member_follow(member);
}

/* ---- What is measured ---- */

/* Reads the members' tables; who cannot be read any more, or has ended long ago, goes. */
static void read_all(struct fleet *fleet)
{
    double now = (double)g_get_monotonic_time() / US_PER_SEC;
    GHashTableIter iterator;
    gpointer name, value;

    g_hash_table_iter_init(&iterator, fleet->members);
    while (g_hash_table_iter_next(&iterator, &name, &value)) {
        struct member *member = value;
        bool readable = member_read(member, now);
        struct stat status;

        if (readable && !(member->ended_seconds + fleet->options->keep_seconds <= now))
            continue;
        if (fstat(watch_fd(member->watch), &status) == 0)
            pass_over(fleet, name, &status, !readable);
        g_hash_table_iter_remove(&iterator);
    }
}

static gint by_path(gconstpointer a, gconstpointer b)
{
    const struct member *x = *(struct member *const *)a, *y = *(struct member *const *)b;

    return strcmp(watch_path(x->watch), watch_path(y->watch));
}

static void measure_all(struct fleet *fleet, GPtrArray *members)
{
    GPtrArray *captures = g_ptr_array_new();
    struct report *report = report_new();

    for (guint i = 0; i < members->len; i++) {
        const struct member *member = g_ptr_array_index(members, i);

        g_ptr_array_add(captures, (gpointer)(uintptr_t)watch_capture(member->watch));
    }
    struct cache_model *model = cache_model_new(report, NULL, captures);
    for (guint i = 0; i < members->len; i++) {
        struct member *member = g_ptr_array_index(members, i);

        member_measure(member, i, model);
        g_ptr_array_add(fleet->measured, member->measured);
    }
    cache_model_free(model);
    report_free(report);
    g_ptr_array_free(captures, TRUE);
}

static void count(struct fleet *fleet, const GPtrArray *members, struct measured_server *server)
{
    GHashTableIter iterator;
    gpointer passed;

    *server = (struct measured_server){.directory_readable = fleet->readable};
    for (guint i = 0; i < members->len; i++) {
        const struct member *member = g_ptr_array_index(members, i);

        *(isnan(member->ended_seconds) ? &server->captures_running : &server->captures_ended) += 1;
    }
    g_hash_table_iter_init(&iterator, fleet->passed);
    while (g_hash_table_iter_next(&iterator, NULL, &passed))
        server->captures_unreadable += ((struct passed_over *)passed)->unreadable;
}

const GPtrArray *fleet_measure(struct fleet *fleet, struct measured_server *server)
{
    GPtrArray *members = g_ptr_array_new();
    GHashTableIter iterator;
    gpointer member;

    fleet_poll(fleet);
    read_all(fleet);
    g_hash_table_iter_init(&iterator, fleet->members);
    while (g_hash_table_iter_next(&iterator, NULL, &member))
        g_ptr_array_add(members, member);
    g_ptr_array_sort(members, by_path);
    measure_all(fleet, members);
    count(fleet, members, server);
    g_ptr_array_free(members, TRUE);
    return fleet->measured;
}
