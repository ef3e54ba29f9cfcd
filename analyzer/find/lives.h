/*
 * The lives of entries: each accepted write begins one, which ends by another write of the key, a
 * delete, its TTL, or an eviction that a miss told of. What the rules about entries look at.
 */
#ifndef LEAKEY_FIND_LIVES_H
#define LEAKEY_FIND_LIVES_H

#include "model/cache.h"

enum life_end {
    LIFE_OPEN,        /* it was there when the captures ended, as far as is known */
    LIFE_OVERWRITTEN, /* by a write of the same key */
    LIFE_DELETED,
    LIFE_EXPIRED,
    LIFE_EVICTED,
};

struct life {
    int64_t written_ns, expires_ns; /* INT64_MAX: never, or not known */
    int64_t first_hit_ns;           /* INT64_MAX: never read */
    int64_t used_ns;                /* when it was last read, or else written */
    int64_t asked_ns; /* the miss after it had expired or been evicted; INT64_MAX none */
    uint64_t bytes;   /* of the value */
    uint32_t key;     /* index into the model */
    uint32_t hits;
    enum life_end end;
    bool lasts; /* it was written without a TTL, and got none later */
};

struct lives {
    GArray **of_template; /* of struct life, by time of writing; model->templates->len of them */
    guint template_count;
};

struct lives *lives_new(const struct cache_model *model);
void lives_free(struct lives *lives);

static inline const struct life *lives_at(const GArray *lives, guint index)
{
    return &g_array_index(lives, struct life, index);
}

#endif
