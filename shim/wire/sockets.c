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
#include <limits.h>
#include <pthread.h>
#include <stdbool.h>
#include <sys/socket.h>
#include <sys/stat.h>
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

#define FIRST_LOOK 300u  /* bytes of what is sent first */
#define LOWEST     4096u /* address of anything */

uint32_t *lk_fds;
static pid_t pid; /* of the process whose descriptors these are */

static void note_pid(void)
{
    pid = getpid();
}

void lk_wire_init(void)
{
    note_pid();
    pthread_atfork(NULL, NULL, note_pid);
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

static uint64_t identity_of(uint64_t owner)
{
    struct stat about;
    return lk_sys_fstat((int)(owner >> 1), &about) == 0
               ? about.st_ino ^ (uint64_t)about.st_dev << 40
               : 0;
}

static const struct lk_stream_kind socket_kind = {.peer = peer_of, .identity = identity_of};

/* A child by vfork has its parent's memory, and its own descriptors. */
static bool is_own_process(void)
{
    return (pid_t)syscall(SYS_getpid) == pid;
}

/* Ends the descriptor's stream. Above depth 0 it is lost, and stays to be ended by the next call.
 */
static bool end(int fd, uint32_t entry)
{
    lk_stream_end(entry - LK_FD_STREAM, owner_of(fd));
    return !lk_self.depth;
}

/* False: it is the parent's. */
static __attribute__((noinline)) bool forget_known(int fd)
{
    uint32_t entry = lk_fd_get(fd);
    int kept = errno;
    bool own = entry <= LK_FD_IGNORED || is_own_process();
    if (own && (entry < LK_FD_STREAM || end(fd, entry)))
        set(fd, LK_FD_UNKNOWN);
    errno = kept;
    return own;
}

static inline bool forget(int fd)
{
    return lk_fd_get(fd) == LK_FD_UNKNOWN || forget_known(fd);
}

void lk_wire_disown(int fd)
{
    uint32_t entry = lk_fd_get(fd);
    int kept = errno;
    if (entry < LK_FD_STREAM || end(fd, entry))
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

/* Whether the host may have its memory looked at: the first bytes, with the system's help, for here
 * libraries may be trying what can be read. */
static bool is_readable(const void *memory, size_t bytes)
{
    uintptr_t first = (uintptr_t)memory & ~7ul, last = ((uintptr_t)memory + bytes - 1) & ~7ul;
    return bytes == 0 ||
           (lk_sys_readable(first) && (first >> 12 == last >> 12 || lk_sys_readable(last)));
}

static bool may_be_command(const struct iovec *part)
{
    size_t some = part->iov_len < FIRST_LOOK ? part->iov_len : FIRST_LOOK;
    return is_readable(part->iov_base, some) && lk_sent_plausible(part->iov_base, some);
}

/* What the host sends first on a descriptor says whether it is looked at any further. What is sent
 * while we may not look is a beginning that we have missed. */
static uint32_t judge(int fd, const struct iovec *parts, size_t count)
{
    uint32_t entry = LK_FD_IGNORED, place;
    int kept = errno;
    size_t first = 0;
    if (is_stream_socket(fd) && is_readable(parts, count * sizeof *parts)) {
        while (first < count && !parts[first].iov_len)
            first++;
        if (first == count)
            entry = LK_FD_UNKNOWN;
        else if (!may_be_command(&parts[first]))
            entry = LK_FD_IGNORED;
        else if (lk_self.depth)
            lk_stream_missed();
        else if ((place = lk_stream_begin(owner_of(fd), &socket_kind)) < LK_STREAMS)
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
static uint32_t sending(int fd, const struct iovec *parts, size_t count)
{
    uint32_t entry = lk_fd_get(fd);
    /* What the system refuses without a look at any of it, and what it cannot look at. */
    if (count > IOV_MAX || (count && (uintptr_t)parts < LOWEST))
        return LK_FD_IGNORED;
    if (entry == LK_FD_UNKNOWN)
        entry = judge(fd, parts, count);
    if (entry < LK_FD_STREAM)
        return entry;
    if (lk_stream_sending(entry - LK_FD_STREAM, owner_of(fd), parts, count))
        return entry;
    if (end(fd, entry))
        set(fd, LK_FD_LOST);
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

/* What came; a descriptor on which the other end speaks first is no client's. Another thread may
 * have sent the first command while this one waited. */
static void received(int fd, const struct iovec *parts, size_t count, ssize_t result)
{
    uint32_t entry = lk_fd_get(fd);
    int kept = errno;
    if (entry < LK_FD_STREAM) {
        if (result > 0 && entry == LK_FD_UNKNOWN)
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
    if (!good && end(fd, entry))
        set(fd, LK_FD_LOST);
    errno = kept;
}

/* What nearly every call comes to: the wrapper's quick part is this and a jump to the original. */
static inline bool is_passed_by(int fd)
{
    uint32_t *fds = lk_fds;
    return __builtin_expect(fds && (unsigned)fd < LK_FDS &&
                                __atomic_load_n(&fds[fd], __ATOMIC_RELAXED) - LK_FD_IGNORED <
                                    LK_FD_STREAM - LK_FD_IGNORED,
                            1);
}

/* ---- Out ---- */

static __attribute__((noinline)) ssize_t write_followed(int fd, const void *buffer, size_t bytes)
{
    struct iovec part = {(void *)(uintptr_t)buffer, bytes};
    uint32_t entry = sending(fd, &part, 1);
    ssize_t result = LK_REAL(write)(fd, buffer, bytes);
    sent(fd, entry, &part, 1, result);
    return result;
}

ssize_t write(int fd, const void *buffer, size_t bytes)
{
    if (is_passed_by(fd))
        return LK_REAL(write)(fd, buffer, bytes);
    return write_followed(fd, buffer, bytes);
}

static __attribute__((noinline)) ssize_t writev_followed(int fd, const struct iovec *parts,
                                                         int count)
{
    size_t number = count > 0 ? (size_t)count : 0;
    uint32_t entry = sending(fd, parts, number);
    ssize_t result = LK_REAL(writev)(fd, parts, count);
    sent(fd, entry, parts, number, result);
    return result;
}

ssize_t writev(int fd, const struct iovec *parts, int count)
{
    if (is_passed_by(fd))
        return LK_REAL(writev)(fd, parts, count);
    return writev_followed(fd, parts, count);
}

static __attribute__((noinline)) ssize_t send_followed(int fd, const void *buffer, size_t bytes,
                                                       int flags)
{
    struct iovec part = {(void *)(uintptr_t)buffer, bytes};
    uint32_t entry = sending(fd, &part, 1);
    ssize_t result = LK_REAL(send)(fd, buffer, bytes, flags);
    sent(fd, entry, &part, 1, result);
    return result;
}

ssize_t send(int fd, const void *buffer, size_t bytes, int flags)
{
    if (is_passed_by(fd))
        return LK_REAL(send)(fd, buffer, bytes, flags);
    return send_followed(fd, buffer, bytes, flags);
}

static __attribute__((noinline)) ssize_t sendto_followed(int fd, const void *buffer, size_t bytes,
                                                         int flags, __CONST_SOCKADDR_ARG address,
                                                         socklen_t length)
{
    struct iovec part = {(void *)(uintptr_t)buffer, bytes};
    uint32_t entry = sending(fd, &part, 1);
    ssize_t result = LK_REAL(sendto)(fd, buffer, bytes, flags, address, length);
    sent(fd, entry, &part, 1, result);
    return result;
}

ssize_t sendto(int fd, const void *buffer, size_t bytes, int flags, __CONST_SOCKADDR_ARG address,
               socklen_t length)
{
    if (is_passed_by(fd))
        return LK_REAL(sendto)(fd, buffer, bytes, flags, address, length);
    return sendto_followed(fd, buffer, bytes, flags, address, length);
}

/* Whether the message may be looked into. */
static bool has_parts(int fd, const struct msghdr *message)
{
    uint32_t entry = lk_fd_get(fd);
    int kept = errno;
    bool judged = entry != LK_FD_UNKNOWN;
    bool has = (uintptr_t)message >= LOWEST && (!judged || entry >= LK_FD_STREAM);
    if (!judged && !is_stream_socket(fd)) {
        set(fd, LK_FD_IGNORED);
        has = false;
    }
    has = has && (judged || is_readable(message, sizeof *message));
    errno = kept;
    return has;
}

static __attribute__((noinline)) ssize_t sendmsg_followed(int fd, const struct msghdr *message,
                                                          int flags)
{
    if (!has_parts(fd, message))
        return LK_REAL(sendmsg)(fd, message, flags);
    uint32_t entry = sending(fd, message->msg_iov, message->msg_iovlen);
    ssize_t result = LK_REAL(sendmsg)(fd, message, flags);
    sent(fd, entry, message->msg_iov, message->msg_iovlen, result);
    return result;
}

ssize_t sendmsg(int fd, const struct msghdr *message, int flags)
{
    if (is_passed_by(fd))
        return LK_REAL(sendmsg)(fd, message, flags);
    return sendmsg_followed(fd, message, flags);
}

/* ---- In ---- */

static __attribute__((noinline)) ssize_t read_followed(int fd, void *buffer, size_t bytes)
{
    ssize_t result = LK_REAL(read)(fd, buffer, bytes);
    received(fd, &(struct iovec){buffer, bytes}, 1, result);
    return result;
}

ssize_t read(int fd, void *buffer, size_t bytes)
{
    if (is_passed_by(fd))
        return LK_REAL(read)(fd, buffer, bytes);
    return read_followed(fd, buffer, bytes);
}

static __attribute__((noinline)) ssize_t readv_followed(int fd, const struct iovec *parts,
                                                        int count)
{
    ssize_t result = LK_REAL(readv)(fd, parts, count);
    received(fd, parts, count > 0 ? (size_t)count : 0, result);
    return result;
}

ssize_t readv(int fd, const struct iovec *parts, int count)
{
    if (is_passed_by(fd))
        return LK_REAL(readv)(fd, parts, count);
    return readv_followed(fd, parts, count);
}

/* Bytes that were only peeked at come again, and others stand beside the stream; of those that were
 * thrown away there is nothing to see, and the stream is lost. */
static void received_by(int fd, const struct iovec *parts, size_t count, ssize_t result, int flags)
{
    uint32_t entry = lk_fd_get(fd);
    int kept = errno;
    if (flags & (MSG_PEEK | MSG_OOB | MSG_ERRQUEUE) && result >= 0)
        return;
    if (flags & MSG_TRUNC && result > 0) {
        if (entry == LK_FD_UNKNOWN)
            set(fd, LK_FD_IGNORED);
        else if (entry >= LK_FD_STREAM && end(fd, entry))
            set(fd, LK_FD_LOST);
        errno = kept;
        return;
    }
    received(fd, parts, count, result);
}

static __attribute__((noinline)) ssize_t recv_followed(int fd, void *buffer, size_t bytes,
                                                       int flags)
{
    ssize_t result = LK_REAL(recv)(fd, buffer, bytes, flags);
    received_by(fd, &(struct iovec){buffer, bytes}, 1, result, flags);
    return result;
}

ssize_t recv(int fd, void *buffer, size_t bytes, int flags)
{
    if (is_passed_by(fd))
        return LK_REAL(recv)(fd, buffer, bytes, flags);
    return recv_followed(fd, buffer, bytes, flags);
}

static __attribute__((noinline)) ssize_t recvfrom_followed(int fd, void *buffer, size_t bytes,
                                                           int flags, __SOCKADDR_ARG address,
                                                           socklen_t *length)
{
    ssize_t result = LK_REAL(recvfrom)(fd, buffer, bytes, flags, address, length);
    received_by(fd, &(struct iovec){buffer, bytes}, 1, result, flags);
    return result;
}

ssize_t recvfrom(int fd, void *buffer, size_t bytes, int flags, __SOCKADDR_ARG address,
                 socklen_t *length)
{
    if (is_passed_by(fd))
        return LK_REAL(recvfrom)(fd, buffer, bytes, flags, address, length);
    return recvfrom_followed(fd, buffer, bytes, flags, address, length);
}

static __attribute__((noinline)) ssize_t recvmsg_followed(int fd, struct msghdr *message, int flags)
{
    ssize_t result = LK_REAL(recvmsg)(fd, message, flags);
    if (result >= 0)
        received_by(fd, message->msg_iov, message->msg_iovlen, result, flags);
    else /* there may be no message */
        received_by(fd, NULL, 0, result, flags);
    return result;
}

ssize_t recvmsg(int fd, struct msghdr *message, int flags)
{
    if (is_passed_by(fd))
        return LK_REAL(recvmsg)(fd, message, flags);
    return recvmsg_followed(fd, message, flags);
}

/* What the compiler makes of these in programs built with _FORTIFY_SOURCE. */
static __attribute__((noinline)) ssize_t read_chk_followed(int fd, void *buffer, size_t bytes,
                                                           size_t room)
{
    ssize_t result = LK_REAL(__read_chk)(fd, buffer, bytes, room);
    received(fd, &(struct iovec){buffer, bytes}, 1, result);
    return result;
}

ssize_t __read_chk(int fd, void *buffer, size_t bytes, size_t room)
{
    if (is_passed_by(fd))
        return LK_REAL(__read_chk)(fd, buffer, bytes, room);
    return read_chk_followed(fd, buffer, bytes, room);
}

static __attribute__((noinline)) ssize_t recv_chk_followed(int fd, void *buffer, size_t bytes,
                                                           size_t room, int flags)
{
    ssize_t result = LK_REAL(__recv_chk)(fd, buffer, bytes, room, flags);
    received_by(fd, &(struct iovec){buffer, bytes}, 1, result, flags);
    return result;
}

ssize_t __recv_chk(int fd, void *buffer, size_t bytes, size_t room, int flags)
{
    if (is_passed_by(fd))
        return LK_REAL(__recv_chk)(fd, buffer, bytes, room, flags);
    return recv_chk_followed(fd, buffer, bytes, room, flags);
}

static __attribute__((noinline)) ssize_t recvfrom_chk_followed(int fd, void *buffer, size_t bytes,
                                                               size_t room, int flags,
                                                               __SOCKADDR_ARG address,
                                                               socklen_t *length)
{
    ssize_t result = LK_REAL(__recvfrom_chk)(fd, buffer, bytes, room, flags, address, length);
    received_by(fd, &(struct iovec){buffer, bytes}, 1, result, flags);
    return result;
}

ssize_t __recvfrom_chk(int fd, void *buffer, size_t bytes, size_t room, int flags,
                       __SOCKADDR_ARG address, socklen_t *length)
{
    if (is_passed_by(fd))
        return LK_REAL(__recvfrom_chk)(fd, buffer, bytes, room, flags, address, length);
    return recvfrom_chk_followed(fd, buffer, bytes, room, flags, address, length);
}

/* ---- Descriptors that come and go ---- */

/* Asked again, how it went with a connection that is made already, connect fails, but for the first
 * time where it did not wait: so does hiredis, which closes its descriptors where we see it. */
int connect(int fd, __CONST_SOCKADDR_ARG address, socklen_t length)
{
    int result = LK_REAL(connect)(fd, address, length);
    if ((result == 0 || errno == EINPROGRESS || errno == EINTR) && lk_fd_get(fd) != LK_FD_OWNED)
        forget(fd);
    return result;
}

int close(int fd)
{
    forget(fd);
    return LK_REAL(close)(fd);
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
    int result = LK_REAL(dup)(fd);
    if (result >= 0)
        doubled(fd, result);
    return result;
}

int dup2(int from, int to)
{
    int result = LK_REAL(dup2)(from, to);
    if (result >= 0)
        doubled(from, result);
    return result;
}

int dup3(int from, int to, int flags)
{
    int result = LK_REAL(dup3)(from, to, flags);
    if (result >= 0)
        doubled(from, result);
    return result;
}
