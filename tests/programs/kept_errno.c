// Sets errno to a marker before calls that succeed, and looks whether it is still there: where the
// plain program's is, it must be. Prints each call and what errno was. Arguments: SOCKET

// libs: -lhiredis -lcrypto -lxxhash -ldl
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <hiredis/hiredis.h>
#include <malloc.h>
#include <openssl/evp.h>
#include <openssl/sha.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <unistd.h>
#include <xxhash.h>

#define MARKER 1234

static int wrong;

#define KEEPS(call)                                     \
    do {                                                \
        for (int round = 0; round < 3; round++) {       \
            errno = MARKER;                             \
            (void)(call);                               \
            if (errno != MARKER) {                      \
                printf("%s: errno %d\n", #call, errno); \
                wrong++;                                \
            }                                           \
        }                                               \
    } while (0)

static void heap(void)
{
    void *volatile block;
    void *made = NULL;

    KEEPS(free(malloc(100)));
    KEEPS(free(calloc(3, 100)));
    KEEPS(free(realloc(malloc(10), 5000)));
    KEEPS(free(reallocarray(malloc(10), 5, 100)));
    KEEPS((posix_memalign(&made, 64, 100), free(made)));
    KEEPS(free(aligned_alloc(64, 128)));
    KEEPS(free(memalign(64, 100)));
    KEEPS(free(valloc(100)));
    KEEPS(free(pvalloc(100)));
    KEEPS(free(malloc(1 << 22)));
    block = malloc(10);
    KEEPS(malloc_usable_size(block));
    free(block);
}

static void digests(void)
{
    unsigned char out[64];
    unsigned bytes;
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    XXH3_state_t *state = XXH3_createState();

    EVP_Digest("x", 1, out, &bytes, EVP_sha256(), NULL);
    KEEPS(EVP_DigestInit_ex(context, EVP_sha256(), NULL));
    KEEPS(EVP_DigestUpdate(context, "abc", 3));
    KEEPS(
        (EVP_DigestInit_ex(context, EVP_sha256(), NULL), EVP_DigestFinal_ex(context, out, &bytes)));
    KEEPS(EVP_Digest("x", 1, out, &bytes, EVP_sha256(), NULL));
    KEEPS(SHA256((const unsigned char *)"x", 1, out));
    KEEPS(SHA512((const unsigned char *)"x", 1, out));
    KEEPS(XXH64("x", 1, 0));
    KEEPS(XXH3_64bits("x", 1));
    KEEPS(XXH3_64bits_reset(state));
    KEEPS(XXH3_64bits_update(state, "x", 1));
    KEEPS(XXH3_64bits_digest(state));
    XXH3_freeState(state);
    EVP_MD_CTX_free(context);
}

static void exchange(int fd, int form)
{
    static char get[] = "*2\r\n$3\r\nGET\r\n$7\r\nerrno:1\r\n";
    char answer[64];
    struct iovec out = {get, sizeof get - 1}, in = {answer, sizeof answer};
    struct msghdr sending = {.msg_iov = &out, .msg_iovlen = 1};
    struct msghdr receiving = {.msg_iov = &in, .msg_iovlen = 1};

    if (form == 0)
        (void)!write(fd, get, sizeof get - 1), (void)!read(fd, answer, sizeof answer);
    else if (form == 1)
        (void)!writev(fd, &out, 1), (void)!readv(fd, &in, 1);
    else if (form == 2)
        send(fd, get, sizeof get - 1, 0), recv(fd, answer, sizeof answer, 0);
    else
        sendmsg(fd, &sending, 0), recvmsg(fd, &receiving, 0);
}

static int connected(const struct sockaddr_un *address)
{
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);

    if (connect(fd, (const struct sockaddr *)address, sizeof *address) != 0)
        exit(1);
    return fd;
}

static void sockets(const char *server)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd;

    strncpy(address.sun_path, server, sizeof address.sun_path - 1);
    KEEPS(close(connected(&address)));
    fd = connected(&address);
    for (int form = 0; form < 4; form++)
        KEEPS(exchange(fd, form));
    KEEPS(close(dup(fd)));
    KEEPS(dup2(fd, 100));
    KEEPS(dup3(fd, 101, 0));
    close(fd);
}

static void commands(const char *server)
{
    redisContext *context = redisConnectUnix(server);
    void *reply = NULL;

    KEEPS(freeReplyObject(redisCommand(context, "SET errno:%d 1", 1)));
    KEEPS(freeReplyObject(redisCommand(context, "GET errno:%d", 2)));
    KEEPS((redisAppendCommand(context, "GET errno:1"), redisGetReply(context, &reply),
           freeReplyObject(reply)));
    KEEPS(redisFree(redisConnectUnix(server)));
    redisFree(context);
}

int main(int argc, char **argv)
{
    if (argc < 2)
        return 2;
    heap();
    digests();
    sockets(argv[1]);
    commands(argv[1]);
    KEEPS(dlclose(dlopen("libm.so.6", RTLD_NOW)));
    printf("changed %d\n", wrong);
    return 0;
}
