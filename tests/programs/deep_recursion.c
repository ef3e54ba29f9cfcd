// Allocates 50 and 10,000 frames deep: the shallow stacks are whole, the deep ones are cut and say
// so.
#include "planted.h"

#define ROUNDS 300u

enum { SHALLOW, DEEP, SITES };
static struct site sites[SITES] = {{.function = "allocate_shallow"}, {.function = "allocate_deep"}};
static volatile uint32_t returns; /* work after the call: the frames stay */

OWN_FRAME static void allocate_shallow(uint32_t turn)
{
    void *block = site_took(&sites[SHALLOW], malloc(300 + turn), 300 + turn);
    if (turn % 3)
        site_free(&sites[SHALLOW], block, 300 + turn);
}

OWN_FRAME static void allocate_deep(uint32_t turn)
{
    void *block = site_took(&sites[DEEP], malloc(700 + turn), 700 + turn);
    if (turn % 4)
        site_free(&sites[DEEP], block, 700 + turn);
}

OWN_FRAME static void descend(uint32_t frames, uint32_t turn, void (*bottom)(uint32_t))
{
    if (frames == 0)
        bottom(turn);
    else
        descend(frames - 1, turn, bottom);
    returns++;
}

int main(void)
{
    for (uint32_t turn = 0; turn < ROUNDS; turn++) {
        descend(50, turn, allocate_shallow);
        descend(10000, turn, allocate_deep);
    }
    print_sites_and_exit(sites, SITES);
}
