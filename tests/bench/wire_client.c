// A cache client without a library: SET and GET of keys of 64 bytes and values of 1 KiB in turn
// over a unix socket, 100 commands in a pipeline or each waiting for its answer. An operation is a
// command; what is told is CPU time.
// Usage: wire_client SOCKET pipelined|round-trip COMMANDS
#include "common/bench.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum { PIPELINED = 100, KEYS = 1000, KEY_BYTES = 64, VALUE_BYTES = 1024, ROOM = 200000 };

static void fail(const char *what)
{
    perror(what);
    exit(1);
}

static int connect_to(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);

    strncpy(address.sun_path, path, sizeof(address.sun_path) - 1);
    if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof(address)) != 0)
        fail(path);
    return fd;
}

static size_t add_command(char *out, unsigned long turn)
{
    static char value[VALUE_BYTES + 1];

    if (!value[0])
        memset(value, 'v', VALUE_BYTES);
    if (turn % 2)
        return (size_t)sprintf(out, "*2\r\n$3\r\nGET\r\n$%d\r\n%0*lu\r\n", KEY_BYTES, KEY_BYTES,
                               turn / 2 % KEYS);
    return (size_t)sprintf(out, "*3\r\n$3\r\nSET\r\n$%d\r\n%0*lu\r\n$%d\r\n%s\r\n", KEY_BYTES,
                           KEY_BYTES, turn / 2 % KEYS, VALUE_BYTES, value);
}

// "+OK" for a SET, the value for a GET.
static size_t answer_bytes(unsigned long turn)
{
    return turn % 2 ? 7 + VALUE_BYTES + 2 : 5;
}

static void run(int fd, unsigned long commands, unsigned long pipelined)
{
    static char out[ROOM], in[ROOM];

    for (unsigned long turn = 0; turn < commands; turn += pipelined) {
        size_t bytes = 0, expected = 0;

        for (unsigned long i = 0; i < pipelined; i++) {
            bytes += add_command(out + bytes, turn + i);
            expected += answer_bytes(turn + i);
        }
        for (size_t done = 0; done < bytes;) {
            ssize_t part = send(fd, out + done, bytes - done, MSG_NOSIGNAL);

            if (part <= 0)
                fail("send");
            done += (size_t)part;
        }
        while (expected) {
            ssize_t part = recv(fd, in, sizeof(in), 0);

            if (part <= 0 || (size_t)part > expected || in[0] == '-')
                fail("recv");
            expected -= (size_t)part;
        }
    }
}

int main(int argc, char **argv)
{
    unsigned long commands = bench_number(argc, argv, 3, 10000), pipelined = 0;
    double started;
    int fd;

    if (argc > 2 && !strcmp(argv[2], "pipelined"))
        pipelined = PIPELINED;
    else if (argc > 2 && !strcmp(argv[2], "round-trip"))
        pipelined = 1;
    if (!pipelined) {
        fprintf(stderr, "Usage: wire_client SOCKET pipelined|round-trip COMMANDS\n");
        return 2;
    }
    commands = (commands + PIPELINED - 1) / PIPELINED * PIPELINED;
    bench_pin(1); // the server has core 0
    fd = connect_to(argv[1]);
    run(fd, 2 * KEYS, pipelined);
    started = bench_cpu_seconds();
    run(fd, commands, pipelined);
    bench_report(commands, bench_cpu_seconds() - started);
    close(fd);
    return 0;
}
