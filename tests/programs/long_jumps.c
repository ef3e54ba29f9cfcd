// Leaves functions that have just allocated by longjmp, again and again, and comes back to the same
// depth by other ways: what stands in the dead part of the stack is not the stack.
#include <setjmp.h>

#include "planted.h"

#define ROUNDS 3000u

enum { PARSE, NUMBER, STRING, TAIL, SITES };
static struct site sites[SITES] = {{.function = "take_token"},
                                   {.function = "read_number"},
                                   {.function = "read_string"},
                                   {.function = "read_tail"}};
static jmp_buf failed;
static void *volatile taken;
static volatile uint32_t returns;

OWN_FRAME static void take_token(struct site *caller, uint32_t turn)
{
    size_t bytes = 100 + turn % 50;
    taken = site_took(&sites[PARSE], malloc(bytes), bytes);
    site_took_too(caller, bytes);
    if (turn % 3 == 0)
        longjmp(failed, 1);
    returns++;
}

OWN_FRAME static void read_number(uint32_t turn)
{
    take_token(&sites[NUMBER], turn);
    returns++;
}

OWN_FRAME static void read_tail(uint32_t turn)
{
    take_token(&sites[TAIL], turn);
    returns++;
}

OWN_FRAME static void read_string(uint32_t turn)
{
    take_token(&sites[STRING], turn);
    if (turn % 2) {
        site_took_too(&sites[STRING], 100 + (turn + 1) % 50);
        read_tail(turn + 1);
    }
    returns++;
}

int main(void)
{
    void (*const readers[])(uint32_t) = {read_number, read_string, read_tail};
    for (volatile uint32_t turn = 0; turn < ROUNDS; turn++)
        if (setjmp(failed) == 0)
            readers[turn / 2 % 3](turn);
    print_sites_and_exit(sites, SITES);
}
