// Connections to Redis by its unix socket, and the commands that both services send alike.
// A connection serves one request at a time, GET and SETEX, and then goes back to the pool.
#include "cache.h"

#include "stats.h"

#include <openssl/evp.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ANSWER_TTL_SECONDS = 3600 };

struct cache_pool {
    pthread_mutex_t lock;
    pthread_cond_t given_back;
    unsigned idle_count;
    redisContext *idle[CACHE_CONNECTIONS];
};

struct cache_pool *cache_pool_new(const char *socket_path)
{
    struct cache_pool *pool = calloc(1, sizeof(*pool));

    if (!pool)
        return NULL;
    pthread_mutex_init(&pool->lock, NULL);
    pthread_cond_init(&pool->given_back, NULL);
    while (pool->idle_count < CACHE_CONNECTIONS) {
        redisContext *redis = redisConnectUnix(socket_path);

        if (!redis || redis->err) {
            fprintf(stderr, "redis at %s: %s\n", socket_path, redis ? redis->errstr : "no memory");
            redisFree(redis);
            cache_pool_free(pool);
            return NULL;
        }
        pool->idle[pool->idle_count++] = redis;
    }
    return pool;
}

void cache_pool_free(struct cache_pool *pool)
{
    while (pool->idle_count)
        redisFree(pool->idle[--pool->idle_count]);
    pthread_cond_destroy(&pool->given_back);
    pthread_mutex_destroy(&pool->lock);
    free(pool);
}

redisContext *cache_pool_take(struct cache_pool *pool)
{
    redisContext *redis;

    pthread_mutex_lock(&pool->lock);
    while (!pool->idle_count)
        pthread_cond_wait(&pool->given_back, &pool->lock);
    redis = pool->idle[--pool->idle_count];
    pthread_mutex_unlock(&pool->lock);
    if (redis->err)
        redisReconnect(redis);
    return redis;
}

void cache_pool_give_back(struct cache_pool *pool, redisContext *redis)
{
    pthread_mutex_lock(&pool->lock);
    pool->idle[pool->idle_count++] = redis;
    pthread_cond_signal(&pool->given_back);
    pthread_mutex_unlock(&pool->lock);
}

bool cache_reply_received(const redisReply *reply)
{
    if (reply)
        stats_count(STAT_REPLIES_RECEIVED);
    if (!reply || reply->type == REDIS_REPLY_ERROR) {
        stats_count(STAT_CACHE_ERRORS);
        return false;
    }
    return true;
}

void cache_reply_free(redisReply *reply)
{
    if (reply)
        stats_count(STAT_REPLIES_FREED);
    freeReplyObject(reply);
}

void cache_store_answer(redisContext *redis, const char *digest, const char *answer)
{
    redisReply *reply = redisCommand(redis, "SETEX llm:%s %d %b", digest, ANSWER_TTL_SECONDS,
                                     answer, strlen(answer));

    if (cache_reply_received(reply))
        stats_count(STAT_WRITES);
    cache_reply_free(reply);
}

bool cache_digest(const char *text, size_t bytes, char digest[CACHE_DIGEST_CHARS + 1])
{
    unsigned char raw[SHA256_DIGEST_LENGTH];
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    bool done = context && EVP_DigestInit_ex(context, EVP_sha256(), NULL) &&
                EVP_DigestUpdate(context, text, bytes) && EVP_DigestFinal_ex(context, raw, NULL);

    EVP_MD_CTX_free(context);
    for (size_t i = 0; done && i < sizeof(raw); i++)
        snprintf(digest + 2 * i, 3, "%02x", raw[i]);
    return done;
}
