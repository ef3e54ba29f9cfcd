/*
 * The system's calls as the host makes them on its sockets. Each wrapper looks the descriptor up,
 * and where no server's commands go through it the original is all that happens.
 *
 * The host's bytes are looked at before they are sent, so only those of a descriptor that is known
 * to be a connected stream socket: others may well point at nothing (there are libraries that ask
 * by a write to a pipe whether memory can be read).
 */
#define _GNU_SOURCE
#include <errno.h>
#include <stdbool.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "capture/state.h"
#include "config.h"
#include "real.h"
#include "sys.h"
#include "thread.h"
#include "wire/owned.h"
#include "wire/sent.h"
#include "wire/stream.h"
#include "wire/wire.h"

uint32_t *lk_fds;

void lk_wire_init(void)
{
    if (lk_streams_init())
        lk_fds = lk_sys_memory_wiped(LK_FDS * sizeof *lk_fds);
}

/* ---- Descriptors and their streams ---- */

static uint64_t owner_of(int fd)
{
    return (uint64_t)(unsigned)fd << 1 | 1; /* odd: no address of a TLS connection is */
}

static void set(int fd, uint32_t entry)
{
    if (lk_fds && (unsigned)fd < LK_FDS)
        __atomic_store_n(&lk_fds[fd], entry, __ATOMIC_RELAXED);
}

static size_t peer_of(const struct lk_traffic *traffic, char *out, size_t room)
{
    return lk_wire_peer((int)(lk_stream_owner(traffic->context) >> 1), out, room);
}

/* A child by vfork has its parent's memory, and its own descriptors. */
static bool is_own_process(void)
{
    return lk_state && (uint32_t)syscall(SYS_getpid) == lk_state->pid;
}

/* False: it is the parent's. */
static bool forget(int fd)
{
    uint32_t entry = lk_fd_get(fd);
    int kept = errno;
    if (!lk_fds || entry == LK_FD_UNKNOWN)
        return true;
    if (entry >= LK_FD_STREAM) {
        if (!is_own_process())
            return false;
        lk_stream_end(entry - LK_FD_STREAM, owner_of(fd));
    }
    set(fd, LK_FD_UNKNOWN);
    errno = kept;
    return true;
}

void lk_wire_disown(int fd)
{
    uint32_t entry = lk_fd_get(fd);
    int kept = errno;
    if (entry >= LK_FD_STREAM)
        lk_stream_end(entry - LK_FD_STREAM, owner_of(fd));
    set(fd, LK_FD_OWNED);
    errno = kept;
}

static bool is_stream_socket(int fd)
{
    int type = 0, domain = 0;
    socklen_t bytes = sizeof type;
    if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &bytes) != 0 || type != SOCK_STREAM)
        return false;
    bytes = sizeof domain;
    return getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &bytes) == 0 &&
           (domain == AF_UNIX || domain == AF_INET || domain == AF_INET6);
}

/* What the host sends first on a descriptor says whether it is looked at any further. */
static uint32_t judge(int fd, const struct iovec *parts, size_t count)
{
    uint32_t entry = LK_FD_IGNORED, place;
    int kept = errno;
    size_t first = 0;
    if (lk_self.depth)
        return LK_FD_IGNORED; /* this time */
    if (is_stream_socket(fd)) {
        while (first < count && !parts[first].iov_len)
            first++;
        if (first == count)
            entry = LK_FD_UNKNOWN;
        else if (lk_sent_plausible(parts[first].iov_base, parts[first].iov_len) &&
                 (place = lk_stream_begin(owner_of(fd), peer_of)) < LK_STREAMS)
            entry = LK_FD_STREAM + place;
    }
    set(fd, entry);
    errno = kept;
    return entry;
}

static size_t length_of(const struct iovec *parts, size_t count)
{
    size_t bytes = 0;
    for (size_t i = 0; i < count; i++)
        bytes += parts[i].iov_len;
    return bytes;
}

/* The descriptor's stream is told what is about to be sent. LK_FD_STREAM or above: it wants to know
 * what came of it. */
static uint32_t sending(int fd, uint32_t entry, const struct iovec *parts, size_t count)
{
    if (entry == LK_FD_UNKNOWN)
        entry = judge(fd, parts, count);
    if (entry < LK_FD_STREAM)
        return entry;
    if (lk_stream_sending(entry - LK_FD_STREAM, owner_of(fd), parts, count))
        return entry;
    if (!lk_self.depth)
        lk_stream_end(entry - LK_FD_STREAM, owner_of(fd));
    set(fd, LK_FD_IGNORED);
    return LK_FD_IGNORED;
}

static void sent(int fd, uint32_t entry, const struct iovec *parts, size_t count, ssize_t result)
{
    size_t accepted = result > 0 ? (size_t)result : 0;
    int kept = errno;
    if (entry < LK_FD_STREAM || accepted == length_of(parts, count))
        return;
    lk_stream_sent(entry - LK_FD_STREAM, owner_of(fd), parts, count, accepted);
    if (result < 0 && kept != EAGAIN && kept != EWOULDBLOCK && kept != EINTR)
        lk_stream_broken(entry - LK_FD_STREAM, owner_of(fd));
    errno = kept;
}

