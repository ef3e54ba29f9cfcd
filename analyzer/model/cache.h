/*
 * What happened in the cache: every command on a key that the captures hold, in the order of issue,
 * with its answer, the key's life before it, and the write that a miss led to. Captures are merged
 * by time; keys of different servers and databases are different keys.
 *
 * Memory is 56 bytes a command that the rings still hold, and the text of each distinct key and
 * input, once. The captures must outlive the model.
 *
 * Times are nanoseconds since the first capture's start. A write counts from its issue. Whole-run
 * counts come from the captures' tables; what needs the single commands (causes, TTLs, recompute
 * times) from the rings.
 */
#ifndef LEAKEY_MODEL_CACHE_H
#define LEAKEY_MODEL_CACHE_H

#include "model/arena.h"
#include "model/map.h"
#include "model/model.h"

#define CACHE_NONE UINT32_MAX

/* What is looked at, at most: the latest commands, and fewer of them where they have more keys than
 * that. */
struct cache_limits {
    guint accesses, keys;
};
/* So that the model takes some 2 GiB at most. */
extern const struct cache_limits cache_limits;

/* What the server needs for an entry beside its key and value: a hash table's slot, an object,
 * headers of strings, the allocator's rounding. Redis 7.0's MEMORY USAGE is 58, 64 and 76 bytes
 * more than key and value for values of 10, 100 and 1,000 bytes. */
#define ENTRY_OVERHEAD_BYTES 64

/* ---- For windows and comparisons ---- */

struct cache_command {
    double seconds; /* since the first capture's start */
    bool read, hit, miss, write;
    double recompute_seconds; /* of a miss that was written later: from its issue to the write's;
                                 else NAN */
    uint64_t value_bytes;     /* of a hit or a write */
    const struct template_report *template_report;
};

/* Calls `each` for every command on a key, in the order of issue. A read whose answer is not known
 * is neither hit nor miss, and an error is neither read nor write. */
void cache_model_each_command(const struct cache_model *model,
                              void (*each)(const struct cache_command *command, void *context),
                              void *context);

/* ---- For the finders ---- */

enum cache_cause { /* in the order of struct miss_causes */
                   CAUSE_FIRST_SEEN,
                   CAUSE_DUPLICATE_INPUT,
                   CAUSE_EXPIRED,
                   CAUSE_EVICTED,
                   CAUSE_DELETED,
                   CAUSE_CONCURRENT,
                   CAUSE_NOT_STORED,
                   CAUSES,
                   CAUSE_NONE = CAUSES, /* not a miss */
};

struct cache_input {  /* what a digest in a key was computed from */
    const char *text; /* or, hash mode, struct lk_token_hash[] */
    uint64_t fingerprint, input_bytes;
    uint32_t text_bytes;
    uint16_t digest_offset, digest_bytes; /* of the digest within the key */
    uint16_t algorithm;                   /* enum lk_digest_algorithm */
};

/* A key's first input stays with it; further ones, of another fingerprint, that the same digest in
 * the same place of the key stood for are noted up to these limits. */
#define OTHER_INPUTS_MAX 6 /* of one key; what comes after them is ASKER_MANY */
#define OTHERS_KEPT_MAX  4096

enum cache_asker { /* which of its key's inputs an access asked for */
                   ASKER_UNKNOWN,
                   ASKER_FIRST,
                   ASKER_OTHER, /* the first of the others; the next ones follow */
                   ASKER_MANY = ASKER_OTHER + OTHER_INPUTS_MAX
};

struct cache_other {
    uint32_t key, input;
    uint8_t asker; /* ASKER_OTHER and up */
};

struct cache_key {
    const char *text; /* or, hash mode, struct lk_token_hash[] */
    uint64_t hash;
    uint32_t text_bytes, key_bytes;
    uint32_t input;          /* index of its input; CACHE_NONE */
    uint32_t template_index; /* in cache_model.templates */
    uint32_t server, database;
    uint32_t reads, hits, misses, writes;
    bool hashed; /* hash mode */
    bool binary;
};

