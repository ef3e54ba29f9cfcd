// HTTP with keep-alive between two processes, each on a core of its own: small requests, answers of
// 1 KiB, one after the other over a unix socket. An operation is a request.
// Usage: http_load REQUESTS
#include "common/bench.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum { BODY = 1024, WARM = 1000, ROOM = 4096 };

static const char request[] = "GET /item HTTP/1.1\r\nHost: localhost\r\nAccept: */*\r\n\r\n";

static void fail(const char *what)
{
    perror(what);
    exit(1);
}

static size_t make_answer(char *answer)
{
    int head = sprintf(answer,
                       "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n"
                       "Content-Length: %d\r\n\r\n",
                       BODY);

    memset(answer + head, 'b', BODY);
    return (size_t)head + BODY;
}

static void take(int fd, size_t bytes)
{
    char text[ROOM];

    while (bytes) {
        ssize_t part = read(fd, text, sizeof(text));

        if (part <= 0 || (size_t)part > bytes)
            fail("read");
        bytes -= (size_t)part;
    }
}

static void put(int fd, const char *text, size_t bytes)
{
    if (write(fd, text, bytes) != (ssize_t)bytes)
        fail("write");
}

static int serve(int fd, unsigned long requests)
{
    char answer[ROOM];
    size_t bytes = make_answer(answer);

    bench_pin(0);
    for (unsigned long i = 0; i < requests; i++) {
        take(fd, sizeof(request) - 1);
        put(fd, answer, bytes);
    }
    return 0;
}

static void ask(int fd, unsigned long requests)
{
    char answer[ROOM];
    size_t bytes = make_answer(answer);

    for (unsigned long i = 0; i < requests; i++) {
        put(fd, request, sizeof(request) - 1);
        take(fd, bytes);
    }
}

// The server is this program again, by exec, so that both have a shim of their own.
static pid_t start_server(const char *program, int fd, unsigned long requests)
{
    char number[32], count[32];
    pid_t pid = fork();

    if (pid != 0)
        return pid;
    snprintf(number, sizeof(number), "%d", fd);
    snprintf(count, sizeof(count), "%lu", requests);
    execl(program, program, count, number, (char *)NULL);
    _exit(1);
}

int main(int argc, char **argv)
{
    unsigned long requests = bench_number(argc, argv, 1, 10000);
    int ends[2], status;
    double started;
    pid_t server;

    if (argc > 2)
        return serve(atoi(argv[2]), requests);
    if (socketpair(AF_UNIX, SOCK_STREAM, 0, ends) != 0)
        fail("socketpair");
    server = start_server(argv[0], ends[1], requests + WARM);
    close(ends[1]);
    bench_pin(1);
    ask(ends[0], WARM);
    started = bench_seconds();
    ask(ends[0], requests);
    bench_report(requests, bench_seconds() - started);
    return waitpid(server, &status, 0) == server && status == 0 ? 0 : 1;
}
