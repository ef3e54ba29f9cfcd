// The model stand-in: floating-point passes over a working buffer for as long as asked, then an
// answer composed from a seed, so that it does not depend on how many passes the machine managed.
#include "model.h"

#include "random.h"
#include "request.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

enum { ACTIVATION_COUNT = 512 * 1024, ANSWER_BYTES = 2048 };

static const char *const sentences[] = {
    "Thank you for reaching out to us about this.",
    "Please open Settings, choose Account and then Security.",
    "You will find the option under Billing and payments.",
    "The change takes effect within a few minutes on every device you are signed in to.",
    "If the problem stays, restart the device and try once more.",
    "Our team reviews such cases within one working day.",
    "A refund usually reaches the original payment method in three to five days.",
    "Make sure that the latest firmware is installed before you continue.",
    "You can follow the progress on the order page at any time.",
    "Nothing is deleted by this step, so it is safe to repeat it.",
    "An administrator of your workspace has to confirm the request first.",
    "We recommend to keep a copy of your data before you begin.",
    "Check that the cable sits firmly and that the light turns green.",
    "The setting is available in the paid plans and during the trial.",
    "Sign out, wait for ten seconds and sign in again.",
    "A confirmation goes to the address in your profile.",
};

static double thread_cpu_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

// One layer: each activation leans on its neighbour and is squashed. Returns the norm, which stays
// finite.
static double forward_pass(float *activations)
{
    double norm = 0;

    for (size_t i = 0; i + 1 < ACTIVATION_COUNT; i++) {
        float mixed = 0.75f * activations[i] + 0.5f * activations[i + 1];

        activations[i] = mixed / (1.0f + mixed * mixed);
        norm += (double)activations[i] * (double)activations[i];
    }
    return norm;
}

static bool run_inference(uint64_t seed, double cpu_ms)
{
    double stop = thread_cpu_ms() + cpu_ms;
    float *activations = malloc(ACTIVATION_COUNT * sizeof(*activations));
    struct random random = {seed};
    double norm;

    if (!activations)
        return false;
    for (size_t i = 0; i < ACTIVATION_COUNT; i++)
        activations[i] = (float)random_unit(&random);
    do
        norm = forward_pass(activations);
    while (isfinite(norm) && thread_cpu_ms() < stop);
    free(activations);
    return isfinite(norm);
}

static void compose_answer(uint64_t seed, char answer[ANSWER_BYTES])
{
    struct random random = {seed};
    unsigned sentence_count = 4 + random_below(&random, 8),
             article = random_below(&random, 900000) + 100000;
    size_t used = 0;

    for (unsigned i = 0; i < sentence_count; i++) {
        const char *sentence =
            sentences[random_below(&random, sizeof(sentences) / sizeof(*sentences))];

        used += (size_t)snprintf(answer + used, ANSWER_BYTES - used, "%s ", sentence);
    }
    snprintf(answer + used, ANSWER_BYTES - used, "Help article %u has the details.", article);
}

char *model_complete(const struct model_options *options, json_t *request)
{
    const char *model = json_string_value(json_object_get(request, "model"));
    char *prompt = request_normalise(request), *completion, answer[ANSWER_BYTES];
    uint64_t seed;
    json_t *body;

    if (!prompt)
        return NULL;
    seed = text_hash(prompt);
    free(prompt);
    if (options->varied_answers && getrandom(&seed, sizeof(seed), 0) != sizeof(seed))
        return NULL;
    if (!run_inference(seed, options->cpu_ms))
        return NULL;
    compose_answer(seed, answer);
    body = json_pack("{s:s, s:s, s:[{s:i, s:s, s:s}]}", "object", "text_completion", "model",
                     model ? model : "default", "choices", "index", 0, "text", answer,
                     "finish_reason", "stop");
    completion = json_dumps(body, JSON_COMPACT);
    json_decref(body);
    return completion;
}
