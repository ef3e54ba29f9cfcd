/*
 * The originals behind the interposed names. Wrappers call `LK_REAL(name)(...)`.
 *
 * Originals of libc are found once, before the first wrapper needs one. Those of other libraries
 * are found at their first call: RTLD_NEXT, else the loaded library of that group by its path (it
 * may have come by dlopen with RTLD_LOCAL), pinned so that dlclose cannot take it away. No lock, no
 * allocation through the wrappers.
 */
#ifndef LK_REAL_H
#define LK_REAL_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/uio.h>

struct lk_u128 { /* XXH128_hash_t */
    uint64_t low64, high64;
};

enum lk_group { LK_GROUP_LIBC, LK_GROUP_HIREDIS, LK_GROUP_CRYPTO, LK_GROUP_XXHASH, LK_GROUP_TLS };

enum lk_symbol {
#define LK_SYMBOL(group, name, result, parameters) LK_SYMBOL_##name,
#include "symbols.def"
#undef LK_SYMBOL
    LK_SYMBOLS
};

/* Wrappers are the only visible symbols. */
#define LK_SYMBOL(group, name, result, parameters) \
    __attribute__((visibility("default"))) result name parameters;
#include "symbols.def"
#undef LK_SYMBOL

extern void *lk_real_table[LK_SYMBOLS];

/* Finds the originals of libc. Safe to call again, and from within itself (dlsym may call calloc).
 */
void lk_real_init(void);

/* The realloc that the host gets when it asks for it: ours, unless another allocator comes before
 * us. */
extern void *(*lk_host_realloc)(void *pointer, size_t size);

/* The original, or NULL if there is none to be found; `caller` is an address within whoever asks.
 * errno is kept. */
void *lk_real_find(enum lk_symbol symbol, const void *caller);

#define LK_REAL_TYPE(name) __typeof__(&name)
/* For libc: never NULL after lk_real_init, except names that this libc does not have. */
#define LK_REAL(name) ((LK_REAL_TYPE(name))lk_real_table[LK_SYMBOL_##name])
/* For libc's that may be called before lk_init. */
#define LK_REAL_EARLY(name)                                                 \
    ((void)(__builtin_expect(lk_real_table[LK_SYMBOL_##name] != NULL, 1) || \
            (lk_real_init(), true)),                                        \
     LK_REAL(name))
/* For the other groups, at a wrapper's entry. */
#define LK_REAL_FOUND(name)                                                            \
    ((LK_REAL_TYPE(name))(__builtin_expect(lk_real_table[LK_SYMBOL_##name] != NULL, 1) \
                              ? lk_real_table[LK_SYMBOL_##name]                        \
                              : lk_real_find(LK_SYMBOL_##name, __builtin_return_address(0))))

#endif
