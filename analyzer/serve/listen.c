/* A listening socket; see listen.h. */
#define _GNU_SOURCE
#include "serve/listen.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "read/capture.h"

#define DEFAULT_HOST "127.0.0.1"
#define PORT_MOST    65535

static bool is_port(const char *text)
{
    size_t digits = strspn(text, "0123456789");

    return digits != 0 && digits <= 5 && text[digits] == '\0' &&
           g_ascii_strtoull(text, NULL, 10) <= PORT_MOST;
}

static bool wrong(GError **error, const char *text, const char *why)
{
    g_set_error(error, LEAKEY_ERROR, LEAKEY_ERROR_USAGE, "\"%s\": %s", text, why);
    return false;
}

bool listen_parse(const char *text, char **host, char **port, GError **error)
{
    const char *colon = strrchr(text, ':'), *at = colon == NULL ? text : colon + 1;
    const char *start = text, *end = colon;

    if (!is_port(at))
        return wrong(error, text, "no port number at its end; write ADDRESS:PORT or [IPV6]:PORT");
    if (colon == text)
        return wrong(error, text,
                     "which address? 0.0.0.0 or [::] for all of them, 127.0.0.1 for this machine");
    if (colon != NULL && *text == '[') {
        if (colon[-1] != ']')
            return wrong(error, text, "the bracket is not closed");
        start++;
        end--;
    } else if (colon != NULL && memchr(text, ':', (size_t)(colon - text)) != NULL) {
        return wrong(error, text, "write an IPv6 address in brackets: [::1]:9465");
    }
    *host = colon == NULL ? g_strdup(DEFAULT_HOST) : g_strndup(start, (gsize)(end - start));
    *port = g_strdup(at);
    return true;
}

static bool is_loopback(const struct sockaddr_storage *address)
{
    struct sockaddr_in6 v6;
    struct sockaddr_in v4;

    memcpy(&v6, address, sizeof(v6));
    memcpy(&v4, address, sizeof(v4));
    if (address->ss_family == AF_INET6)
        return IN6_IS_ADDR_LOOPBACK(&v6.sin6_addr);
    return ntohl(v4.sin_addr.s_addr) >> 24 == 127;
}

/* Where it really listens. */
static char *url_of(int fd, bool *loopback)
{
    struct sockaddr_storage address = {.ss_family = AF_UNSPEC};
    socklen_t bytes = sizeof(address);
    char host[NI_MAXHOST] = "", port[NI_MAXSERV] = "";

    if (getsockname(fd, (struct sockaddr *)&address, &bytes) != 0 ||
        getnameinfo((struct sockaddr *)&address, bytes, host, sizeof(host), port, sizeof(port),
                    NI_NUMERICHOST | NI_NUMERICSERV) != 0)
        return NULL;
    *loopback = is_loopback(&address);
    return g_strdup_printf(address.ss_family == AF_INET6 ? "http://[%s]:%s" : "http://%s:%s", host,
                           port);
}

static int open_socket(const struct addrinfo *found, int backlog)
{
    const int yes = 1;
    int fd = socket(found->ai_family, found->ai_socktype | SOCK_CLOEXEC | SOCK_NONBLOCK,
                    found->ai_protocol);

    if (fd < 0)
        return -1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
    if (bind(fd, found->ai_addr, found->ai_addrlen) == 0 && listen(fd, backlog) == 0)
        return fd;
    int reason = errno;
    close(fd);
    errno = reason;
    return -1;
}

int listen_open(const char *text, int backlog, char **url, bool *loopback, GError **error)
{
    const struct addrinfo wanted = {.ai_flags = AI_PASSIVE | AI_NUMERICSERV,
                                    .ai_socktype = SOCK_STREAM};
    struct addrinfo *found = NULL;
    char *host = NULL, *port = NULL;
    int fd = -1, failed;

    if (!listen_parse(text, &host, &port, error))
        return -1;
    failed = getaddrinfo(host, port, &wanted, &found);
    if (failed == 0)
        fd = open_socket(found, backlog);
    if (fd < 0)
        g_set_error(error, LEAKEY_ERROR, LEAKEY_ERROR_INPUT, "%s: %s", text,
                    failed != 0 ? gai_strerror(failed) : g_strerror(errno));
    else
        *url = url_of(fd, loopback);
    if (found != NULL)
        freeaddrinfo(found);
    g_free(host);
    g_free(port);
    return fd;
}
