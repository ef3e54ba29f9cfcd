// Allocates in signal handlers that run on an alternate stack, always at the same address, while
// the interrupted stacks differ: raised from two functions, by a store that faults in a function
// that made no call, and from within another handler.
#define _GNU_SOURCE
#include <signal.h>
#include <sys/mman.h>

#include "planted.h"

#define ROUNDS     1000u
#define PAGE_BYTES 4096u

enum { RAISED, FAULTED, FIRST, SECOND, STORE, SITES };
static struct site sites[SITES] = {{.function = "on_raised"},
                                   {.function = "on_fault"},
                                   {.function = "raise_first"},
                                   {.function = "raise_second"},
                                   {.function = "store_into_guarded_page"}};
static struct site *interrupted; /* who is interrupted by the next signal */
static volatile char *guarded;
static volatile uint32_t returns;

/* Whatever it interrupts is not in the allocator, so that this is allowed. */
static void take(struct site *handler, size_t bytes)
{
    void *block = site_took(handler, malloc(bytes), bytes);
    site_took_too(interrupted, bytes);
    if (returns % 2) {
        site_free(handler, block, bytes);
        site_gave_too(interrupted, bytes);
    }
}

OWN_FRAME static void on_raised(int number)
{
    take(&sites[RAISED], 200 + (size_t)number);
}

static void on_fault(int number, siginfo_t *info, void *context)
{
    (void)context;
    if (info->si_addr != (void *)(uintptr_t)guarded)
        _Exit(1);
    take(&sites[FAULTED], 400 + (size_t)number);
    mprotect((void *)(uintptr_t)guarded, PAGE_BYTES, PROT_READ | PROT_WRITE);
}

OWN_FRAME static void raise_first(int number)
{
    interrupted = &sites[FIRST];
    raise(number);
    returns++;
}

OWN_FRAME static void raise_second(int number)
{
    volatile char other_frame_size[200] = {0};
    interrupted = &sites[SECOND];
    raise(number);
    returns += 1u + (uint32_t)other_frame_size[number];
}

OWN_FRAME static void store_into_guarded_page(char value)
{
    *guarded = value;
}

static void use_handlers(void)
{
    static char alternate[1 << 16];
    stack_t stack = {.ss_sp = alternate, .ss_size = sizeof alternate};
    struct sigaction raised = {.sa_handler = on_raised, .sa_flags = SA_ONSTACK};
    struct sigaction normal = {.sa_handler = on_raised};
    struct sigaction fault = {.sa_sigaction = on_fault, .sa_flags = SA_ONSTACK | SA_SIGINFO};
    guarded =
        (volatile char *)mmap(NULL, PAGE_BYTES, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (sigaltstack(&stack, NULL) != 0 || sigaction(SIGUSR1, &raised, NULL) != 0 ||
        sigaction(SIGUSR2, &normal, NULL) != 0 || sigaction(SIGSEGV, &fault, NULL) != 0 ||
        guarded == MAP_FAILED)
        abort();
}

int main(void)
{
    use_handlers();
    for (uint32_t turn = 0; turn < ROUNDS; turn++) {
        int number = turn % 2 ? SIGUSR1 : SIGUSR2;
        raise_first(number);
        raise_second(number);
        mprotect((void *)(uintptr_t)guarded, PAGE_BYTES, PROT_NONE);
        interrupted = &sites[STORE];
        store_into_guarded_page(1);
    }
    print_sites_and_exit(sites, SITES);
}
