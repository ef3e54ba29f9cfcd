/* Files from debuginfod servers; see debuginfod.h. */
#include "model/debuginfod.h"

#include <dlfcn.h>
#include <glib.h>
#include <math.h>
#include <stdlib.h>

#define STALL_SECONDS 10 /* without a further byte */
#define US_PER_SECOND 1e6

/* libdebuginfod's functions, looked up in it: it brings libcurl along, which few analyses need. */
typedef struct debuginfod_client client_t;
typedef int watch_t(client_t *client, long a, long b);
typedef int find_t(client_t *client, const unsigned char *build_id, int bytes, char **path);

struct library {
    client_t *(*begin)(void);
    void (*end)(client_t *client);
    void (*set_progressfn)(client_t *client, watch_t *watch);
    void (*set_user_data)(client_t *client, void *data);
    void *(*get_user_data)(client_t *client);
    find_t *find_debuginfo, *find_executable;
};

/* The watching function gets its state by the client's user data, which only the library hands
 * out. */
static struct library library;

struct debuginfod {
    double seconds_left;
    debuginfod_progress *progress;
    void *context;
    bool tried;
    client_t *client;  /* NULL: none to be had */
    gint64 started_us; /* the request at hand */
    gint64 moved_us;   /* when its last byte came */
    long bytes;        /* that have come */
    const char *problem;
};

struct debuginfod *debuginfod_new(double seconds, debuginfod_progress *progress, void *context)
{
    struct debuginfod *debuginfod = g_new0(struct debuginfod, 1);
    *debuginfod =
        (struct debuginfod){.seconds_left = seconds, .progress = progress, .context = context};
    return debuginfod;
}

void debuginfod_free(struct debuginfod *debuginfod)
{
    if (debuginfod == NULL)
        return;
    if (debuginfod->client != NULL)
        library.end(debuginfod->client);
    g_free(debuginfod);
}

const char *debuginfod_problem(const struct debuginfod *debuginfod)
{
    return debuginfod->problem;
}

/* ---- The library ---- */

static bool load_library(void)
{
    const struct {
        const char *name;
        void *place;
    } functions[] = {
        {"debuginfod_begin", &library.begin},
        {"debuginfod_end", &library.end},
        {"debuginfod_set_progressfn", &library.set_progressfn},
        {"debuginfod_set_user_data", &library.set_user_data},
        {"debuginfod_get_user_data", &library.get_user_data},
        {"debuginfod_find_debuginfo", &library.find_debuginfo},
        {"debuginfod_find_executable", &library.find_executable},
    };
    void *handle = dlopen("libdebuginfod.so.1", RTLD_NOW | RTLD_LOCAL); /* stays: curl must */
    if (handle == NULL)
        return false;
    for (size_t i = 0; i < G_N_ELEMENTS(functions); i++)
        if ((*(void **)functions[i].place = dlsym(handle, functions[i].name)) == NULL)
            return false;
    return true;
}

/* Called several times a second while a request lasts; anything but 0 ends it. `total` is 0 as long
 * as nothing comes, and `done` then counts these calls. */
static int watch(client_t *client, long done, long total)
{
    struct debuginfod *debuginfod = library.get_user_data(client);
    gint64 now_us = g_get_monotonic_time();
    double spent = (double)(now_us - debuginfod->started_us) / US_PER_SECOND;
    if (total > 0 && done != debuginfod->bytes) {
        debuginfod->bytes = done;
        debuginfod->moved_us = now_us;
    }
    if (debuginfod->progress != NULL)
        debuginfod->progress("debug files, by debuginfod",
                             total > 0 ? (double)done / (double)total : 0, debuginfod->context);
    if (spent > debuginfod->seconds_left)
        debuginfod->problem = "the time for its downloads was over";
    else if ((double)(now_us - debuginfod->moved_us) / US_PER_SECOND > STALL_SECONDS)
        debuginfod->problem = "a server of DEBUGINFOD_URLS did not answer";
    return debuginfod->problem != NULL;
}

static void begin(struct debuginfod *debuginfod)
{
    const char *servers = g_getenv("DEBUGINFOD_URLS");
    debuginfod->tried = true;
    if (servers == NULL || *servers == '\0' || debuginfod->seconds_left <= 0)
        return;
    if (!load_library()) {
        debuginfod->problem = "libdebuginfod.so.1 is not installed";
        return;
    }
    debuginfod->client = library.begin();
    if (debuginfod->client == NULL)
        return;
    library.set_user_data(debuginfod->client, debuginfod);
    library.set_progressfn(debuginfod->client, watch);
}

int debuginfod_fetch(struct debuginfod *debuginfod, const unsigned char *build_id, size_t bytes,
                     bool executable, char **path)
{
    if (!debuginfod->tried)
        begin(debuginfod);
    if (debuginfod->client == NULL || debuginfod->problem != NULL)
        return -1;
    debuginfod->started_us = debuginfod->moved_us = g_get_monotonic_time();
    debuginfod->bytes = 0;
    find_t *find = executable ? library.find_executable : library.find_debuginfo;
    int fd = find(debuginfod->client, build_id, (int)bytes, path);
    debuginfod->seconds_left -=
        (double)(g_get_monotonic_time() - debuginfod->started_us) / US_PER_SECOND;
    if (debuginfod->seconds_left <= 0 && debuginfod->problem == NULL)
        debuginfod->problem = "the time for its downloads was over";
    return fd < 0 ? -1 : fd;
}
