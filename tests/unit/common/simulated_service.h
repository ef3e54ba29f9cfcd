/*
 * A service with a cache, simulated: requests come one after the other, each read asks for its key,
 * each miss computes for RECOMPUTE_NS and writes. What the capture of it must say is counted here,
 * from what the test knows of each request: the question that was really asked.
 */
#ifndef LEAKEY_TESTS_SIMULATED_SERVICE_H
#define LEAKEY_TESTS_SIMULATED_SERVICE_H

#include "find/cures.h"
#include "model/model.h"

#define REQUEST_NS   8000000ull
#define RECOMPUTE_NS 5000000ull

struct request {
    char key[512];
    char input[8192];  /* empty: the key is no digest */
    char value[1024];  /* what a miss computes */
    unsigned question; /* requests with equal numbers ask the same */
    const char *template_name;
};

/* Fills in request n. `random` is the state of simulated_random. */
typedef void make_request(unsigned n, uint64_t *random, struct request *request);

struct service {
    make_request *make;
    unsigned requests;
    uint64_t ttl_ms; /* 0: none */
    bool hashed;     /* the capture has hashes of tokens in place of texts */
};

struct truth {
    unsigned reads, hits, misses, duplicate_misses, distinct_keys, distinct_questions;
    double cured_hit_ratio; /* of the same requests with the question as key */
};

struct simulation {
    struct truth truth;
    GPtrArray *captures;
    struct report *report;
    struct cache_model *model;
    GPtrArray *hidden; /* what stands in place of texts */
};

uint64_t simulated_random(uint64_t *state);
unsigned random_below(uint64_t *random, unsigned limit);
/* Lower-case hexadecimal, a uuid, base62, from the state. */
const char *random_hex(uint64_t *random, unsigned digits);
const char *random_uuid(uint64_t *random);
const char *random_base62(uint64_t *random, unsigned digits);
/* The same for the same number always. */
const char *digest_of(const char *text, unsigned digits);

/* Runs the service, reads its capture, and analyses it as `leakey report` does. */
struct simulation simulate(const struct service *service);
void simulation_clear(struct simulation *simulation);

#endif
