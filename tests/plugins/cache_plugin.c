// A plugin that uses a cache by the hiredis that it is linked with: what it did it counts, and its
// host prints. Its keys begin with its host's name for it.

// also: hiredis 1.x
// libs: -lhiredis
#include <hiredis/hiredis.h>
#include <stdlib.h>
#include <string.h>

#include "../programs/cache_plugin.h"

static void take(struct plugin *plugin, redisReply *reply, int type)
{
    if (!reply || reply->type != type)
        abort();
    plugin->hits += type == REDIS_REPLY_STRING;
    plugin->misses += type == REDIS_REPLY_NIL;
    plugin->writes += type == REDIS_REPLY_STATUS;
    freeReplyObject(reply);
}

void plugin_open(struct plugin *plugin, const char *path)
{
    redisContext *context = redisConnectUnix(path);
    if (!context || context->err)
        abort();
    plugin->context = context;
    plugin->hiredis = HIREDIS_MAJOR;
}

void plugin_step(struct plugin *plugin, unsigned number)
{
    redisContext *context = plugin->context;
    char key[64];
    const char *get[] = {"GET", key};
    void *reply;
    snprintf(key, sizeof key, "%s:%u", plugin->name, number);
    take(plugin, redisCommand(context, "GET %s", key), REDIS_REPLY_NIL);
    redisAppendCommand(context, "SET %s %s", key, "value");
    redisAppendCommandArgv(context, 2, get, NULL);
    if (redisGetReply(context, &reply) != REDIS_OK)
        abort();
    take(plugin, reply, REDIS_REPLY_STATUS);
    if (redisGetReply(context, &reply) != REDIS_OK)
        abort();
    take(plugin, reply, REDIS_REPLY_STRING);
    take(plugin, redisCommandArgv(context, 2, get, NULL), REDIS_REPLY_STRING);
    if (number % 50 == 49) {
        redisFree(context);
        plugin_open(plugin, plugin->path);
    }
}

void plugin_close(struct plugin *plugin)
{
    redisFree(plugin->context);
}
