// Forks again and again while threads allocate, so that a child may be born while a lock is held
// somewhere; the children allocate too, and thread-specific destructors allocate late. Ends with 0
// when every child ended well.
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

#define THREADS 4
#define FORKS   60

static pthread_key_t key;
static volatile int done;
static void *volatile keep; /* else the compiler takes malloc and free together away */

static void late(void *block)
{
    free(block);
    keep = malloc(100);
    free(keep);
}

static void *work(void *unused)
{
    (void)unused;
    pthread_setspecific(key, malloc(77));
    for (unsigned i = 0; !done; i++) {
        void *block = malloc(i % 500 + 1);
        block = realloc(block, i % 900 + 1);
        free(block);
    }
    return NULL;
}

static int fork_one(void)
{
    int status;
    pid_t child = fork();
    if (child == 0) {
        for (int i = 0; i < 3000; i++)
            free(keep = malloc(100));
        _exit(7);
    }
    return waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 7;
}

int main(void)
{
    pthread_t threads[THREADS];
    int well = 0;
    pthread_key_create(&key, late);
    for (int i = 0; i < THREADS; i++)
        if (pthread_create(&threads[i], NULL, work, NULL) != 0)
            abort();
    for (int i = 0; i < FORKS; i++)
        well += fork_one();
    done = 1;
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    printf("{\"children\":%d}\n", well);
    return well == FORKS ? 0 : 1;
}
