// Loads plugins that each use a cache by a hiredis of their own, of one binary interface or the
// other, and lets them take turns. Unloads each and loads it again, halfway. Prints what a capture
// of it must say. Arguments: SOCKET local|deep|global PLUGIN...

#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>

#include "cache_plugin.h"

#define ROUNDS      200u
#define PLUGINS_MAX 8

static void fail(const char *what)
{
    fprintf(stderr, "plugin_caches: %s\n", what);
    exit(2);
}

static void *look_up(void *handle, const char *name)
{
    void *found = dlsym(handle, name);
    if (!found)
        fail(dlerror());
    return found;
}

static void load(struct plugin *plugin, const char *file, int mode)
{
    plugin->handle = dlopen(file, RTLD_LAZY | mode);
    if (!plugin->handle)
        fail(dlerror());
    if (dlerror())
        fail("dlopen was successful, and dlerror has something to say");
    *(void **)&plugin->open = look_up(plugin->handle, "plugin_open");
    *(void **)&plugin->step = look_up(plugin->handle, "plugin_step");
    *(void **)&plugin->close = look_up(plugin->handle, "plugin_close");
    plugin->open(plugin, plugin->path);
}

static void unload(struct plugin *plugin, const char *file)
{
    plugin->close(plugin);
    dlclose(plugin->handle);
    if (dlopen(file, RTLD_LAZY | RTLD_NOLOAD))
        fail("a plugin that was closed is still loaded");
}

int main(int argc, char **argv)
{
    static struct plugin plugins[PLUGINS_MAX];
    static char names[PLUGINS_MAX][16];
    int count = argc - 3, mode = RTLD_LOCAL;
    long hits = 0, misses = 0, writes = 0;
    if (count < 1 || count > PLUGINS_MAX)
        fail("usage: plugin_caches SOCKET local|deep|global PLUGIN...");
    if (strcmp(argv[2], "deep") == 0)
        mode |= RTLD_DEEPBIND;
    if (strcmp(argv[2], "global") == 0)
        mode = RTLD_GLOBAL;
    for (int i = 0; i < count; i++) {
        snprintf(names[i], sizeof names[i], "plugin%c", 'a' + i);
        plugins[i].name = names[i];
        plugins[i].path = argv[1];
        load(&plugins[i], argv[3 + i], mode);
    }
    for (unsigned round = 0; round < ROUNDS; round++) {
        for (int i = 0; i < count; i++)
            plugins[i].step(&plugins[i], round);
        for (int i = 0; i < count && round == ROUNDS / 2 && mode != RTLD_GLOBAL; i++) {
            unload(&plugins[i], argv[3 + i]);
            load(&plugins[i], argv[3 + i], mode);
        }
    }
    printf("{\"plugins\":[");
    for (int i = 0; i < count; i++) {
        struct plugin *plugin = &plugins[i];
        plugin->close(plugin);
        hits += plugin->hits, misses += plugin->misses, writes += plugin->writes;
        printf(
            "%s{\"template\":\"%s:<n>\",\"hiredis\":%d,\"hits\":%ld,\"misses\":%ld,\"writes\":%ld}",
            i ? "," : "", plugin->name, plugin->hiredis, plugin->hits, plugin->misses,
            plugin->writes);
    }
    printf("],\"hits\":%ld,\"misses\":%ld,\"writes\":%ld}\n", hits, misses, writes);
    return 0;
}
