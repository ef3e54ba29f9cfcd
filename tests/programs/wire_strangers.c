// Talks other protocols than the one that is followed, over every kind of connection: nothing of it
// may leave a trace. No argument.
#define _GNU_SOURCE
#include "wire.h"

#include <signal.h>
#include <sys/wait.h>

#define ROUNDS 20

/* Both ends are this program's: what each says, in turn. */
struct talk {
    const char *name;
    bool server_first;
    const char *lines[7]; /* the client's and the server's */
};

static const struct talk talks[] = {
    {"http",
     false,
     {"GET / HTTP/1.1\r\nHost: a\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n+1",
      "POST /set HTTP/1.1\r\nContent-Length: 10\r\n\r\n*1\r\n$4\r\nPI",
      "HTTP/1.1 404 Not Found\r\n\r\n"}},
    {"memcached",
     false,
     {"get key\r\n", "END\r\n", "set key 0 60 5\r\nhello\r\n", "STORED\r\n", "get key\r\n",
      "VALUE key 0 5\r\nhello\r\nEND\r\n"}},
    {"memcached, set first", false, {"set key 0 60 5\r\nhello\r\n", "STORED\r\n"}},
    {"smtp", true, {"220 mail ESMTP\r\n", "EHLO a\r\n", "250 mail\r\n", "QUIT\r\n", "221 bye\r\n"}},
    {"pop3", true, {"+OK ready\r\n", "LIST\r\n", "+OK 0 messages\r\n.\r\n"}},
    {"ftp", true, {"220 ready\r\n", "USER a\r\n", "331 password\r\n", "TYPE I\r\n", "200 ok\r\n"}},
    {"noise", false, {"*\x01\x02\xff$\x00z", "*\xfe\xff", "*3\x00\x11", "$\x99"}},
    {"noise with digits", false, {"*3$12*7", "$5", "*1\r\n", "$\r\n"}},
    {"noise like a command", false, {"*2\r\n$3\r\nGET\r\n$1\r\nk\r\n", "*\xfe\xff\r\n"}},
    {"half a command", false, {"*2\r\n$3\r\nGET\r\n", "+OK\r\n", "$1\r\nk\r\n", "+OK\r\n"}},
    {"a command, and no answer", false, {"*1\r\n$4\r\nPING\r\n"}},
    {"another answer", false, {"*2\r\n$3\r\nGET\r\n$1\r\nk\r\n", "$12"}},
    {"gopher", false, {"\r\n", "iInfo\r\n.\r\n"}},
    {"tls", false, {"\x16\x03\x01\x02\x00\x01", "\x16\x03\x03\x00\x7a\x02"}},
};

static void say(int fd, const char *line, size_t piece)
{
    size_t count = strlen(line);
    for (size_t at = 0; at < count; at += piece)
        if (write(fd, line + at, piece < count - at ? piece : count - at) < 0)
            fail("write");
}

static void hear(int fd, const char *line, size_t piece)
{
    char text[200];
    size_t count = strlen(line);
    for (size_t at = 0; at < count;) {
        ssize_t got = read(fd, text, piece < count - at ? piece : count - at);
        if (got <= 0)
            fail("read");
        at += (size_t)got;
    }
}

static void hold(const struct talk *talk, size_t piece)
{
    int ends[2];
    if (socketpair(AF_UNIX, SOCK_STREAM, 0, ends) != 0)
        fail("socketpair");
    for (int i = 0; i < 7 && talk->lines[i]; i++) {
        int from = (i % 2) ^ talk->server_first;
        say(ends[from], talk->lines[i], piece);
        hear(ends[!from], talk->lines[i], piece);
    }
    close(ends[0]);
    close(ends[1]);
}

int main(void)
{
    size_t talked = 0;
    for (int round = 0; round < ROUNDS; round++)
        for (size_t i = 0; i < sizeof talks / sizeof *talks; i++, talked++)
            hold(&talks[i], round % 3 == 0 ? 1 : round % 3 == 1 ? 3 : 1000);
    printf("%zu\n", talked);
    return 0;
}
