// TLS by a library that comes and goes with this plugin. It is loaded by tests/programs/wire_tls.c.
// libs: -lssl
#include <openssl/ssl.h>
#include <stddef.h>

void *tls_begin(int fd);
long tls_put(void *connection, const char *bytes, size_t count, int form);
long tls_get(void *connection, char *bytes, size_t room, int form);
void tls_end(void *connection);

static SSL_CTX *settings;

void *tls_begin(int fd)
{
    if (!settings)
        settings = SSL_CTX_new(TLS_client_method());
    SSL *connection = SSL_new(settings);
    SSL_set_fd(connection, fd);
    return SSL_connect(connection) == 1 ? connection : NULL;
}

long tls_put(void *connection, const char *bytes, size_t count, int form)
{
    size_t done = 0;
    if (form % 2)
        return SSL_write_ex(connection, bytes, count, &done) == 1 ? (long)done : -1;
    return SSL_write(connection, bytes, (int)count);
}

long tls_get(void *connection, char *bytes, size_t room, int form)
{
    size_t done = 0;
    if (form % 2)
        return SSL_read_ex(connection, bytes, room, &done) == 1 ? (long)done : -1;
    return SSL_read(connection, bytes, (int)room);
}

void tls_end(void *connection)
{
    SSL_shutdown(connection);
    SSL_free(connection);
}

__attribute__((destructor)) static void forget(void)
{
    SSL_CTX_free(settings);
}
