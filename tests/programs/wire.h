/* A client of the protocol without any library, and the truth of what it did: for the programs that
 * test what is seen at sockets. */
#ifndef WIRE_H
#define WIRE_H

#pragma GCC diagnostic ignored "-Wunused-function" /* none uses all of it */

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <unistd.h>

static void fail(const char *what)
{
    fprintf(stderr, "wire: %s: %s\n", what, strerror(errno));
    exit(2);
}

/* ---- The truth ---- */

#define VERBS    64
#define KEYS_MAX (1u << 20)

static struct {
    pthread_mutex_t lock;
    struct {
        char name[24];
        long calls;
    } verbs[VERBS];
    long hits, misses, writes, written_bytes, errors, keys;
    unsigned char touched[KEYS_MAX / 8];
} truth = {.lock = PTHREAD_MUTEX_INITIALIZER};

static void called(const char *verb)
{
    pthread_mutex_lock(&truth.lock);
    int i = 0;
    while (truth.verbs[i].name[0] && strcmp(truth.verbs[i].name, verb) != 0)
        i++;
    strcpy(truth.verbs[i].name, verb);
    truth.verbs[i].calls++;
    pthread_mutex_unlock(&truth.lock);
}

/* Keys are numbers. */
static void touch(unsigned key)
{
    unsigned char bit = (unsigned char)(1u << key % 8);
    if (!(truth.touched[key / 8] & bit))
        truth.keys++;
    truth.touched[key / 8] |= bit;
}

static void hit(unsigned key)
{
    pthread_mutex_lock(&truth.lock);
    touch(key);
    truth.hits++;
    pthread_mutex_unlock(&truth.lock);
}

static void miss(unsigned key)
{
    pthread_mutex_lock(&truth.lock);
    touch(key);
    truth.misses++;
    pthread_mutex_unlock(&truth.lock);
}

static void written(unsigned key, size_t bytes)
{
    pthread_mutex_lock(&truth.lock);
    touch(key);
    truth.writes++;
    truth.written_bytes += (long)bytes;
    pthread_mutex_unlock(&truth.lock);
}

static void failed(void)
{
    pthread_mutex_lock(&truth.lock);
    truth.errors++;
    pthread_mutex_unlock(&truth.lock);
}

static void print_truth(void)
{
    printf("{\"commands\": {");
    for (int i = 0; truth.verbs[i].name[0]; i++)
        printf("%s\"%s\": %ld", i ? ", " : "", truth.verbs[i].name, truth.verbs[i].calls);
    printf("}, \"reads\": %ld, \"hits\": %ld, \"misses\": %ld, \"writes\": %ld, "
           "\"written_bytes\": %ld, \"errors\": %ld, \"distinct_keys\": %ld}\n",
           truth.hits + truth.misses, truth.hits, truth.misses, truth.writes, truth.written_bytes,
           truth.errors, truth.keys);
}

/* ---- A connection ---- */

enum out_form { BY_WRITE, BY_WRITEV, BY_SEND, BY_SENDTO, BY_SENDMSG, OUT_FORMS };
enum in_form { BY_READ, BY_READV, BY_RECV, BY_RECVFROM, BY_RECVMSG, BY_PEEK, IN_FORMS };

struct client {
    int fd;
    enum out_form out;
    enum in_form in;
    size_t piece; /* bytes that are asked for at a time; 0: as many as there is room for */
    size_t at, end;
    char buffer[65536];
};

static int connect_to(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    strncpy(address.sun_path, path, sizeof address.sun_path - 1);
    if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof address) != 0)
        fail(path);
    return fd;
}

static struct client *client_of(int fd)
{
    struct client *client = calloc(1, sizeof *client);
    client->fd = fd;
    return client;
}

static void client_close(struct client *client)
{
    close(client->fd);
    free(client);
}

/* In odd parts: one in four is empty. */
static int parts_of(struct iovec *parts, int most, const char *bytes, size_t count)
{
    int used = 0;
    for (size_t at = 0; at < count && used < most; used++) {
        size_t part = used % 4 == 1 ? 0 : used == most - 1 ? count - at : 1 + (at * 7 + count) % 97;
        if (part > count - at)
            part = count - at;
        parts[used] = (struct iovec){(char *)(uintptr_t)bytes + at, part};
        at += part;
    }
    return used;
}

