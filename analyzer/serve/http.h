/*
 * An HTTP server for a few readers, in one thread, by libmicrohttpd: GET and HEAD of fixed paths.
 * Nothing is looked up in a file system. What a client may ask for is bounded: see the limits in
 * http.c.
 */
#ifndef LEAKEY_SERVE_HTTP_H
#define LEAKEY_SERVE_HTTP_H

#include <glib.h>
#include <stdbool.h>

/* What is answered: text that lives until the next request, and its media type. NULL: there is no
 * such path. `accept` is the request's header, NULL none. */
typedef const GString *http_answer(void *context, const char *path, const char *accept,
                                   const char **type);

struct http;

/* "ADDRESS:PORT", "[IPV6]:PORT" or "PORT", which is of 127.0.0.1. NULL with an error. */
struct http *http_new(const char *listen, http_answer *answer, void *context, GError **error);
void http_free(struct http *http);
/* "http://127.0.0.1:9465": where it really listens. */
const char *http_url(const struct http *http);
/* Whether only this machine can reach it. */
bool http_is_loopback(const struct http *http);
/* Serves until `milliseconds` have passed, or a signal came, or something was served. */
void http_run(struct http *http, unsigned milliseconds);

#endif
