// Allocates, frees and moves blocks around a pause: reads a line before each of its four steps, and
// prints the step's name when it is done. A block is large enough to be sampled for certain. Then
// the truth: what is to be counted when steps 1 and 3 are recorded and step 2 is not. --exec: ends
// by executing itself, with --child: in a child by fork, after step 2.
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define BLOCKS 200u
#define BYTES  200000u

static char *before[BLOCKS], *meanwhile[BLOCKS], *after[BLOCKS];

__attribute__((noinline)) static char *block(size_t bytes)
{
    char *made = malloc(bytes);
    if (!made)
        abort();
    made[0] = 1;
    return made;
}

static void wait_for(const char *done)
{
    char line[16];
    printf("%s\n", done);
    fflush(stdout);
    if (!fgets(line, sizeof line, stdin))
        exit(1);
}

static void free_all(char **blocks, unsigned from)
{
    for (unsigned i = from; i < BLOCKS; i++)
        free(blocks[i]);
}

/* A quarter is freed, a quarter moved or resized, and half stays as it is. */
static void while_paused(void)
{
    for (unsigned i = 0; i < BLOCKS; i++)
        meanwhile[i] = block(BYTES);
    for (unsigned i = 0; i < BLOCKS / 4; i++)
        free(before[i]);
    for (unsigned i = BLOCKS / 4; i < BLOCKS / 2; i++) {
        char *moved = realloc(before[i], 2 * BYTES);
        if (!moved || moved[0] != 1)
            abort();
        before[i] = moved;
    }
}

static void in_a_child(void)
{
    pid_t child = fork();
    if (child == 0) {
        after[0] = block(BYTES);
        wait_for("child");
        _exit(0);
    }
    waitpid(child, NULL, 0);
}

int main(int argc, char **argv)
{
    wait_for("started");
    for (unsigned i = 0; i < BLOCKS; i++)
        before[i] = block(BYTES);
    wait_for("pause");
    while_paused();
    if (argc > 1 && strcmp(argv[1], "--child") == 0)
        in_a_child();
    wait_for("resume");
    free_all(meanwhile, 0);
    free_all(before, BLOCKS / 4);
    for (unsigned i = 0; i < BLOCKS; i++)
        after[i] = block(BYTES);
    if (argc > 1 && strcmp(argv[1], "--exec") == 0) {
        execl(argv[0], argv[0], (char *)NULL);
        return 1;
    }
    wait_for("end");
    printf(
        "{\"allocated_count\": %u, \"freed_count\": %u, \"live_count\": %u, \"live_bytes\": %u}\n",
        2 * BLOCKS, BLOCKS, BLOCKS, BLOCKS * BYTES);
    return 0;
}
