/*
 * What the exporters of cache traces share: the commands of the rings as requests to a cache, by
 * time of issue. A request is a read that was answered, or a write or delete that was accepted, of
 * one key; what the report does not count as one of these (errors, refused writes, EXISTS, EXPIRE)
 * is none. Memory is 8 bytes a key.
 */
#ifndef LEAKEY_EXPORT_TRACE_H
#define LEAKEY_EXPORT_TRACE_H

#include "export/export.h"
#include "model/cache.h"

#define TRACE_UNKNOWN UINT64_MAX

struct trace {
    const struct cache_model *model;
    uint64_t *value_bytes;  /* of each key, as it now is; before the first that is known, that */
    uint64_t unknown_count; /* reads of values of unknown size, so far */
};

struct trace trace_new(const struct cache_model *model);
void trace_release(struct trace *trace);

/* The size of the value that a read, write or delete is about, to be asked of every access in
 * order: what a hit gave, what a write gave, what the write after a miss gave; else that of its key
 * before, else later. TRACE_UNKNOWN: the captures show none. */
uint64_t trace_read_bytes(struct trace *trace, const struct cache_access *access);
uint64_t trace_write_bytes(struct trace *trace, const struct cache_access *access);

/* Seconds since the first capture's start. */
uint32_t trace_seconds(const struct cache_access *access);
/* Of what a write gives; 0: none, or not known. */
uint64_t trace_ttl_seconds(const struct cache_access *access);
/* The process's number, from 1, in the order of the captures. */
uint32_t trace_client(const struct cache_model *model, const struct cache_access *access);
/* A key's number, from 1: the same in every format, and nothing of the key. */
static inline uint64_t trace_key_number(const struct cache_access *access)
{
    return (uint64_t)access->key + 1;
}

/* What the file lacks, as a remark. */
void trace_remark(const struct trace *trace, const struct export_options *options);

#endif
