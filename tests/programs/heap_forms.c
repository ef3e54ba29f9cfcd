// Calls every function of the malloc family a known number of times, in threads, across fork and
// vfork, from a thread-specific destructor and before main. Prints the exact counts and bytes that
// it asked for as JSON. --portable leaves out pvalloc, which jemalloc and its like do not have.
#define _GNU_SOURCE
#include <malloc.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define THREADS 4
#define ROUNDS  2000

static pthread_key_t late_key;
static void *volatile keep;
static void *early_block;
static int portable;

static void before_main(void)
{
    early_block = malloc(123);
}
__attribute__((section(".preinit_array"), used)) static void (*const early)(void) = before_main;

__attribute__((noinline)) static void all_forms(void)
{
    void *p;
    keep = p = malloc(10);
    keep = p = realloc(p, 1000);
    free(p);
    keep = p = calloc(3, 30);
    free(p);
    keep = p = realloc(NULL, 50);
    keep = p = reallocarray(p, 4, 25);
    free(p);
    if (posix_memalign(&p, 64, 70) != 0)
        abort();
    keep = p;
    free(p);
    keep = p = aligned_alloc(128, 256);
    free(p);
    keep = p = memalign(32, 33);
    if (malloc_usable_size(p) < 33)
        abort();
    free(p);
    keep = p = valloc(11);
    free(p);
    if (!portable) {
        keep = p = pvalloc(12);
        free(p);
    }
    free(NULL);
}
/* malloc 10, realloc 1000, calloc 90, realloc 50, reallocarray 100, 70, 256, 33, 11 and pvalloc 12
 */
#define FORMS_COUNT (portable ? 9u : 10u)
#define FORMS_BYTES \
    (10u + 1000u + 90u + 50u + 100u + 70u + 256u + 33u + 11u + (portable ? 0u : 12u))

static void at_thread_end(void *block)
{
    free(block);
    keep = block = malloc(40);
    free(block);
}

static void *work(void *unused)
{
    (void)unused;
    pthread_setspecific(late_key, malloc(60));
    for (int i = 0; i < ROUNDS; i++)
        all_forms();
    return NULL;
}

__attribute__((noinline)) static void failures(void)
{
    volatile size_t huge = SIZE_MAX / 2;
    void *block = malloc(20);
    if (malloc(huge) || calloc(huge, 3) || realloc(block, huge) || reallocarray(block, huge, 4))
        abort();
    free(block);
}

static void child_of_its_own(void)
{
    pid_t child = fork();
    if (child == 0) {
        keep = malloc(777);
        free(early_block); /* the parent's, not counted here */
        _exit(0);
    }
    int status;
    if (waitpid(child, &status, 0) != child || status != 0)
        abort();
    child = vfork();
    if (child == 0) {
        execl("/bin/true", "true", (char *)NULL);
        _exit(1);
    }
    if (waitpid(child, &status, 0) != child || status != 0)
        abort();
}

int main(int argc, char **argv)
{
    pthread_t threads[THREADS];
    portable = argc > 1 && strcmp(argv[1], "--portable") == 0;
    pthread_key_create(&late_key, at_thread_end);
    for (int i = 0; i < THREADS; i++)
        if (pthread_create(&threads[i], NULL, work, NULL) != 0)
            abort();
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    failures();
    child_of_its_own();
    keep = malloc(5000);
    printf("{\"threads\":%d,\"forms_calls\":%u,\"forms_count\":%u,\"forms_bytes\":%u,"
           "\"main_live_bytes\":5000}\n",
           THREADS, THREADS * ROUNDS, THREADS * ROUNDS * FORMS_COUNT,
           THREADS * ROUNDS * FORMS_BYTES);
    fflush(stdout);
    _Exit(3);
}
