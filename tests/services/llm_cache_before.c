// An LLM cache service as it was found: the model's answers are kept in Redis, by a digest.
// llm_cache_after.c is the same service after its refactor.
// libs: -lmicrohttpd -lhiredis -lcrypto -ljansson -lpthread -lm
#define _GNU_SOURCE // asprintf
#include "common/service.h"
#include "common/snapshot.h"
#include "common/stats.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// The key stands for the whole request, as it is traced and logged.
static bool derive_key(const struct completion_request *request,
                       char digest[CACHE_DIGEST_CHARS + 1])
{
    char *envelope;
    bool done;

    if (asprintf(&envelope, "{\"request_id\":\"%s\",\"ts\":%lld,\"body\":%s}", request->id,
                 (long long)request->received_unix_ms, request->body) < 0)
        return false;
    done = cache_digest(envelope, strlen(envelope), digest);
    free(envelope);
    return done;
}

static char *lookup_answer(redisContext *redis, const char *digest)
{
    redisReply *reply = redisCommand(redis, "GET llm:%s", digest);
    char *answer;

    if (!cache_reply_received(reply)) {
        cache_reply_free(reply);
        return NULL;
    }
    stats_count(STAT_READS);
    if (reply->type == REDIS_REPLY_NIL) {
        stats_count(STAT_MISSES);
        return NULL;
    }
    stats_count(STAT_HITS);
    answer = strndup(reply->str, reply->len);
    cache_reply_free(reply);
    return answer;
}

static bool refresh_answer_index(struct service *service)
{
    float **rows = snapshot_load(0, SNAPSHOT_ROWS);
    bool useful;

    (void)service;
    if (!rows)
        return false;
    useful = snapshot_score(rows, SNAPSHOT_ROWS) > 0;
    snapshot_free(rows, SNAPSHOT_ROWS);
    return useful;
}

int main(int argc, char **argv)
{
    static const struct service_calls calls = {derive_key, lookup_answer, refresh_answer_index};

    return service_run(argc, argv, &calls);
}