static ssize_t put_once(const struct client *client, const char *bytes, size_t count)
{
    struct iovec parts[32];
    struct msghdr message = {.msg_iov = parts};
    switch (client->out) {
    case BY_WRITEV:
        return writev(client->fd, parts, parts_of(parts, 32, bytes, count));
    case BY_SEND:
        return send(client->fd, bytes, count, MSG_NOSIGNAL);
    case BY_SENDTO:
        return sendto(client->fd, bytes, count, MSG_NOSIGNAL, NULL, 0);
    case BY_SENDMSG:
        message.msg_iovlen = (size_t)parts_of(parts, 32, bytes, count);
        return sendmsg(client->fd, &message, MSG_NOSIGNAL);
    default:
        return write(client->fd, bytes, count);
    }
}

static void wait_for(int fd, short events)
{
    struct pollfd ready = {.fd = fd, .events = events};
    poll(&ready, 1, 10000);
}

/* All of it; where the socket takes no more, the rest again, `most` bytes at a time (0: all). */
static void put_all(const struct client *client, const char *bytes, size_t count, size_t most)
{
    bool again = false;
    for (size_t at = 0; at < count;) {
        size_t left = count - at;
        ssize_t done = put_once(client, bytes + at, again && most && most < left ? most : left);
        if (done < 0 && errno == EAGAIN)
            wait_for(client->fd, POLLOUT);
        else if (done < 0 && errno != EINTR)
            fail("write");
        if (done < 0 || (size_t)done < left)
            again = true;
        at += done > 0 ? (size_t)done : 0;
    }
}

static ssize_t get_once(struct client *client, size_t room)
{
    char *to = client->buffer;
    struct iovec parts[3] = {{to, room / 3}, {to + room / 3, 0}, {to + room / 3, room - room / 3}};
    struct msghdr message = {.msg_iov = parts, .msg_iovlen = 3};
    switch (client->in) {
    case BY_READV:
        return readv(client->fd, parts, 3);
    case BY_RECV:
        return recv(client->fd, client->buffer, room, 0);
    case BY_RECVFROM:
        return recvfrom(client->fd, client->buffer, room, 0, NULL, NULL);
    case BY_RECVMSG:
        return recvmsg(client->fd, &message, 0);
    case BY_PEEK:
        if (recv(client->fd, client->buffer, room, MSG_PEEK) < 0)
            return -1;
        return recv(client->fd, client->buffer, room, 0);
    default:
        return read(client->fd, client->buffer, room);
    }
}

/* False: the other end has closed. */
static bool fill(struct client *client)
{
    size_t room = client->piece ? client->piece : sizeof client->buffer;
    ssize_t got;
    while ((got = get_once(client, room)) < 0) {
        if (errno == EAGAIN)
            wait_for(client->fd, POLLIN);
        else if (errno == ECONNRESET)
            return false;
        else if (errno != EINTR)
            fail("read");
    }
    client->at = 0;
    client->end = (size_t)got;
    return got > 0;
}

/* ---- Answers ---- */

struct answer {
    char type;    /* the mark, '_' for every nil, 0: there is none */
    long integer; /* or length, or elements */
    char text[64];
};

static int next_byte(struct client *client)
{
    if (client->at == client->end && !fill(client))
        return -1;
    return (unsigned char)client->buffer[client->at++];
}

static bool skip(struct client *client, size_t count, char *text, size_t room)
{
    for (size_t i = 0; i < count; i++) {
        int c = next_byte(client);
        if (c < 0)
            return false;
        if (i + 1 < room)
            text[i] = (char)c, text[i + 1] = '\0';
    }
    return true;
}

