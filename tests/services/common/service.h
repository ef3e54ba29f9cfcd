// The frame of an LLM cache service: options, the way of a request, refresh schedule, a clean end.
// service_run is the whole of a main function; what differs between services is in service_calls.
#ifndef SERVICES_SERVICE_H
#define SERVICES_SERVICE_H

#include "cache.h"
#include "request.h"

struct service;

struct service_calls {
    // The part of the key that tells requests apart.
    bool (*derive_key)(const struct completion_request *request,
                       char digest[CACHE_DIGEST_CHARS + 1]);
    // The answer, which the caller frees, or NULL when Redis has none.
    char *(*lookup_answer)(redisContext *redis, const char *digest);
    // Called once a refresh period, on a thread of its own. False when it was cut short.
    bool (*refresh)(struct service *service);
};

// Serves until SIGTERM, SIGINT or the wanted number of requests, then prints the books.
// Returns the exit status.
int service_run(int argc, char **argv, const struct service_calls *calls);

double service_refresh_seconds(const struct service *service);

// For refreshes: waits, and is false when the service is about to end.
bool service_pause(struct service *service, double seconds);

#endif
