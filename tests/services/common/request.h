// A request to POST /v1/completions, and the one text that stands for everything it asks.
// All members decide the answer. Texts are UTF-8; the caller frees returned ones.
#ifndef SERVICES_REQUEST_H
#define SERVICES_REQUEST_H

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

enum { REQUEST_ID_CHARS = 36 };

struct completion_request {
    char id[REQUEST_ID_CHARS + 1]; // a version 4 UUID, for tracing
    int64_t received_unix_ms;
    const char *body; // as it came, ended by a NUL
    json_t *json;
};

// A JSON object with a string "prompt", or NULL. The caller gives it up with json_decref.
json_t *request_parse(const char *body, size_t body_bytes);

// Members in sorted order, runs of white space in strings made one blank and trimmed, the prompt in
// lower case: two bodies that ask for the same thing give the same text. NULL when memory is short.
char *request_normalise(json_t *request);

#endif
