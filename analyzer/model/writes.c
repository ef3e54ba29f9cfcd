/* Which miss a write answers: that of the same thread if there is one, else of the connection, else
 * the oldest. */
#include "model/gather.h"

#include <math.h>

#define WALK_MAX 64 /* outstanding misses on one key that are looked at */

struct outstanding {
    struct cache_model *model;
    uint32_t *latest; /* of each key: its latest miss without a write; CACHE_NONE */
    uint32_t *older;  /* of each such miss: the one before */
};

static bool same_thread(const struct cache_model *model, const struct cache_access *a,
                        const struct cache_access *b)
{
    return a->thread == b->thread &&
           access_connection(model, a)->capture == access_connection(model, b)->capture;
}

static bool same_connection(const struct cache_model *model, const struct cache_access *a,
                            const struct cache_access *b)
{
    (void)model;
    return a->connection == b->connection;
}

typedef bool relation(const struct cache_model *model, const struct cache_access *a,
                      const struct cache_access *b);

static uint32_t find_akin(const struct outstanding *outstanding, const struct cache_access *write,
                          relation *akin)
{
    uint32_t miss = outstanding->latest[write->key];

    for (int i = 0; i < WALK_MAX && miss != CACHE_NONE; i++, miss = outstanding->older[miss])
        if (akin(outstanding->model, model_access(outstanding->model, miss), write))
            return miss;
    return CACHE_NONE;
}

static uint32_t find_oldest(const struct outstanding *outstanding, uint32_t key)
{
    uint32_t miss = outstanding->latest[key];

    for (int i = 0; i < WALK_MAX && miss != CACHE_NONE; i++) {
        if (outstanding->older[miss] == CACHE_NONE)
            return miss;
        miss = outstanding->older[miss];
    }
    return miss;
}

/* Takes the thread's misses from the list: it has no other under way, unless it had asked again
 * before the answer. */
static void settle(struct outstanding *outstanding, uint32_t found, uint32_t write_index,
                   relation *akin)
{
    const struct cache_access *write = model_access(outstanding->model, write_index);
    const struct cache_access *latest = model_access(outstanding->model, found);
    uint32_t *link = &outstanding->latest[write->key];

    for (int i = 0; i < WALK_MAX && *link != CACHE_NONE; i++) {
        struct cache_access *miss = model_access(outstanding->model, *link);

        if (*link == found || akin(outstanding->model, miss, write)) {
            if (access_reply_ns(miss) > latest->time_ns)
                miss->partner = write_index;
            *link = outstanding->older[*link];
        } else {
            link = &outstanding->older[*link];
        }
    }
}

static void match_write(struct outstanding *outstanding, uint32_t write_index)
{
    struct cache_access *write = model_access(outstanding->model, write_index);
    relation *akin = same_thread;
    uint32_t miss;

    if (outstanding->latest[write->key] == CACHE_NONE)
        return;
    miss = find_akin(outstanding, write, same_thread);
    if (miss == CACHE_NONE)
        miss = find_akin(outstanding, write, akin = same_connection);
    if (miss == CACHE_NONE) {
        miss = find_oldest(outstanding, write->key);
        model_access(outstanding->model, miss)->partner = write_index;
        outstanding->latest[write->key] = CACHE_NONE;
    } else {
        settle(outstanding, miss, write_index, akin);
    }
    write->partner = miss;
}

void gather_pair_writes(struct cache_model *model)
{
    struct outstanding outstanding = {model, g_new(uint32_t, model->keys->len + 1),
                                      g_new(uint32_t, model->accesses->len + 1)};

    for (guint i = 0; i < model->keys->len; i++)
        outstanding.latest[i] = CACHE_NONE;
    for (guint i = 0; i < model->accesses->len; i++) {
        const struct cache_access *access = model_access(model, i);

        if (access->key == CACHE_NONE)
            continue;
        if (access_is_miss(access)) {
            outstanding.older[i] = outstanding.latest[access->key];
            outstanding.latest[access->key] = i;
        } else if (access->flags & ACCESS_WRITE) {
            match_write(&outstanding, i);
        }
    }
    g_free(outstanding.latest);
    g_free(outstanding.older);
}

double access_recompute_seconds(const struct cache_model *model, const struct cache_access *access)
{
    if (!access_is_miss(access) || access->partner == CACHE_NONE)
        return NAN;
    return (double)(model_access(model, access->partner)->time_ns - access->time_ns) / 1e9;
}
