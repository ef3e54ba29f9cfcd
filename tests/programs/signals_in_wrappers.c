// A timer interrupts the program a thousand times a second while it calls what the shim stands in
// front of. The handler writes to a socket; where the program is in no function that may not be
// interrupted so, it also allocates, and now and then it longjmps out. Then a read that nothing
// answers is interrupted twenty times without SA_RESTART. Prints what came of it. Arguments: SOCKET

// libs: -lhiredis -lcrypto -lxxhash -ldl
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <hiredis/hiredis.h>
#include <malloc.h>
#include <openssl/evp.h>
#include <openssl/sha.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <unistd.h>
#include <xxhash.h>

#define SIGNALS 120 /* for each kind of call */

static volatile sig_atomic_t signals, may_allocate, may_jump, jumps;
static int pair[2], wire;
static redisContext *context;
static sigjmp_buf back;

static void on_timer(int number)
{
    int kept = errno;

    (void)number;
    signals++;
    send(pair[0], "s", 1, MSG_DONTWAIT);
    if (may_allocate)
        free(realloc(malloc(100), 5000));
    errno = kept;
    if (may_jump && signals % 7 == 0) {
        may_jump = 0;
        jumps++;
        siglongjmp(back, 1);
    }
}

static void heap(void)
{
    void *made;

    free(malloc(100));
    free(calloc(3, 100));
    free(reallocarray(realloc(malloc(10), 500), 5, 1000));
    if (posix_memalign(&made, 64, 100) == 0)
        free(made);
    free(aligned_alloc(64, 128));
    free(memalign(64, 100));
    free(valloc(100));
    free(pvalloc(100));
    malloc_usable_size(NULL);
}

static void digests(void)
{
    static unsigned char out[64];
    static char text[3000];
    unsigned bytes;
    EVP_MD_CTX *digest = EVP_MD_CTX_new();
    XXH3_state_t *state = XXH3_createState();

    EVP_DigestInit_ex(digest, EVP_sha256(), NULL);
    EVP_DigestUpdate(digest, text, sizeof text);
    EVP_DigestFinal_ex(digest, out, &bytes);
    EVP_MD_CTX_free(digest);
    SHA256((unsigned char *)text, 100, out);
    XXH3_64bits_reset(state);
    XXH3_64bits_update(state, text, sizeof text);
    XXH3_64bits_digest(state);
    XXH3_freeState(state);
    XXH64(text, 100, 0);
    text[0]++;
}

static void get_whole(ssize_t (*once)(char *room, size_t bytes))
{
    char answer[5];
    size_t have = 0;

    while (have < sizeof answer) {
        ssize_t got = once(answer + have, sizeof answer - have);
        if (got <= 0)
            exit(1);
        have += (size_t)got;
    }
    if (memcmp(answer, "$-1\r\n", sizeof answer) != 0)
        exit(1);
}

static ssize_t by_read(char *room, size_t bytes)
{
    return read(wire, room, bytes);
}

static ssize_t by_readv(char *room, size_t bytes)
{
    return readv(wire, &(struct iovec){room, bytes}, 1);
}

static ssize_t by_recv(char *room, size_t bytes)
{
    return recv(wire, room, bytes, 0);
}

static ssize_t by_recvmsg(char *room, size_t bytes)
{
    struct iovec part = {room, bytes};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
    return recvmsg(wire, &message, 0);
}

static void sockets(void)
{
    static char get[] = "*2\r\n$3\r\nGET\r\n$8\r\nsignal:1\r\n";
    struct iovec part = {get, sizeof get - 1};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};

    may_allocate = 1;
    if (write(wire, get, sizeof get - 1) < 0)
        exit(1);
    get_whole(by_read);
    if (writev(wire, &part, 1) < 0)
        exit(1);
    get_whole(by_readv);
    send(wire, get, sizeof get - 1, 0);
    get_whole(by_recv);
    sendmsg(wire, &message, 0);
    get_whole(by_recvmsg);
    close(dup(wire));
    may_allocate = 0;
}

static void commands(void)
{
    void *reply;

    freeReplyObject(redisCommand(context, "SET signal:%d 1", signals % 10 + 2));
    for (int i = 0; i < 10; i++)
        redisAppendCommand(context, "GET signal:%d", i + 2);
    for (int i = 0; i < 10; i++) {
        if (redisGetReply(context, &reply) != REDIS_OK)
            exit(1);
        freeReplyObject(reply);
    }
}

static void loads(void)
{
    dlclose(dlopen("libm.so.6", RTLD_NOW));
}

static void drain(void)
{
    static char some[4096];

    while (recv(pair[1], some, sizeof some, MSG_DONTWAIT) > 0)
        ;
}

/* What is left by a jump is a write that nobody follows. */
static void jumps_out(void)
{
    if (sigsetjmp(back, 1) == 0) {
        may_jump = may_allocate = 1;
        for (int i = 0; i < 20; i++)
            (void)!write(pair[0], "x", 1), (void)!read(pair[1], &(char){0}, 1);
    }
    may_jump = may_allocate = 0;
}

static void interrupted(void)
{
    struct sigaction action = {.sa_handler = on_timer};
    int quiet[2], times = 0;
    char byte;

    sigaction(SIGALRM, &action, NULL);
    if (socketpair(AF_UNIX, SOCK_STREAM, 0, quiet) != 0)
        exit(1);
    while (times < 20) {
        if (read(quiet[0], &byte, 1) >= 0 || errno != EINTR)
            exit(1);
        times++;
        drain();
    }
    printf("interrupted %d\n", times);
}

static const struct {
    const char *name;
    void (*call)(void);
} work[] = {
    {"heap", heap},         {"digests", digests}, {"sockets", sockets},
    {"commands", commands}, {"loads", loads},     {"jumps", jumps_out},
};

int main(int argc, char **argv)
{
    struct sigaction action = {.sa_handler = on_timer, .sa_flags = SA_RESTART};
    struct itimerval every = {{0, 1000}, {0, 1000}}, never = {{0, 0}, {0, 0}};
    struct sockaddr_un address = {.sun_family = AF_UNIX};

    if (argc < 2 || socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair) != 0)
        return 2;
    strncpy(address.sun_path, argv[1], sizeof address.sun_path - 1);
    wire = socket(AF_UNIX, SOCK_STREAM, 0);
    if (connect(wire, (struct sockaddr *)&address, sizeof address) != 0)
        return 1;
    context = redisConnectUnix(argv[1]);
    sigaction(SIGALRM, &action, NULL);
    setitimer(ITIMER_REAL, &every, NULL);
    for (size_t i = 0; i < sizeof work / sizeof *work; i++) {
        for (int until = signals + SIGNALS; signals < until; drain())
            work[i].call();
        printf("%s interrupted\n", work[i].name);
    }
    interrupted();
    setitimer(ITIMER_REAL, &never, NULL);
    printf("jumped: %s\n", jumps > 0 ? "yes" : "no");
    return 0;
}
