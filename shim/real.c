/* Finds the originals behind the interposed names, and serves memory until malloc's is found. */
#define _GNU_SOURCE
#include "real.h"

#include <dlfcn.h>
#include <errno.h>
#include <link.h>
#include <stdbool.h>
#include <string.h>

#include "boot.h"
#include "sys.h"
#include "thread.h"

static const struct {
    const char *name;
    enum lk_group group;
} symbols[LK_SYMBOLS] = {
#define LK_SYMBOL(where, symbol, result, parameters) \
    [LK_SYMBOL_##symbol] = {#symbol, LK_GROUP_##where},
#include "symbols.def"
#undef LK_SYMBOL
};

/* Until lk_real_init has run, these stand where the originals will: the first call finds the
 * originals. */
void *lk_real_table[LK_SYMBOLS] = {
    [LK_SYMBOL_malloc] = (void *)lk_boot_malloc,
    [LK_SYMBOL_calloc] = (void *)lk_boot_calloc,
    [LK_SYMBOL_realloc] = (void *)lk_boot_realloc,
    [LK_SYMBOL_reallocarray] = (void *)lk_boot_reallocarray,
    [LK_SYMBOL_free] = (void *)lk_boot_free,
    [LK_SYMBOL_posix_memalign] = (void *)lk_boot_posix_memalign,
    [LK_SYMBOL_aligned_alloc] = (void *)lk_boot_memalign,
    [LK_SYMBOL_memalign] = (void *)lk_boot_memalign,
    [LK_SYMBOL_valloc] = (void *)lk_boot_valloc,
    [LK_SYMBOL_pvalloc] = (void *)lk_boot_valloc,
    [LK_SYMBOL_malloc_usable_size] = (void *)lk_boot_usable_size,
};

void *(*lk_host_realloc)(void *pointer, size_t size) = realloc;

void lk_real_init(void)
{
    static bool finding, found;
    void *table[LK_SYMBOLS];
    if (finding || found)
        return;
    finding = true;
    int kept = errno;
    for (int i = 0; i < LK_SYMBOLS; i++)
        table[i] = symbols[i].group == LK_GROUP_LIBC ? dlsym(RTLD_NEXT, symbols[i].name) : NULL;
    /* free_sized and free_aligned_sized are C23: an older libc has them not, and free does what
     * they say. */
    if (!table[LK_SYMBOL_free_sized])
        table[LK_SYMBOL_free_sized] = table[LK_SYMBOL_free];
    if (!table[LK_SYMBOL_free_aligned_sized])
        table[LK_SYMBOL_free_aligned_sized] = table[LK_SYMBOL_free];
    for (int i = 0; i < LK_SYMBOLS; i++)
        if (table[i])
            __atomic_store_n(&lk_real_table[i], table[i], __ATOMIC_RELEASE);
    errno = kept;
    found = true;
    finding = false;
}

/* ---- Originals of other libraries ---- */

/* Which files of a group's library are looked for when nothing else finds the original. */
static const char *const group_files[] = {
    [LK_GROUP_HIREDIS] = "libhiredis.so",
    [LK_GROUP_CRYPTO] = "libcrypto.so",
    [LK_GROUP_XXHASH] = "libxxhash.so",
    [LK_GROUP_TLS] = "libssl.so",
};

struct search {
    const char *file;    /* a name that the library's file begins with, or */
    const void *address; /* an address that lies within it */
    char path[1024];
};

static bool holds_address(const struct dl_phdr_info *info, const void *address)
{
    for (int i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *part = &info->dlpi_phdr[i];
        if (part->p_type == PT_LOAD &&
            (uintptr_t)address - (info->dlpi_addr + part->p_vaddr) < part->p_memsz)
            return true;
    }
    return false;
}

static int match_library(struct dl_phdr_info *info, size_t bytes, void *context)
{
    struct search *search = context;
    const char *slash, *base;
    (void)bytes;
    if (!info->dlpi_name || !info->dlpi_name[0] || strlen(info->dlpi_name) >= sizeof search->path)
        return 0;
    slash = strrchr(info->dlpi_name, '/');
    base = slash ? slash + 1 : info->dlpi_name;
    if (search->file ? strncmp(base, search->file, strlen(search->file)) != 0
                     : !holds_address(info, search->address))
        return 0;
    strcpy(search->path, info->dlpi_name);
    return 1;
}

/* The symbol as a loaded library (and what it needs) has it. The library is pinned: it cannot be
 * unloaded any more, so that what was found stays. */
static void *find_in(struct search *search, const char *name)
{
    if (!dl_iterate_phdr(match_library, search))
        return NULL;
    void *library = dlopen(search->path, RTLD_LAZY | RTLD_NOLOAD | RTLD_NODELETE);
    if (!library)
        return NULL;
    void *found = dlsym(library, name);
    dlclose(library);
    return lk_sys_own(found) ? NULL : found;
}

static void *find_original(enum lk_symbol symbol, const void *caller, bool *everywhere)
{
    const char *name = symbols[symbol].name;
    /* The global scope comes first for every caller, so what is found there is right for all. */
    void *found = dlsym(RTLD_NEXT, name);
    *everywhere = found != NULL;
    /* A library that calls one of its own functions last of all (a jump) makes it look as if we
     * were the caller. */
    if (!found && !lk_sys_own(caller)) {
        struct search by_caller = {.address = caller};
        found = find_in(&by_caller, name);
    }
    if (!found) {
        struct search by_file = {.file = group_files[symbols[symbol].group]};
        found = find_in(&by_file, name);
    }
    return found;
}

/* What was found for a caller that has a library of its own: keyed by symbol and the caller's page.
 */
#define CALLER_CACHE 256u
static struct {
    uint64_t key;
    void *found;
} caller_cache[CALLER_CACHE];

void *lk_real_find(enum lk_symbol symbol, const void *caller)
{
    uint64_t key = ((uintptr_t)caller >> 12) * LK_SYMBOLS + (uint64_t)symbol + 1;
    uint64_t slot = (key * 0x9e3779b97f4a7c15u) >> 56;
    if (__atomic_load_n(&caller_cache[slot].key, __ATOMIC_ACQUIRE) == key) {
        void *found = __atomic_load_n(&caller_cache[slot].found, __ATOMIC_ACQUIRE);
        if (__atomic_load_n(&caller_cache[slot].key, __ATOMIC_ACQUIRE) == key)
            return found;
    }
    int kept = errno;
    bool everywhere;
    lk_self.depth++;
    void *found = find_original(symbol, caller, &everywhere);
    lk_self.depth--;
    if (everywhere) {
        __atomic_store_n(&lk_real_table[symbol], found, __ATOMIC_RELEASE);
    } else if (found) {
        __atomic_store_n(&caller_cache[slot].key, 0, __ATOMIC_RELEASE);
        __atomic_store_n(&caller_cache[slot].found, found, __ATOMIC_RELEASE);
        __atomic_store_n(&caller_cache[slot].key, key, __ATOMIC_RELEASE);
    }
    errno = kept;
    return found;
}
