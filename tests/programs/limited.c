/*
 * Works with the limits that its arguments name, set before or after the first work: limited
 * [RESOURCE=VALUE]... [after] [RESOURCE=VALUE]... Says what it did, how much memory it got in
 * blocks of 1 MiB where that is limited, what each limit made of a try to pass it, and which
 * descriptors a child inherits.
 */
#define _GNU_SOURCE
#include "work.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>

static void try_file_size(rlim_t limit)
{
    int file = memfd_create("large", 0);
    signal(SIGXFSZ, SIG_IGN);
    int status = ftruncate(file, (off_t)limit + 1);
    printf("a larger file: %s\n", status == 0 ? "allowed" : strerrorname_np(errno));
    signal(SIGXFSZ, SIG_DFL);
    close(file);
}

static void try_descriptors(rlim_t limit)
{
    int first = open("/dev/null", O_RDONLY), last = first;
    if (first < 0)
        printf("a descriptor: %s\n", strerrorname_np(errno));
    while (last >= 0 && last < (int)limit - 1)
        last = open("/dev/null", O_RDONLY);
    printf("descriptors from %d to %d\n", first, last);
    for (int fd = first; fd >= 0 && fd <= last; fd++)
        close(fd);
}

/* In a child: nothing of it is left. */
static void try_memory(rlim_t limit)
{
    int got[2], blocks = 0;
    (void)limit;
    if (pipe(got) != 0)
        abort();
    pid_t child = fork();
    if (child == 0) {
        while (mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) !=
               MAP_FAILED)
            blocks++;
        _exit(write(got[1], &blocks, sizeof blocks) != sizeof blocks);
    }
    if (read(got[0], &blocks, sizeof blocks) != sizeof blocks || waitpid(child, NULL, 0) != child)
        abort();
    fprintf(stderr, "memory: %d MiB\n", blocks);
    close(got[0]);
    close(got[1]);
}

static void try_locked(rlim_t limit)
{
    static char page[8192];
    printf("locked memory: %s\n",
           mlock(page, limit + 4096) == 0 ? "allowed" : strerrorname_np(errno));
}

static int dive(int depth)
{
    volatile char here[1024];
    here[0] = (char)depth;
    return depth ? dive(depth - 1) + here[0] : here[0];
}

static void try_stack(rlim_t limit)
{
    pthread_attr_t attributes;
    pthread_t thread;
    size_t bytes;
    dive((int)(limit / 1024) / 2);
    pthread_attr_init(&attributes);
    pthread_attr_getstacksize(&attributes, &bytes);
    printf("threads' stacks: %zu, %d\n", bytes,
           pthread_create(&thread, NULL, (void *(*)(void *))(void *)lose_block, NULL));
    pthread_join(thread, NULL);
}

static void try_nothing(rlim_t limit)
{
    (void)limit;
}

static const struct resource {
    const char *name;
    int number;
    void (*try)(rlim_t limit);
} resources[] = {
    {"fsize", RLIMIT_FSIZE, try_file_size},  {"nofile", RLIMIT_NOFILE, try_descriptors},
    {"as", RLIMIT_AS, try_memory},           {"data", RLIMIT_DATA, try_memory},
    {"memlock", RLIMIT_MEMLOCK, try_locked}, {"stack", RLIMIT_STACK, try_stack},
    {"nproc", RLIMIT_NPROC, try_nothing},    {"sigpending", RLIMIT_SIGPENDING, try_nothing},
};
#define RESOURCES (sizeof resources / sizeof *resources)

static const struct resource *find(const char *argument, rlim_t *value)
{
    const char *equals = strchr(argument, '=');
    for (size_t i = 0; equals && i < RESOURCES; i++)
        if (strncmp(resources[i].name, argument, (size_t)(equals - argument)) == 0) {
            *value = strtoul(equals + 1, NULL, 10);
            return &resources[i];
        }
    return NULL;
}

static void set(const char *argument)
{
    struct rlimit limit;
    const struct resource *resource = find(argument, &limit.rlim_cur);
    limit.rlim_max = limit.rlim_cur;
    if (!resource || setrlimit(resource->number, &limit) != 0)
        abort();
}

int main(int argc, char **argv)
{
    rlim_t value;
    int i = 1;
    for (; i < argc && strcmp(argv[i], "after") != 0; i++)
        set(argv[i]);
    if (i < argc)
        work(100);
    while (++i < argc)
        set(argv[i]);
    work(4000);
    for (int round = 0; round < 60000; round++)
        use_block(64 + (size_t)round % 64);
    for (i = 1; i < argc; i++)
        if (find(argv[i], &value))
            find(argv[i], &value)->try(value);
    fflush(stdout);
    tell();
    return 0;
}
