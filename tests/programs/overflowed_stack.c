// Recurses until the stack is gone, twenty times: the handler on its alternate stack, jumps back.
// The recursion calls what the shim stands in front of. Prints how often.

// libs: -lxxhash
#define _GNU_SOURCE
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>
#include <xxhash.h>

static sigjmp_buf back;
static volatile int overflows;
static volatile int for_ever = 1;
static int null;

static void on_fault(int number)
{
    (void)number;
    siglongjmp(back, 1);
}

__attribute__((noinline)) static unsigned long descend(unsigned long depth)
{
    char room[200];

    room[depth % sizeof room] = (char)write(null, "x", 1);
    depth += XXH3_64bits(&room[depth % sizeof room], 1) & 1;
    return for_ever ? descend(depth + 1) + (unsigned char)room[depth % sizeof room] : depth;
}

int main(void)
{
    stack_t alternate = {.ss_size = (size_t)sysconf(_SC_SIGSTKSZ)};
    struct sigaction action = {.sa_handler = on_fault, .sa_flags = SA_ONSTACK};

    alternate.ss_sp = malloc(alternate.ss_size);
    null = open("/dev/null", O_WRONLY);
    sigaltstack(&alternate, NULL);
    sigaction(SIGSEGV, &action, NULL);
    for (volatile int i = 0; i < 20; i++) {
        free(malloc(1000));
        if (sigsetjmp(back, 1) == 0)
            descend((unsigned long)i);
        overflows++;
    }
    for (int i = 0; i < 100; i++)
        free(malloc(100));
    printf("overflows %d\n", overflows);
    return 0;
}
