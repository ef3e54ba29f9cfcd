// Producers allocate and a pool of consumers frees: no thread frees what it allocated, and nothing
// leaks. With --forgetful the consumers forget every tenth block that came from produce_job.
#include <pthread.h>

#include "planted.h"

#define PRODUCERS 3
#define CONSUMERS 4
#define JOBS      3000u
#define PLACES    64u
#define JOB_BYTES 500000u

struct job {
    void *input, *note; /* from produce_job and from attach_note */
};

enum { JOB, NOTE, SITES };
static struct site sites[SITES] = {{.function = "produce_job"}, {.function = "attach_note"}};
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t filled = PTHREAD_COND_INITIALIZER, emptied = PTHREAD_COND_INITIALIZER;
static struct job queue[PLACES];
static uint32_t put, taken, producing = PRODUCERS;
static int forgetful;

OWN_FRAME static void *produce_job(void)
{
    return site_took(&sites[JOB], malloc(JOB_BYTES), JOB_BYTES);
}

OWN_FRAME static void *attach_note(uint32_t turn)
{
    return site_took(&sites[NOTE], malloc(500 + turn % 3), 500 + turn % 3);
}

static void *produce(void *unused)
{
    (void)unused;
    for (uint32_t turn = 0; turn < JOBS / PRODUCERS; turn++) {
        struct job job = {produce_job(), attach_note(turn % 3)};
        *(uint32_t *)job.note = turn % 3;
        pthread_mutex_lock(&lock);
        while (put - taken == PLACES)
            pthread_cond_wait(&emptied, &lock);
        queue[put++ % PLACES] = job;
        pthread_mutex_unlock(&lock);
        pthread_cond_signal(&filled);
        nap_us(1500);
    }
    pthread_mutex_lock(&lock);
    producing--;
    pthread_mutex_unlock(&lock);
    pthread_cond_broadcast(&filled);
    return NULL;
}

/* The number of the job that was taken, from 1; 0 at the end. */
static uint32_t take(struct job *job)
{
    uint32_t number = 0;
    pthread_mutex_lock(&lock);
    while (put == taken && producing)
        pthread_cond_wait(&filled, &lock);
    if (put != taken) {
        *job = queue[taken % PLACES];
        number = ++taken;
    }
    pthread_mutex_unlock(&lock);
    pthread_cond_signal(&emptied);
    return number;
}

static void *consume(void *unused)
{
    struct job job;
    uint32_t number;
    (void)unused;
    while ((number = take(&job)) != 0) {
        site_free(&sites[NOTE], job.note, 500 + *(uint32_t *)job.note);
        if (!forgetful || number % 10)
            site_free(&sites[JOB], job.input, JOB_BYTES);
    }
    return NULL;
}

int main(int argc, char **argv)
{
    pthread_t threads[PRODUCERS + CONSUMERS];
    read_noise(argc, argv);
    forgetful = has_option(argc, argv, "--forgetful");
    for (int i = 0; i < PRODUCERS + CONSUMERS; i++)
        if (pthread_create(&threads[i], NULL, i < PRODUCERS ? produce : consume, NULL) != 0)
            abort();
    for (int i = 0; i < PRODUCERS + CONSUMERS; i++)
        pthread_join(threads[i], NULL);
    print_sites_and_exit(sites, SITES);
}
