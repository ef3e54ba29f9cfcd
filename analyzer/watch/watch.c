/* A capture that is read again and again; see watch.h. */
#include "watch/watch.h"

#include <unistd.h>

#define KEPT_MOST 4 /* readings that names were looked up in: each holds its tables */

struct name {
    char *identity, *place; /* NULL: not asked for yet */
};

struct watch {
    int fd;
    unsigned tables;
    char *path;
    struct capture *capture;
    GArray *names; /* struct name, by the site's id, which keeps its stack */
    /* Symbols stay loaded from one reading to the next, and refer to the captures they were asked
     * about. */
    struct report *report;
    struct symbols *symbols;
    GPtrArray *kept; /* of struct capture * */
};

static void free_capture(gpointer capture)
{
    capture_free(capture);
}

struct watch *watch_new(int fd, const char *path, unsigned tables)
{
    struct watch *watch = g_new0(struct watch, 1);

    watch->fd = fd;
    watch->tables = tables;
    watch->path = g_strdup(path);
    watch->names = g_array_new(FALSE, TRUE, sizeof(struct name));
    watch->kept = g_ptr_array_new_with_free_func(free_capture);
    return watch;
}

static void forget_symbols(struct watch *watch)
{
    if (watch->symbols == NULL)
        return;
    symbols_free(watch->symbols);
    report_free(watch->report);
    watch->symbols = NULL;
    g_ptr_array_set_size(watch->kept, 0);
}

static bool is_kept(const struct watch *watch)
{
    return watch->kept->len != 0 &&
           g_ptr_array_index(watch->kept, watch->kept->len - 1) == watch->capture;
}

void watch_free(struct watch *watch)
{
    if (watch == NULL)
        return;
    if (!is_kept(watch))
        capture_free(watch->capture);
    forget_symbols(watch);
    for (guint i = 0; i < watch->names->len; i++) {
        g_free(g_array_index(watch->names, struct name, i).identity);
        g_free(g_array_index(watch->names, struct name, i).place);
    }
    g_array_free(watch->names, TRUE);
    g_ptr_array_free(watch->kept, TRUE);
    g_free(watch->path);
    close(watch->fd);
    g_free(watch);
}

bool watch_read(struct watch *watch, GError **error)
{
    struct capture *capture;
    int fd = dup(watch->fd); /* the capture closes its own */

    capture = capture_open_tables(fd, watch->path, watch->tables, error);
    if (capture == NULL) {
        close(fd);
        return false;
    }
    if (!is_kept(watch))
        capture_free(watch->capture);
    else if (watch->kept->len >= KEPT_MOST)
        forget_symbols(watch);
    watch->capture = capture;
    return true;
}

const struct capture *watch_capture(const struct watch *watch)
{
    return watch->capture;
}

int watch_fd(const struct watch *watch)
{
    return watch->fd;
}

const char *watch_path(const struct watch *watch)
{
    return watch->path;
}

static void look_up(struct watch *watch, uint32_t site, struct name *name)
{
    const struct stack *stack;

    if (watch->symbols == NULL) {
        watch->report = report_new();
        watch->symbols = symbols_new(watch->report);
    }
    if (!is_kept(watch))
        g_ptr_array_add(watch->kept, watch->capture);
    stack = symbols_stack(watch->symbols, watch->capture, site);
    name->identity = g_strdup(stack_identity(watch->report, stack));
    name->place = stack_place(stack);
}

void watch_site(void *context, const struct capture *capture, uint32_t site, const char **identity,
                const char **place)
{
    struct watch *watch = context;
    struct name *name;

    (void)capture;
    if (site >= watch->names->len)
        g_array_set_size(watch->names, site + 1);
    name = &g_array_index(watch->names, struct name, site);
    if (name->identity == NULL)
        look_up(watch, site, name);
    *identity = name->identity;
    *place = name->place;
}
