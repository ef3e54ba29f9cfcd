// Calls malloc from code that is made at run time, in two forms whose frames differ in size while
// the return address is the same; the code is rewritten in place, and called from two functions so
// that the stack pointer at the call is the same too. x86-64.
#define _GNU_SOURCE
#include <alloca.h>
#include <sys/mman.h>

#include "planted.h"

#define ROUNDS     400u
#define PAGE_BYTES 4096u

enum { FIRST, SECOND, SITES };
static struct site sites[SITES] = {{.function = "run_first"}, {.function = "run_second"}};
static unsigned char *code;
static volatile uint32_t returns;

typedef void *allocate(size_t bytes);

/* The first that the generated code calls: it is always called at the same address. */
static void *allocate_here(size_t bytes)
{
    static const void *frame;
    if (frame && frame != __builtin_frame_address(0))
        abort();
    frame = __builtin_frame_address(0);
    return malloc(bytes);
}
static allocate *volatile target = allocate_here;

/* A function with a frame of that many bytes beside the frame pointer; it passes its argument on to
 * the target. */
static allocate *generate(uint32_t frame_bytes)
{
    unsigned char *at = code;
    allocate *callee = target;
    static const unsigned char before[] = {0x55, 0x48, 0x89, 0xe5}; /* push rbp; mov rbp, rsp */
    static const unsigned char room[] = {0x48, 0x81, 0xec};         /* sub rsp, frame_bytes */
    static const unsigned char call[] = {0xff, 0xd0, 0xc9, 0xc3};   /* call rax; leave; ret */
    if (mprotect(code, PAGE_BYTES, PROT_READ | PROT_WRITE) != 0)
        abort();
    memcpy(at, before, sizeof before), at += sizeof before;
    memcpy(at, room, sizeof room), at += sizeof room;
    memcpy(at, &frame_bytes, 4), at += 4;
    *at++ = 0x48, *at++ = 0xb8; /* mov rax, target */
    memcpy(at, &callee, 8), at += 8;
    memcpy(at, call, sizeof call);
    if (mprotect(code, PAGE_BYTES, PROT_READ | PROT_EXEC) != 0)
        abort();
    allocate *made;
    memcpy(&made, &code, sizeof made);
    return made;
}

/* Calls it with the stack pointer as far below `top` as makes up for the frame that it has. */
static void *call_below(allocate *made, const char *top, uint32_t frame_bytes, size_t bytes)
{
    char *here = (char *)alloca(16);
    size_t gap = (size_t)(here - top) + 8192 - frame_bytes;
    volatile char *room = (volatile char *)alloca(gap & ~(size_t)15);
    room[0] = 1;
    return made(bytes);
}

OWN_FRAME static void run_first(const char *top, size_t bytes)
{
    void *block = site_took(&sites[FIRST], call_below(generate(64), top, 64, bytes), bytes);
    if (bytes % 3)
        site_free(&sites[FIRST], block, bytes);
    returns++;
}

OWN_FRAME static void run_second(const char *top, size_t bytes)
{
    volatile char other_frame_size[500] = {0};
    void *block = site_took(&sites[SECOND], call_below(generate(512), top, 512, bytes), bytes);
    if (bytes % 4)
        site_free(&sites[SECOND], block, bytes);
    returns += 1u + (uint32_t)other_frame_size[3];
}

int main(void)
{
    char top[16];
    code = (unsigned char *)mmap(NULL, PAGE_BYTES, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (code == (unsigned char *)MAP_FAILED)
        abort();
    for (uint32_t turn = 0; turn < ROUNDS; turn++) {
        run_first(top, 1000 + turn);
        run_second(top, 2000 + turn);
        target = malloc;
    }
    print_sites_and_exit(sites, SITES);
}
