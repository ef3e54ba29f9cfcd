// Puts the parts together: options, connections to Redis, HTTP front, refresh thread, the end.
// Only the main thread takes signals; it waits for one, or for the wanted number of requests.
#include "service.h"

#include "http.h"
#include "model.h"
#include "stats.h"

#include <getopt.h>
#include <math.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { HTTP_THREADS = CACHE_CONNECTIONS }; // so that none waits for another's connection

struct service_options {
    const char *socket_path, *redis_path;
    double refresh_seconds;
    unsigned long request_limit; // 0: none
    struct model_options model;
};

struct service {
    struct service_options options;
    const struct service_calls *calls;
    struct cache_pool *cache;
    atomic_ulong answered_count;
    pthread_mutex_t lock;
    pthread_cond_t ending_changed;
    bool ending;
};

static sem_t end_wanted; // a signal handler may post it

static const char usage[] =
    " --socket PATH --redis PATH [option...]\n"
    "  --socket PATH           serve HTTP on this unix socket\n"
    "  --redis PATH            unix socket of the Redis server that holds the answers\n"
    "  --refresh-seconds N     period of the answer index's refresh (default 30)\n"
    "  --model-ms N            CPU time of one completion (default 5)\n"
    "  --varied-answers        answer the same question differently each time\n"
    "  --requests N            end after that many completions\n";

static bool parse_number(const char *text, double low, double *number)
{
    char *end;

    *number = strtod(text, &end);
    return end != text && !*end && isfinite(*number) && *number >= low;
}

static bool parse_options(int argc, char **argv, struct service_options *options)
{
    static const struct option names[] = {
        {"socket", required_argument, NULL, 's'},
        {"redis", required_argument, NULL, 'r'},
        {"model-ms", required_argument, NULL, 'm'},
        {"refresh-seconds", required_argument, NULL, 'f'},
        {"requests", required_argument, NULL, 'n'},
        {"varied-answers", no_argument, NULL, 'v'},
        {NULL, 0, NULL, 0},
    };
    bool valid = true;
    double limit = 0;
    int name;

    while ((name = getopt_long(argc, argv, "", names, NULL)) != -1) {
        switch (name) {
        case 's':
            options->socket_path = optarg;
            break;
        case 'r':
            options->redis_path = optarg;
            break;
        case 'm':
            valid &= parse_number(optarg, 0, &options->model.cpu_ms);
            break;
        case 'f':
            valid &= parse_number(optarg, 0.01, &options->refresh_seconds);
            break;
        case 'n':
            valid &= parse_number(optarg, 1, &limit);
            break;
        case 'v':
            options->model.varied_answers = true;
            break;
        default:
            valid = false;
        }
    }
    options->request_limit = (unsigned long)limit;
    return valid && optind == argc && options->socket_path && options->redis_path;
}

double service_refresh_seconds(const struct service *service)
{
    return service->options.refresh_seconds;
}

static struct timespec monotonic_now(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return now;
}

static struct timespec later(struct timespec time, double seconds)
{
    double whole = floor(seconds);

    time.tv_sec += (time_t)whole;
    time.tv_nsec += (long)((seconds - whole) * 1e9);
    if (time.tv_nsec >= 1000000000) {
        time.tv_nsec -= 1000000000;
        time.tv_sec++;
    }
    return time;
}

static bool pause_until(struct service *service, struct timespec until)
{
    int status = 0;
    bool ending;

    pthread_mutex_lock(&service->lock);
    while (!service->ending && status == 0)
        status = pthread_cond_timedwait(&service->ending_changed, &service->lock, &until);
    ending = service->ending;
    pthread_mutex_unlock(&service->lock);
    return !ending;
}

bool service_pause(struct service *service, double seconds)
{
    return pause_until(service, later(monotonic_now(), seconds));
}

static void *refresh_periodically(void *argument)
{
    struct service *service = argument;
    struct timespec due = later(monotonic_now(), service->options.refresh_seconds);

    while (pause_until(service, due)) {
        if (service->calls->refresh(service))
            stats_count(STAT_REFRESHES);
        due = later(due, service->options.refresh_seconds);
    }
    return NULL;
}

static char *complete_request(struct service *service, const struct completion_request *request,
                              bool *cached)
{
    char digest[CACHE_DIGEST_CHARS + 1], *answer;
    redisContext *redis;

    if (!service->calls->derive_key(request, digest))
        return NULL;
    redis = cache_pool_take(service->cache);
    answer = service->calls->lookup_answer(redis, digest);
    *cached = answer != NULL;
    if (!answer) {
        answer = model_complete(&service->options.model, request->json);
        if (answer)
            cache_store_answer(redis, digest, answer);
    }
    cache_pool_give_back(service->cache, redis);
    return answer;
}

static void count_answer(struct service *service)
{
    if (atomic_fetch_add(&service->answered_count, 1) + 1 == service->options.request_limit)
        sem_post(&end_wanted);
}

static void on_signal(int number)
{
    (void)number;
    sem_post(&end_wanted);
}

// Threads inherit the mask, so that only the main thread, which lifts it later, is interrupted.
static void set_up_signals(sigset_t *ending_signals)
{
    struct sigaction action = {.sa_handler = on_signal};

    sem_init(&end_wanted, 0, 0);
    sigemptyset(ending_signals);
    sigaddset(ending_signals, SIGTERM);
    sigaddset(ending_signals, SIGINT);
    pthread_sigmask(SIG_BLOCK, ending_signals, NULL);
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGINT, &action, NULL);
    signal(SIGPIPE, SIG_IGN);
}

static void wait_for_end(const sigset_t *ending_signals)
{
    pthread_sigmask(SIG_UNBLOCK, ending_signals, NULL);
    while (sem_wait(&end_wanted) != 0)
        ;
}

static void init_lock(struct service *service)
{
    pthread_condattr_t monotonic;

    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&service->ending_changed, &monotonic);
    pthread_condattr_destroy(&monotonic);
    pthread_mutex_init(&service->lock, NULL);
}

static void announce_end(struct service *service)
{
    pthread_mutex_lock(&service->lock);
    service->ending = true;
    pthread_cond_broadcast(&service->ending_changed);
    pthread_mutex_unlock(&service->lock);
}

static bool serve(struct service *service)
{
    struct http_options http = {.socket_path = service->options.socket_path,
                                .threads = HTTP_THREADS,
                                .service = service,
                                .complete = complete_request,
                                .answered = count_answer};
    struct http_front *front;
    sigset_t ending_signals;
    pthread_t refresher;

    set_up_signals(&ending_signals);
    front = http_start(&http);
    if (!front)
        return false;
    if (pthread_create(&refresher, NULL, refresh_periodically, service) != 0) {
        fprintf(stderr, "cannot start the refresh thread\n");
        http_stop(front);
        return false;
    }
    wait_for_end(&ending_signals);
    announce_end(service);
    http_stop(front);
    pthread_join(refresher, NULL);
    return true;
}

int service_run(int argc, char **argv, const struct service_calls *calls)
{
    struct service service = {.options = {.refresh_seconds = 30, .model = {.cpu_ms = 5}},
                              .calls = calls};
    bool served;

    if (!parse_options(argc, argv, &service.options)) {
        fprintf(stderr, "Usage: %s%s", argv[0], usage);
        return 2;
    }
    service.cache = cache_pool_new(service.options.redis_path);
    if (!service.cache)
        return 1;
    init_lock(&service);
    served = serve(&service);
    cache_pool_free(service.cache);
    if (served)
        stats_print();
    return served ? 0 : 1;
}
