/* Replays every command under an alteration. */
#include "find/altered.h"

#include <math.h>

#include "replay/hit_ratio.h"
#include "replay/ranking.h"

/* A server's values are smaller; a damaged capture's may be anything, and their sum has to be a
 * number. */
#define VALUE_BYTES_MOST (1ull << 33)

struct entry {
    int64_t ttl_ns; /* of the latest write; INT64_MAX none */
    uint64_t value_bytes, key_bytes;
    bool written, used; /* ever */
    bool shrunk;        /* elements were taken away since: with the last one it goes */
};

struct replaying {
    const struct cache_model *model;
    const struct alteration *alteration;
    struct entry *entries;
    struct bounded_cache *cache;
    struct ranking expiries;
    uint8_t *needed; /* of each access: a write that still has to be made */
    uint8_t
        *skipped; /* of each key: its latest write was not made, and what follows belongs to it */
    GArray *outcomes; /* uint8_t of each read: hit or not */
    struct altered result;
};

/* ---- Time ---- */

static int64_t ttl_of(const struct replaying *replaying, const struct cache_access *access,
                      const struct entry *entry)
{
    int64_t ttl_ms = access_ttl_ms(access);

    if (replaying->alteration->ttl_ms != TTL_AS_CAPTURED)
        ttl_ms = replaying->alteration->ttl_ms;
    else if (ttl_ms == LK_TTL_UNKNOWN && entry->written)
        return entry->ttl_ns;
    return ttl_span_ns(ttl_ms);
}

static void set_expiry(struct replaying *replaying, uint32_t number, int64_t time_ns)
{
    struct rank rank = {(uint64_t)MAX(time_ns, 0), number};

    if (time_ns == INT64_MAX)
        ranking_remove(&replaying->expiries, number);
    else
        ranking_set(&replaying->expiries, number, rank);
}

/* ---- Entries ---- */

static void let_go(struct replaying *replaying, uint32_t number)
{
    bounded_cache_remove(replaying->cache, number);
    ranking_remove(&replaying->expiries, number);
    if (replaying->alteration->curve != NULL)
        miss_curve_remove(replaying->alteration->curve, number);
}

static void let_expire(struct replaying *replaying, int64_t now_ns)
{
    uint32_t number;

    while (ranking_first(&replaying->expiries, &number) &&
           replaying->expiries.ranks[number].major <= (uint64_t)MAX(now_ns, 0))
        let_go(replaying, number);
}

/* False: it is larger than the cache. */
static bool write_entry(struct replaying *replaying, uint32_t number, int64_t time_ns,
                        int64_t ttl_ns)
{
    struct entry *entry = &replaying->entries[number];
    uint64_t bytes =
        entry->key_bytes + MIN(entry->value_bytes, VALUE_BYTES_MOST) + ENTRY_OVERHEAD_BYTES;

    entry->ttl_ns = ttl_ns;
    entry->written = true;
    entry->shrunk = false;
    if (!bounded_cache_put(replaying->cache, number, bytes)) {
        ranking_remove(&replaying->expiries, number);
        return false;
    }
    set_expiry(replaying, number, time_later(time_ns, ttl_ns));
    if (replaying->alteration->curve != NULL)
        miss_curve_write(replaying->alteration->curve, number, bytes);
    return true;
}

static void count_write(struct replaying *replaying, uint64_t value_bytes)
{
    replaying->result.writes++;
    replaying->result.written_bytes += value_bytes;
}

/* ---- Commands ---- */

static int64_t recompute_ns(const struct replaying *replaying, const struct cache_access *access)
{
    uint32_t template = model_key(replaying->model, access->key)->template_index;
    double median = model_template(replaying->model, template)->report->recompute_p50;

    return isnan(median) ? 0 : (int64_t)(median * 1e9);
}

/* What the capture saw to be gone though nothing that is replayed took it away. */
static bool seen_gone(const struct replaying *replaying, const struct entry *entry,
                      const struct cache_access *access)
{
    return (replaying->alteration->seen_evictions && access->cause == CAUSE_EVICTED) ||
           (entry->shrunk && access->cause == CAUSE_DELETED);
}

/* Whether what the capture's read hit hits here, though it is not there yet. */
static bool read_captured_hit(struct replaying *replaying, uint32_t number,
                              const struct cache_access *access)
{
    struct entry *entry = &replaying->entries[number];

    if (!entry->written) { /* from before the capture */
        entry->value_bytes = access->value_bytes;
        return write_entry(replaying, number, access->time_ns, INT64_MAX);
    }
    count_write(replaying, entry->value_bytes);
    if (replaying->alteration->curve != NULL)
        miss_curve_read(replaying->alteration->curve, number);
    write_entry(replaying, number, access->time_ns + recompute_ns(replaying, access),
                entry->ttl_ns);
    return false;
}

