/*
 * The system's calls as they stand in the table of originals until these are found: while dlsym is
 * at that, another allocator may be setting itself up, and read and close files to do so. read and
 * close are sys.h's.
 */
#ifndef LK_WIRE_EARLY_H
#define LK_WIRE_EARLY_H

#include <sys/socket.h>
#include <sys/types.h>
#include <sys/uio.h>

ssize_t lk_early_write(int fd, const void *buffer, size_t bytes);
ssize_t lk_early_writev(int fd, const struct iovec *parts, int count);
ssize_t lk_early_send(int fd, const void *buffer, size_t bytes, int flags);
ssize_t lk_early_sendto(int fd, const void *buffer, size_t bytes, int flags, const void *address,
                        socklen_t length);
ssize_t lk_early_sendmsg(int fd, const struct msghdr *message, int flags);
ssize_t lk_early_readv(int fd, const struct iovec *parts, int count);
ssize_t lk_early_recv(int fd, void *buffer, size_t bytes, int flags);
ssize_t lk_early_recvfrom(int fd, void *buffer, size_t bytes, int flags, void *address,
                          socklen_t *length);
ssize_t lk_early_recvmsg(int fd, struct msghdr *message, int flags);
ssize_t lk_early_read_chk(int fd, void *buffer, size_t bytes, size_t room);
ssize_t lk_early_recv_chk(int fd, void *buffer, size_t bytes, size_t room, int flags);
ssize_t lk_early_recvfrom_chk(int fd, void *buffer, size_t bytes, size_t room, int flags,
                              void *address, socklen_t *length);
int lk_early_connect(int fd, const void *address, socklen_t length);
int lk_early_dup(int fd);
int lk_early_dup2(int from, int to);
int lk_early_dup3(int from, int to, int flags);

#endif