/* The next value alone; the elements of an aggregate follow it. */
static struct answer next_value(struct client *client)
{
    struct answer answer = {0};
    char line[64] = "";
    size_t used = 0;
    int c, mark = next_byte(client);
    while (mark >= 0 && (c = next_byte(client)) >= 0 && c != '\n')
        if (used + 1 < sizeof line && c != '\r')
            line[used++] = (char)c, line[used] = '\0';
    if (mark < 0 || c < 0)
        return answer;
    answer.type = (char)mark;
    answer.integer = strtol(line, NULL, 10);
    strcpy(answer.text, line);
    if (strchr("$=!*", mark) && answer.integer < 0)
        answer.type = '_';
    else if (strchr("$=!", mark) &&
             (!skip(client, (size_t)answer.integer, answer.text, 64) || !skip(client, 2, NULL, 0)))
        answer.type = 0;
    return answer;
}

/* A whole answer: of an aggregate the head. Pushes are passed by unless they are what is asked
 * for. */
static struct answer next_answer(struct client *client, bool pushes)
{
    struct answer answer = next_value(client);
    long left = answer.type == '%'                          ? 2 * answer.integer
                : answer.type && strchr("*~>", answer.type) ? answer.integer
                                                            : 0;
    while (left-- > 0) {
        struct answer inner = next_answer(client, true);
        if (!inner.type)
            return inner;
    }
    return answer.type == '>' && !pushes ? next_answer(client, false) : answer;
}

static struct answer expect(struct client *client, char type)
{
    struct answer answer = next_answer(client, type == '>');
    if (answer.type != type) {
        fprintf(stderr, "wire: '%c' expected, '%c' came: %s\n", type, answer.type, answer.text);
        exit(2);
    }
    return answer;
}

/* ---- Commands ---- */

struct bytes { /* what is to be sent */
    char *at;
    size_t count, room;
};

static void add_bytes(struct bytes *out, const char *bytes, size_t count)
{
    if (out->count + count > out->room) {
        out->room = (out->count + count) * 2;
        out->at = realloc(out->at, out->room);
    }
    memcpy(out->at + out->count, bytes, count);
    out->count += count;
}

static void add_argument(struct bytes *out, const char *text, size_t count)
{
    char head[32];
    add_bytes(out, head, (size_t)sprintf(head, "$%zu\r\n", count));
    add_bytes(out, text, count);
    add_bytes(out, "\r\n", 2);
}

static void add_head(struct bytes *out, const char *verb, unsigned arguments)
{
    char head[32];
    add_bytes(out, head, (size_t)sprintf(head, "*%u\r\n", arguments + 1));
    add_argument(out, verb, strlen(verb));
    called(verb);
}

static void add_key(struct bytes *out, unsigned key)
{
    char text[32];
    add_argument(out, text, (size_t)sprintf(text, "item:%u", key));
}

/* A command of words: "GET item:1". */
__attribute__((format(printf, 2, 3))) static void add_words(struct bytes *out, const char *format,
                                                            ...)
{
    char line[512], *rest = line, *word;
    unsigned words = 0;
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    for (char *c = line; *c; c++)
        words += *c == ' ';
    add_head(out, strtok_r(rest, " ", &rest), words);
    while ((word = strtok_r(rest, " ", &rest)))
        add_argument(out, word, strlen(word));
}

static void flush(const struct client *client, struct bytes *out)
{
    put_all(client, out->at, out->count, 0);
    out->count = 0;
}

static void add_set(struct bytes *out, unsigned key, const char *value, size_t bytes)
{
    add_head(out, "SET", 2);
    add_key(out, key);
    add_argument(out, value, bytes);
}

static void add_get(struct bytes *out, unsigned key)
{
    add_head(out, "GET", 1);
    add_key(out, key);
}

static void expect_set(struct client *client, unsigned key, size_t bytes)
{
    expect(client, '+');
    written(key, bytes);
}

static void expect_get(struct client *client, unsigned key, bool is_there)
{
    expect(client, is_there ? '$' : '_');
    if (is_there)
        hit(key);
    else
        miss(key);
}

/* One after the other: a write, a hit, a miss. */
static void exchange(struct client *client, unsigned key)
{
    struct bytes out = {0};
    add_set(&out, key, "0123456789", 10);
    flush(client, &out);
    expect_set(client, key, 10);
    add_get(&out, key);
    flush(client, &out);
    expect_get(client, key, true);
    add_get(&out, key + 1);
    flush(client, &out);
    expect_get(client, key + 1, false);
    free(out.at);
}

#endif
