// The HTTP front on a unix socket: POST /v1/completions and GET /healthz, by a pool of threads.
// Knows requests and responses, and nothing of caches.
#ifndef SERVICES_HTTP_H
#define SERVICES_HTTP_H

#include "request.h"

#include <stdbool.h>

struct http_front;
struct service;

struct http_options {
    const char *socket_path;
    unsigned threads;
    struct service *service;
    // The answer, which the caller frees, or NULL; says whether it came from the cache.
    char *(*complete)(struct service *service, const struct completion_request *request,
                      bool *cached);
    void (*answered)(struct service *service); // after each completion has been sent
};

// NULL, with a line on stderr, when the socket cannot be had. http_stop removes the path.
struct http_front *http_start(const struct http_options *options);

// Ends the threads: completions under way are computed to their end, connections closed.
void http_stop(struct http_front *front);

#endif
