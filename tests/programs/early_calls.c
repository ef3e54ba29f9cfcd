// Allocates before any constructor has run: in the resolver of an indirect function and from
// .preinit_array; the blocks are grown and freed in main. Prints what they hold.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char *early[4];
static int count;

static void keep(const char *text)
{
    early[count] = malloc(strlen(text) + 1);
    strcpy(early[count++], text);
    free(malloc(1000));
}

static void before_all(int argc, char **argv, char **environment)
{
    (void)argc, (void)argv, (void)environment;
    keep("preinit");
}

__attribute__((section(".preinit_array"), used)) static void (*const preinit)(int, char **,
                                                                              char **) = before_all;

static int answer(void)
{
    return 42;
}

static void *resolver_block;

__attribute__((used)) static int (*resolve(void))(void) // clang does not see that it is
{
    resolver_block = malloc(77);
    return answer;
}

int resolved(void) __attribute__((ifunc("resolve")));

__attribute__((constructor(101))) static void first_constructor(void)
{
    keep("constructor");
}

int main(void)
{
    memset(resolver_block, 1, 77);
    resolver_block = realloc(resolver_block, 7000);
    free(resolver_block);
    for (int i = 0; i < count; i++) {
        early[i] = realloc(early[i], 5000);
        puts(early[i]);
        free(early[i]);
    }
    printf("resolved %d\n", resolved());
    return 0;
}