static bool read_entry(struct replaying *replaying, uint32_t number,
                       const struct cache_access *access)
{
    struct miss_curve *curve = replaying->alteration->curve;
    const struct entry *entry = &replaying->entries[number];
    bool hit;

    if (seen_gone(replaying, entry, access))
        let_go(replaying, number);
    hit = bounded_cache_holds(replaying->cache, number);
    if (hit)
        bounded_cache_use(replaying->cache, number);
    else if (access->flags & ACCESS_HIT)
        hit = read_captured_hit(replaying, number, access);
    else if (access->partner != CACHE_NONE)
        replaying->needed[access->partner] = 1;
    /* What is recomputed was read in the curve before it was written. */
    if (curve != NULL && (hit || !(access->flags & ACCESS_HIT)))
        miss_curve_read(curve, number);
    return hit;
}

static void step_read(struct replaying *replaying, uint32_t number,
                      const struct cache_access *access)
{
    uint8_t hit = read_entry(replaying, number, access);

    replaying->skipped[access->key] = 0;
    replaying->result.reads++;
    replaying->result.hits += hit;
    g_array_append_val(replaying->outcomes, hit);
}

static void step_write(struct replaying *replaying, uint32_t number, uint32_t index)
{
    const struct cache_access *access = model_access(replaying->model, index);
    struct entry *entry = &replaying->entries[number];

    replaying->skipped[access->key] = access->partner != CACHE_NONE && !replaying->needed[index];
    if (replaying->skipped[access->key])
        return;
    count_write(replaying, access->value_bytes);
    entry->key_bytes = model_key(replaying->model, access->key)->key_bytes;
    entry->value_bytes = access->value_bytes;
    write_entry(replaying, number, access->time_ns, ttl_of(replaying, access, entry));
}

static void step_expire(struct replaying *replaying, uint32_t number,
                        const struct cache_access *access)
{
    struct entry *entry = &replaying->entries[number];

    if (replaying->skipped[access->key] || access_ttl_ms(access) == LK_TTL_UNKNOWN ||
        !bounded_cache_holds(replaying->cache, number))
        return;
    entry->ttl_ns = ttl_of(replaying, access, entry);
    set_expiry(replaying, number, time_later(access->time_ns, entry->ttl_ns));
}

static bool is_left_out(const struct replaying *replaying, uint32_t key)
{
    uint32_t template = replaying->alteration->template_index;

    return template != CACHE_NONE && model_key(replaying->model, key)->template_index != template;
}

static void flush(struct replaying *replaying, const struct cache_access *access)
{
    for (guint i = 0; i < replaying->model->keys->len; i++)
        if (access_flushes(replaying->model, access, model_key(replaying->model, i)) &&
            !is_left_out(replaying, i))
            let_go(replaying, replaying->alteration->identities[i]);
}

static void step(struct replaying *replaying, uint32_t index)
{
    const struct cache_access *access = model_access(replaying->model, index);
    struct entry *entry;
    uint32_t number;

    let_expire(replaying, access->time_ns);
    if (access->key == CACHE_NONE) {
        if (access->flags & ACCESS_FLUSH)
            flush(replaying, access);
        return;
    }
    if (is_left_out(replaying, access->key))
        return;
    number = replaying->alteration->identities[access->key];
    entry = &replaying->entries[number];
    entry->used |= (access->flags & (ACCESS_READ | ACCESS_WRITE)) != 0;
    if (entry->key_bytes == 0)
        entry->key_bytes = model_key(replaying->model, access->key)->key_bytes;
    if (access->flags & ACCESS_READ)
        step_read(replaying, number, access);
    if (access->flags & ACCESS_WRITE)
        step_write(replaying, number, index);
    if (access->flags & ACCESS_EXPIRE)
        step_expire(replaying, number, access);
    if (access->flags & ACCESS_DELETE)
        let_go(replaying, number);
    entry->shrunk |= access->flags & ACCESS_SHRINK && !access_is_miss(access);
}

struct altered altered_replay(const struct cache_model *model, const struct alteration *alteration)
{
    uint32_t count = (uint32_t)alteration->identity_count;
    struct replaying replaying = {.model = model, .alteration = alteration};
    struct altered result;

    replaying.entries = g_new0(struct entry, (size_t)count + 1);
    replaying.cache = bounded_cache_new(alteration->policy, alteration->cache_bytes, count);
    ranking_init(&replaying.expiries, count);
    replaying.needed = g_new0(uint8_t, (size_t)model->accesses->len + 1);
    replaying.skipped = g_new0(uint8_t, (size_t)model->keys->len + 1);
    replaying.outcomes = g_array_new(FALSE, FALSE, sizeof(uint8_t));
    for (guint i = 0; i < model->accesses->len; i++)
        step(&replaying, i);
    result = replaying.result;
    for (uint32_t i = 0; i < count; i++)
        result.distinct_keys += replaying.entries[i].used;
    result.hit_ratio = hit_ratio_of(replaying.outcomes, result.hit_ratio_interval);
    result.peak_bytes = bounded_cache_peak_bytes(replaying.cache);
    result.evictions = bounded_cache_evictions(replaying.cache);
    g_free(replaying.entries);
    bounded_cache_free(replaying.cache);
    ranking_release(&replaying.expiries);
    g_free(replaying.needed);
    g_free(replaying.skipped);
    g_array_free(replaying.outcomes, TRUE);
    return result;
}
