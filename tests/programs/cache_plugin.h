/* What cache_plugin.so and its host, plugin_caches, agree on. */
#ifndef CACHE_PLUGIN_H
#define CACHE_PLUGIN_H

#include <stdio.h>

struct plugin {
    const char *name, *path; /* of the server's socket */
    void *context;
    int hiredis; /* the major version that it was made for */
    long hits, misses, writes;
    void *handle;
    void (*open)(struct plugin *plugin, const char *path);
    void (*step)(struct plugin *plugin, unsigned number);
    void (*close)(struct plugin *plugin);
};

void plugin_open(struct plugin *plugin, const char *path);
void plugin_step(struct plugin *plugin, unsigned number);
void plugin_close(struct plugin *plugin);

#endif
