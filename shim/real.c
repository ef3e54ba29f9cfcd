/* Finds the originals behind the interposed names, and serves memory until malloc's is found. */
#define _GNU_SOURCE
#include "real.h"

#include <errno.h>
#include <link.h>
#include <stdbool.h>
#include <string.h>

#include "boot.h"
#include "deepbind.h"
#include "dynamic.h"
#include "loader.h"
#include "lookup.h"
#include "sys.h"
#include "thread.h"
#include "wire/early.h"

static const struct {
    const char *name;
    const volatile void *wrapper; /* what noreturn makes of it */
    enum lk_group group;
} symbols[LK_SYMBOLS] = {
#define LK_SYMBOL(where, symbol, result, parameters) \
    [LK_SYMBOL_##symbol] = {#symbol, (const volatile void *)symbol, LK_GROUP_##where},
#define LK_LOOKUP(where, symbol, result, parameters) \
    [LK_SYMBOL_##symbol] = {#symbol, NULL, LK_GROUP_##where},
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
    [LK_SYMBOL_write] = (void *)lk_early_write,
    [LK_SYMBOL_writev] = (void *)lk_early_writev,
    [LK_SYMBOL_send] = (void *)lk_early_send,
    [LK_SYMBOL_sendto] = (void *)lk_early_sendto,
    [LK_SYMBOL_sendmsg] = (void *)lk_early_sendmsg,
    [LK_SYMBOL_read] = (void *)lk_sys_read,
    [LK_SYMBOL_readv] = (void *)lk_early_readv,
    [LK_SYMBOL_recv] = (void *)lk_early_recv,
    [LK_SYMBOL_recvfrom] = (void *)lk_early_recvfrom,
    [LK_SYMBOL_recvmsg] = (void *)lk_early_recvmsg,
    [LK_SYMBOL_connect] = (void *)lk_early_connect,
    [LK_SYMBOL_close] = (void *)lk_sys_close,
    [LK_SYMBOL_dup] = (void *)lk_early_dup,
    [LK_SYMBOL_dup2] = (void *)lk_early_dup2,
    [LK_SYMBOL_dup3] = (void *)lk_early_dup3,
    [LK_SYMBOL___read_chk] = (void *)lk_early_read_chk,
    [LK_SYMBOL___recv_chk] = (void *)lk_early_recv_chk,
    [LK_SYMBOL___recvfrom_chk] = (void *)lk_early_recvfrom_chk,
};

void *(*lk_host_realloc)(void *pointer, size_t size) = realloc;

/* C23's, which an older libc has not, and what is libdl's before 2.34, which maybe nobody but us
 * has loaded. */
static const enum lk_symbol optional[] = {LK_SYMBOL_free_sized, LK_SYMBOL_free_aligned_sized,
                                          LK_SYMBOL_dlopen, LK_SYMBOL_dlclose};

/* The loader keeps the text of an error, and frees it at its next one before it forgets it. Another
 * preload in front of us whose first free asks dlsym for the original would go round for ever: it
 * is given a first free before anything is asked for that may not be there. dlerror would not help:
 * here the C library may not be initialised yet, and it would look for translations. */
static void (*volatile host_free)(void *pointer) = free;

/* LeakSanitizer ends a process that frees while it is setting itself up: nothing that may be
 * missing is looked up there. */
static bool is_freeing(enum lk_symbol symbol)
{
    return symbol == LK_SYMBOL_free_sized || symbol == LK_SYMBOL_free_aligned_sized;
}

static bool is_optional(int symbol)
{
    for (size_t i = 0; i < sizeof optional / sizeof *optional; i++)
        if ((int)optional[i] == symbol)
            return true;
    return false;
}

static void *instead_of(enum lk_symbol symbol)
{
    if (symbol == LK_SYMBOL_dlopen || symbol == LK_SYMBOL_dlclose)
        return lk_loader_find(symbols[symbol].name);
    return lk_real_table[LK_SYMBOL_free]; /* does what the newer ones say */
}

static void keep_original(int symbol, void *original)
{
    if (original)
        __atomic_store_n(&lk_real_table[symbol], original, __ATOMIC_RELEASE);
}

/* Weak references: an answer before any look-up, none of which is certain to leave the heap alone.
 */
#define MARK(name) extern void name(void) __attribute__((weak, visibility("default")))
MARK(__asan_init);
MARK(__tsan_init);
MARK(__msan_init);
MARK(__lsan_init);
MARK(__hwasan_init);
#undef MARK

bool lk_real_sanitized(void)
{
    return __asan_init || __tsan_init || __msan_init || __lsan_init || __hwasan_init;
}

void lk_real_init(void)
{
    static bool finding, found;
    if (finding || found)
        return;
    finding = true;
    int kept = errno;
    if (!lk_loader_init()) {
        errno = kept;
        finding = false;
        return;
    }
    for (int i = 0; i < LK_SYMBOLS; i++)
        if (symbols[i].group == LK_GROUP_LIBC && !is_optional(i))
            keep_original(i, lk_loader.sym(RTLD_NEXT, symbols[i].name));
    bool sanitized = lk_real_sanitized();
    if (!sanitized)
        host_free(NULL);
    for (size_t i = 0; i < sizeof optional / sizeof *optional; i++) {
        void *original = sanitized && is_freeing(optional[i])
                             ? NULL
                             : lk_loader.sym(RTLD_NEXT, symbols[optional[i]].name);
        keep_original(optional[i], original ? original : instead_of(optional[i]));
    }
    __atomic_store_n(&lk_dlopen_original, lk_real_table[LK_SYMBOL_dlopen], __ATOMIC_RELEASE);
    errno = kept;
    found = true;
    finding = false;
}

/* ---- Originals of other libraries ---- */

/* Whose files are looked for when nothing else finds the original. */
static const char *const group_files[][2] = {
    [LK_GROUP_HIREDIS] = {"libhiredis.so", "libvalkey.so"}, /* freeReplyObject is of both */
    [LK_GROUP_VALKEY] = {"libvalkey.so"},
    [LK_GROUP_CRYPTO] = {"libcrypto.so"},
    [LK_GROUP_XXHASH] = {"libxxhash.so"},
    [LK_GROUP_TLS] = {"libssl.so"},
};

struct search {
    const char *file;    /* a name that the library's file begins with, or */
    const void *address; /* an address that lies within it */
    char path[1024];
};

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
                     : !lk_module_holds(info, search->address))
        return 0;
    strcpy(search->path, info->dlpi_name);
    return 1;
}

