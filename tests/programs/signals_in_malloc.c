// A signal handler interrupts malloc, realloc and free about a thousand times a second and itself
// enters the wrappers, by what is harmless in a handler: the program must end as without the shim.
// Prints how many signals it met as JSON.
#define _GNU_SOURCE
#include <errno.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/time.h>

static volatile sig_atomic_t signals;
static volatile size_t usable;

static void on_alarm(int number)
{
    (void)number;
    free(NULL);
    usable += malloc_usable_size(NULL);
    signals++;
}

int main(void)
{
    struct sigaction action = {.sa_handler = on_alarm, .sa_flags = SA_RESTART};
    struct itimerval every = {{0, 1000}, {0, 1000}}, never = {{0, 0}, {0, 0}};
    sigaction(SIGALRM, &action, NULL);
    setitimer(ITIMER_REAL, &every, NULL);
    unsigned long rounds = 0;
    while (signals < 500) {
        char *block = malloc(100 + rounds % 1000);
        errno = 77;
        block = realloc(block, 200 + rounds % 5000);
        free(block);
        if (errno != 77) {
            fprintf(stderr, "errno is %d\n", errno);
            return 1;
        }
        rounds++;
    }
    setitimer(ITIMER_REAL, &never, NULL);
    printf("{\"signals\":%d}\n", (int)signals);
    return 0;
}
