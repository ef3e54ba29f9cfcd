/*
 * Queues of keys whose answers are awaited, one queue a connection. Chunks come from one bounded
 * pool that threads share without a lock; an empty queue keeps its chunk, so that a connection that
 * waits for one answer at a time never goes to the pool. Zeros are an empty queue and a full pool.
 */
#ifndef LK_CACHE_PENDING_H
#define LK_CACHE_PENDING_H

#include <assert.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct lk_pending { /* one key of one command; a command without keys has one too */
    uint64_t sequence;
    uint64_t issued_ns;
    uint64_t key_hash;
    uint64_t value_bytes; /* SELECT, EXEC: the database if it fails */
    uint32_t template_id;
    uint16_t flags;     /* enum lk_command_flag */
    uint16_t key_index; /* LK_NO_KEY: the command has none */
    uint16_t info;      /* lk_command_info_at */
    uint8_t details;    /* enum lk_command_detail */
    uint8_t traits;     /* enum lk_pending_trait */
    uint32_t keys;      /* of the command */
};
static_assert(sizeof(struct lk_pending) == 48, "what a chunk is made of");

enum lk_pending_trait {
    LK_PENDING_SILENT = 1u << 0, /* issued while nothing was recorded: it is paired, not counted */
    LK_PENDING_NO_TTL = 1u << 1, /* a write that leaves no expiry */
};

struct lk_queue {
    uint32_t first, last; /* chunks, from 1 */
    uint32_t head, tail;  /* places in them */
};

/* Memory for chunks, zeroed: `bytes` of it. Once, before the first push. */
void lk_pending_init(void *memory, size_t bytes);

/* A new last one, zeroed; NULL: no room. */
struct lk_pending *lk_queue_push(struct lk_queue *queue);

#define LK_CHUNK_ITEMS 85u
struct lk_chunk {  /* zeros: in no queue */
    uint32_t next; /* in its queue, or on the free list */
    uint32_t unused[3];
    struct lk_pending items[LK_CHUNK_ITEMS];
};
static_assert(sizeof(struct lk_chunk) == 4096, "a page");
extern struct lk_chunk *lk_chunks __attribute__((visibility("hidden")));

static inline struct lk_pending *lk_queue_first(const struct lk_queue *queue) /* NULL: empty */
{
    if (!queue->first || (queue->first == queue->last && queue->head == queue->tail))
        return NULL;
    return &lk_chunks[queue->first].items[queue->head];
}
static inline bool lk_queue_is_single(const struct lk_queue *queue)
{
    return queue->first && queue->first == queue->last && queue->tail - queue->head == 1;
}
void lk_queue_pop(struct lk_queue *queue);
void lk_queue_clear(struct lk_queue *queue); /* gives everything back */

#endif
