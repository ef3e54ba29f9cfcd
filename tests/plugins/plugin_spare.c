// A plugin that gives back what it takes: for a host that loads and unloads it for ever.
#include <stdlib.h>

void plugin_run(unsigned blocks, size_t bytes);

static void *volatile held; // not to be left out

void plugin_run(unsigned blocks, size_t bytes)
{
    for (unsigned i = 0; i < blocks; i++) {
        held = malloc(bytes);
        free(held);
    }
}
