/*
 * Scripts of cache commands for tests of the cache model: what each connection asks and gets, and
 * the report of it. Keys are of one template; each connection has a thread of its own.
 */
#ifndef LEAKEY_TESTS_CACHE_SCRIPT_H
#define LEAKEY_TESTS_CACHE_SCRIPT_H

#include "common/capture_builder.h"
#include "model/cache.h"

struct script {
    GPtrArray *captures;
    struct report *report;
    struct cache_model *model;
};

struct at { /* when, and where */
    double ms;
    uint32_t connection;
};

/* Saves what was built, frees the builder, and reads the capture in again. */
void script_save(struct script *script, struct builder *builder);
/* All captures together. */
void script_analyse(struct script *script);
void script_clear(struct script *script);
void script_command(struct builder *builder, struct at at, const char *verb, const char *key,
                    uint16_t flags, uint32_t outcome, int64_t ttl_ms, double reply_ms);
/* On connection 1, unless another is named; answered after 0.1 ms. A TTL of 0 is none. */
void script_hit(struct builder *builder, double ms, const char *key);
void script_miss(struct builder *builder, double ms, const char *key);
void script_miss_on(struct builder *builder, double ms, uint32_t connection, const char *key);
void script_set(struct builder *builder, double ms, const char *key, int64_t ttl_ms);
void script_set_on(struct builder *builder, double ms, uint32_t connection, const char *key,
                   double reply_ms);

#endif
