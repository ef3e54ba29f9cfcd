// Many stacks, as a parser or a compiler has them: a walk over a tree of 5,461 nodes where each
// node is reached through calls of its own and allocates before its children and frees after them.
// Four calls in a row, not a loop, so that each child has a return address and each node a stack of
// its own; the size is the level's.
// An operation is a node. Usage: malloc_tree NODES
#include "common/bench.h"

#include <stdlib.h>

enum { LEVELS = 6 };

__attribute__((noinline)) static unsigned long walk(unsigned levels_below)
{
    unsigned long nodes = 1;
    char *block = malloc(24 + 16 * levels_below);

    if (!block)
        abort();
    *block = 1;
    if (levels_below > 0) {
        nodes += walk(levels_below - 1);
        nodes += walk(levels_below - 1);
        nodes += walk(levels_below - 1);
        nodes += walk(levels_below - 1);
    }
    free(block);
    return nodes;
}

int main(int argc, char **argv)
{
    unsigned long wanted = bench_number(argc, argv, 1, 1000000), nodes = 0;
    double started;

    bench_pin(0);
    walk(LEVELS);
    started = bench_seconds();
    while (nodes < wanted)
        nodes += walk(LEVELS);
    bench_report(nodes, bench_seconds() - started);
    return 0;
}
