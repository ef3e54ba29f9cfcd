/* Which hiredis an original function belongs to. */
#define _GNU_SOURCE
#include <errno.h>
#include <link.h>
#include <string.h>

#include "cache/abi.h"
#include "dynamic.h"
#include "lookup.h"
#include "real.h"
#include "thread.h"

#define LIBRARIES 16u

static struct lk_library libraries[LIBRARIES];
static uint32_t places[LIBRARIES]; /* 1: in use */
static uint32_t taken;             /* places of which any was ever used */

struct search {
    uintptr_t address;
    struct lk_library *library;
    char path[1024];
};

/* Whether it refers to its own functions by name, as others do, so that the wrappers come first. */
static bool asks_for(const struct dl_phdr_info *module, const char *redis, const char *valkey)
{
    return lk_refers_to(module, redis) || lk_refers_to(module, valkey);
}

static int match(struct dl_phdr_info *info, size_t bytes, void *context)
{
    struct search *search = context;
    struct lk_library *library = search->library;
    (void)bytes;
    lk_module_extent(info, &library->start, &library->end);
    if (search->address < library->start || search->address >= library->end ||
        strlen(info->dlpi_name) >= sizeof search->path)
        return 0;
    library->bound = !asks_for(info, "redisvAppendCommand", "valkeyvAppendCommand");
    library->hides_callbacks =
        !asks_for(info, "redisGetReply", "valkeyGetReply") &&
        !asks_for(info, "redisGetReplyFromReader", "valkeyGetReplyFromReader");
    strcpy(search->path, info->dlpi_name);
    return 1;
}

static const struct lk_layout *layout_by_name(const char *path)
{
    const char *version = strstr(path, "libhiredis.so.0.");
    if (!version)
        return lk_layout_of(LK_LAYOUT_0_14);
    version += sizeof "libhiredis.so.0." - 1;
    if (strncmp(version, "14", 2) == 0)
        return lk_layout_of(LK_LAYOUT_0_14);
    return strncmp(version, "13", 2) == 0 ? lk_layout_of(LK_LAYOUT_0_13) : NULL;
}

static void *look_up(void *handle, const char *redis, const char *valkey)
{
    void *found = lk_look_up(handle, redis);
    return found ? found : lk_look_up(handle, valkey);
}

/* False when it cannot be told where the original lies. A library of an unknown layout is
 * remembered too. */
static bool describe(struct lk_library *library, const void *original)
{
    struct search search = {.address = (uintptr_t)original, .library = library};
    if (!dl_iterate_phdr(match, &search))
        return false;
    void *handle = LK_REAL(dlopen)(search.path[0] ? search.path : NULL, RTLD_LAZY | RTLD_NOLOAD);
    if (!handle)
        return false;
    library->layout = look_up(handle, "redisConnectWithOptions", "valkeyConnectWithOptions")
                          ? lk_layout_of(LK_LAYOUT_1_0)
                          : layout_by_name(search.path);
    library->free_reply[0] = lk_look_up(handle, "freeReplyObject");
    library->free_reply[1] = lk_look_up(RTLD_DEFAULT, "freeReplyObject");
    library->free_reply[2] = (const void *)freeReplyObject;
    *(void **)&library->format = look_up(handle, "redisvFormatCommand", "valkeyvFormatCommand");
    *(void **)&library->format_argv =
        look_up(handle, "redisFormatCommandArgv", "valkeyFormatCommandArgv");
    *(void **)&library->free_command = look_up(handle, "redisFreeCommand", "valkeyFreeCommand");
    LK_REAL(dlclose)(handle);
    return true;
}

static struct lk_library *find(const void *original)
{
    uint32_t count = __atomic_load_n(&taken, __ATOMIC_RELAXED);
    for (uint32_t i = 0; i < count && i < LIBRARIES; i++) {
        struct lk_library *library = &libraries[i];
        uintptr_t end = __atomic_load_n(&library->end, __ATOMIC_ACQUIRE);
        if (end && (uintptr_t)original >= library->start && (uintptr_t)original < end)
            return library;
    }
    return NULL;
}

/* A place that was never used, or of a library that is gone: its wrappers' calls are over. */
static struct lk_library *take_place(void)
{
    for (uint32_t i = 0; i < LIBRARIES; i++) {
        uint32_t free = 0;
        if (__atomic_compare_exchange_n(&places[i], &free, 1, false, __ATOMIC_ACQUIRE,
                                        __ATOMIC_RELAXED)) {
            uint32_t used = __atomic_load_n(&taken, __ATOMIC_RELAXED);
            while (used <= i && !__atomic_compare_exchange_n(&taken, &used, i + 1, false,
                                                             __ATOMIC_RELEASE, __ATOMIC_RELAXED)) {}
            return &libraries[i];
        }
    }
    return NULL;
}

/* Two threads may each add the same library at first: the earlier entry serves from then on. */
static struct lk_library *add(const void *original)
{
    struct lk_library described = {0};
    int kept = errno;
    lk_self.depth++;
    bool known = describe(&described, original);
    lk_self.depth--;
    errno = kept;
    struct lk_library *library = find(original);
    if (library || !known)
        return library;
    library = take_place();
    if (!library)
        return NULL;
    uintptr_t end = described.end;
    described.end = 0; /* it holds nothing until all of it is written */
    *library = described;
    __atomic_store_n(&library->end, end, __ATOMIC_RELEASE);
    return library;
}

struct lk_library *lk_library_of(const void *original)
{
    struct lk_library *library = find(original);
    if (!library)
        library = add(original);
    return library && library->layout ? library : NULL;
}

void lk_library_forget(void)
{
    uint32_t count = __atomic_load_n(&taken, __ATOMIC_ACQUIRE);
    for (uint32_t i = 0; i < count; i++) {
        if (!__atomic_load_n(&libraries[i].end, __ATOMIC_ACQUIRE) ||
            lk_module_at(libraries[i].start))
            continue;
        __atomic_store_n(&libraries[i].end, 0, __ATOMIC_RELEASE);
        __atomic_store_n(&places[i], 0, __ATOMIC_RELEASE);
    }
}
