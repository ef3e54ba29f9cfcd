// What services do with Redis, by hiredis 1.x over TLS, whose commands pass through two places at
// which they could be counted. The truth is the server's own count. Arguments: PORT CA-FILE
#include <hiredis/hiredis.h>
#include <hiredis/hiredis_ssl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ROUNDS = 50, KEYS = 20 };

static void die(const char *what)
{
    fprintf(stderr, "hiredis_tls: %s\n", what);
    exit(1);
}

static redisContext *connect_tls(int port, const char *authority)
{
    redisSSLContextError error = REDIS_SSL_CTX_NONE;
    redisSSLContext *tls = redisCreateSSLContext(authority, NULL, NULL, NULL, NULL, &error);
    redisContext *redis = redisConnect("127.0.0.1", port);

    if (!tls || !redis || redis->err || redisInitiateSSLWithContext(redis, tls) != REDIS_OK)
        die(tls ? "no connection" : redisSSLContextGetError(error));
    return redis;
}

// A cache as it should be: a miss, a write, and hits ever after.
static void cached(redisContext *redis, int key)
{
    redisReply *reply = redisCommand(redis, "GET answer:%d", key), *stored;

    if (!reply)
        die("no reply");
    if (reply->type == REDIS_REPLY_NIL) {
        stored = redisCommand(redis, "SETEX answer:%d 600 value-%d", key, key);
        freeReplyObject(stored);
    }
    freeReplyObject(reply);
}

static void pipeline(redisContext *redis)
{
    for (int n = 0; n < ROUNDS; n++)
        redisAppendCommand(redis, "GET answer:%d", n % KEYS);
    for (int n = 0; n < ROUNDS; n++) {
        void *reply;

        if (redisGetReply(redis, &reply) != REDIS_OK)
            die("no reply in the pipeline");
        freeReplyObject(reply);
    }
}

int main(int argc, char **argv)
{
    redisContext *redis;

    if (argc != 3 || redisInitOpenSSL() != REDIS_OK)
        die("PORT CA-FILE, and an OpenSSL that starts");
    redis = connect_tls(atoi(argv[1]), argv[2]);
    for (int n = 0; n < ROUNDS; n++)
        cached(redis, n % KEYS);
    pipeline(redis);
    redisFree(redis);
    return 0;
}
