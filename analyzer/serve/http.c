/* The server; see http.h. */
#define _GNU_SOURCE
#include "serve/http.h"

#include <errno.h>
#include <microhttpd.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "read/capture.h"
#include "serve/listen.h"

/* What a client may ask for. */
#define CONNECTIONS_MOST 64u
#define OF_ONE_ADDRESS   32u
#define REQUEST_BYTES    16384u /* request line and headers; there is no body */
#define IDLE_SECONDS     10u    /* without a byte */
#define REQUEST_SECONDS \
    15 /* from the connection's beginning, or the last answer, to the end of the next one */
#define REQUESTS_A_SECOND 50.0
#define REQUESTS_AT_ONCE  100.0
#define BACKLOG           64

#define US_PER_SECOND 1000000

struct client {
    int fd;
    gint64 until_us;
};

struct http {
    struct MHD_Daemon *daemon;
    http_answer *answer;
    void *context;
    char *url;
    bool loopback;
    GPtrArray *clients; /* of struct client * */
    double allowed;     /* requests, by now */
    gint64 refilled_us;
};

/* ---- Limits of time and rate ---- */

static void renew(struct client *client)
{
    client->until_us = g_get_monotonic_time() + (gint64)REQUEST_SECONDS * US_PER_SECOND;
}

static void on_connection(void *context, struct MHD_Connection *connection, void **socket_context,
                          enum MHD_ConnectionNotificationCode code)
{
    struct http *http = context;
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
    struct client *client = *socket_context;

    if (code == MHD_CONNECTION_NOTIFY_STARTED && info != NULL) {
        client = g_new(struct client, 1);
        client->fd = info->connect_fd;
        renew(client);
        *socket_context = client;
        g_ptr_array_add(http->clients, client);
    } else if (code == MHD_CONNECTION_NOTIFY_CLOSED && client != NULL) {
        g_ptr_array_remove_fast(http->clients, client);
        *socket_context = NULL;
    }
}

static void on_completed(void *context, struct MHD_Connection *connection, void **request,
                         enum MHD_RequestTerminationCode code)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);

    (void)context;
    (void)request;
    if (code == MHD_REQUEST_TERMINATED_COMPLETED_OK && info != NULL && info->socket_context != NULL)
        renew(info->socket_context);
}

/* A request that trickles in is ended, however alive its connection. */
static void end_late_clients(struct http *http)
{
    gint64 now = g_get_monotonic_time();

    for (guint i = 0; i < http->clients->len; i++) {
        const struct client *client = g_ptr_array_index(http->clients, i);

        if (client->until_us < now)
            shutdown(client->fd, SHUT_RDWR);
    }
}

static bool may_ask(struct http *http)
{
    gint64 now = g_get_monotonic_time();

    http->allowed += (double)(now - http->refilled_us) / US_PER_SECOND * REQUESTS_A_SECOND;
    http->allowed = MIN(http->allowed, REQUESTS_AT_ONCE);
    http->refilled_us = now;
    if (http->allowed < 1)
        return false;
    http->allowed -= 1;
    return true;
}

/* ---- Requests ---- */

static enum MHD_Result reply(struct MHD_Connection *connection, unsigned status, const char *type,
                             const char *text, size_t bytes)
{
    struct MHD_Response *response =
        MHD_create_response_from_buffer(bytes, (void *)(uintptr_t)text, MHD_RESPMEM_MUST_COPY);
    enum MHD_Result result;

    if (response == NULL)
        return MHD_NO;
    MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, type);
    MHD_add_response_header(response, MHD_HTTP_HEADER_CACHE_CONTROL, "no-store");
    MHD_add_response_header(response, "X-Content-Type-Options", "nosniff");
    if (status == MHD_HTTP_METHOD_NOT_ALLOWED)
        MHD_add_response_header(response, MHD_HTTP_HEADER_ALLOW, "GET, HEAD");
    if (status == MHD_HTTP_TOO_MANY_REQUESTS)
        MHD_add_response_header(response, MHD_HTTP_HEADER_RETRY_AFTER, "1");
    if (status == MHD_HTTP_CONTENT_TOO_LARGE)
        MHD_add_response_header(response, MHD_HTTP_HEADER_CONNECTION, "close");
    result = MHD_queue_response(connection, status, response);
    MHD_destroy_response(response);
    return result;
}

static enum MHD_Result refuse(struct MHD_Connection *connection, unsigned status, const char *why)
{
    return reply(connection, status, "text/plain; charset=utf-8", why, strlen(why));
}

