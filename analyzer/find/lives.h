/*
 * The lives of entries: each accepted write begins one, which ends by another write of the key, a
 * delete, its TTL, or an eviction that a miss told of. What the rules about entries look at.
 */
#ifndef LEAKEY_FIND_LIVES_H
#define LEAKEY_FIND_LIVES_H

#include <assert.h>

#include "model/cache.h"

enum life_end {
    LIFE_OPEN,        /* it was there when the captures ended, as far as is known */
    LIFE_OVERWRITTEN, /* by a write of the same key */
    LIFE_DELETED,
    LIFE_EXPIRED,
    LIFE_EVICTED,
};

struct life {                       /* there may be millions of them */
    int64_t written_ns, expires_ns; /* INT64_MAX: never, or not known */
    int64_t reused_ns;  /* when it was first asked for, there or gone; INT64_MAX never */
    int64_t last_ns;    /* when it was last read, or else written; of one that was asked for when it
                           had expired or been evicted: that */
    uint32_t bytes;     /* of the value */
    uint32_t key;       /* index into the model */
    uint32_t hits : 28; /* at most that many are counted */
    uint32_t end : 3;   /* enum life_end */
    uint32_t lasts : 1; /* it was written without a TTL, and got none later */
};
static_assert(sizeof(struct life) == 48, "what a write takes");

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
