// Makes every call that the shim looks at, right and wrong, and prints what each returned: with the
// shim and without it the same. No argument.
// flags: -O1 -Wno-nonnull -Wno-stringop-overread -Wno-stringop-overflow -Wno-unknown-warning-option
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <unistd.h>

static char *gone;     /* memory that cannot be touched */
static char *last;     /* eight bytes that can, before it */
static char *readonly; /* that cannot be written */
static char text[4096] = "*2\r\n$3\r\nGET\r\n$1\r\na\r\n";

static void say(const char *kind, const char *what, long result)
{
    printf("%s: %s: %ld %s\n", kind, what, result, result < 0 ? strerrorname_np(errno) : "");
    errno = 0;
}

#define SAY(call) say(kind, #call, (long)(call))

static void out_calls(const char *kind, int fd)
{
    struct iovec good[3] = {{text, 4}, {NULL, 0}, {text + 4, 9}}, bad[2] = {{text, 3}, {gone, 5}};
    struct iovec none[1] = {{NULL, 5}}, huge[2] = {{text, SIZE_MAX}, {text, 1}};
    struct iovec *lost = (struct iovec *)(void *)gone, many[IOV_MAX + 1];
    struct msghdr message = {.msg_iov = good, .msg_iovlen = 3};
    struct msghdr wrong = {.msg_iov = lost, .msg_iovlen = 2};
    struct msghdr nowhere = {.msg_iov = NULL, .msg_iovlen = 2};
    struct msghdr empty = {.msg_iovlen = 0};
    for (int i = 0; i <= IOV_MAX; i++)
        many[i] = (struct iovec){text, 1};
    SAY(write(fd, gone, 8));
    SAY(write(fd, NULL, 8));
    SAY(write(fd, NULL, 0));
    SAY(write(fd, gone, 0));
    SAY(write(fd, (char *)-1, 8));
    SAY(write(fd, (char *)-4096, 8));
    SAY(write(fd, text, SIZE_MAX));
    SAY(write(fd, text, 0));
    SAY(writev(fd, good, 0));
    SAY(writev(fd, good, -1));
    SAY(writev(fd, NULL, 0));
    SAY(writev(fd, NULL, 2));
    SAY(writev(fd, lost, 2));
    SAY(writev(fd, none, 1));
    SAY(writev(fd, huge, 2));
    SAY(writev(fd, many, IOV_MAX + 1));
    SAY(writev(fd, good, INT_MAX));
    SAY(send(fd, NULL, 8, MSG_NOSIGNAL));
    SAY(send(fd, gone, 8, MSG_NOSIGNAL));
    SAY(send(fd, text, 0, MSG_NOSIGNAL));
    SAY(sendto(fd, gone, 8, MSG_NOSIGNAL, NULL, 0));
    SAY(sendto(fd, text, 1, MSG_NOSIGNAL, (struct sockaddr *)(void *)gone, 16));
    SAY(sendmsg(fd, NULL, MSG_NOSIGNAL));
    SAY(sendmsg(fd, (struct msghdr *)(void *)gone, MSG_NOSIGNAL));
    SAY(sendmsg(fd, (struct msghdr *)(void *)8, MSG_NOSIGNAL));
    SAY(sendmsg(fd, &wrong, MSG_NOSIGNAL));
    SAY(sendmsg(fd, &nowhere, MSG_NOSIGNAL));
    SAY(sendmsg(fd, &empty, MSG_NOSIGNAL));
    SAY(sendmsg(fd, &message, 0x7f000000 | MSG_NOSIGNAL | MSG_DONTWAIT));
    SAY(write(fd, last, 8));
    SAY(write(fd, text, 20));
    SAY(writev(fd, good, 3));
    SAY(writev(fd, bad, 2));
    SAY(send(fd, text, 20, MSG_NOSIGNAL));
    SAY(sendmsg(fd, &message, MSG_NOSIGNAL));
}

