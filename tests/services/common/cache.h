// What the services share of talking to Redis: connections, replies kept in the books, the write.
// How a key is made and how it is looked up is each service's own.
#ifndef SERVICES_CACHE_H
#define SERVICES_CACHE_H

#include <hiredis/hiredis.h>
#include <openssl/sha.h>
#include <stdbool.h>
#include <stddef.h>

enum { CACHE_CONNECTIONS = 4, CACHE_DIGEST_CHARS = 2 * SHA256_DIGEST_LENGTH };

struct cache_pool;

// NULL, with a line on stderr, when Redis cannot be reached.
struct cache_pool *cache_pool_new(const char *socket_path);
void cache_pool_free(struct cache_pool *pool);

// Waits for a connection that nobody uses. A broken one is connected anew; it may be broken still.
redisContext *cache_pool_take(struct cache_pool *pool);
void cache_pool_give_back(struct cache_pool *pool, redisContext *redis);

// Every reply from Redis passes through the first of these, and then, once, through the second.
// False when there is no reply or Redis answered with an error.
bool cache_reply_received(const redisReply *reply);
void cache_reply_free(redisReply *reply);

// SETEX llm:DIGEST 3600 ANSWER. A failure is counted and otherwise ignored: a cache may forget.
void cache_store_answer(redisContext *redis, const char *digest, const char *answer);

// The SHA-256 of the text in hexadecimal digits. False when libcrypto fails.
bool cache_digest(const char *text, size_t bytes, char digest[CACHE_DIGEST_CHARS + 1]);

#endif
