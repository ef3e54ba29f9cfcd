// Plants blocks that nothing points to any more, alone, in a chain and in a ring, among blocks that
// are held in every way a program can: by globals, by their middle, by other blocks, in read-only
// memory, on another thread's stack, in its thread-local storage, in its registers alone, by epoll
// alone. Prints the truth as JSON, waits for the end of its input, then says whether all that it
// holds is still there and what the wait was like. With --healthy nothing is lost.
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#define BLOCKS      200u
#define BLOCK_BYTES 1024u
#define MARK        0x5a
#define OLD_NS      1100000000l /* what is younger than a second is not judged */

struct node {
    struct node *next;
    char rest[BLOCK_BYTES - sizeof(struct node *)];
};

static int healthy;
static volatile int released;
static void *kept[BLOCKS];
static char *middles[BLOCKS];
static void **holder, **locked;
static struct node *head;
static void *slots[3]; /* of the thread: a register, a vector register, and nothing */
static int watched = -1;
static unsigned interruptions;
static double longest_gap;
static pthread_barrier_t ready;

static void *filled(void *block)
{
    if (!block)
        abort();
    memset(block, 0, BLOCK_BYTES);
    ((char *)block)[BLOCK_BYTES - 1] = MARK;
    return block;
}

static int is_whole(const void *block)
{
    return ((const char *)block)[BLOCK_BYTES - 1] == MARK;
}

static void nap(long ns)
{
    struct timespec rest = {ns / 1000000000, ns % 1000000000};
    nanosleep(&rest, NULL);
}

// ---- What is lost

__attribute__((noinline)) static void lose_alone(void)
{
    for (unsigned i = 0; i < BLOCKS; i++)
        kept[i] = filled(malloc(BLOCK_BYTES));
}

__attribute__((noinline)) static struct node *link_node(struct node *next)
{
    struct node *node = filled(malloc(sizeof *node));
    node->next = next;
    return node;
}

__attribute__((noinline)) static void lose_chain(void)
{
    for (unsigned i = 0; i < BLOCKS; i++)
        head = link_node(head);
    if (!healthy)
        head = NULL;
}

__attribute__((noinline)) static void lose_ring(void)
{
    static struct node *first, *last;
    for (unsigned i = 0; i < BLOCKS; i++) {
        last = filled(malloc(sizeof *last));
        last->next = first;
        first = last;
    }
    while (last->next)
        last = last->next;
    last->next = first;
    last = NULL;
    if (!healthy)
        first = NULL;
}

// ---- What is held

__attribute__((noinline)) static void keep_in_globals(void)
{
    for (unsigned i = 0; i < BLOCKS; i++)
        kept[i] = filled(malloc(BLOCK_BYTES));
}

__attribute__((noinline)) static void keep_by_the_middle(void)
{
    for (unsigned i = 0; i < BLOCKS; i++)
        middles[i] = (char *)filled(malloc(BLOCK_BYTES)) + 1 + i * 5;
}

__attribute__((noinline)) static void keep_in_a_block(void)
{
    holder = malloc(BLOCKS * sizeof *holder);
    for (unsigned i = 0; i < BLOCKS; i++)
        holder[i] = filled(malloc(BLOCK_BYTES));
}

__attribute__((noinline)) static void keep_read_only(void)
{
    size_t bytes = BLOCKS * sizeof *locked;
    locked = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    for (unsigned i = 0; i < BLOCKS; i++)
        locked[i] = filled(malloc(BLOCK_BYTES));
    mprotect(locked, bytes, PROT_NONE);
}

__attribute__((noinline)) static void keep_in_epoll(void)
{
    watched = epoll_create1(EPOLL_CLOEXEC);
    for (unsigned i = 0; i < BLOCKS; i++) {
        struct epoll_event event = {.events = EPOLLIN,
                                    .data = {.ptr = filled(malloc(BLOCK_BYTES))}};
        epoll_ctl(watched, EPOLL_CTL_ADD, eventfd(0, EFD_CLOEXEC), &event);
    }
}

__attribute__((noinline)) static void keep_in_registers(void)
{
    slots[0] = filled(malloc(BLOCK_BYTES));
    slots[1] = filled(malloc(BLOCK_BYTES));
}

__attribute__((noinline)) static void drop_in_a_thread(void)
{
    slots[2] = filled(malloc(BLOCK_BYTES));
}

