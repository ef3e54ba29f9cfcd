// What one stack costs: the same stack of DEPTH calls is captured CAPTURES times by METHOD. An
// operation is a capture. To measure another way of capturing, add a row to `methods`; what it
// needs of the shim is named by a `links:` line like those of the unit tests. Usage: stack_capture
// METHOD CAPTURES [DEPTH]
// links: shim/stack/cache.c shim/stack/walk.c shim/stack/rules.c shim/stack/cfi.c shim/sys.c shim/loader.c shim/dynamic.c
#include "common/bench.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "stack/cache.h"

enum { MOST_FRAMES = 256 };

struct method {
    const char *name;
    void (*prepare)(void);                   // exits when it cannot be had
    int (*capture)(void **frames, int room); // how many frames there are
};

// libunwind as the shim loads it: by name and privately.
static int (*unw_backtrace)(void **frames, int room);

static void load_libunwind(void)
{
    void *library = dlopen("libunwind.so.8", RTLD_NOW | RTLD_LOCAL);

    unw_backtrace = library ? (int (*)(void **, int))dlsym(library, "unw_backtrace") : NULL;
    if (!unw_backtrace) {
        fprintf(stderr, "stack_capture: no unw_backtrace: %s\n", dlerror());
        exit(1);
    }
}

static int capture_by_unw_backtrace(void **frames, int room)
{
    return unw_backtrace(frames, room);
}

// The shim's stack cache, as a wrapper of malloc asks it. What it finds is a site's number; here
// the number of slots that were verified stands for it.
static struct lk_stack_cache *cache;

static void make_cache(void)
{
    lk_rules_init();
    cache = lk_stack_cache_take(true);
    if (!cache) {
        fputs("stack_capture: no memory\n", stderr);
        exit(1);
    }
}

__attribute__((noinline)) static uint32_t learn_stack(const struct lk_caller *from)
{
    if (!lk_walk(from, &cache->trace)) {
        fputs("stack_capture: the stack could not be walked\n", stderr);
        exit(1);
    }
    lk_stack_cache_learn(cache, from, cache->trace.checks);
    return cache->trace.checks;
}

__attribute__((noinline)) static int capture_by_leakey(void **frames, int room)
{
    struct lk_caller from = LK_CALLER_HERE();
    const struct lk_stack *stack = lk_stack_cache_find(cache, &from);

    (void)frames;
    (void)room;
    return (int)(stack ? stack->site : learn_stack(&from));
}

static const struct method methods[] = {
    {"unw_backtrace", load_libunwind, capture_by_unw_backtrace},
    {"leakey", make_cache, capture_by_leakey},
};

struct job {
    const struct method *method;
    unsigned long captures;
    double seconds;
    int frames; // of each capture; they must all agree
};

static void capture_repeatedly(struct job *job)
{
    void *frames[MOST_FRAMES];
    double started;

    for (unsigned long warm = 0; warm < 1000; warm++)
        job->frames = job->method->capture(frames, MOST_FRAMES);
    started = bench_seconds();
    for (unsigned long i = 0; i < job->captures; i++) {
        if (job->method->capture(frames, MOST_FRAMES) != job->frames) {
            fprintf(stderr, "stack_capture: %s changed its mind\n", job->method->name);
            exit(1);
        }
    }
    job->seconds = bench_seconds() - started;
}

__attribute__((noinline)) static void descend(unsigned depth, struct job *job)
{
    if (depth > 1)
        descend(depth - 1, job);
    else
        capture_repeatedly(job);
    __asm__ volatile("" ::: "memory");
}

int main(int argc, char **argv)
{
    struct job job = {.captures = bench_number(argc, argv, 2, 1000000)};
    unsigned long depth = bench_number(argc, argv, 3, 10);

    for (size_t i = 0; argc > 1 && i < sizeof(methods) / sizeof(*methods); i++)
        if (!strcmp(argv[1], methods[i].name))
            job.method = &methods[i];
    if (!job.method) {
        fprintf(stderr, "Usage: stack_capture METHOD CAPTURES [DEPTH]\n");
        return 2;
    }
    bench_pin(0);
    job.method->prepare();
    descend((unsigned)depth, &job);
    if (job.frames < (int)depth) {
        fprintf(stderr, "stack_capture: %d frames at depth %lu\n", job.frames, depth);
        return 1;
    }
    bench_report(job.captures, job.seconds);
    printf("frames %d\n", job.frames);
    return 0;
}
