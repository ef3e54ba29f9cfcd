/*
 * The originals behind the interposed names. Wrappers call `LK_REAL(name)(...)`.
 *
 * Originals of libc are found once, before the first wrapper needs one. Those of other libraries
 * are found at their first call, as the loader would have found them for that caller: in the global
 * scope, else among what the caller's own module needs (it may have come by dlopen with
 * RTLD_LOCAL); the other way round when that was loaded with RTLD_DEEPBIND. So two versions of a
 * library can be in one process. What was found is kept until a dlclose. No allocation through the
 * wrappers.
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

struct sigaction;
typedef void (*lk_signal_handler)(int signal);

enum lk_group {
    LK_GROUP_LIBC,
    LK_GROUP_HIREDIS,
    LK_GROUP_VALKEY,
    LK_GROUP_CRYPTO,
    LK_GROUP_XXHASH,
    LK_GROUP_TLS
};

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

/* Whether a runtime that owns the heap itself is in the process: with one we step aside. */
bool lk_real_sanitized(void);

/* The realloc that the host gets when it asks for it: ours, unless another allocator comes before
 * us. */
extern void *(*lk_host_realloc)(void *pointer, size_t size);

/* The original, or NULL if there is none to be found; `caller` is an address within whoever asks.
 * A library that calls one of its own functions last of all (a jump) makes it look as if that was a
 * wrapper: then lk_self.original tells whose function it had called. errno is kept. */
void *lk_real_find(enum lk_symbol symbol, const void *caller);

/* As the module that holds the address has it, itself or by what it needs; asks the loader. */
void *lk_real_own(enum lk_symbol symbol, const void *address);

/* The symbol of that name; LK_SYMBOLS: it is not interposed. And the wrapper. */
enum lk_symbol lk_real_named(const char *name);
void *lk_real_wrapper(enum lk_symbol symbol);

/* What was found outside libc is looked for again: all of it, for the order in which libraries are
 * asked is another one; or what a dlclose has unloaded. */
void lk_real_forget(void);
void lk_real_forget_unloaded(void);

#define LK_REAL_TYPE(name) __typeof__(&name)
/* For libc: never NULL after lk_real_init, except names that this libc does not have. */
#define LK_REAL(name) ((LK_REAL_TYPE(name))lk_real_table[LK_SYMBOL_##name])
/* For the other groups, at a wrapper's entry. */
#define LK_REAL_FOUND(name) \
    ((LK_REAL_TYPE(name))lk_real_found(LK_SYMBOL_##name, __builtin_return_address(0)))
static inline void *lk_real_found(enum lk_symbol symbol, const void *caller)
{
    void *found = __atomic_load_n(&lk_real_table[symbol], __ATOMIC_RELAXED);
    return __builtin_expect(found != NULL, 1) ? found : lk_real_find(symbol, caller);
}

#endif