static void in_calls(const char *kind, int fd)
{
    char room[64];
    struct iovec good[2] = {{room, 10}, {room + 10, 10}}, bad[1] = {{gone, 5}};
    struct iovec *lost = (struct iovec *)(void *)gone;
    struct msghdr message = {.msg_iov = good, .msg_iovlen = 2};
    struct msghdr wrong = {.msg_iov = lost, .msg_iovlen = 2};
    SAY(read(fd, room, 0));
    SAY(read(fd, gone, 8));
    SAY(read(fd, NULL, 8));
    SAY(read(fd, readonly, 8));
    SAY(read(fd, NULL, 0));
    SAY(readv(fd, good, -1));
    SAY(readv(fd, lost, 2));
    SAY(readv(fd, NULL, 2));
    SAY(readv(fd, bad, 1));
    SAY(readv(fd, good, IOV_MAX + 1));
    SAY(recv(fd, gone, 8, MSG_DONTWAIT));
    SAY(recv(fd, NULL, 8, MSG_DONTWAIT | MSG_PEEK));
    SAY(recvfrom(fd, room, 4, MSG_DONTWAIT, (struct sockaddr *)(void *)gone, NULL));
    SAY(recvmsg(fd, NULL, MSG_DONTWAIT));
    SAY(recvmsg(fd, (struct msghdr *)(void *)gone, MSG_DONTWAIT));
    SAY(recvmsg(fd, &wrong, MSG_DONTWAIT));
    SAY(recv(fd, room, 4, MSG_DONTWAIT | MSG_PEEK));
    SAY(recv(fd, room, 4, MSG_DONTWAIT | MSG_TRUNC));
    SAY(recv(fd, room, 4, MSG_DONTWAIT | MSG_OOB));
    SAY(recv(fd, room, 4, MSG_DONTWAIT | MSG_ERRQUEUE));
    SAY(recvmsg(fd, &message, MSG_DONTWAIT));
    SAY(read(fd, room, 4));
    SAY(readv(fd, good, 2));
    SAY(recv(fd, room, 64, MSG_DONTWAIT));
    SAY(recv(fd, room, 64, MSG_DONTWAIT));
}

static void all_calls(const char *kind, int out, int in)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = "/nonexistent/socket"};
    out_calls(kind, out);
    fcntl(in, F_SETFL, fcntl(in, F_GETFL) | O_NONBLOCK);
    in_calls(kind, in);
    SAY(connect(out, NULL, 0));
    SAY(connect(out, (struct sockaddr *)(void *)gone, 16));
    SAY(connect(out, (struct sockaddr *)&address, sizeof address));
    SAY(dup2(out, out) == out);
    SAY(dup2(out, -1));
    SAY(dup3(out, out, 0));
    SAY(dup3(out, 500, 12345));
    SAY(dup(-5));
    SAY(dup2(out, INT_MAX));
    SAY(close(in));
    SAY(close(in));
    SAY(write(in, text, 10));
    SAY(read(in, text + 2000, 10));
    if (out != in)
        SAY(write(out, text, 10)); /* nobody reads any more */
    if (out != in)
        SAY(close(out));
}

static void sockets(const char *kind, int domain, int type)
{
    int ends[2];
    if (domain == AF_UNIX && socketpair(domain, type, 0, ends) == 0) {
        fcntl(ends[0], F_SETFL, O_NONBLOCK);
        all_calls(kind, ends[0], ends[1]);
    } else if (domain == AF_INET) { /* not connected */
        int fd = socket(domain, type | SOCK_NONBLOCK, 0);
        all_calls(kind, fd, fd);
    }
}

