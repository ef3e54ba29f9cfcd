/* The system's calls, without libc's wrappers. */
#define _GNU_SOURCE
#include "wire/early.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "sys.h"

ssize_t lk_early_write(int fd, const void *buffer, size_t bytes)
{
    return syscall(SYS_write, fd, buffer, bytes);
}

ssize_t lk_early_writev(int fd, const struct iovec *parts, int count)
{
    return syscall(SYS_writev, fd, parts, count);
}

ssize_t lk_early_sendto(int fd, const void *buffer, size_t bytes, int flags, const void *address,
                        socklen_t length)
{
    return syscall(SYS_sendto, fd, buffer, bytes, flags, address, length);
}

ssize_t lk_early_send(int fd, const void *buffer, size_t bytes, int flags)
{
    return lk_early_sendto(fd, buffer, bytes, flags, NULL, 0);
}

ssize_t lk_early_sendmsg(int fd, const struct msghdr *message, int flags)
{
    return syscall(SYS_sendmsg, fd, message, flags);
}

ssize_t lk_early_readv(int fd, const struct iovec *parts, int count)
{
    return syscall(SYS_readv, fd, parts, count);
}

ssize_t lk_early_recvfrom(int fd, void *buffer, size_t bytes, int flags, void *address,
                          socklen_t *length)
{
    return syscall(SYS_recvfrom, fd, buffer, bytes, flags, address, length);
}

ssize_t lk_early_recv(int fd, void *buffer, size_t bytes, int flags)
{
    return lk_early_recvfrom(fd, buffer, bytes, flags, NULL, NULL);
}

ssize_t lk_early_recvmsg(int fd, struct msghdr *message, int flags)
{
    return syscall(SYS_recvmsg, fd, message, flags);
}

/* What these promise: the program ends before it writes beyond its buffer. */
static void check(size_t bytes, size_t room)
{
    if (bytes > room)
        abort();
}

ssize_t lk_early_read_chk(int fd, void *buffer, size_t bytes, size_t room)
{
    check(bytes, room);
    return lk_sys_read(fd, buffer, bytes);
}

ssize_t lk_early_recv_chk(int fd, void *buffer, size_t bytes, size_t room, int flags)
{
    check(bytes, room);
    return lk_early_recv(fd, buffer, bytes, flags);
}

ssize_t lk_early_recvfrom_chk(int fd, void *buffer, size_t bytes, size_t room, int flags,
                              void *address, socklen_t *length)
{
    check(bytes, room);
    return lk_early_recvfrom(fd, buffer, bytes, flags, address, length);
}

int lk_early_connect(int fd, const void *address, socklen_t length)
{
    return (int)syscall(SYS_connect, fd, address, length);
}

int lk_early_dup(int fd)
{
    return (int)syscall(SYS_dup, fd);
}

/* Newer processors' kernels have no dup2. */
int lk_early_dup2(int from, int to)
{
    if (from == to)
        return fcntl(from, F_GETFD) < 0 ? -1 : to;
    return (int)syscall(SYS_dup3, from, to, 0);
}

int lk_early_dup3(int from, int to, int flags)
{
    return (int)syscall(SYS_dup3, from, to, flags);
}
