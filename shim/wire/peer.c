/* Where a socket is connected to, in words. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "put.h"
#include "wire/wire.h"

static size_t put_address(char *out, size_t room, int family, const void *address, in_port_t port)
{
    char text[INET6_ADDRSTRLEN];
    if (!inet_ntop(family, address, text, sizeof text))
        return 0;
    size_t used = lk_put_text(out, room, 0, text);
    used = lk_put_text(out, room, used, ":");
    return lk_put_number(out, room, used, ntohs(port));
}

static size_t put_path(char *out, size_t room, const struct sockaddr_un *address, socklen_t bytes)
{
    size_t before = offsetof(struct sockaddr_un, sun_path);
    size_t length = bytes > before ? strnlen(address->sun_path, bytes - before) : 0;
    if (!length) /* nameless, or an abstract name */
        return 0;
    size_t used = lk_put_text(out, room, 0, "unix:");
    return lk_put(out, room, used, address->sun_path, length);
}

size_t lk_wire_peer(int fd, char *out, size_t room)
{
    union {
        struct sockaddr any;
        struct sockaddr_in four;
        struct sockaddr_in6 six;
        struct sockaddr_un local;
    } address;
    socklen_t bytes = sizeof address;
    if (getpeername(fd, &address.any, &bytes) != 0)
        return 0;
    switch (address.any.sa_family) {
    case AF_INET:
        return put_address(out, room, AF_INET, &address.four.sin_addr, address.four.sin_port);
    case AF_INET6:
        return put_address(out, room, AF_INET6, &address.six.sin6_addr, address.six.sin6_port);
    case AF_UNIX:
        return put_path(out, room, &address.local, bytes);
    default:
        return 0;
    }
}
