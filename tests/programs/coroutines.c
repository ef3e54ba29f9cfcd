// Coroutines by makecontext and swapcontext, each on a stack of its own, that allocate, switch away
// in the middle, and go on: at any time several stacks are alive, in one thread.
#define _GNU_SOURCE
#include <ucontext.h>

#include "planted.h"

#define COROUTINES  16u
#define STACK_BYTES 65536u
#define STEPS       200u

enum { READ, WRITE, STEP, SITES };
static struct site sites[SITES] = {
    {.function = "read_body"}, {.function = "write_body"}, {.function = "take_step"}};
static struct coroutine {
    ucontext_t context;
    uint32_t done;
    char stack[STACK_BYTES];
} coroutines[COROUTINES];
static ucontext_t scheduler;
static struct coroutine *running;
static volatile uint32_t returns;

static void give_way(void)
{
    swapcontext(&running->context, &scheduler);
}

/* Switches away between the allocation and the free, so that another one's allocation comes first.
 */
OWN_FRAME static void take_step(struct site *body, uint32_t step)
{
    size_t bytes = 500 + step;
    void *block = site_took(&sites[STEP], malloc(bytes), bytes);
    site_took_too(body, bytes);
    give_way();
    if (step % 5 == 0)
        return;
    site_free(&sites[STEP], block, bytes);
    site_gave_too(body, bytes);
}

OWN_FRAME static void read_body(void)
{
    for (uint32_t step = 0; step < STEPS; step++)
        take_step(&sites[READ], step);
    returns++;
}

OWN_FRAME static void write_body(void)
{
    volatile char other_frame_size[300] = {0};
    for (uint32_t step = 0; step < STEPS; step++)
        take_step(&sites[WRITE], step);
    returns += 1u + (uint32_t)other_frame_size[7];
}

static void finish(void)
{
    running->done = 1;
    give_way();
}

static void read_coroutine(void)
{
    read_body();
    finish();
}

static void write_coroutine(void)
{
    write_body();
    finish();
}

int main(void)
{
    for (uint32_t i = 0; i < COROUTINES; i++) {
        ucontext_t *context = &coroutines[i].context;
        getcontext(context);
        context->uc_stack.ss_sp = coroutines[i].stack;
        context->uc_stack.ss_size = STACK_BYTES;
        makecontext(context, i % 3 ? read_coroutine : write_coroutine, 0);
    }
    for (uint32_t left = COROUTINES; left;) {
        left = 0;
        for (uint32_t i = 0; i < COROUTINES; i++) {
            running = &coroutines[i];
            if (!running->done)
                swapcontext(&scheduler, &running->context);
            left += !running->done;
        }
    }
    print_sites_and_exit(sites, SITES);
}