/* A pair that spoke the protocol, as its client goes wrong afterwards. */
static void proven(const char *kind)
{
    struct iovec bad[2] = {{text, 20}, {NULL, 7}};
    struct msghdr message = {.msg_iov = bad, .msg_iovlen = 2};
    int ends[2];
    char room[100];
    for (int way = 0; way < 8; way++) {
        socketpair(AF_UNIX, SOCK_STREAM, 0, ends);
        SAY(write(ends[0], text, 20));
        SAY(read(ends[1], room, 100));
        SAY(write(ends[1], "$-1\r\n", 5));
        SAY(read(ends[0], room, 100));
        if (way == 0)
            SAY(write(ends[0], NULL, 10));
        else if (way == 1)
            SAY(write(ends[0], (char *)-1, 10));
        else if (way == 2)
            SAY(writev(ends[0], bad, 2));
        else if (way == 3)
            SAY(writev(ends[0], NULL, 2));
        else if (way == 4)
            SAY(sendmsg(ends[0], &message, 0));
        else if (way == 5)
            SAY(sendmsg(ends[0], NULL, 0));
        else if (way == 6)
            SAY(write(ends[0], text, SIZE_MAX));
        else
            SAY(writev(ends[0], bad, IOV_MAX + 1));
        SAY(read(ends[0], room, 0));
        SAY(recvmsg(ends[0], NULL, MSG_DONTWAIT));
        SAY(recv(ends[0], NULL, 5, MSG_DONTWAIT));
        SAY(write(ends[0], text, 20));
        SAY(close(ends[1]));
        SAY(read(ends[0], room, 100));
        SAY(read(ends[0], room, 100));
        SAY(write(ends[0], text, 20));
        SAY(close(ends[0]));
    }
}

/* Before any constructor, and after the last line of main. */
static long early[8];

static void talk(long *results)
{
    int ends[2];
    char room[64];
    results[0] = socketpair(AF_UNIX, SOCK_STREAM, 0, ends);
    results[1] = write(ends[0], text, 20);
    results[2] = read(ends[1], room, sizeof room);
    results[3] = send(ends[1], "$-1\r\n", 5, 0);
    results[4] = recv(ends[0], room, sizeof room, 0);
    results[5] = dup2(ends[0], ends[1]) == ends[1];
    results[6] = close(ends[0]) + close(ends[1]);
    results[7] = close(ends[0]);
}

static void say_talk(const char *when, const long *results)
{
    char line[100];
    int bytes = snprintf(line, sizeof line, "%s: %ld %ld %ld %ld %ld %ld %ld %ld\n", when,
                         results[0], results[1], results[2], results[3], results[4], results[5],
                         results[6], results[7]);
    if (write(STDOUT_FILENO, line, (size_t)bytes) != bytes)
        _exit(3);
}

static void talk_early(void)
{
    talk(early);
}
__attribute__((section(".preinit_array"),
               used)) static void (*before_constructors)(void) = talk_early;

__attribute__((destructor)) static void talk_late(void)
{
    long late[8];
    talk(late);
    say_talk("late", late);
}

int main(void)
{
    int pipes[2];
    say_talk("early", early);
    signal(SIGPIPE, SIG_IGN);
    char *pages = mmap(NULL, 16384, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    memcpy(pages + 4096 - 8, "*2\r\n$3\r\n", 8);
    last = pages + 4096 - 8;
    gone = pages + 4096;
    readonly = pages + 8192;
    mprotect(gone, 4096, PROT_NONE);
    mprotect(readonly, 4096, PROT_READ);
    if (pipe2(pipes, O_NONBLOCK) != 0)
        return 2;
    all_calls("pipe", pipes[1], pipes[0]);
    all_calls("null", open("/dev/null", O_RDWR), open("/dev/zero", O_RDONLY));
    int file = open("/tmp", O_TMPFILE | O_RDWR, 0600);
    all_calls("file", file, file);
    sockets("stream", AF_UNIX, SOCK_STREAM);
    sockets("datagram", AF_UNIX, SOCK_DGRAM);
    sockets("packets", AF_UNIX, SOCK_SEQPACKET);
    sockets("tcp", AF_INET, SOCK_STREAM);
    sockets("udp", AF_INET, SOCK_DGRAM);
    proven("proven");
    all_calls("closed", 900, 901);
    all_calls("none", -1, -2);
    all_calls("high", 262143, 262144);
    all_calls("highest", INT_MAX, INT_MIN);
    return 0;
}
