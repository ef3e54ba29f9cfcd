// Leaves wrappers by the back door: callbacks of asynchronous commands throw through
// redisAsyncHandleRead, and longjmp out of it; a timer's handler longjmps out of a command and of a
// read that wait. What comes afterwards works. Prints what happened. Arguments: SOCKET

// libs: -lhiredis -lstdc++
#include <csetjmp>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <hiredis/async.h>
#include <hiredis/hiredis.h>
#include <poll.h>
#include <stdexcept>
#include <string>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

static jmp_buf out_of_callback;
static sigjmp_buf out_of_wait;
static bool jump;
static volatile int caught, jumped, answered, woken;

static void on_answer(redisAsyncContext *, void *reply, void *)
{
    answered++;
    free(malloc(100));
    if (!reply)
        return;
    if (jump)
        longjmp(out_of_callback, 1);
    throw std::runtime_error(std::string(100, 'x'));
}

static void handle(redisAsyncContext *context)
{
    struct pollfd wait = {context->c.fd, POLLIN, 0};
    redisAsyncHandleWrite(context);
    poll(&wait, 1, -1);
    if (setjmp(out_of_callback) != 0) {
        jumped++;
        return;
    }
    try {
        redisAsyncHandleRead(context);
    } catch (const std::exception &) {
        caught++;
    }
}

static void through_callbacks(const char *server)
{
    redisAsyncContext *context = redisAsyncConnectUnix(server);
    redisAsyncHandleWrite(context); // connected
    for (int i = 0; i < 40; i++) {
        int before = answered;
        jump = i % 2;
        redisAsyncCommand(context, on_answer, nullptr, "GET async:%d", i);
        while (answered == before)
            handle(context);
    }
    printf("answered %d, caught %d, jumped %d\n", answered, caught, jumped);
}

static void on_alarm(int)
{
    siglongjmp(out_of_wait, 1);
}

static void set_timer(long microseconds)
{
    struct itimerval once = {{0, 0}, {0, microseconds}};
    setitimer(ITIMER_REAL, &once, nullptr);
}

static void out_of_commands(const char *server)
{
    struct sockaddr_un address = {};
    address.sun_family = AF_UNIX;
    strncpy(address.sun_path, server, sizeof address.sun_path - 1);
    signal(SIGALRM, on_alarm);
    for (volatile int i = 0; i < 20; i++) {
        redisContext *volatile context = redisConnectUnix(server);
        volatile int fd = socket(AF_UNIX, SOCK_STREAM, 0);
        static const char command[] = "*3\r\n$5\r\nBLPOP\r\n$7\r\nnothing\r\n$1\r\n0\r\n";
        char answer[64];
        static const char first[] = "*2\r\n$3\r\nGET\r\n$7\r\nnothing\r\n";
        if (connect(fd, reinterpret_cast<struct sockaddr *>(&address), sizeof address) != 0 ||
            write(fd, first, sizeof first - 1) < 0 || read(fd, answer, sizeof answer) != 5 ||
            write(fd, command, sizeof command - 1) < 0)
            exit(1);
        if (sigsetjmp(out_of_wait, 1) == 0) {
            // All that is before the wait takes far less than this.
            set_timer(20000);
            if (i % 2)
                redisCommand(context, "BLPOP nothing 0");
            else if (read(fd, answer, sizeof answer) >= 0)
                exit(1);
        } else {
            woken++;
        }
        close(fd);
        redisFree(context);
    }
    printf("woken %d\n", woken);
}

static void afterwards(const char *server)
{
    redisContext *context = redisConnectUnix(server);
    int good = 0;
    for (int i = 0; i < 30; i++) {
        auto *reply = static_cast<redisReply *>(redisCommand(context, "SET after:%d 1", i));
        good += reply && reply->type == REDIS_REPLY_STATUS;
        freeReplyObject(reply);
        void *answer = nullptr;
        redisAppendCommand(context, "GET after:%d", i);
        good += redisGetReply(context, &answer) == REDIS_OK;
        freeReplyObject(answer);
    }
    redisFree(context);
    printf("afterwards %d\n", good);
}

int main(int argc, char **argv)
{
    if (argc < 2)
        return 2;
    through_callbacks(argv[1]);
    out_of_commands(argv[1]);
    afterwards(argv[1]);
    return 0;
}
