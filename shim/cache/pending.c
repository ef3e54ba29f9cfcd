/* Queues of awaited answers. */
#include <stdbool.h>
#include <string.h>

#include "cache/pending.h"

/* The first chunk's memory holds the pool itself. */
struct pool {
    uint64_t free;  /* chunk, and in the upper half how often it changed */
    uint32_t fresh; /* chunks that were handed out at least once */
};

struct lk_chunk *lk_chunks;
static uint32_t chunk_count;

void lk_pending_init(void *memory, size_t bytes)
{
    chunk_count = (uint32_t)(bytes / sizeof(struct lk_chunk));
    lk_chunks = memory;
}

static struct pool *pool(void)
{
    return (struct pool *)(void *)lk_chunks;
}

/* Numbers come from our own memory; still none is followed out of it. */
static struct lk_chunk *chunk_at(uint32_t number)
{
    return number && number < chunk_count ? &lk_chunks[number] : NULL;
}

/* Another thread may still look at a chunk that it failed to take. */
static void set_next(uint32_t number, uint32_t next)
{
    __atomic_store_n(&chunk_at(number)->next, next, __ATOMIC_RELAXED);
}

static uint32_t take_chunk(void)
{
    uint64_t head = __atomic_load_n(&pool()->free, __ATOMIC_ACQUIRE), next;
    while ((uint32_t)head) {
        struct lk_chunk *chunk = chunk_at((uint32_t)head);
        next = ((head >> 32) + 1) << 32 | __atomic_load_n(&chunk->next, __ATOMIC_RELAXED);
        if (__atomic_compare_exchange_n(&pool()->free, &head, next, false, __ATOMIC_ACQUIRE,
                                        __ATOMIC_ACQUIRE))
            return (uint32_t)head;
    }
    uint32_t fresh = __atomic_load_n(&pool()->fresh, __ATOMIC_RELAXED);
    do
        if (fresh + 1 >= chunk_count)
            return 0;
    while (!__atomic_compare_exchange_n(&pool()->fresh, &fresh, fresh + 1, false, __ATOMIC_RELAXED,
                                        __ATOMIC_RELAXED));
    return fresh + 1;
}

static void give_chunk(uint32_t number)
{
    uint64_t head = __atomic_load_n(&pool()->free, __ATOMIC_RELAXED), mine;
    do {
        set_next(number, (uint32_t)head);
        mine = ((head >> 32) + 1) << 32 | number;
    } while (!__atomic_compare_exchange_n(&pool()->free, &head, mine, false, __ATOMIC_RELEASE,
                                          __ATOMIC_RELAXED));
}

static bool add_chunk(struct lk_queue *queue)
{
    uint32_t number = lk_chunks ? take_chunk() : 0;
    if (!number)
        return false;
    set_next(number, 0);
    if (queue->last)
        set_next(queue->last, number);
    else
        queue->first = number;
    queue->last = number;
    queue->tail = 0;
    return true;
}

struct lk_pending *lk_queue_push(struct lk_queue *queue)
{
    if ((!queue->last || queue->tail == LK_CHUNK_ITEMS) && !add_chunk(queue))
        return NULL;
    struct lk_pending *item = &chunk_at(queue->last)->items[queue->tail++];
    memset(item, 0, sizeof *item);
    return item;
}

void lk_queue_pop(struct lk_queue *queue)
{
    if (!lk_queue_first(queue))
        return;
    queue->head++;
    if (queue->first == queue->last) {
        if (queue->head == queue->tail)
            queue->head = queue->tail = 0; /* empty: its chunk from the start again */
        return;
    }
    if (queue->head == LK_CHUNK_ITEMS) {
        uint32_t done = queue->first;
        queue->first = chunk_at(done)->next;
        queue->head = 0;
        give_chunk(done);
    }
}

void lk_queue_clear(struct lk_queue *queue)
{
    while (queue->first) {
        uint32_t done = queue->first;
        queue->first = done == queue->last ? 0 : chunk_at(done)->next;
        give_chunk(done);
    }
    memset(queue, 0, sizeof *queue);
}
