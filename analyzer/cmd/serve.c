/* `leakey serve`: a directory's running captures as metrics, over HTTP. */
#include <math.h>
#include <signal.h>
#include <string.h>

#include "cmd/cmd.h"
#include "cmd/messages.h"
#include "serve/accept.h"
#include "serve/fleet.h"
#include "serve/http.h"

#define NAME           "serve"
#define DEFAULT_LISTEN "127.0.0.1:9465"
#define TEMPLATES      50
#define SITES          20
#define KEEP_SECONDS   300
#define LABELS_MOST    10000
#define POLL_US        1000000
#define UNASKED_US     10000000 /* so long unasked, it looks by itself who has ended */
#define WAIT_MS        250

struct settings {
    char *listen, **directories;
    int templates, sites;
    double keep_seconds;
};

struct service {
    struct fleet *fleet;
    GString *texts[2]; /* by enum exposition; of the latest measurement */
    bool made[2];
    const GPtrArray *measured; /* NULL: gone, but for its texts */
    struct measured_server server;
    gint64 polled_us, measured_us;
};

static volatile sig_atomic_t stopped;

static void on_signal(int number)
{
    (void)number;
    stopped = 1;
}

/* ---- Answers ---- */

static void measure_now(struct service *service, gint64 now)
{
    service->measured = fleet_measure(service->fleet, &service->server);
    service->measured_us = service->polled_us = now;
    service->made[0] = service->made[1] = false;
}

static const GString *metrics(struct service *service, enum exposition form)
{
    gint64 now = g_get_monotonic_time();

    if (now - service->measured_us >= POLL_US ||
        (service->measured == NULL && !service->made[form]))
        measure_now(service, now);
    if (!service->made[form]) {
        g_string_truncate(service->texts[form], 0);
        expose(service->measured, &service->server, form, service->texts[form]);
        service->made[form] = true;
    }
    return service->texts[form];
}

static const GString *answer(void *context, const char *path, const char *accept, const char **type)
{
    static const char index_text[] =
        "leakey " LEAKEY_VERSION ": /metrics for Prometheus, /-/healthy\n";
    static const char healthy_text[] = "leakey is healthy.\n";
    static GString fixed;

    if (strcmp(path, "/metrics") == 0) {
        enum exposition form = accept_exposition(accept);

        *type = exposition_type(form);
        return metrics(context, form);
    }
    if (strcmp(path, "/") == 0)
        fixed = (GString){.str = (char *)(uintptr_t)index_text, .len = strlen(index_text)};
    else if (strcmp(path, "/-/healthy") == 0)
        fixed = (GString){.str = (char *)(uintptr_t)healthy_text, .len = strlen(healthy_text)};
    else
        return NULL;
    return &fixed;
}

/* ---- The service ---- */

static void poll_fleet(struct service *service)
{
    gint64 now = g_get_monotonic_time();

    if (now - service->measured_us >= UNASKED_US)
        measure_now(service, now);
    if (now - service->polled_us < POLL_US)
        return;
    fleet_poll(service->fleet);
    service->measured = NULL; /* it was the fleet's */
    service->polled_us = now;
}

static void catch_signals(void)
{
    struct sigaction action = {.sa_handler = on_signal};

    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGINT, &action, NULL);
    signal(SIGPIPE, SIG_IGN);
}

static void serve(struct service *service, struct http *http)
{
    while (!stopped) {
        poll_fleet(service);
        http_run(http, WAIT_MS);
    }
}

static int run(const struct settings *settings)
{
    const struct fleet_options options = {settings->directories[0], (guint)settings->templates,
                                          (guint)settings->sites, settings->keep_seconds};
    struct service service = {.texts = {g_string_new(NULL), g_string_new(NULL)}};
    GError *error = NULL;

    catch_signals();
    struct http *http = http_new(settings->listen, answer, &service, &error);

    if (http == NULL) {
        message(NAME, "--listen: %s", error->message);
        g_error_free(error);
    } else {
        service.fleet = fleet_new(&options);
        measure_now(&service, g_get_monotonic_time());
        message(NAME, "%s/metrics: %.0f running captures in %s", http_url(http),
                service.server.captures_running, options.directory);
        if (!http_is_loopback(http))
            message(NAME, "other machines can reach it, and read key templates and function names");
        serve(&service, http);
        http_free(http);
        fleet_free(service.fleet);
    }
    g_string_free(service.texts[0], TRUE);
    g_string_free(service.texts[1], TRUE);
    return http == NULL ? STATUS_ERROR : STATUS_DONE;
}

static bool check(const struct settings *settings, int *status)
{
    guint directories = settings->directories == NULL ? 0 : g_strv_length(settings->directories);

    if (directories != 1)
        *status = usage_error(NAME, "one directory of captures is needed");
    else if (!g_file_test(settings->directories[0], G_FILE_TEST_IS_DIR))
        *status = usage_error(NAME, "no directory: %s", settings->directories[0]);
    else if (settings->templates < 0 || settings->templates > LABELS_MOST)
        *status = usage_error(NAME, "--templates: 0 to %d", LABELS_MOST);
    else if (settings->sites < 0 || settings->sites > LABELS_MOST)
        *status = usage_error(NAME, "--sites: 0 to %d", LABELS_MOST);
    else if (!(settings->keep_seconds >= 0) || isinf(settings->keep_seconds))
        *status = usage_error(NAME, "--keep: not a number of seconds");
    else
        return true;
    return false;
}

static const char description[] =
    "Answers /metrics in OpenMetrics, or in Prometheus' text format where that is asked for, with\n"
    "every capture in DIR that a running process writes. Only this machine can ask, unless\n"
    "--listen names another address. SIGTERM or SIGINT ends it.";

int cmd_serve(int argc, char **argv)
{
    struct settings settings = {
        .templates = TEMPLATES, .sites = SITES, .keep_seconds = KEEP_SECONDS};
    const GOptionEntry entries[] = {
        {"listen", 0, 0, G_OPTION_ARG_STRING, &settings.listen,
         "where to listen: ADDRESS:PORT, [IPV6]:PORT or PORT (default " DEFAULT_LISTEN ")",
         "ADDRESS:PORT"},
        {"templates", 0, 0, G_OPTION_ARG_INT, &settings.templates,
         "templates of each process with a label of their own (default 50)", "N"},
        {"sites", 0, 0, G_OPTION_ARG_INT, &settings.sites,
         "sites of each process with a label of their own (default 20)", "N"},
        {"keep", 0, 0, G_OPTION_ARG_DOUBLE, &settings.keep_seconds,
         "how long the series of a process stay after its end (default 300)", "SECONDS"},
        {G_OPTION_REMAINING, 0, 0, G_OPTION_ARG_FILENAME_ARRAY, &settings.directories, NULL, NULL},
        {0}};
    const struct command_line line = {
        .name = NAME, .arguments = "DIR", .description = description, .entries = entries};
    int status;

    if (command_line_parse(&line, &argc, &argv, &status) && check(&settings, &status)) {
        if (settings.listen == NULL)
            settings.listen = g_strdup(DEFAULT_LISTEN);
        status = run(&settings);
    }
    g_free(settings.listen);
    g_strfreev(settings.directories);
    return status;
}
