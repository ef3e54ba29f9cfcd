// Has an allocator of its own, out of static memory, in place of the C library's; libraries use it
// too. Prints whether they did.
#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

void *malloc(size_t bytes);
void *calloc(size_t count, size_t bytes);
void *realloc(void *block, size_t bytes);
void free(void *block);

static _Alignas(16) char area[1 << 24];
static size_t used;

void *malloc(size_t bytes)
{
    size_t room = (bytes + 31) & ~(size_t)15;
    size_t start = __atomic_fetch_add(&used, room, __ATOMIC_RELAXED);

    if (start + room > sizeof area) {
        errno = ENOMEM;
        return NULL;
    }
    memcpy(area + start, &bytes, sizeof bytes);
    return area + start + 16;
}

void *calloc(size_t count, size_t bytes)
{
    return malloc(count * bytes);
}

void *realloc(void *block, size_t bytes)
{
    size_t old = 0;
    char *fresh = malloc(bytes);

    if (block && fresh) {
        memcpy(&old, (char *)block - 16, sizeof old);
        memcpy(fresh, block, old < bytes ? old : bytes);
    }
    return fresh;
}

void free(void *block)
{
    if (block && ((char *)block < area || (char *)block >= area + sizeof area))
        __builtin_trap();
}

int main(void)
{
    char *text = strdup("own"), *line = NULL;
    size_t room = 0;
    FILE *file = fopen("/proc/self/comm", "r");

    if (!file || getline(&line, &room, file) < 0)
        return 1;
    fclose(file);
    for (int i = 1; i < 1000; i++)
        text = realloc(text, (size_t)i + 4);
    printf("%s: %d %d\n", text, text > area, line > area && line < area + sizeof area);
    free(line);
    free(text);
    return 0;
}
