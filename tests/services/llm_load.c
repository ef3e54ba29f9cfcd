// Load for the LLM cache services: support-bot questions of Zipf-like popularity, each repetition
// spelled anew (white space, case, order of members). Request n depends on the seed alone.
// libs: -lcurl -ljansson -lpthread -lm
#include "common/random.h"

#include <curl/curl.h>
#include <getopt.h>
#include <jansson.h>
#include <math.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

enum { PROMPT_BYTES = 512, MAX_CONCURRENCY = 256 };

struct load_options {
    const char *socket_path;
    unsigned requests, distinct, concurrency;
    uint64_t seed;
    double rate; // requests a second; 0: as fast as the service answers
};

struct load {
    struct load_options options;
    unsigned *questions; // of request n
    double *latencies;   // of request n, in seconds
    double started;
    atomic_uint next, errors, hits;
};

static const char usage[] =
    " --socket PATH [option...]\n"
    "  --socket PATH     unix socket of the service\n"
    "  --requests N      how many in all (default 1500)\n"
    "  --distinct N      how many different questions to draw from (default 100)\n"
    "  --concurrency N   connections (default 4)\n"
    "  --rate N          requests a second (default: as fast as the service answers)\n"
    "  --seed N          (default 1)\n";

// @ is a product, # a number, which matters to the answer.
static const char *const questions[] = {
    "How do I reset the password of my @ account?",
    "Can I get a refund for the @ I bought last week?",
    "Where do I find the serial number of the @?",
    "My @ does not turn on any more. What should I check first?",
    "How do I connect the @ to a new Wi-Fi network?",
    "Is the @ covered when I use it in another country?",
    "How can I export all my data from the @ app?",
    "Please cancel the subscription that came with my @.",
    "The @ keeps asking me to sign in. How do I stop that?",
    "Which plan do I need to share the @ with my family?",
    "How long does the battery of the @ last, and can I replace it?",
    "I changed my e-mail address. How do I update it for the @?",
    "What does error # mean on the @?",
    "Is firmware # safe to install on the @?",
    "How do I change the port to # on the @?",
};
static const char *const products[] = {
    "Aurora Thermostat", "Borealis Camera", "Cumulus Drive", "Delta Router",
    "Ember Doorbell",    "Fjord Speaker",   "Glade Lamp",    "Harbor Lock",
    "Iris Display",      "Juniper Scale",   "Kestrel Drone", "Lumen Switch",
};
static const char *const models[] = {"support-large-2", "support-small-2",
                                     "support-large-2-preview"};

enum {
    PATTERN_COUNT = sizeof(questions) / sizeof(*questions),
    PRODUCT_COUNT = sizeof(products) / sizeof(*products),
    MODEL_COUNT = sizeof(models) / sizeof(*models),
};

// Question n, different for every n: a pattern, a product, and for high n the product's mark.
static void write_question(unsigned n, char question[PROMPT_BYTES])
{
    const char *product = products[n / PATTERN_COUNT % PRODUCT_COUNT];
    unsigned mark = n / PATTERN_COUNT / PRODUCT_COUNT + 1;
    size_t used = 0;

    for (const char *p = questions[n % PATTERN_COUNT]; *p; p++) {
        char *end = question + used;
        size_t room = PROMPT_BYTES - used;

        if (*p == '#')
            used += (size_t)snprintf(end, room, "%u", 1040 + n / 2);
        else if (*p == '@' && mark > 1)
            used += (size_t)snprintf(end, room, "%s mark %u", product, mark);
        else if (*p == '@')
            used += (size_t)snprintf(end, room, "%s", product);
        else
            question[used++] = *p;
    }
    question[used] = '\0';
}

static char toggle_case(char c)
{
    if (c >= 'a' && c <= 'z')
        return (char)(c - 'a' + 'A');
    if (c >= 'A' && c <= 'Z')
        return (char)(c - 'A' + 'a');
    return c;
}

// As people type: shouting, no capitals, slips of the shift key, blanks too many.
static void respell(const char *question, struct random *random, char *spelled)
{
    enum { AS_IS, SHOUTED, LOWER, SLIPS, HABITS } habit = random_below(random, HABITS);
    bool doubled = random_below(random, 2);
    size_t used = 0;

    for (unsigned blanks = random_below(random, 3); blanks; blanks--)
        spelled[used++] = ' ';
    for (; *question; question++) {
        bool upper = *question >= 'A' && *question <= 'Z';
        bool toggle = (habit == SHOUTED && !upper) || (habit == LOWER && upper) ||
                      (habit == SLIPS && random_below(random, 8) == 0);

        spelled[used++] = toggle ? toggle_case(*question) : *question;
        if (doubled && *question == ' ' && random_below(random, 4) == 0)
            spelled[used++] = random_below(random, 4) ? ' ' : '\n';
    }
    for (unsigned blanks = random_below(random, 3); blanks; blanks--)
        spelled[used++] = ' ';
    spelled[used] = '\0';
}