/* What came; a descriptor on which the other end speaks first is no client's. */
static void received(int fd, uint32_t entry, const struct iovec *parts, size_t count,
                     ssize_t result)
{
    int kept = errno;
    if (entry < LK_FD_STREAM) {
        if (result > 0)
            set(fd, LK_FD_IGNORED);
        return;
    }
    uint32_t place = entry - LK_FD_STREAM;
    bool good = true;
    if (result > 0)
        good = lk_stream_received(place, owner_of(fd), parts, count, (size_t)result);
    else if (result == 0 ? length_of(parts, count) > 0
                         : kept != EAGAIN && kept != EWOULDBLOCK && kept != EINTR)
        lk_stream_broken(place, owner_of(fd));
    if (!good) {
        if (!lk_self.depth)
            lk_stream_end(place, owner_of(fd));
        set(fd, LK_FD_IGNORED);
    }
    errno = kept;
}

static bool is_followed(uint32_t entry)
{
    return entry == LK_FD_UNKNOWN || entry >= LK_FD_STREAM;
}

/* What nearly every call comes to. */
#define PASS_UNLESS_FOLLOWED(entry, fd, call)     \
    uint32_t entry = lk_fd_get(fd);               \
    if (__builtin_expect(!is_followed(entry), 1)) \
    return call

/* ---- Out ---- */

ssize_t write(int fd, const void *buffer, size_t bytes)
{
    PASS_UNLESS_FOLLOWED(entry, fd, LK_REAL_EARLY(write)(fd, buffer, bytes));
    struct iovec part = {(void *)(uintptr_t)buffer, bytes};
    entry = sending(fd, entry, &part, 1);
    ssize_t result = LK_REAL_EARLY(write)(fd, buffer, bytes);
    sent(fd, entry, &part, 1, result);
    return result;
}

ssize_t writev(int fd, const struct iovec *parts, int count)
{
    PASS_UNLESS_FOLLOWED(entry, fd, LK_REAL_EARLY(writev)(fd, parts, count));
    size_t number = count > 0 ? (size_t)count : 0;
    entry = sending(fd, entry, parts, number);
    ssize_t result = LK_REAL_EARLY(writev)(fd, parts, count);
    sent(fd, entry, parts, number, result);
    return result;
}

ssize_t send(int fd, const void *buffer, size_t bytes, int flags)
{
    PASS_UNLESS_FOLLOWED(entry, fd, LK_REAL_EARLY(send)(fd, buffer, bytes, flags));
    struct iovec part = {(void *)(uintptr_t)buffer, bytes};
    entry = sending(fd, entry, &part, 1);
    ssize_t result = LK_REAL_EARLY(send)(fd, buffer, bytes, flags);
    sent(fd, entry, &part, 1, result);
    return result;
}

ssize_t sendto(int fd, const void *buffer, size_t bytes, int flags, __CONST_SOCKADDR_ARG address,
               socklen_t length)
{
    PASS_UNLESS_FOLLOWED(entry, fd,
                         LK_REAL_EARLY(sendto)(fd, buffer, bytes, flags, address, length));
    struct iovec part = {(void *)(uintptr_t)buffer, bytes};
    entry = sending(fd, entry, &part, 1);
    ssize_t result = LK_REAL_EARLY(sendto)(fd, buffer, bytes, flags, address, length);
    sent(fd, entry, &part, 1, result);
    return result;
}

ssize_t sendmsg(int fd, const struct msghdr *message, int flags)
{
    PASS_UNLESS_FOLLOWED(entry, message ? fd : -1, LK_REAL_EARLY(sendmsg)(fd, message, flags));
    entry = sending(fd, entry, message->msg_iov, message->msg_iovlen);
    ssize_t result = LK_REAL_EARLY(sendmsg)(fd, message, flags);
    sent(fd, entry, message->msg_iov, message->msg_iovlen, result);
    return result;
}

/* ---- In ---- */

ssize_t read(int fd, void *buffer, size_t bytes)
{
    PASS_UNLESS_FOLLOWED(entry, fd, LK_REAL_EARLY(read)(fd, buffer, bytes));
    ssize_t result = LK_REAL_EARLY(read)(fd, buffer, bytes);
    received(fd, entry, &(struct iovec){buffer, bytes}, 1, result);
    return result;
}

ssize_t readv(int fd, const struct iovec *parts, int count)
{
    PASS_UNLESS_FOLLOWED(entry, fd, LK_REAL_EARLY(readv)(fd, parts, count));
    ssize_t result = LK_REAL_EARLY(readv)(fd, parts, count);
    received(fd, entry, parts, count > 0 ? (size_t)count : 0, result);
    return result;
}

