// Plants buffers that grow by realloc and are never cleared: a leak whose count stays what it is
// while its bytes grow. `one`: a single buffer; `many`: forty. With --bounded each grows to a bound
// and stays there, with --cleared each is emptied and shrunk again and again. Realloc of a block is
// never temporary, however soon it comes after the allocation.
#include "planted.h"

#define ROUNDS      2000u
#define BUFFERS     40u
#define STEP_BYTES  60000u
#define BOUND_ROUND 500u
#define CLEAR_EVERY 12u

struct buffer {
    char *start;
    size_t bytes;
    struct site *owner; /* who called realloc last */
};

enum { APPEND, CLEAR, SCRATCH, SITES };
static struct site sites[SITES] = {
    {.function = "append"}, {.function = "clear"}, {.function = "grow_scratch"}};
static struct buffer buffers[BUFFERS];

static void resize(struct buffer *buffer, struct site *site, void *start, size_t bytes)
{
    if (buffer->start)
        site_gave_too(buffer->owner, buffer->bytes);
    buffer->start = site_took(site, start, bytes);
    buffer->bytes = bytes;
    buffer->owner = site;
}

OWN_FRAME static void append(struct buffer *buffer)
{
    size_t bytes = buffer->bytes + STEP_BYTES;
    resize(buffer, &sites[APPEND], realloc(buffer->start, bytes), bytes);
}

OWN_FRAME static void clear(struct buffer *buffer)
{
    resize(buffer, &sites[CLEAR], realloc(buffer->start, 64), 64);
}

/* Grows twice before it is freed; another allocation stands in between, so nothing is temporary. */
OWN_FRAME static void grow_scratch(void)
{
    struct site *site = &sites[SCRATCH];
    struct buffer scratch = {NULL, 0, NULL};
    resize(&scratch, site, malloc(200), 200);
    resize(&scratch, site, realloc(scratch.start, 900), 900);
    resize(&scratch, site, realloc(scratch.start, 2000), 2000);
    void *other = site_took(site, malloc(300), 300);
    site_free(site, scratch.start, 2000);
    site_free(site, other, 300);
}

int main(int argc, char **argv)
{
    uint32_t count = has_option(argc, argv, "one") ? 1 : BUFFERS;
    int bounded = has_option(argc, argv, "--bounded"),
        cleared = has_option(argc, argv, "--cleared");
    read_noise(argc, argv);
    for (uint32_t round = 0; round < ROUNDS; round++) {
        struct buffer *buffer = &buffers[round % count];
        if (cleared && buffer->bytes >= CLEAR_EVERY * STEP_BYTES)
            clear(buffer);
        if (!bounded || round < BOUND_ROUND)
            append(buffer);
        grow_scratch();
        nap_us(700);
    }
    print_sites_and_exit(sites, SITES);
}
