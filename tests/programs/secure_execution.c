// Prints whether the kernel says that this is a secure execution, and whether a library of a name
// is mapped; allocates enough to be recorded. Usage: secure_execution LIBRARY
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>

static int is_mapped(const char *library)
{
    FILE *maps = fopen("/proc/self/maps", "r");
    char line[4096];
    int found = 0;
    while (maps && fgets(line, sizeof line, maps))
        found |= strstr(line, library) != NULL;
    if (maps)
        fclose(maps);
    return found;
}

int main(int argc, char **argv)
{
    void *volatile kept[300];
    for (size_t i = 0; i < sizeof kept / sizeof *kept; i++)
        kept[i] = memset(malloc(8192), 1, 8192);
    printf("secure %d, loaded %d\n", getauxval(AT_SECURE) != 0, argc > 1 && is_mapped(argv[1]));
    for (size_t i = 0; i < sizeof kept / sizeof *kept; i++)
        free(kept[i]);
    return 0;
}