static const char *header_of(struct MHD_Connection *connection, const char *name)
{
    return MHD_lookup_connection_value(connection, MHD_HEADER_KIND, name);
}

static bool has_body(struct MHD_Connection *connection)
{
    const char *length = header_of(connection, MHD_HTTP_HEADER_CONTENT_LENGTH);

    return header_of(connection, MHD_HTTP_HEADER_TRANSFER_ENCODING) != NULL ||
           (length != NULL && strcmp(length, "0") != 0);
}

static enum MHD_Result on_request(void *context, struct MHD_Connection *connection,
                                  const char *path, const char *method, const char *version,
                                  const char *upload, size_t *upload_bytes, void **request)
{
    static int begun;
    struct http *http = context;
    const char *type = "text/plain; charset=utf-8";
    const GString *answer;

    (void)version;
    (void)upload;
    if (*request == NULL) { /* the headers have come */
        *request = &begun;
        if (has_body(connection))
            return refuse(connection, MHD_HTTP_CONTENT_TOO_LARGE, "A request has no body here.\n");
        return MHD_YES;
    }
    if (*upload_bytes != 0)
        return MHD_NO;
    if (strcmp(method, MHD_HTTP_METHOD_GET) != 0 && strcmp(method, MHD_HTTP_METHOD_HEAD) != 0)
        return refuse(connection, MHD_HTTP_METHOD_NOT_ALLOWED, "GET and HEAD alone.\n");
    if (!may_ask(http))
        return refuse(connection, MHD_HTTP_TOO_MANY_REQUESTS, "Too many requests.\n");
    answer =
        http->answer(http->context, path, header_of(connection, MHD_HTTP_HEADER_ACCEPT), &type);
    if (answer == NULL)
        return refuse(connection, MHD_HTTP_NOT_FOUND, "There are: / /metrics /-/healthy\n");
    return reply(connection, MHD_HTTP_OK, type, answer->str, answer->len);
}

/* What libmicrohttpd has to say of bad requests is their senders' matter. */
static void say_nothing(void *context, const char *format, va_list arguments)
{
    (void)context;
    (void)format;
    (void)arguments;
}

/* ---- The server ---- */

static struct MHD_Daemon *start(struct http *http, int fd)
{
    return MHD_start_daemon(
        MHD_USE_EPOLL | MHD_USE_ERROR_LOG, 0, NULL, NULL, on_request, http,
        MHD_OPTION_EXTERNAL_LOGGER, say_nothing, NULL, MHD_OPTION_LISTEN_SOCKET, fd,
        MHD_OPTION_CONNECTION_LIMIT, CONNECTIONS_MOST, MHD_OPTION_PER_IP_CONNECTION_LIMIT,
        OF_ONE_ADDRESS, MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)REQUEST_BYTES,
        MHD_OPTION_CONNECTION_TIMEOUT, IDLE_SECONDS, MHD_OPTION_NOTIFY_CONNECTION, on_connection,
        http, MHD_OPTION_NOTIFY_COMPLETED, on_completed, http, MHD_OPTION_END);
}

struct http *http_new(const char *listen, http_answer *answer, void *context, GError **error)
{
    struct http *http = g_new0(struct http, 1);
    int fd = listen_open(listen, BACKLOG, &http->url, &http->loopback, error);

    http->answer = answer;
    http->context = context;
    http->clients = g_ptr_array_new_with_free_func(g_free);
    http->allowed = REQUESTS_AT_ONCE;
    http->refilled_us = g_get_monotonic_time();
    if (fd >= 0) {
        http->daemon = start(http, fd);
        if (http->daemon == NULL)
            close(fd);
        if (http->daemon == NULL)
            g_set_error(error, LEAKEY_ERROR, LEAKEY_ERROR_SYSTEM, "%s: the server does not start",
                        listen);
    }
    if (http->daemon != NULL)
        return http;
    http_free(http);
    return NULL;
}

void http_free(struct http *http)
{
    if (http == NULL)
        return;
    if (http->daemon != NULL)
        MHD_stop_daemon(http->daemon);
    g_ptr_array_free(http->clients, TRUE);
    g_free(http->url);
    g_free(http);
}

const char *http_url(const struct http *http)
{
    return http->url;
}

bool http_is_loopback(const struct http *http)
{
    return http->loopback;
}

void http_run(struct http *http, unsigned milliseconds)
{
    MHD_run_wait(http->daemon, (int32_t)milliseconds);
    end_late_clients(http);
}