/* The symbol as a loaded library (and what it needs) has it. */
static void *find_in(struct search *search, const char *name)
{
    if (!dl_iterate_phdr(match_library, search))
        return NULL;
    void *library = LK_REAL(dlopen)(search->path, RTLD_LAZY | RTLD_NOLOAD);
    if (!library)
        return NULL;
    void *found = lk_look_up(library, name);
    LK_REAL(dlclose)(library);
    return lk_sys_own(found) ? NULL : found;
}

static void *find_by_caller(const char *name, const void *caller)
{
    struct search search = {.address = caller};
    return caller && !lk_sys_own(caller) ? find_in(&search, name) : NULL;
}

static void *find_by_file(enum lk_symbol symbol)
{
    const char *const *files = group_files[symbols[symbol].group];
    void *found = NULL;
    for (int i = 0; i < 2 && files[i] && !found; i++) {
        struct search search = {.file = files[i]};
        found = find_in(&search, symbols[symbol].name);
    }
    return found;
}

/* `everywhere`: it is the same for every caller. */
static void *find_original(enum lk_symbol symbol, const void *caller, bool *everywhere)
{
    const char *name = symbols[symbol].name;
    bool deep = lk_deepbind_holds(caller);
    void *found = deep ? find_by_caller(name, caller) : NULL;
    *everywhere = false;
    if (!found) {
        found = lk_look_up(RTLD_NEXT, name);
        *everywhere = found && !lk_deepbind_any();
    }
    if (!found && !deep)
        found = find_by_caller(name, caller);
    if (!found && symbols[symbol].group != LK_GROUP_LIBC)
        found = find_by_file(symbol);
    if (!found)
        lk_forget_loader_error(); /* what our look-ups left there is not the host's */
    return found;
}

void *lk_real_own(enum lk_symbol symbol, const void *address)
{
    return find_by_caller(symbols[symbol].name, address);
}

/* What was found for a caller that has a library of its own, by symbol and the caller's page. A key
 * may stand in any of some places behind its first. */
#define CACHE_PLACES 1024u
#define CACHE_PROBES 8u
#define CACHE_BUSY   UINT64_MAX /* a place that is being filled */
static struct {
    uint64_t key; /* 0: free */
    void *found;
} caller_cache[CACHE_PLACES];

static uint64_t cache_key(enum lk_symbol symbol, const void *caller)
{
    return ((uintptr_t)caller >> 12) * LK_SYMBOLS + (uint64_t)symbol + 1;
}

static uintptr_t cache_page(uint64_t key)
{
    return (key - 1) / LK_SYMBOLS << 12;
}

static uint32_t cache_place(uint64_t key, uint32_t probe)
{
    return ((uint32_t)(key * 0x9e3779b97f4a7c15u >> 40) + probe) % CACHE_PLACES;
}

static void *cache_find(uint64_t key)
{
    for (uint32_t probe = 0; probe < CACHE_PROBES; probe++) {
        uint32_t i = cache_place(key, probe);
        if (__atomic_load_n(&caller_cache[i].key, __ATOMIC_ACQUIRE) != key)
            continue;
        void *found = __atomic_load_n(&caller_cache[i].found, __ATOMIC_ACQUIRE);
        if (__atomic_load_n(&caller_cache[i].key, __ATOMIC_ACQUIRE) == key)
            return found;
    }
    return NULL;
}

