/*
 * What the programs with planted faults share. Each declares a `struct site` for every function it
 * wants compared, tells it of each block that the function (or what it calls) was given and gave
 * back, and prints them as JSON: {"sites": {FUNCTION: {"allocated_bytes": ...}}}. The numbers are
 * the program's own; nothing here looks at the allocator. Threads may share a site. In C and C++.
 */
#ifndef PLANTED_H
#define PLANTED_H

#include <inttypes.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* A function whose frame has to be in the stack. */
#define OWN_FRAME __attribute__((noinline))

struct site {
    const char *function;
    uint64_t allocated_bytes, allocated_count, freed_bytes, freed_count, temporary_count;
    uint64_t peak_bytes; /* live when site_mark_peak was called */
    uint32_t also;       /* counts what other sites count too: does not know what was temporary */
};

static __thread const void *planted_last __attribute__((unused));

static inline void site_add(uint64_t *sum, uint64_t more)
{
    __atomic_fetch_add(sum, more, __ATOMIC_RELAXED);
}

/* The thread has just been given `block`. */
static inline void *site_took(struct site *site, void *block, size_t bytes)
{
    if (!block)
        abort();
    site_add(&site->allocated_bytes, bytes);
    site_add(&site->allocated_count, 1);
    planted_last = block;
    *(volatile char *)block = 1;
    return block;
}

/* The same block counts for a second function on the same stack. */
static inline void site_took_too(struct site *site, size_t bytes)
{
    site_add(&site->allocated_bytes, bytes);
    site_add(&site->allocated_count, 1);
    __atomic_store_n(&site->also, 1, __ATOMIC_RELAXED);
}

static inline void site_gave_too(struct site *site, size_t bytes)
{
    site_add(&site->freed_bytes, bytes);
    site_add(&site->freed_count, 1);
}

/* The thread frees `block`, now: temporary when it is the last that the thread was given. */
static inline void site_free(struct site *site, void *block, size_t bytes)
{
    site_gave_too(site, bytes);
    if (block == planted_last) {
        site_add(&site->temporary_count, 1);
        planted_last = NULL;
    }
    free(block);
}

static inline void site_mark_peak(struct site *sites, size_t count)
{
    for (size_t i = 0; i < count; i++)
        sites[i].peak_bytes = sites[i].allocated_bytes - sites[i].freed_bytes;
}

/* `"sites":{...}`, to be put into the program's object. */
static inline void print_sites(const struct site *sites, size_t count)
{
    char temporary[24];
    printf("\"sites\":{");
    for (size_t i = 0; i < count; i++) {
        const struct site *site = &sites[i];
        snprintf(temporary, sizeof temporary, "%" PRIu64, site->temporary_count);
        printf("%s\"%s\":{\"allocated_bytes\":%" PRIu64 ",\"allocated_count\":%" PRIu64
               ",\"live_bytes\":%" PRIu64 ",\"live_count\":%" PRIu64
               ",\"temporary_count\":%s,\"peak_live_bytes\":%" PRIu64 "}",
               i ? "," : "", site->function, site->allocated_bytes, site->allocated_count,
               site->allocated_bytes - site->freed_bytes, site->allocated_count - site->freed_count,
               site->also ? "null" : temporary, site->peak_bytes);
    }
    printf("}");
}

/* For a program that has nothing else to say. What is held now is no leak, and stays held. */
static inline void print_sites_and_exit(const struct site *sites, size_t count)
{
    printf("{");
    print_sites(sites, count);
    printf("}\n");
    fflush(stdout);
    _Exit(0);
}

static int planted_noise __attribute__((unused));

/* A pause, before it as many allocations and frees as --noise asked for: events that fill the ring.
 */
static inline void nap_us(long microseconds)
{
    struct timespec rest = {0, microseconds * 1000};
    for (int i = 0; i < planted_noise; i++) {
        void *volatile block = malloc(64);
        free(block);
        planted_last = NULL;
    }
    nanosleep(&rest, NULL);
}

static inline int has_option(int argc, char **argv, const char *option)
{
    for (int i = 1; i < argc; i++)
        if (!strcmp(argv[i], option))
            return 1;
    return 0;
}

/* --noise N */
static inline void read_noise(int argc, char **argv)
{
    for (int i = 1; i + 1 < argc; i++)
        if (!strcmp(argv[i], "--noise"))
            planted_noise = atoi(argv[i + 1]);
}

/* A fixed sequence, so that two runs do the same. */
static inline uint32_t next_random(uint64_t *state)
{
    *state = *state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(*state >> 33);
}

#endif
