/* The array of accesses, and what one of them packs: its TTL and its answer's time. */
#include "model/big.h"
#include "model/cache.h"

#define TTL_EXACT     (1 << 30)  /* codes from here on are seconds */
#define LATENCY_EXACT (1u << 31) /* codes from here on are units */
#define LATENCY_UNIT  2048       /* nanoseconds */
#define LATENCY_NONE  UINT32_MAX

int64_t access_ttl_ms(const struct cache_access *access)
{
    return access->ttl_code < TTL_EXACT ? access->ttl_code
                                        : ((int64_t)access->ttl_code - TTL_EXACT) * 1000;
}

void access_set_ttl(struct cache_access *access, int64_t ttl_ms)
{
    if (ttl_ms < TTL_EXACT)
        access->ttl_code = (int32_t)MAX(ttl_ms, LK_TTL_SOURCE - 1);
    else
        access->ttl_code = (int32_t)MIN(ttl_ms / 1000 + TTL_EXACT, INT32_MAX);
}

int64_t ttl_span_ns(int64_t ttl_ms)
{
    return ttl_ms >= 0 && ttl_ms < INT64_MAX / 4000000 ? ttl_ms * 1000000 : INT64_MAX;
}

int64_t time_later(int64_t time_ns, int64_t span_ns)
{
    return span_ns > INT64_MAX - time_ns ? INT64_MAX : time_ns + span_ns;
}

int64_t access_expiry_ns(const struct cache_access *access)
{
    return time_later(access->time_ns, ttl_span_ns(access_ttl_ms(access)));
}

int64_t access_reply_ns(const struct cache_access *access)
{
    if (access->latency_code == LATENCY_NONE)
        return INT64_MAX;
    if (access->latency_code < LATENCY_EXACT)
        return access->time_ns + access->latency_code;
    return access->time_ns + ((int64_t)access->latency_code - LATENCY_EXACT) * LATENCY_UNIT;
}

void access_set_reply(struct cache_access *access, int64_t reply_ns)
{
    int64_t latency = MAX(reply_ns - access->time_ns, 0);

    if (latency < LATENCY_EXACT)
        access->latency_code = (uint32_t)latency;
    else
        access->latency_code =
            (uint32_t)MIN(latency / LATENCY_UNIT + LATENCY_EXACT, LATENCY_NONE - 1);
}

/* ---- All of them ---- */

static size_t room_bytes(guint room)
{
    return ((size_t)room + 1) * sizeof(struct cache_access);
}

struct cache_accesses *accesses_new(guint most)
{
    struct cache_accesses *accesses = g_new0(struct cache_accesses, 1);

    accesses->at = big_new0(room_bytes(most));
    accesses->room = most;
    return accesses;
}

bool accesses_add(struct cache_accesses *accesses, const struct cache_access *access)
{
    if (accesses->len == accesses->room)
        return false;
    accesses->at[accesses->len++] = *access;
    return true;
}

void accesses_free(struct cache_accesses *accesses)
{
    big_free(accesses->at, room_bytes(accesses->room));
    g_free(accesses);
}