// The slots' only other copies are r12 and xmm15 until it is released; the last is in none.
static void *hold_in_registers(void *unused)
{
    static const struct timespec rest = {0, 1000000};
    pthread_barrier_wait(&ready);
    __asm__ volatile("mov (%[slots]), %%r12\n\t"
                     "movq 8(%[slots]), %%xmm15\n\t"
                     "movq $0, (%[slots])\n\t"
                     "movq $0, 8(%[slots])\n\t"
                     "movq $0, 16(%[slots])\n"
                     "1:\n\t"
                     "mov $35, %%eax\n\t" // nanosleep
                     "mov %[rest], %%rdi\n\t"
                     "xor %%esi, %%esi\n\t"
                     "syscall\n\t"
                     "cmpl $0, (%[released])\n\t"
                     "je 1b\n\t"
                     "mov %%r12, (%[slots])\n\t"
                     "movq %%xmm15, 8(%[slots])\n\t"
                     :
                     : [slots] "r"(slots), [rest] "r"(&rest), [released] "r"(&released)
                     : "r12", "rax", "rdi", "rsi", "rcx", "r11", "xmm15", "memory");
    return unused;
}

__attribute__((noinline)) static void *keep_in_thread_local(void)
{
    return filled(malloc(BLOCK_BYTES));
}

__attribute__((noinline)) static void *keep_on_a_stack(void)
{
    return filled(malloc(BLOCK_BYTES));
}

static void *hold_in_a_thread(void *broken)
{
    static __thread void *own[BLOCKS];
    void *volatile local[BLOCKS];
    for (unsigned i = 0; i < BLOCKS; i++) {
        own[i] = keep_in_thread_local();
        local[i] = keep_on_a_stack();
    }
    pthread_barrier_wait(&ready);
    while (!released)
        nap(1000000);
    for (unsigned i = 0; i < BLOCKS; i++)
        *(int *)broken += !is_whole(own[i]) + !is_whole(local[i]);
    return NULL;
}

// ---- What must not notice the search

static void *watch(void *unused)
{
    struct epoll_event event;
    pthread_barrier_wait(&ready);
    while (!released)
        if (epoll_wait(watched, &event, 1, 200) < 0 && errno == EINTR)
            interruptions++;
    return unused;
}

static double now(void)
{
    struct timespec at;
    clock_gettime(CLOCK_MONOTONIC, &at);
    return (double)at.tv_sec + (double)at.tv_nsec / 1e9;
}

static void *tick(void *unused)
{
    pthread_barrier_wait(&ready);
    for (double last = now(); !released;) {
        nap(200000);
        double at = now();
        if (at - last > longest_gap)
            longest_gap = at - last;
        last = at;
    }
    return unused;
}

// ---- The whole

static int count_broken(void)
{
    int broken = 0;
    mprotect(locked, BLOCKS * sizeof *locked, PROT_READ);
    for (unsigned i = 0; i < BLOCKS; i++)
        broken += !is_whole(kept[i]) + !is_whole(holder[i]) + !is_whole(locked[i]) +
                  (middles[i][BLOCK_BYTES - 2 - i * 5] != MARK);
    return broken + !is_whole(slots[0]) + !is_whole(slots[1]);
}

static void plant(void)
{
    if (!healthy)
        lose_alone();
    lose_chain();
    lose_ring();
    keep_in_globals();
    keep_by_the_middle();
    keep_in_a_block();
    keep_read_only();
    keep_in_epoll();
    keep_in_registers();
    if (!healthy)
        drop_in_a_thread();
}

int main(int argc, char **argv)
{
    static int thread_broken;
    void *(*const work[])(void *) = {hold_in_registers, hold_in_a_thread, watch, tick};
    pthread_t threads[4];
    char input[64];
    healthy = argc > 1 && !strcmp(argv[1], "--healthy");
    pthread_barrier_init(&ready, NULL, 5);
    plant();
    for (int i = 0; i < 4; i++)
        pthread_create(&threads[i], NULL, work[i], &thread_broken);
    pthread_barrier_wait(&ready);
    nap(OLD_NS);
    printf("{\"blocks\":%u,\"block_bytes\":%u}\n", BLOCKS, BLOCK_BYTES);
    fflush(stdout);
    ssize_t got;
    int reads = 0;
    while ((got = read(0, input, sizeof input)) != 0)
        reads += got < 0;
    released = 1;
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    printf(
        "{\"broken\":%d,\"interruptions\":%u,\"failed_reads\":%d,\"longest_gap_seconds\":%.6f}\n",
        count_broken() + thread_broken, interruptions, reads, longest_gap);
    return 0;
}
