/*
 * Works while the clock is set back: by libfaketime, whose offset is in the file
 * $FAKETIME_TIMESTAMP_FILE, by an hour, twice. Without one, nothing is set.
 */
#define _GNU_SOURCE
#include "work.h"

#include <time.h>

static void set_back(const char *to)
{
    const char *name = getenv("FAKETIME_TIMESTAMP_FILE");
    struct timespec before, after;
    FILE *file = name ? fopen(name, "w") : NULL;
    clock_gettime(CLOCK_REALTIME, &before);
    if (file) {
        fputs(to, file);
        fclose(file);
    }
    clock_gettime(CLOCK_REALTIME, &after);
    printf("set back: %s\n", after.tv_sec < before.tv_sec ? "yes" : "no");
    fflush(stdout);
}

int main(void)
{
    struct timespec nap = {.tv_nsec = 20000000};
    for (int i = 0; i < 3; i++) {
        for (int part = 0; part < 10; part++) {
            work(100);
            nanosleep(&nap, NULL);
        }
        set_back(i == 0 ? "-1h" : i == 1 ? "-2h" : "-3h");
    }
    work(1000);
    tell();
    return 0;
}