/* Bytes that were only peeked at come again; of those that were thrown away there is nothing to
 * see, and the stream is lost. */
static void received_by(int fd, uint32_t entry, const struct iovec *parts, size_t count,
                        ssize_t result, int flags)
{
    int kept = errno;
    if (flags & MSG_PEEK && result >= 0)
        return;
    if (flags & (MSG_TRUNC | MSG_OOB | MSG_ERRQUEUE)) {
        if (entry >= LK_FD_STREAM && !lk_self.depth)
            lk_stream_end(entry - LK_FD_STREAM, owner_of(fd));
        set(fd, LK_FD_IGNORED);
        errno = kept;
        return;
    }
    received(fd, entry, parts, count, result);
}

ssize_t recv(int fd, void *buffer, size_t bytes, int flags)
{
    PASS_UNLESS_FOLLOWED(entry, fd, LK_REAL_EARLY(recv)(fd, buffer, bytes, flags));
    ssize_t result = LK_REAL_EARLY(recv)(fd, buffer, bytes, flags);
    received_by(fd, entry, &(struct iovec){buffer, bytes}, 1, result, flags);
    return result;
}

ssize_t recvfrom(int fd, void *buffer, size_t bytes, int flags, __SOCKADDR_ARG address,
                 socklen_t *length)
{
    PASS_UNLESS_FOLLOWED(entry, fd,
                         LK_REAL_EARLY(recvfrom)(fd, buffer, bytes, flags, address, length));
    ssize_t result = LK_REAL_EARLY(recvfrom)(fd, buffer, bytes, flags, address, length);
    received_by(fd, entry, &(struct iovec){buffer, bytes}, 1, result, flags);
    return result;
}

ssize_t recvmsg(int fd, struct msghdr *message, int flags)
{
    PASS_UNLESS_FOLLOWED(entry, fd, LK_REAL_EARLY(recvmsg)(fd, message, flags));
    ssize_t result = LK_REAL_EARLY(recvmsg)(fd, message, flags);
    received_by(fd, entry, message->msg_iov, message->msg_iovlen, result, flags);
    return result;
}

/* What the compiler makes of these in programs built with _FORTIFY_SOURCE. */
ssize_t __read_chk(int fd, void *buffer, size_t bytes, size_t room)
{
    PASS_UNLESS_FOLLOWED(entry, fd, LK_REAL_EARLY(__read_chk)(fd, buffer, bytes, room));
    ssize_t result = LK_REAL_EARLY(__read_chk)(fd, buffer, bytes, room);
    received(fd, entry, &(struct iovec){buffer, bytes}, 1, result);
    return result;
}

ssize_t __recv_chk(int fd, void *buffer, size_t bytes, size_t room, int flags)
{
    PASS_UNLESS_FOLLOWED(entry, fd, LK_REAL_EARLY(__recv_chk)(fd, buffer, bytes, room, flags));
    ssize_t result = LK_REAL_EARLY(__recv_chk)(fd, buffer, bytes, room, flags);
    received_by(fd, entry, &(struct iovec){buffer, bytes}, 1, result, flags);
    return result;
}

ssize_t __recvfrom_chk(int fd, void *buffer, size_t bytes, size_t room, int flags,
                       __SOCKADDR_ARG address, socklen_t *length)
{
    PASS_UNLESS_FOLLOWED(
        entry, fd, LK_REAL_EARLY(__recvfrom_chk)(fd, buffer, bytes, room, flags, address, length));
    ssize_t result = LK_REAL_EARLY(__recvfrom_chk)(fd, buffer, bytes, room, flags, address, length);
    received_by(fd, entry, &(struct iovec){buffer, bytes}, 1, result, flags);
    return result;
}

/* ---- Descriptors that come and go ---- */

int connect(int fd, __CONST_SOCKADDR_ARG address, socklen_t length)
{
    forget(fd);
    return LK_REAL_EARLY(connect)(fd, address, length);
}

int close(int fd)
{
    forget(fd);
    return LK_REAL_EARLY(close)(fd);
}

/* Another number for the same thing. Of a stream, the first number's goes on, and the second's is
 * another one, from its next command on. */
static void doubled(int from, int to)
{
    uint32_t entry = lk_fd_get(from);
    if (from != to && forget(to))
        set(to, entry < LK_FD_STREAM ? entry : LK_FD_UNKNOWN);
}

int dup(int fd)
{
    int result = LK_REAL_EARLY(dup)(fd);
    if (result >= 0)
        doubled(fd, result);
    return result;
}

int dup2(int from, int to)
{
    int result = LK_REAL_EARLY(dup2)(from, to);
    if (result >= 0)
        doubled(from, result);
    return result;
}

int dup3(int from, int to, int flags)
{
    int result = LK_REAL_EARLY(dup3)(from, to, flags);
    if (result >= 0)
        doubled(from, result);
    return result;
}
