// The HTTP front, by libmicrohttpd: collects a body, hands the request over, sends the answer.
// Bodies over 64 KiB are refused.
#include "http.h"

#include "stats.h"

#include <errno.h>
#include <microhttpd.h>
#include <openssl/rand.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

enum { BODY_LIMIT = 64 * 1024, LISTEN_BACKLOG = 128 };

struct http_front {
    struct http_options options;
    struct MHD_Daemon *daemon;
};

struct upload {
    char *body;
    size_t bytes;
    bool too_large, answered;
};

static bool upload_append(struct upload *upload, const char *data, size_t bytes)
{
    char *grown;

    if (upload->too_large || upload->bytes + bytes > BODY_LIMIT) {
        upload->too_large = true;
        return true;
    }
    grown = realloc(upload->body, upload->bytes + bytes + 1);
    if (!grown)
        return false;
    memcpy(grown + upload->bytes, data, bytes);
    upload->body = grown;
    upload->bytes += bytes;
    grown[upload->bytes] = '\0';
    return true;
}

// Takes the text.
static struct MHD_Response *response_from(char *text)
{
    struct MHD_Response *response = NULL;

    if (text)
        response = MHD_create_response_from_buffer(strlen(text), text, MHD_RESPMEM_MUST_FREE);
    if (response)
        MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, "application/json");
    else
        free(text);
    return response;
}

// Takes the response.
static enum MHD_Result respond(struct MHD_Connection *connection, unsigned status,
                               struct MHD_Response *response)
{
    enum MHD_Result result;

    if (!response)
        return MHD_NO;
    result = MHD_queue_response(connection, status, response);
    MHD_destroy_response(response);
    return result;
}

static enum MHD_Result respond_fixed(struct MHD_Connection *connection, unsigned status,
                                     const char *body)
{
    return respond(connection, status, response_from(strdup(body)));
}

// A version 4 UUID (RFC 9562, section 5.4).
static bool make_request_id(char id[REQUEST_ID_CHARS + 1])
{
    unsigned char b[16];

    if (RAND_bytes(b, sizeof(b)) != 1)
        return false;
    b[6] = (b[6] & 0x0f) | 0x40;
    b[8] = (b[8] & 0x3f) | 0x80;
    snprintf(id, REQUEST_ID_CHARS + 1,
             "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x", b[0], b[1],
             b[2], b[3], b[4], b[5], b[6], b[7], b[8], b[9], b[10], b[11], b[12], b[13], b[14],
             b[15]);
    return true;
}

static int64_t unix_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void count_request(json_t *request)
{
    char *normalised = request_normalise(request);

    stats_count(STAT_REQUESTS);
    if (normalised)
        stats_count_input(normalised);
    free(normalised);
}

static enum MHD_Result respond_completion(struct http_front *front,
                                          struct MHD_Connection *connection, struct upload *upload,
                                          json_t *json)
{
    struct completion_request request = {
        .received_unix_ms = unix_ms(), .body = upload->body, .json = json};
    struct MHD_Response *response;
    bool cached = false;
    char *answer;

    if (!make_request_id(request.id))
        return respond_fixed(connection, MHD_HTTP_INTERNAL_SERVER_ERROR,
                             "{\"error\":\"no request id\"}");
    count_request(json);
    upload->answered = true;
    answer = front->options.complete(front->options.service, &request, &cached);
    if (!answer)
        return respond_fixed(connection, MHD_HTTP_INTERNAL_SERVER_ERROR,
                             "{\"error\":\"no answer\"}");
    response = response_from(answer);
    if (!response)
        return MHD_NO;
    MHD_add_response_header(response, "X-Request-Id", request.id);
    MHD_add_response_header(response, "X-Cache", cached ? "hit" : "miss");
    return respond(connection, MHD_HTTP_OK, response);
}

static enum MHD_Result handle_completion(struct http_front *front,
                                         struct MHD_Connection *connection, struct upload *upload)
{
    enum MHD_Result result;
    json_t *json;

    if (upload->too_large)
        return respond_fixed(connection, MHD_HTTP_CONTENT_TOO_LARGE,
                             "{\"error\":\"body too large\"}");
    json = upload->body ? request_parse(upload->body, upload->bytes) : NULL;
    if (!json)
        return respond_fixed(connection, MHD_HTTP_BAD_REQUEST,
                             "{\"error\":\"not a completion request\"}");
    result = respond_completion(front, connection, upload, json);
    json_decref(json);
    return result;
}

// libmicrohttpd calls this once for the headers, then for each piece of the body, then once to
// answer.
static enum MHD_Result handle_request(void *context, struct MHD_Connection *connection,
                                      const char *url, const char *method, const char *version,
                                      const char *data, size_t *data_bytes, void **state)
{
    struct upload *upload = *state;

    (void)version;
    if (!upload) {
        *state = calloc(1, sizeof(*upload));
        return *state ? MHD_YES : MHD_NO;
    }
    if (*data_bytes) {
        bool taken = upload_append(upload, data, *data_bytes);

        *data_bytes = 0;
        return taken ? MHD_YES : MHD_NO;
    }
    if (strcmp(url, "/healthz") == 0)
        return respond_fixed(connection, MHD_HTTP_OK, "{\"status\":\"ok\"}");
    if (strcmp(url, "/v1/completions") != 0)
        return respond_fixed(connection, MHD_HTTP_NOT_FOUND, "{\"error\":\"not found\"}");
    if (strcmp(method, MHD_HTTP_METHOD_POST) != 0)
        return respond_fixed(connection, MHD_HTTP_METHOD_NOT_ALLOWED, "{\"error\":\"use POST\"}");
    return handle_completion(context, connection, upload);
}

static void finish_request(void *context, struct MHD_Connection *connection, void **state,
                           enum MHD_RequestTerminationCode how)
{
    struct http_front *front = context;
    struct upload *upload = *state;

    (void)connection, (void)how;
    if (!upload)
        return;
    if (upload->answered)
        front->options.answered(front->options.service);
    free(upload->body);
    free(upload);
    *state = NULL;
}

static int listen_on(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    size_t length = strlen(path);
    int fd;

    if (length >= sizeof(address.sun_path)) {
        errno = ENAMETOOLONG;
        return -1;
    }
    memcpy(address.sun_path, path, length);
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return -1;
    if (bind(fd, (struct sockaddr *)&address, sizeof(address)) != 0 ||
        listen(fd, LISTEN_BACKLOG) != 0) {
        close(fd);
        return -1;
    }
    return fd;
}

struct http_front *http_start(const struct http_options *options)
{
    struct http_front *front = calloc(1, sizeof(*front));
    int fd;

    if (!front)
        return NULL;
    front->options = *options;
    fd = listen_on(options->socket_path);
    if (fd < 0) {
        fprintf(stderr, "listen on %s: %s\n", options->socket_path, strerror(errno));
        free(front);
        return NULL;
    }
    front->daemon = MHD_start_daemon(
        MHD_USE_AUTO_INTERNAL_THREAD, 0, NULL, NULL, handle_request, front,
        MHD_OPTION_LISTEN_SOCKET, fd, MHD_OPTION_THREAD_POOL_SIZE, options->threads,
        MHD_OPTION_NOTIFY_COMPLETED, finish_request, front, MHD_OPTION_END);
    if (!front->daemon) {
        fprintf(stderr, "http: cannot start\n");
        close(fd);
        unlink(options->socket_path);
        free(front);
        return NULL;
    }
    return front;
}

void http_stop(struct http_front *front)
{
    MHD_stop_daemon(front->daemon);
    unlink(front->options.socket_path);
    free(front);
}
