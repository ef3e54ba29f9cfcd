// Another preload that stands in the way of malloc, free, read and write by dlsym(RTLD_NEXT), as
// many do. With OTHER_PRELOAD_SAYS set it says at the end that it was there.

// libs: -ldl
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void *malloc(size_t bytes);
void free(void *block);
ssize_t read(int fd, void *to, size_t room);
ssize_t write(int fd, const void *from, size_t bytes);

static unsigned long calls;

#define NEXT(name)                                 \
    static __typeof__(&name) next;                 \
    if (!next)                                     \
        *(void **)&next = dlsym(RTLD_NEXT, #name); \
    __atomic_fetch_add(&calls, 1, __ATOMIC_RELAXED);

void *malloc(size_t bytes)
{
    NEXT(malloc)
    return next(bytes);
}

void free(void *block)
{
    NEXT(free)
    next(block);
}

ssize_t read(int fd, void *to, size_t room)
{
    NEXT(read)
    return next(fd, to, room);
}

ssize_t write(int fd, const void *from, size_t bytes)
{
    NEXT(write)
    return next(fd, from, bytes);
}

__attribute__((destructor)) static void say(void)
{
    static const char there[] = "the other preload was there\n";

    if (getenv("OTHER_PRELOAD_SAYS") && calls > 0)
        (void)!write(2, there, strlen(there));
}
