// Two thousand short threads, eight alive at a time, each of which allocates and frees and loses
// one block. Says how much memory the process had resident in the end, for a comparison with a run
// without the shim. `--threads N` for another number.
#include <pthread.h>

#include "planted.h"

#define ALIVE      8u
#define LOST_BYTES 100000u

enum { LOST, SPARE, SITES };
static struct site sites[SITES] = {{.function = "lose_block"}, {.function = "use_spare"}};

OWN_FRAME static void lose_block(void)
{
    site_took(&sites[LOST], malloc(LOST_BYTES), LOST_BYTES);
}

OWN_FRAME static void use_spare(size_t bytes)
{
    void *block = site_took(&sites[SPARE], malloc(bytes), bytes);
    site_free(&sites[SPARE], block, bytes);
}

static void *short_life(void *unused)
{
    (void)unused;
    for (size_t i = 1; i <= 20; i++)
        use_spare(i * 100);
    lose_block();
    for (size_t i = 1; i <= 20; i++)
        use_spare(i * 50);
    return NULL;
}

/* VmRSS of this process; 0 when it is not known. */
static unsigned long resident_kib(void)
{
    char line[256];
    unsigned long kib = 0;
    FILE *status = fopen("/proc/self/status", "r");
    while (status && fgets(line, sizeof line, status))
        if (sscanf(line, "VmRSS: %lu", &kib) == 1)
            break;
    if (status)
        fclose(status);
    return kib;
}

int main(int argc, char **argv)
{
    unsigned threads = 2000;
    read_noise(argc, argv);
    for (int i = 1; i + 1 < argc; i++)
        if (!strcmp(argv[i], "--threads"))
            threads = (unsigned)atoi(argv[i + 1]);
    for (unsigned begun = 0; begun < threads; begun += ALIVE) {
        pthread_t alive[ALIVE];
        for (unsigned i = 0; i < ALIVE; i++)
            if (pthread_create(&alive[i], NULL, short_life, NULL) != 0)
                abort();
        for (unsigned i = 0; i < ALIVE; i++)
            pthread_join(alive[i], NULL);
        nap_us(4000);
    }
    printf("{\"resident_kib\":%lu,", resident_kib());
    print_sites(sites, SITES);
    printf("}\n");
    fflush(stdout);
    _Exit(0);
}