static json_t *make_member(unsigned which, unsigned question, const char *prompt, const char **name)
{
    unsigned model = question % MODEL_COUNT;

    switch (which) {
    case 0:
        *name = "model";
        return json_string(models[model]);
    case 1:
        *name = "prompt";
        return json_string(prompt);
    case 2:
        *name = "temperature";
        return json_real(model == 0 ? 0.2 : 0.7);
    case 3:
        *name = "max_tokens";
        return json_integer(model == 1 ? 128 : 256);
    case 4:
        *name = "top_p";
        return json_real(0.95);
    default:
        *name = "stream";
        return json_false();
    }
}

// The body of request n, with a spelling, an order of members and a JSON layout of its own.
static char *make_body(const struct load *load, unsigned n)
{
    static const size_t layouts[] = {JSON_COMPACT, 0, JSON_INDENT(2), JSON_INDENT(4)};
    struct random random = {load->options.seed * 1000003u + n};
    unsigned order[] = {0, 1, 2, 3, 4, 5}, count = sizeof(order) / sizeof(*order);
    char question[PROMPT_BYTES], prompt[2 * PROMPT_BYTES + 8], *text;
    json_t *body = json_object();

    write_question(load->questions[n], question);
    respell(question, &random, prompt);
    for (unsigned i = count; i > 1; i--) {
        unsigned j = random_below(&random, i), swapped = order[j];

        order[j] = order[i - 1];
        order[i - 1] = swapped;
    }
    for (unsigned i = 0; i < count; i++) {
        const char *name;
        json_t *member = make_member(order[i], load->questions[n], prompt, &name);

        json_object_set_new(body, name, member);
    }
    text = json_dumps(body, layouts[random_below(&random, 4)] | JSON_REAL_PRECISION(15));
    json_decref(body);
    return text;
}

// Popularity of question k is proportional to 1 / (k + 1).
static void draw_questions(struct load *load)
{
    struct random random = {load->options.seed};
    double total = 0;

    for (unsigned k = 0; k < load->options.distinct; k++)
        total += 1.0 / (k + 1);
    for (unsigned n = 0; n < load->options.requests; n++) {
        double point = random_unit(&random) * total;
        unsigned k = 0;

        while (k + 1 < load->options.distinct && point >= 1.0 / (k + 1))
            point -= 1.0 / ++k;
        load->questions[n] = k;
    }
}

static double monotonic_seconds(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void sleep_until(double seconds)
{
    double whole = floor(seconds);
    struct timespec until = {(time_t)whole, (long)((seconds - whole) * 1e9)};

    clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL);
}

static size_t discard_body(char *data, size_t size, size_t count, void *context)
{
    (void)data, (void)context;
    return size * count;
}

static size_t note_header(char *data, size_t size, size_t count, void *context)
{
    static const char hit[] = "X-Cache: hit";
    struct load *load = context;

    if (size * count >= sizeof(hit) - 1 && strncasecmp(data, hit, sizeof(hit) - 1) == 0)
        atomic_fetch_add(&load->hits, 1);
    return size * count;
}

static void set_up_connection(CURL *curl, const struct load *load, const char *url)
{
    curl_easy_setopt(curl, CURLOPT_URL, url);
    curl_easy_setopt(curl, CURLOPT_UNIX_SOCKET_PATH, load->options.socket_path);
    curl_easy_setopt(curl, CURLOPT_PROXY, "");
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_TIMEOUT, 60L);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, discard_body);
}

static bool send_request(CURL *curl, const struct load *load, unsigned n)
{
    char *body = make_body(load, n);
    long status = 0;
    bool sent = false;

    if (body) {
        curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE, (long)strlen(body));
        curl_easy_setopt(curl, CURLOPT_POSTFIELDS, body);
        sent = curl_easy_perform(curl) == CURLE_OK &&
               curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status) == CURLE_OK &&
               status == 200;
    }
    free(body);
    return sent;
}

// With a rate, latency counts from when the request was due: a stalled service must not look fast.
static void send_requests(CURL *curl, struct load *load)
{
    unsigned n;

    while ((n = atomic_fetch_add(&load->next, 1)) < load->options.requests) {
        double due = monotonic_seconds();

        if (load->options.rate > 0) {
            due = load->started + n / load->options.rate;
            sleep_until(due);
        }
        if (!send_request(curl, load, n))
            atomic_fetch_add(&load->errors, 1);
        load->latencies[n] = monotonic_seconds() - due;
    }
}

static void *run_connection(void *argument)
{
    struct load *load = argument;
    struct curl_slist *headers = curl_slist_append(NULL, "Content-Type: application/json");
    CURL *curl = curl_easy_init();

    if (curl && headers) {
        set_up_connection(curl, load, "http://localhost/v1/completions");
        curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
        curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, note_header);
        curl_easy_setopt(curl, CURLOPT_HEADERDATA, load);
        send_requests(curl, load);
    }
    curl_easy_cleanup(curl);
    curl_slist_free_all(headers);
    return NULL;
}

