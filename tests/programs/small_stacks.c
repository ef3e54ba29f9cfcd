// Threads of 16 KiB of stack allocate, digest and talk to the server (by hiredis, which itself
// takes 16 KiB, on 48), each kind of work on a stack of its own that was painted before: how deep
// each came stands in the file "depths" afterwards, one "WORK BYTES" a line. Prints what they did.
// Arguments: SOCKET

// libs: -lhiredis -lcrypto -lxxhash
#define _GNU_SOURCE
#include <hiredis/hiredis.h>
#include <openssl/evp.h>
#include <openssl/sha.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include <xxhash.h>

#define STACK 16384u
#define LARGE 49152u /* for hiredis */
#define PAINT 0xa5

static const char *server;
static redisContext *context;
static EVP_MD_CTX *digest;
static int wire;
static FILE *depths;

static void allocate(void)
{
    for (size_t bytes = 1; bytes < 3000; bytes += 7)
        free(realloc(calloc(1, bytes), bytes * 2));
}

static void digest_all(void)
{
    unsigned char out[64];
    static char input[5000];
    unsigned bytes;

    for (int i = 0; i < 10; i++) {
        input[0] = (char)i;
        EVP_DigestInit_ex(digest, EVP_sha256(), NULL);
        EVP_DigestUpdate(digest, input, sizeof input);
        EVP_DigestFinal_ex(digest, out, &bytes);
        SHA256((const unsigned char *)input, 100, out);
        XXH3_64bits(input, sizeof input);
    }
}

/* hiredis formats into a buffer of its own, so that little stack is the library's. */
static void command(void)
{
    static const char *set[] = {"SET", "small:4f3c2b1a-0000-4000-8000-1234567890ab:user:17", "x"};
    static const char *get[] = {"GET", "small:4f3c2b1a-0000-4000-8000-1234567890ab:user:17"};

    for (int i = 0; i < 10; i++) {
        freeReplyObject(redisCommandArgv(context, 3, set, NULL));
        freeReplyObject(redisCommandArgv(context, 2, get, NULL));
    }
}

static void speak(void)
{
    static const char get[] = "*2\r\n$3\r\nGET\r\n$12\r\nsmall:wire:1\r\n";
    char answer[16];

    for (int i = 0; i < 10; i++)
        if (write(wire, get, sizeof get - 1) < 0 || read(wire, answer, sizeof answer) != 5)
            exit(1);
}

static void *run(void *work)
{
    void (*function)(void);

    memcpy(&function, &work, sizeof function);
    function();
    return NULL;
}

static void measure(const char *name, void (*work)(void), size_t bytes)
{
    unsigned char *stack =
        mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    pthread_attr_t attributes;
    pthread_t thread;
    void *argument;
    size_t untouched = 0;

    memcpy(&argument, &work, sizeof argument);
    memset(stack, PAINT, bytes);
    pthread_attr_init(&attributes);
    if (pthread_attr_setstack(&attributes, stack, bytes) != 0 ||
        pthread_create(&thread, &attributes, run, argument) != 0)
        exit(1);
    pthread_join(thread, NULL);
    while (untouched < bytes && stack[untouched] == PAINT)
        untouched++;
    fprintf(depths, "%s %zu\n", name, bytes - untouched);
    printf("%s done\n", name);
    munmap(stack, bytes);
}

static void nothing(void) {}

int main(int argc, char **argv)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};

    if (argc < 2)
        return 2;
    server = argv[1];
    strncpy(address.sun_path, server, sizeof address.sun_path - 1);
    context = redisConnectUnix(server);
    wire = socket(AF_UNIX, SOCK_STREAM, 0);
    if (!context || context->err || connect(wire, (struct sockaddr *)&address, sizeof address) != 0)
        return 1;
    digest = EVP_MD_CTX_new();
    depths = fopen("depths", "w");
    digest_all(); // libcrypto prepares itself here, on a large stack; the others do not
    measure("nothing", nothing, STACK);
    measure("allocate", allocate, STACK);
    measure("digest", digest_all, STACK);
    measure("command", command, LARGE);
    measure("speak", speak, STACK);
    fclose(depths);
    redisFree(context);
    return 0;
}
