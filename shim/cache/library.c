/* Which hiredis an original function belongs to. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <link.h>
#include <string.h>

#include "cache/abi.h"
#include "real.h"
#include "thread.h"

#define LIBRARIES 16u

static struct lk_library libraries[LIBRARIES];
static uint32_t taken;

struct search {
    uintptr_t address;
    struct lk_library *library;
    char path[1024];
};

static int match(struct dl_phdr_info *info, size_t bytes, void *context)
{
    struct search *search = context;
    uintptr_t start = UINTPTR_MAX, end = 0;
    (void)bytes;
    for (int i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *part = &info->dlpi_phdr[i];
        if (part->p_type != PT_LOAD)
            continue;
        uintptr_t from = info->dlpi_addr + part->p_vaddr;
        start = from < start ? from : start;
        end = from + part->p_memsz > end ? from + part->p_memsz : end;
    }
    if (search->address < start || search->address >= end ||
        strlen(info->dlpi_name) >= sizeof search->path)
        return 0;
    search->library->start = start;
    search->library->end = end;
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

/* False when it cannot be told where the original lies. A library of an unknown layout is
 * remembered too. */
static bool describe(struct lk_library *library, const void *original)
{
    struct search search = {.address = (uintptr_t)original, .library = library};
    if (!dl_iterate_phdr(match, &search))
        return false;
    void *handle = dlopen(search.path[0] ? search.path : NULL, RTLD_LAZY | RTLD_NOLOAD);
    if (!handle)
        return false;
    library->layout = dlsym(handle, "redisConnectWithOptions") ? lk_layout_of(LK_LAYOUT_1_0)
                                                               : layout_by_name(search.path);
    library->free_reply[0] = dlsym(handle, "freeReplyObject");
    library->free_reply[1] = dlsym(RTLD_DEFAULT, "freeReplyObject");
    library->free_reply[2] = (const void *)freeReplyObject;
    *(void **)&library->format = dlsym(handle, "redisvFormatCommand");
    *(void **)&library->format_argv = dlsym(handle, "redisFormatCommandArgv");
    *(void **)&library->free_command = dlsym(handle, "redisFreeCommand");
    dlclose(handle);
    dlerror(); /* what our look-ups left there is not the host's */
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
    uint32_t place = __atomic_load_n(&taken, __ATOMIC_RELAXED);
    do
        if (place >= LIBRARIES)
            return NULL;
    while (!__atomic_compare_exchange_n(&taken, &place, place + 1, false, __ATOMIC_RELAXED,
                                        __ATOMIC_RELAXED));
    uintptr_t end = described.end;
    described.end = 0; /* it holds nothing until all of it is written */
    libraries[place] = described;
    __atomic_store_n(&libraries[place].end, end, __ATOMIC_RELEASE);
    return &libraries[place];
}

struct lk_library *lk_library_of(const void *original)
{
    struct lk_library *library = find(original);
    if (!library)
        library = add(original);
    return library && library->layout ? library : NULL;
}