// Up to ten seconds, so that a load may be started together with its service.
static bool wait_until_healthy(const struct load *load)
{
    double give_up = monotonic_seconds() + 10;
    CURL *curl = curl_easy_init();
    bool healthy = false;

    if (!curl)
        return false;
    set_up_connection(curl, load, "http://localhost/healthz");
    curl_easy_setopt(curl, CURLOPT_FAILONERROR, 1L);
    while (!(healthy = curl_easy_perform(curl) == CURLE_OK) && monotonic_seconds() < give_up)
        sleep_until(monotonic_seconds() + 0.02);
    curl_easy_cleanup(curl);
    return healthy;
}

// False when a thread could not be started or requests were left over.
static bool run_load(struct load *load)
{
    pthread_t threads[MAX_CONCURRENCY];
    unsigned started = 0;

    load->started = monotonic_seconds();
    while (started < load->options.concurrency &&
           pthread_create(&threads[started], NULL, run_connection, load) == 0)
        started++;
    for (unsigned i = 0; i < started; i++)
        pthread_join(threads[i], NULL);
    return started == load->options.concurrency &&
           atomic_load(&load->next) >= load->options.requests;
}

static unsigned count_distinct(const struct load *load)
{
    bool *asked = calloc(load->options.distinct, sizeof(*asked));
    unsigned count = 0;

    for (unsigned n = 0; asked && n < load->options.requests; n++) {
        count += !asked[load->questions[n]];
        asked[load->questions[n]] = true;
    }
    free(asked);
    return count;
}

static int compare_doubles(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

static void print_result(struct load *load)
{
    unsigned requests = load->options.requests, distinct = count_distinct(load);
    double seconds = monotonic_seconds() - load->started;

    qsort(load->latencies, requests, sizeof(*load->latencies), compare_doubles);
    printf("{\"requests\":%u,\"errors\":%u,\"distinct_inputs\":%u,\"repeats\":%u,\"hits\":%u,"
           "\"seconds\":%.3f,\"latency_p50_seconds\":%.6f,\"latency_p99_seconds\":%.6f}\n",
           requests, atomic_load(&load->errors), distinct, requests - distinct,
           atomic_load(&load->hits), seconds, load->latencies[requests / 2],
           load->latencies[(unsigned)(requests * 0.99)]);
}

static bool parse_number(const char *text, double low, double high, double *number)
{
    char *end;

    *number = strtod(text, &end);
    return end != text && !*end && *number >= low && *number <= high;
}

static bool parse_options(int argc, char **argv, struct load_options *options)
{
    enum { REQUESTS, DISTINCT, CONCURRENCY, RATE, SEED, NUMBERS, SOCKET };
    static const struct option names[] = {
        {"requests", required_argument, NULL, REQUESTS},
        {"distinct", required_argument, NULL, DISTINCT},
        {"concurrency", required_argument, NULL, CONCURRENCY},
        {"rate", required_argument, NULL, RATE},
        {"seed", required_argument, NULL, SEED},
        {"socket", required_argument, NULL, SOCKET},
        {NULL, 0, NULL, 0},
    };
    static const double low[] = {1, 1, 1, 0, 0}, high[] = {1e8, 1e6, MAX_CONCURRENCY, 1e6, 1e15};
    double numbers[] = {1500, 100, 4, 0, 1};
    bool valid = true;
    int name;

    while ((name = getopt_long(argc, argv, "", names, NULL)) != -1) {
        if (name == SOCKET)
            options->socket_path = optarg;
        else if (name < NUMBERS)
            valid &= parse_number(optarg, low[name], high[name], &numbers[name]);
        else
            valid = false;
    }
    options->requests = (unsigned)numbers[REQUESTS];
    options->distinct = (unsigned)numbers[DISTINCT];
    options->concurrency = (unsigned)numbers[CONCURRENCY];
    options->rate = numbers[RATE];
    options->seed = (uint64_t)numbers[SEED];
    return valid && optind == argc && options->socket_path;
}

int main(int argc, char **argv)
{
    struct load load = {0};
    bool complete = false;

    if (!parse_options(argc, argv, &load.options)) {
        fprintf(stderr, "Usage: %s%s", argv[0], usage);
        return 2;
    }
    curl_global_init(CURL_GLOBAL_DEFAULT);
    load.questions = calloc(load.options.requests, sizeof(*load.questions));
    load.latencies = calloc(load.options.requests, sizeof(*load.latencies));
    if (!wait_until_healthy(&load)) {
        fprintf(stderr, "llm_load: nothing healthy at %s\n", load.options.socket_path);
    } else if (load.questions && load.latencies) {
        draw_questions(&load);
        complete = run_load(&load);
        print_result(&load);
    }
    free(load.questions);
    free(load.latencies);
    curl_global_cleanup();
    return complete && atomic_load(&load.errors) == 0 ? 0 : 1;
}