enum access_flag {                        /* of one access; LK_COMMAND_* are the source */
                   ACCESS_READ = 1u << 0, /* an answered read: hit or miss */
                   ACCESS_HIT = 1u << 1,
                   ACCESS_WRITE = 1u << 2, /* an accepted write */
                   ACCESS_DELETE = 1u << 3,
                   ACCESS_EXPIRE = 1u << 4,
                   ACCESS_FLUSH =
                       1u << 5, /* `key` is CACHE_NONE: every key of its server and database */
                   ACCESS_ALL_DATABASES = 1u << 6,
                   ACCESS_SHRINK = 1u << 7, /* took elements away, perhaps the last one */
};

struct cache_connection { /* of one capture */
    uint32_t capture;     /* index */
    uint32_t server;
};

struct cache_access { /* one key of one command; there are millions of them */
    int64_t time_ns;
    uint64_t value_hash; /* of a write or a hit */
    union {
        uint32_t value_bytes; /* of a write or a hit; at most UINT32_MAX */
        uint32_t database;    /* of a flush */
    };
    int32_t ttl_code;      /* of a write or EXPIRE: see access_ttl_ms */
    uint32_t latency_code; /* see access_reply_ns */
    uint32_t key;
    uint32_t connection; /* index */
    uint32_t thread, site;
    uint32_t partner;  /* a miss: the write it led to; a write: its (latest) miss; CACHE_NONE */
    uint32_t sequence; /* on the connection; its lower half */
    uint16_t flags;    /* enum access_flag */
    uint8_t cause;     /* enum cache_cause */
    uint8_t asker;     /* enum cache_asker */
};
static_assert(sizeof(struct cache_access) == 56, "what a command takes");

/* The accesses of a model: room for as many as there can be is set aside at once, and taken as they
 * come. */
struct cache_accesses {
    struct cache_access *at;
    guint len, room;
};

struct cache_accesses *accesses_new(guint most);
/* False when there is no room left. */
bool accesses_add(struct cache_accesses *accesses, const struct cache_access *access);
void accesses_free(struct cache_accesses *accesses);

/* The TTL that a write or EXPIRE gives: LK_TTL_*, or milliseconds; from 2^30 ms (12 days) on to a
 * second, at most 34 years. */
int64_t access_ttl_ms(const struct cache_access *access);
void access_set_ttl(struct cache_access *access, int64_t ttl_ms);
/* When the answer came; INT64_MAX when none was seen. Exact within 2.1 s, then to 2 us; at most 73
 * minutes after the command. */
int64_t access_reply_ns(const struct cache_access *access);
void access_set_reply(struct cache_access *access, int64_t reply_ns);

struct cache_template {
    struct template_report *report;
    uint64_t ring_reads, ring_misses;
    uint64_t causes[CAUSES]; /* of the misses that the ring holds */
    uint32_t key_count;      /* distinct keys read or written that the ring holds */
    uint64_t ttl_writes,
        lasting_writes;          /* writes that the ring holds: with an expiry, and without */
    double miss_allocated_bytes; /* heap bytes allocated after a miss, until the thread's next
                                    command; an estimate */
};

struct cache_model {
    struct cache_limits limits;
    struct report *report;
    struct symbols *symbols; /* NULL: no call sites */
    GPtrArray *captures;
    struct cache_accesses *accesses; /* by time of issue; order on a connection kept */
    GArray *keys;                    /* struct cache_key */
    GArray *inputs;                  /* struct cache_input */
    GArray *connections;             /* struct cache_connection */
    struct arena texts;              /* of keys and inputs */
    GArray *others;                  /* struct cache_other, in the order of first use */
    GArray *templates;  /* struct cache_template; [0] is what the shim had no room to tell apart */
    GPtrArray *servers; /* of char *: peers. A server beyond them is one of which the peer is not
                           known */
    GArray *template_maps; /* of uint32_t *: for each capture, its template id -> index in
                              `templates` */
    int64_t start_ns; /* what is earlier was left out, as if the rings had lost it, because there
                         was too much; INT64_MIN: nothing */
    int64_t end_ns;   /* when the last capture ended */
    bool complete;    /* the rings hold every command: nothing overwritten, dropped or damaged */
};

