/* A listening socket from what a user writes. */
#ifndef LEAKEY_SERVE_LISTEN_H
#define LEAKEY_SERVE_LISTEN_H

#include <glib.h>
#include <stdbool.h>

/* "ADDRESS:PORT", "[IPV6]:PORT" or "PORT", which is of 127.0.0.1; port 0: any that is free. -1 with
 * an error. *url is where it listens (g_free), *loopback whether only this machine reaches it. */
int listen_open(const char *text, int backlog, char **url, bool *loopback, GError **error);

/* The parts of it; g_free. False with an error. */
bool listen_parse(const char *text, char **host, char **port, GError **error);

#endif
