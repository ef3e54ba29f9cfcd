// One of two plugins that are alike in all but their names: unloaded, one leaves room for the other
// at the same addresses.
#include <stdlib.h>
#include <string.h>

void plugin_run(unsigned blocks, size_t bytes);

__attribute__((noinline)) static void second_forgets(size_t bytes)
{
    void *block = malloc(bytes);
    if (!block)
        abort();
    memset(block, 1, bytes);
    __asm__ volatile("" : : "r"(block) : "memory"); /* not to be left out, and no tail call */
}

void plugin_run(unsigned blocks, size_t bytes)
{
    for (unsigned i = 0; i < blocks; i++)
        second_forgets(bytes);
}
