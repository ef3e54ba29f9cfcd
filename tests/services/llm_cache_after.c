// llm_cache_before.c after its refactor: keys are made of what was asked and of nothing else,
// replies are freed on every path, the refresh takes its snapshot in small slices.
// libs: -lmicrohttpd -lhiredis -lcrypto -ljansson -lpthread -lm
#include "common/request.h"
#include "common/service.h"
#include "common/snapshot.h"
#include "common/stats.h"

#include <stdlib.h>
#include <string.h>

enum { REFRESH_SLICES = 64, SLICE_ROWS = SNAPSHOT_ROWS / REFRESH_SLICES };

// Request id and time belong in the trace; an answer depends on neither.
static bool derive_key(const struct completion_request *request,
                       char digest[CACHE_DIGEST_CHARS + 1])
{
    char *normalised = request_normalise(request->json);
    bool done = normalised && cache_digest(normalised, strlen(normalised), digest);

    free(normalised);
    return done;
}

static char *lookup_answer(redisContext *redis, const char *digest)
{
    redisReply *reply = redisCommand(redis, "GET llm:%s", digest);
    char *answer = NULL;

    if (cache_reply_received(reply)) {
        stats_count(STAT_READS);
        if (reply->type == REDIS_REPLY_STRING) {
            stats_count(STAT_HITS);
            answer = strndup(reply->str, reply->len);
        } else {
            stats_count(STAT_MISSES);
        }
    }
    cache_reply_free(reply);
    return answer;
}

static bool refresh_slice(size_t slice)
{
    float **rows = snapshot_load(slice * SLICE_ROWS, SLICE_ROWS);
    bool useful;

    if (!rows)
        return false;
    useful = snapshot_score(rows, SLICE_ROWS) > 0;
    snapshot_free(rows, SLICE_ROWS);
    return useful;
}

// The pauses add up to half of the period, so that a refresh ends well before the next one.
static bool refresh_answer_index(struct service *service)
{
    double pause = service_refresh_seconds(service) / 2 / REFRESH_SLICES;

    for (size_t slice = 0; slice < REFRESH_SLICES; slice++)
        if (!refresh_slice(slice) || !service_pause(service, pause))
            return false;
    return true;
}

int main(int argc, char **argv)
{
    static const struct service_calls calls = {derive_key, lookup_answer, refresh_answer_index};

    return service_run(argc, argv, &calls);
}