static bool cache_fill(uint32_t i, uint64_t before, uint64_t key, void *found)
{
    if (before == CACHE_BUSY ||
        !__atomic_compare_exchange_n(&caller_cache[i].key, &before, CACHE_BUSY, false,
                                     __ATOMIC_ACQUIRE, __ATOMIC_RELAXED))
        return false;
    __atomic_store_n(&caller_cache[i].found, found, __ATOMIC_RELEASE);
    __atomic_store_n(&caller_cache[i].key, key, __ATOMIC_RELEASE);
    return true;
}

static void cache_add(uint64_t key, void *found)
{
    for (uint32_t probe = 0; probe < CACHE_PROBES; probe++)
        if (cache_fill(cache_place(key, probe), 0, key, found))
            return;
    uint32_t i = cache_place(key, (uint32_t)(key % CACHE_PROBES));
    cache_fill(i, __atomic_load_n(&caller_cache[i].key, __ATOMIC_RELAXED), key, found);
}

static void remember(enum lk_symbol symbol, uint64_t key, void *found, bool everywhere)
{
    if (everywhere) {
        __atomic_store_n(&lk_real_table[symbol], found, __ATOMIC_SEQ_CST);
        if (lk_deepbind_any()) /* since a moment ago: no longer everywhere */
            __atomic_store_n(&lk_real_table[symbol], NULL, __ATOMIC_SEQ_CST);
    } else if (found) {
        cache_add(key, found);
    }
}

void *lk_real_find(enum lk_symbol symbol, const void *caller)
{
    if (lk_sys_own(caller))
        caller = lk_self.original;
    uint64_t key = cache_key(symbol, caller);
    void *found = cache_find(key);
    if (found)
        return found;
    int kept = errno;
    bool everywhere;
    lk_self.depth++;
    found = find_original(symbol, caller, &everywhere);
    lk_self.depth--;
    remember(symbol, key, found, everywhere);
    errno = kept;
    return found;
}

/* ---- What is no longer so ---- */

static void drop_cached(uint32_t i)
{
    uint64_t key = __atomic_load_n(&caller_cache[i].key, __ATOMIC_RELAXED);
    if (key && key != CACHE_BUSY)
        __atomic_compare_exchange_n(&caller_cache[i].key, &key, 0, false, __ATOMIC_RELEASE,
                                    __ATOMIC_RELAXED);
}

void lk_real_forget(void)
{
    for (int i = 0; i < LK_SYMBOLS; i++)
        if (symbols[i].group != LK_GROUP_LIBC)
            __atomic_store_n(&lk_real_table[i], NULL, __ATOMIC_SEQ_CST);
    for (uint32_t i = 0; i < CACHE_PLACES; i++)
        drop_cached(i);
}

struct present { /* what lies in a module that is loaded */
    bool original[LK_SYMBOLS], cached[CACHE_PLACES], page[CACHE_PLACES];
};

static int note_present(struct dl_phdr_info *module, size_t bytes, void *context)
{
    struct present *present = context;
    uintptr_t start, end;
    (void)bytes;
    lk_module_extent(module, &start, &end);
    for (int i = 0; i < LK_SYMBOLS; i++)
        present->original[i] |= (uintptr_t)lk_real_table[i] - start < end - start;
    for (uint32_t i = 0; i < CACHE_PLACES; i++) {
        uint64_t key = __atomic_load_n(&caller_cache[i].key, __ATOMIC_RELAXED);
        uintptr_t page = cache_page(key);
        if (!key || key == CACHE_BUSY)
            continue;
        present->cached[i] |= (uintptr_t)caller_cache[i].found - start < end - start;
        present->page[i] |= !page || (page + 4095 >= start && page < end);
    }
    return 0;
}

void lk_real_forget_unloaded(void)
{
    struct present present = {0};
    dl_iterate_phdr(note_present, &present);
    for (int i = 0; i < LK_SYMBOLS; i++)
        if (symbols[i].group != LK_GROUP_LIBC && !present.original[i])
            __atomic_store_n(&lk_real_table[i], NULL, __ATOMIC_SEQ_CST);
    for (uint32_t i = 0; i < CACHE_PLACES; i++)
        if (!present.cached[i] || !present.page[i])
            drop_cached(i);
}

enum lk_symbol lk_real_named(const char *name)
{
    int i = 0;
    while (i < LK_SYMBOLS && (!symbols[i].wrapper || strcmp(symbols[i].name, name) != 0))
        i++;
    return (enum lk_symbol)i;
}

void *lk_real_wrapper(enum lk_symbol symbol)
{
    return (void *)(uintptr_t)symbols[symbol].wrapper;
}
