/* Runs `leakey report` beside `top`; see insight.h. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "top/insight.h"

#define LOWEST_PRIORITY 19
#define JSON_MOST       (256u << 20)
#define CHUNK           65536

struct insight_maker {
    char *path;
    pid_t pid; /* 0: none under way */
    int fd;
    GByteArray *json;
    double began_seconds, next_seconds;
    struct insight *latest;
};

struct insight_maker *insight_maker_new(const char *path)
{
    struct insight_maker *maker = g_new0(struct insight_maker, 1);

    maker->path = g_strdup(path);
    maker->fd = -1;
    maker->json = g_byte_array_new();
    return maker;
}

static void reap(struct insight_maker *maker, double now_seconds)
{
    struct rusage usage = {.ru_utime = {0}};
    double cpu_seconds;

    while (wait4(maker->pid, NULL, 0, &usage) < 0 && errno == EINTR)
        continue;
    cpu_seconds = (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
                  (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
    close(maker->fd);
    maker->fd = -1;
    maker->pid = 0;
    maker->next_seconds = now_seconds + MAX(INSIGHT_LEAST_SECONDS, INSIGHT_REST * cpu_seconds);
}

void insight_maker_free(struct insight_maker *maker)
{
    if (maker == NULL)
        return;
    if (maker->pid != 0) {
        kill(maker->pid, SIGKILL);
        reap(maker, 0);
    }
    insight_free(maker->latest);
    g_byte_array_free(maker->json, TRUE);
    g_free(maker->path);
    g_free(maker);
}

/* In the new process: it must not outlive this one, nor take its time or its terminal's signals. */
static void settle_down(gpointer context)
{
    (void)context;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    setpriority(PRIO_PROCESS, 0, LOWEST_PRIORITY);
    setpgid(0, 0);
}

static void begin(struct insight_maker *maker, double now_seconds)
{
    char *self = g_file_read_link("/proc/self/exe", NULL);
    char *command[] = {self,
                       (char *)(uintptr_t) "report",
                       (char *)(uintptr_t) "--format=json",
                       (char *)(uintptr_t) "--debuginfod=off",
                       (char *)(uintptr_t) "--",
                       maker->path,
                       NULL};

    maker->began_seconds = now_seconds;
    maker->next_seconds = now_seconds + INSIGHT_LEAST_SECONDS;
    g_byte_array_set_size(maker->json, 0);
    if (self != NULL &&
        g_spawn_async_with_pipes(NULL, command, NULL,
                                 G_SPAWN_DO_NOT_REAP_CHILD | G_SPAWN_STDERR_TO_DEV_NULL,
                                 settle_down, NULL, &maker->pid, NULL, &maker->fd, NULL, NULL))
        fcntl(maker->fd, F_SETFL, O_NONBLOCK);
    else
        maker->pid = 0;
    g_free(self);
}

/* False: there is more to come. */
static bool read_all(struct insight_maker *maker)
{
    guint8 chunk[CHUNK];

    for (;;) {
        ssize_t bytes = read(maker->fd, chunk, sizeof(chunk));

        if (bytes < 0 && errno == EINTR)
            continue;
        if (bytes < 0 && errno == EAGAIN)
            return false;
        if (bytes <= 0 || maker->json->len > JSON_MOST)
            return true;
        g_byte_array_append(maker->json, chunk, (guint)bytes);
    }
}

bool insight_maker_run(struct insight_maker *maker, double now_seconds)
{
    struct insight *insight;

    if (maker->pid == 0 && now_seconds >= maker->next_seconds)
        begin(maker, now_seconds);
    if (maker->pid == 0 || !read_all(maker))
        return false;
    reap(maker, now_seconds);
    insight = insight_parse((const char *)maker->json->data, maker->json->len);
    if (insight == NULL)
        return false;
    insight->made_seconds = maker->began_seconds;
    insight_free(maker->latest);
    maker->latest = insight;
    return true;
}

int insight_maker_fd(const struct insight_maker *maker)
{
    return maker->fd;
}

void insight_maker_finish(struct insight_maker *maker, double now_seconds)
{
    maker->next_seconds = 0;
    while (!insight_maker_run(maker, now_seconds) && maker->pid != 0) {
        struct pollfd wait = {.fd = maker->fd, .events = POLLIN};

        poll(&wait, 1, -1);
    }
}

const struct insight *insight_maker_latest(const struct insight_maker *maker)
{
    return maker->latest;
}
