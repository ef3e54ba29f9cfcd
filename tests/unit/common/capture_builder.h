/*
 * Builds synthetic captures for tests: what a shim would have written, from facts that the test
 * states.
 *
 *     struct builder *b = builder_new();
 *     uint32_t site = builder_site(b, (uint64_t[]){0x1010, 0x2020}, 2);
 *     builder_alloc(b, 5 * BUILDER_MS, 0x7000, 64, site, 0);
 *     builder_command(b, &(struct builder_command){.time_ns = 6 * BUILDER_MS, .verb = "GET", .key =
 * "llm:1", .template_name = "llm:<number>", .flags = LK_COMMAND_READ, .outcome = LK_OUTCOME_MISS});
 *     builder_save(b, path);
 *     builder_free(b);
 *
 * All times are nanoseconds since the capture's start. Counters follow from what is added (verbs,
 * templates, sketches, sites, live entries), as the shim keeps them; a test may change each of them
 * afterwards. Pointers that builder_*_at hand out are good until the next thing of that sort is
 * added.
 */
#ifndef LEAKEY_TESTS_CAPTURE_BUILDER_H
#define LEAKEY_TESTS_CAPTURE_BUILDER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "capture/layout.h"

#define BUILDER_US 1000ull
#define BUILDER_MS 1000000ull
#define BUILDER_S  1000000000ull

struct builder;

/* A capture of pid 4242, ended by exit at the time of its last record, every allocation sampled,
 * heap and cache on. */
struct builder *builder_new(void);
void builder_free(struct builder *builder);

/* To change what the header says. `end_ns` and `last_ns` of 0 are filled with the latest time seen.
 */
struct lk_header *builder_header(struct builder *builder);
void builder_process(struct builder *builder, const char *executable, const char *const *command);

/* Return addresses, innermost first. Each call is a new site, with ids from 1. */
uint32_t builder_site(struct builder *builder, const uint64_t *frames, size_t depth);
struct lk_site *builder_site_at(struct builder *builder, uint32_t id);

/* What the site's allocations and frees are counted in; lane < LK_SHARED_LANES. */
struct lk_counts *builder_counts_at(struct builder *builder, uint32_t site, uint32_t lane);

/* A module at [start, end) in every epoch. build_id may be NULL. Returns its index. */
size_t builder_module(struct builder *builder, const char *path, uint64_t start, uint64_t end,
                      uint64_t bias, const uint8_t *build_id, size_t build_id_bytes);

/* Ids from 1; the same text gives the same id again. NULL and "" give 0. */
uint32_t builder_template(struct builder *builder, const char *text);
struct lk_template *builder_template_at(struct builder *builder, uint32_t id);
/* Adds a key to the template's sketch. */
void builder_sketch_key(struct builder *builder, uint32_t template_id, uint64_t key_hash);

uint32_t builder_verb(struct builder *builder, const char *name); /* the same name, the same id */
struct lk_verb *builder_verb_at(struct builder *builder, uint32_t id);

struct lk_bucket *builder_bucket(struct builder *builder, unsigned level, unsigned index);

/* A live entry alone, without event and totals. */
void builder_live(struct builder *builder, enum lk_live_kind kind, uint64_t address, uint64_t size,
                  uint64_t time_ns, uint32_t site, uint32_t tag);

/* The same among the blocks that every-allocation mode keeps by address. */
void builder_block(struct builder *builder, uint64_t address, uint64_t size, uint64_t time_ns,
                   uint32_t site, uint32_t tag);

/* Records from now on are of this thread; each thread fills segments of its own. Times must not
 * fall in a thread. */
void builder_thread(struct builder *builder, uint32_t thread);
/* A record of that many bytes in all (rounded up to 8), head filled, the rest zero; good until the
 * next one. */
void *builder_record(struct builder *builder, uint16_t type, size_t bytes, uint64_t time_ns);

/* The ring wraps: that share of its segments of either kind, the oldest, is overwritten. To be
 * called last. */
void builder_lose(struct builder *builder, double share);

/* A heap event alone. */
void builder_heap_event(struct builder *builder, enum lk_heap_event_type type, uint64_t time_ns,
                        uint64_t address, uint64_t size, uint32_t site, uint32_t tag);

/* An allocation: the event, the site's counts (estimates by the header's sample_bytes), its history
 * and part in the peak, the live entry. Its free: all of it back; false when nothing is live at the
 * address. */
void builder_alloc(struct builder *builder, uint64_t time_ns, uint64_t address, uint64_t size,
                   uint32_t site, uint32_t tag);
bool builder_release(struct builder *builder, uint64_t time_ns, uint64_t address);

/* One key of one command and, if `outcome` is not LK_OUTCOME_NONE, its reply. Zero means: database
 * 0, connection 1, one key, no TTL said on a non-write, LK_TTL_NONE (write) unless ttl_ms is set,
 * reply 100 us later, not a digest. */
struct builder_command {
    uint64_t time_ns;
    uint64_t reply_ns; /* when the reply was read */
    const char *verb;
    const char *key; /* NULL: none */
    const char *template_name;
    const char *value;    /* writes and hits: its hash and length are recorded */
    uint64_t value_bytes; /* instead of value's length; the hash of a NULL value is 0 */
    const char *input;    /* NULL: none; else the key is a digest of it */
    uint16_t algorithm;   /* enum lk_digest_algorithm; 0: LK_DIGEST_SHA256 */
    uint16_t digest_offset, digest_bytes; /* 0, 0: from the last ':' to the key's end */
    uint16_t flags;                       /* enum lk_command_flag */
    uint16_t key_index, key_count;
    uint32_t connection, database, site;
    int64_t ttl_ms;
    uint32_t outcome;  /* enum lk_outcome */
    uint16_t replied;  /* enum lk_reply_flag */
    uint64_t sequence; /* 0: the connection's next (key_index > 0: the one before again) */
};
/* Returns the sequence on the connection. */
uint64_t builder_command(struct builder *builder, const struct builder_command *command);
void builder_connect(struct builder *builder, uint64_t time_ns, uint32_t connection,
                     const char *peer);

/* The capture's bytes: g_free. */
uint8_t *builder_bytes(struct builder *builder, size_t *bytes);
/* Writes them; false with errno. */
bool builder_save(struct builder *builder, const char *path);

#endif
