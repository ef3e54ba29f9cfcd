// A stand-in for a language model: it costs CPU and a working buffer, and answers like OpenAI's
// API. It is uncased and sees the normalised request, so that one meaning gets one answer.
#ifndef SERVICES_MODEL_H
#define SERVICES_MODEL_H

#include <jansson.h>
#include <stdbool.h>

struct model_options {
    double cpu_ms;       // CPU time of one completion
    bool varied_answers; // sample anew each time, as at a high temperature
};

// The completion as JSON text of several hundred bytes, which the caller frees; NULL when memory is
// short.
char *model_complete(const struct model_options *options, json_t *request);

#endif