/* The life of keys, replayed. Call replay_step for every access in order; state says how things
 * stood just before the access, and the cause of the miss, if it is one (duplicate inputs are not
 * known here). */
struct key_life {
    int64_t expires_ns; /* INT64_MAX never */
    bool written;       /* ever, or known by a hit */
    bool deleted;       /* since */
    bool shrunk;        /* elements were taken away since: with the last one it goes */
    bool gone;          /* seen missing since */
    bool ttl_known;
};

struct key_state {
    struct key_life life;
    struct key_life before; /* before the latest write, for reads that overtake it */
    int64_t settled_ns;     /* when the latest write was answered */
    uint32_t write_connection;
    bool missed;  /* before it was first written */
    bool awaited; /* one of these misses led to a write */
};

struct replay {
    const struct cache_model *model;
    struct key_state *states; /* of each key */
};

struct replay replay_new(const struct cache_model *model);
void replay_clear(struct replay *replay);
enum cache_cause replay_step(struct replay *replay, uint32_t access);
/* Whether the key's entry can be had at that time. */
bool key_alive(const struct key_state *state, int64_t time_ns);

/* A TTL in nanoseconds; INT64_MAX: none, or not known (LK_TTL_*), or of more than 73 years. */
int64_t ttl_span_ns(int64_t ttl_ms);
/* That much after; INT64_MAX: never. */
int64_t time_later(int64_t time_ns, int64_t span_ns);
/* When what this write or EXPIRE leaves has to go; INT64_MAX: never, or it does not say. */
int64_t access_expiry_ns(const struct cache_access *access);

/* Seconds from a miss to its write; NAN for anything else. */
double access_recompute_seconds(const struct cache_model *model, const struct cache_access *access);

/* Brings report->cache's causes into line with the accesses' causes; scales where the ring lost
 * events. */
void cache_model_publish_causes(struct cache_model *model);

/* The stacks that issued most of these accesses, commonest first, at most `limit`. */
GPtrArray *cache_model_call_sites(struct cache_model *model, const uint32_t *accesses, size_t count,
                                  size_t limit);

static inline struct cache_access *model_access(const struct cache_model *model, uint32_t index)
{
    return &model->accesses->at[index];
}

static inline struct cache_key *model_key(const struct cache_model *model, uint32_t index)
{
    return &g_array_index(model->keys, struct cache_key, index);
}

static inline struct cache_template *model_template(const struct cache_model *model, uint32_t index)
{
    return &g_array_index(model->templates, struct cache_template, index);
}

static inline struct cache_input *model_input(const struct cache_model *model, uint32_t index)
{
    return &g_array_index(model->inputs, struct cache_input, index);
}

/* Where keys stand beside each other: equal for those of one template, server and database. */
static inline uint64_t key_place(const struct cache_key *key)
{
    return hash_mix(hash_mix(key->template_index + 1, key->server), hash_mix(key->database, 3));
}

static inline const struct cache_connection *access_connection(const struct cache_model *model,
                                                               const struct cache_access *access)
{
    return &g_array_index(model->connections, struct cache_connection, access->connection);
}

/* Whether a flush takes the key along. */
static inline bool access_flushes(const struct cache_model *model,
                                  const struct cache_access *access, const struct cache_key *key)
{
    return key->server == access_connection(model, access)->server &&
           (access->flags & ACCESS_ALL_DATABASES || key->database == access->database);
}

static inline bool access_is_miss(const struct cache_access *access)
{
    return (access->flags & (ACCESS_READ | ACCESS_HIT)) == ACCESS_READ;
}

#endif
