// Plants stacks in libraries that are gone at the end: loads each plugin that it is given, lets it
// leak, and closes it before the next, which comes to lie at the same addresses. Then allocates
// from code that was made at run time and is of no file. Prints as JSON what was leaked and where
// the plugins lay.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <link.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

#define BLOCKS     50u
#define MADE_BYTES 7000u

typedef void run_function(unsigned blocks, size_t bytes);
typedef void *calling_function(void *(*allocate)(size_t bytes), size_t bytes);

/* A plugin lives a while, as they do. */
static void nap(void)
{
    struct timespec rest = {0, 150000000};
    nanosleep(&rest, NULL);
}

/* What a tool in the process sets up in its first moments comes to lie before the plugins. */
static void warm_up(void)
{
    for (int round = 0; round < 2; round++) {
        for (size_t bytes = 16; bytes < 64u << 20; bytes *= 2)
            free(malloc(bytes));
        nap();
    }
}

static void run_plugin(const char *path, size_t bytes)
{
    void *plugin = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    run_function *run = NULL;
    struct link_map *map;
    if (plugin)
        *(void **)&run = dlsym(plugin, "plugin_run");
    if (!run || dlinfo(plugin, RTLD_DI_LINKMAP, &map) != 0) {
        fprintf(stderr, "%s\n", dlerror());
        exit(1);
    }
    run(BLOCKS, bytes);
    printf("{\"path\":\"%s\",\"base\":\"%#lx\",\"leaked_bytes\":%zu}", path,
           (unsigned long)map->l_addr, BLOCKS * bytes);
    dlclose(plugin);
    nap();
}

/* push %rbp; mov %rsp,%rbp; mov %rdi,%rax; mov %rsi,%rdi; call *%rax; pop %rbp; ret */
static const unsigned char instructions[] = {0x55, 0x48, 0x89, 0xe5, 0x48, 0x89, 0xf8,
                                             0x48, 0x89, 0xf7, 0xff, 0xd0, 0x5d, 0xc3};

__attribute__((noinline)) static void *call_made_code(void)
{
    void *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    calling_function *call;
    if (page == MAP_FAILED)
        return NULL;
    memcpy(page, instructions, sizeof instructions);
    mprotect(page, 4096, PROT_READ | PROT_EXEC);
    *(void **)&call = page;
    return call(malloc, MADE_BYTES);
}

int main(int argc, char **argv)
{
    warm_up();
    printf("{\"plugins\":[");
    for (int i = 1; i < argc; i++) {
        run_plugin(argv[i], 1000u * (unsigned)i);
        printf(i + 1 < argc ? "," : "");
    }
    void *kept = call_made_code();
    printf("],\"made_bytes\":%u}\n", kept ? MADE_BYTES : 0);
    fflush(stdout);
    _Exit(0); /* what was leaked stays so */
}
