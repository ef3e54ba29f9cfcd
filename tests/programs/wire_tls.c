// Speaks the protocol through TLS, by a plugin that is loaded and unloaded again and again: objects
// and libraries come back at the addresses of others. Arguments: PLUGIN PORT
// libs: -ldl
#define _GNU_SOURCE
#include "wire.h"

#include <arpa/inet.h>
#include <dlfcn.h>
#include <netinet/in.h>

#define LOADS    5
#define SESSIONS 20

struct tls {
    void *library;
    void *(*begin)(int fd);
    long (*put)(void *connection, const char *bytes, size_t count, int form);
    long (*get)(void *connection, char *bytes, size_t room, int form);
    void (*end)(void *connection);
};

static struct tls load(const char *path)
{
    struct tls tls = {.library = dlopen(path, RTLD_NOW | RTLD_LOCAL)};
    if (!tls.library)
        fail(dlerror());
    *(void **)&tls.begin = dlsym(tls.library, "tls_begin");
    *(void **)&tls.put = dlsym(tls.library, "tls_put");
    *(void **)&tls.get = dlsym(tls.library, "tls_get");
    *(void **)&tls.end = dlsym(tls.library, "tls_end");
    return tls;
}

static int connect_to_port(const char *port)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons((uint16_t)atoi(port)),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof address) != 0)
        fail(port);
    return fd;
}

static void hear(const struct tls *tls, void *connection, const char *expected, int form)
{
    char text[256];
    size_t count = strlen(expected), used = 0;
    while (used < count) {
        size_t room = form % 3 ? sizeof text - used : 1;
        long got = tls->get(connection, text + used, room, form);
        if (got <= 0)
            fail("get");
        used += (size_t)got;
    }
    if (memcmp(text, expected, count) != 0)
        fail("another answer");
}

static void session(const struct tls *tls, const char *port, unsigned key, int form)
{
    struct bytes out = {0};
    int fd = connect_to_port(port);
    void *connection = tls->begin(fd);
    if (!connection)
        fail("begin");
    add_set(&out, key, "0123456789", 10);
    add_get(&out, key);
    add_get(&out, key + 1);
    for (size_t at = 0, part = form % 5 ? out.count : 11; at < out.count; at += part)
        if (tls->put(connection, out.at + at, part < out.count - at ? part : out.count - at,
                     form) <= 0)
            fail("put");
    hear(tls, connection, "+OK\r\n$10\r\n0123456789\r\n$-1\r\n", form);
    written(key, 10), hit(key), miss(key + 1);
    tls->end(connection);
    close(fd);
    free(out.at);
}

int main(int argc, char **argv)
{
    unsigned key = 1;
    if (argc < 3)
        return 2;
    for (int i = 0; i < LOADS; i++) {
        struct tls tls = load(argv[1]);
        for (int k = 0; k < SESSIONS; k++, key += 2)
            session(&tls, argv[2], key, i + k);
        dlclose(tls.library);
    }
    print_truth();
    return 0;
}
