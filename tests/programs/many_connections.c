// Ten thousand connections at once, half of them by hiredis and half by calls on sockets; three
// commands on each; half of all are then closed and opened again. Prints the commands. Arguments:
// SOCKET

// libs: -lhiredis
#define _GNU_SOURCE
#include <hiredis/hiredis.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define CONNECTIONS 10000

static struct sockaddr_un address = {.sun_family = AF_UNIX};
static redisContext *contexts[CONNECTIONS];
static int sockets[CONNECTIONS];
static int commands;

static void begin(int i)
{
    if (i % 2) {
        // The server's queue of connections may be full: EAGAIN.
        while ((contexts[i] = redisConnectUnix(address.sun_path))->err) {
            redisFree(contexts[i]);
            sched_yield();
        }
        return;
    }
    sockets[i] = socket(AF_UNIX, SOCK_STREAM, 0);
    if (sockets[i] < 0 || connect(sockets[i], (struct sockaddr *)&address, sizeof address) != 0)
        exit(1);
}

static void end(int i)
{
    if (i % 2)
        redisFree(contexts[i]);
    else
        close(sockets[i]);
}

static void ask(int i)
{
    static const char get[] = "*2\r\n$3\r\nGET\r\n$4\r\nmany\r\n";
    char answer[16];

    if (i % 2) {
        redisReply *reply = redisCommand(contexts[i], "GET many");
        commands += reply && reply->type == REDIS_REPLY_NIL;
        freeReplyObject(reply);
    } else {
        commands += write(sockets[i], get, sizeof get - 1) == (ssize_t)sizeof get - 1 &&
                    read(sockets[i], answer, sizeof answer) == 5;
    }
}

int main(int argc, char **argv)
{
    struct rlimit files = {CONNECTIONS + 100, CONNECTIONS + 100};

    if (argc < 2 || setrlimit(RLIMIT_NOFILE, &files) != 0)
        return 2;
    strncpy(address.sun_path, argv[1], sizeof address.sun_path - 1);
    for (int i = 0; i < CONNECTIONS; i++)
        begin(i);
    for (int round = 0; round < 2; round++)
        for (int i = 0; i < CONNECTIONS; i++)
            ask(i);
    for (int i = 0; i < CONNECTIONS / 2; i++) {
        end(i);
        begin(i);
    }
    for (int i = 0; i < CONNECTIONS; i++)
        ask(i);
    for (int i = 0; i < CONNECTIONS; i++)
        end(i);
    printf("commands %d\n", commands);
    return 0;
}
