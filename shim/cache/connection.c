/* The table of connections. */
#include "cache/connection.h"

#include <string.h>

#include "capture/capture.h"
#include "sys.h"

#define SLOTS         (2ul * LK_CONNECTIONS_MAX)
#define PROBES        64u
#define PENDING_BYTES (16u << 20)
#define GIVEN_UP      1u
#define PEER_MAX      512u

static struct table {
    uint32_t count; /* in use */
    uint32_t last_id;
    struct lk_connection slots[SLOTS];
} * table;

void lk_connections_init(void)
{
    void *memory = lk_sys_memory_wiped(PENDING_BYTES);
    if (memory) {
        lk_pending_init(memory, PENDING_BYTES);
        table = lk_sys_memory_wiped(sizeof *table);
    }
}

static uint64_t place_of(uint64_t context, uint32_t probe)
{
    return ((context >> 4) * 0x9e3779b97f4a7c15u >> 32) + probe;
}

static struct lk_connection *find(uint64_t context)
{
    for (uint32_t i = 0; i < PROBES; i++) {
        struct lk_connection *slot = &table->slots[place_of(context, i) % SLOTS];
        uint64_t held = __atomic_load_n(&slot->context, __ATOMIC_ACQUIRE);
        if (held == context)
            return slot;
        if (!held)
            return NULL;
    }
    return NULL;
}

/* Only the context's owner adds it, so nobody else adds the same one meanwhile. */
static struct lk_connection *add(uint64_t context)
{
    if (__atomic_fetch_add(&table->count, 1, __ATOMIC_RELAXED) < LK_CONNECTIONS_MAX) {
        for (uint32_t i = 0; i < PROBES; i++) {
            struct lk_connection *slot = &table->slots[place_of(context, i) % SLOTS];
            uint64_t held = __atomic_load_n(&slot->context, __ATOMIC_RELAXED);
            if (held <= GIVEN_UP &&
                __atomic_compare_exchange_n(&slot->context, &held, context, false, __ATOMIC_ACQUIRE,
                                            __ATOMIC_RELAXED))
                return slot;
        }
    }
    __atomic_fetch_sub(&table->count, 1, __ATOMIC_RELAXED);
    return NULL;
}

/* What a new connection has. */
static void renew(struct lk_connection *connection)
{
    connection->id = __atomic_add_fetch(&table->last_id, 1, __ATOMIC_RELAXED);
    connection->next_sequence = connection->announce_next = 0;
    connection->database = 0;
    connection->in_transaction = 0;
    connection->unnoted = 0;
    connection->announced = connection->streaming = 0;
    connection->muted = connection->mute_next = 0;
    lk_queue_clear(&connection->pending);
    lk_queue_clear(&connection->queued);
    memset(&connection->answering, 0, sizeof connection->answering);
}

static struct lk_connection *hold(const void *context, bool anew)
{
    uint64_t address = (uintptr_t)context;
    struct lk_connection *connection = table ? find(address) : NULL;
    bool added = !connection;
    if (table && added)
        connection = add(address);
    if (!connection || !lk_try_lock(&connection->lock)) {
        lk_drop(LK_DROP_NO_STATE);
        return NULL;
    }
    if (added || anew)
        renew(connection);
    return connection;
}

struct lk_connection *lk_connection_hold(const void *context)
{
    return hold(context, false);
}

struct lk_connection *lk_connection_begin(const void *context)
{
    return hold(context, true);
}

void lk_connection_let_go(struct lk_connection *connection)
{
    lk_unlock(&connection->lock);
}

uint32_t lk_connection_end(const void *context)
{
    struct lk_connection *connection = table ? find((uintptr_t)context) : NULL;
    if (!connection || !lk_try_lock(&connection->lock))
        return 0;
    uint32_t id = connection->announced ? connection->id : 0;
    lk_queue_clear(&connection->pending);
    lk_queue_clear(&connection->queued);
    lk_unlock(&connection->lock);
    __atomic_store_n(&connection->context, GIVEN_UP, __ATOMIC_RELEASE);
    __atomic_fetch_sub(&table->count, 1, __ATOMIC_RELAXED);
    return id;
}

static void write_connect(struct lk_connection *connection, const struct lk_traffic *traffic,
                          uint64_t time_ns)
{
    char peer[PEER_MAX + 8] = {0};
    size_t bytes = traffic->peer ? traffic->peer(traffic, peer, PEER_MAX) : 0;
    struct lk_record_connect *record =
        lk_record_begin(LK_RECORD_CONNECT, sizeof *record + bytes, time_ns);
    if (!record)
        return;
    record->connection = connection->id;
    record->peer_bytes = (uint32_t)bytes;
    memcpy(record + 1, peer, (bytes + 7) & ~(size_t)7);
    lk_record_end();
    connection->announced = 1;
    connection->announce_next = connection->next_sequence + LK_ANNOUNCE_EVERY;
}

void lk_connection_announce(struct lk_connection *connection, const struct lk_traffic *traffic,
                            uint64_t time_ns)
{
    if (connection->next_sequence >= connection->announce_next)
        write_connect(connection, traffic, time_ns);
}
