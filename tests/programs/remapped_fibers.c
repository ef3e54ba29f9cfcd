// Fibers whose stacks are unmapped and mapped again at the same address, some of them smaller: the
// innermost return address and stack pointer are the same each time, while the frames above differ,
// or where they were cannot be read any more.
#define _GNU_SOURCE
#include <alloca.h>
#include <sys/mman.h>
#include <ucontext.h>

#include "planted.h"

#define ROUNDS      400u
#define STACK_BYTES ((size_t)65536)
#define SMALL_BYTES ((size_t)32768)
#define LEAF_BYTES  ((size_t)16384) /* above the lowest address, where the leaf is called */

enum { LEAF, LONG_WAY, SHORT_WAY, SITES };
static struct site sites[SITES] = {{.function = "allocate_at_same_address"},
                                   {.function = "come_by_long_way"},
                                   {.function = "come_by_short_way"}};
static ucontext_t scheduler, fiber;
static char *stack;
static struct site *way;
static uint32_t turn;
static const void *frame; /* of allocate_at_same_address, each time */
static volatile uint32_t returns;

OWN_FRAME static void allocate_at_same_address(void)
{
    size_t bytes = 600 + turn % 9;
    if (turn && frame != __builtin_frame_address(0))
        abort();
    frame = __builtin_frame_address(0);
    void *block = site_took(&sites[LEAF], malloc(bytes), bytes);
    site_took_too(way, bytes);
    if (turn % 4 == 0)
        return;
    site_free(&sites[LEAF], block, bytes);
    site_gave_too(way, bytes);
}

/* Moves the stack pointer to the same address whatever the frame's own. */
OWN_FRAME static void call_at_same_address(void)
{
    char *here = (char *)alloca(16);
    volatile char *room =
        (volatile char *)alloca((size_t)(here - (stack + LEAF_BYTES)) & ~(size_t)15);
    room[0] = 1;
    allocate_at_same_address();
    returns++;
}

OWN_FRAME static void come_by_short_way(void)
{
    way = &sites[SHORT_WAY];
    call_at_same_address();
    returns++;
}

OWN_FRAME static void come_by_long_way(uint32_t frames)
{
    way = &sites[LONG_WAY];
    if (frames)
        come_by_long_way(frames - 1);
    else
        call_at_same_address();
    returns++;
}

static void run_fiber(void)
{
    if (turn % 2)
        come_by_short_way();
    else
        come_by_long_way(turn % 30);
    swapcontext(&fiber, &scheduler);
}

/* Maps the stack anew, its lower part accessible; the whole range stays taken. */
static void map_stack(size_t accessible)
{
    int flags = MAP_PRIVATE | MAP_ANONYMOUS | (stack ? MAP_FIXED : 0);
    void *mapped = mmap(stack, STACK_BYTES, PROT_NONE, flags, -1, 0);
    if (mapped == MAP_FAILED || mprotect(mapped, accessible, PROT_READ | PROT_WRITE) != 0)
        abort();
    stack = (char *)mapped;
}

int main(void)
{
    for (turn = 0; turn < ROUNDS; turn++) {
        size_t bytes = turn % 4 < 2 ? STACK_BYTES : SMALL_BYTES;
        map_stack(bytes);
        getcontext(&fiber);
        fiber.uc_stack.ss_sp = stack;
        fiber.uc_stack.ss_size = bytes;
        makecontext(&fiber, run_fiber, 0);
        swapcontext(&scheduler, &fiber);
    }
    print_sites_and_exit(sites, SITES);
}
