/*
 * libcrypto's digest functions. Debian's libcrypto is not bound to itself, so its own inner calls
 * (HMAC, signatures, random numbers) come by here too: they pass through and are not followed. An
 * HMAC's inner block is its key, which has no business in a capture.
 */
#define _GNU_SOURCE
#include <elf.h>
#include <errno.h>
#include <link.h>
#include <string.h>

#include "cache/digest_context.h"
#include "capture/state.h"
#include "config.h"
#include "loader.h"
#include "real.h"

/* ---- Whose call it is ---- */

/* Where a libcrypto lies in memory; written once, `end` last. */
struct extent {
    uintptr_t start, end;
    uint32_t taken;
};
#define LIBRARIES 4u
static struct extent libraries[LIBRARIES];

/* Where the program headers say that a loaded file ends, whose first page is at `start`. */
static uintptr_t loaded_end(uintptr_t start)
{
    ElfW(Ehdr) head;
    uintptr_t end = start;
    memcpy(&head, (const void *)start, sizeof head);
    if (memcmp(head.e_ident, ELFMAG, SELFMAG) != 0 || head.e_phentsize != sizeof(ElfW(Phdr)) ||
        head.e_phoff + head.e_phnum * sizeof(ElfW(Phdr)) > 4096)
        return end;
    for (uint32_t i = 0; i < head.e_phnum; i++) {
        ElfW(Phdr) part;
        memcpy(&part, (const void *)(start + head.e_phoff + i * sizeof part), sizeof part);
        if (part.p_type == PT_LOAD && start + part.p_vaddr + part.p_memsz > end)
            end = start + part.p_vaddr + part.p_memsz;
    }
    return end;
}

static struct extent find_library(const void *address)
{
    int kept = errno;
    Dl_info about;
    struct extent found = {(uintptr_t)address, (uintptr_t)address + 1, 0};
    lk_self.depth++;
    if (lk_loader.addr(address, &about) && about.dli_fbase) {
        found.start = (uintptr_t)about.dli_fbase;
        found.end = loaded_end(found.start);
    }
    lk_self.depth--;
    errno = kept;
    return found;
}

static bool lies_in(const struct extent *library, const void *address)
{
    uintptr_t end = __atomic_load_n(&library->end, __ATOMIC_ACQUIRE);
    return (uintptr_t)address < end && (uintptr_t)address >= library->start;
}

/* Does the original lie in the same library as its caller? */
static bool calls_itself(const void *original, const void *caller)
{
    for (size_t i = 0; i < LIBRARIES; i++) {
        struct extent *library = &libraries[i];
        if (lies_in(library, original))
            return lies_in(library, caller);
        if (__atomic_exchange_n(&library->taken, 1, __ATOMIC_RELAXED))
            continue;
        struct extent found = find_library(original);
        library->start = found.start;
        __atomic_store_n(&library->end, found.end, __ATOMIC_RELEASE);
        return lies_in(&found, caller);
    }
    return false;
}

static bool is_followed(const void *original, const void *caller)
{
    return lk_self.digest_depth == 0 && lk_config.cache && lk_state &&
           !calls_itself(original, caller);
}

/* In a wrapper: is this call one to follow? */
#define FOLLOWED(original) \
    is_followed((const void *)(uintptr_t)original, __builtin_return_address(0))

/* ---- EVP ---- */

/* By the length alone: SHA-3 and BLAKE2 go by the name of the SHA-2 of theirs. */
static enum lk_digest_algorithm algorithm_of(size_t bytes)
{
    switch (bytes) {
    case 16:
        return LK_DIGEST_MD5;
    case 20:
        return LK_DIGEST_SHA1;
    case 28:
        return LK_DIGEST_SHA224;
    case 32:
        return LK_DIGEST_SHA256;
    case 48:
        return LK_DIGEST_SHA384;
    case 64:
        return LK_DIGEST_SHA512;
    default:
        return LK_DIGEST_OTHER;
    }
}

static void began(bool followed, int result, const void *ctx)
{
    if (followed && result == 1)
        lk_digest_begin(ctx);
    else if (followed)
        lk_digest_forget(ctx);
}

static void updated(bool followed, int result, const void *ctx, const void *data, size_t bytes)
{
    if (followed && result == 1)
        lk_digest_update(ctx, data, bytes);
    else if (followed)
        lk_digest_forget(ctx);
}

static void finished(bool followed, int result, const void *ctx, const void *digest, size_t bytes)
{
    if (followed && result == 1)
        lk_digest_result(ctx, algorithm_of(bytes), digest, bytes);
    if (followed)
        lk_digest_forget(ctx);
}

int EVP_DigestInit(void *ctx, const void *type)
{
    LK_REAL_TYPE(EVP_DigestInit) real = LK_REAL_FOUND(EVP_DigestInit);
    if (!real)
        return 0;
    bool followed = FOLLOWED(real);
    lk_digest_call();
    int result = real(ctx, type);
    lk_digest_return();
    began(followed, result, ctx);
    return result;
}

int EVP_DigestInit_ex(void *ctx, const void *type, void *engine)
{
    LK_REAL_TYPE(EVP_DigestInit_ex) real = LK_REAL_FOUND(EVP_DigestInit_ex);
    if (!real)
        return 0;
    bool followed = FOLLOWED(real);
    lk_digest_call();
    int result = real(ctx, type, engine);
    lk_digest_return();
    began(followed, result, ctx);
    return result;
}

int EVP_DigestInit_ex2(void *ctx, const void *type, const void *params)
{
    LK_REAL_TYPE(EVP_DigestInit_ex2) real = LK_REAL_FOUND(EVP_DigestInit_ex2);
    if (!real)
        return 0;
    bool followed = FOLLOWED(real);
    lk_digest_call();
    int result = real(ctx, type, params);
    lk_digest_return();
    began(followed, result, ctx);
    return result;
}

int EVP_DigestUpdate(void *ctx, const void *data, size_t bytes)
{
    LK_REAL_TYPE(EVP_DigestUpdate) real = LK_REAL_FOUND(EVP_DigestUpdate);
    if (!real)
        return 0;
    bool followed = FOLLOWED(real);
    lk_digest_call();
    int result = real(ctx, data, bytes);
    lk_digest_return();
    updated(followed, result, ctx, data, bytes);
    return result;
}

int EVP_DigestFinal(void *ctx, unsigned char *digest, unsigned int *bytes)
{
    LK_REAL_TYPE(EVP_DigestFinal) real = LK_REAL_FOUND(EVP_DigestFinal);
    unsigned int length = 0, *told = bytes ? bytes : &length;
    if (!real)
        return 0;
    bool followed = FOLLOWED(real);
    lk_digest_call();
    int result = real(ctx, digest, told);
    lk_digest_return();
    finished(followed, result, ctx, digest, result == 1 ? *told : 0);
    return result;
}

int EVP_DigestFinal_ex(void *ctx, unsigned char *digest, unsigned int *bytes)
{
    LK_REAL_TYPE(EVP_DigestFinal_ex) real = LK_REAL_FOUND(EVP_DigestFinal_ex);
    unsigned int length = 0, *told = bytes ? bytes : &length;
    if (!real)
        return 0;
    bool followed = FOLLOWED(real);
    lk_digest_call();
    int result = real(ctx, digest, told);
    lk_digest_return();
    finished(followed, result, ctx, digest, result == 1 ? *told : 0);
    return result;
}

int EVP_DigestFinalXOF(void *ctx, unsigned char *digest, size_t bytes)
{
    LK_REAL_TYPE(EVP_DigestFinalXOF) real = LK_REAL_FOUND(EVP_DigestFinalXOF);
    if (!real)
        return 0;
    bool followed = FOLLOWED(real);
    lk_digest_call();
    int result = real(ctx, digest, bytes);
    lk_digest_return();
    finished(followed, result, ctx, digest, bytes);
    return result;
}

static void copied(bool followed, int result, const void *out, const void *in)
{
    if (followed && result == 1)
        lk_digest_copy(out, in);
    else if (followed)
        lk_digest_forget(out);
}

int EVP_MD_CTX_copy(void *out, const void *in)
{
    LK_REAL_TYPE(EVP_MD_CTX_copy) real = LK_REAL_FOUND(EVP_MD_CTX_copy);
    if (!real)
        return 0;
    bool followed = FOLLOWED(real);
    lk_digest_call();
    int result = real(out, in);
    lk_digest_return();
    copied(followed, result, out, in);
    return result;
}

int EVP_MD_CTX_copy_ex(void *out, const void *in)
{
    LK_REAL_TYPE(EVP_MD_CTX_copy_ex) real = LK_REAL_FOUND(EVP_MD_CTX_copy_ex);
    if (!real)
        return 0;
    bool followed = FOLLOWED(real);
    lk_digest_call();
    int result = real(out, in);
    lk_digest_return();
    copied(followed, result, out, in);
    return result;
}

void *EVP_MD_CTX_dup(const void *in)
{
    LK_REAL_TYPE(EVP_MD_CTX_dup) real = LK_REAL_FOUND(EVP_MD_CTX_dup);
    if (!real)
        return NULL;
    bool followed = FOLLOWED(real);
    lk_digest_call();
    void *out = real(in);
    lk_digest_return();
    copied(followed, out != NULL, out, in);
    return out;
}

int EVP_MD_CTX_reset(void *ctx)
{
    LK_REAL_TYPE(EVP_MD_CTX_reset) real = LK_REAL_FOUND(EVP_MD_CTX_reset);
    if (!real)
        return 0;
    lk_digest_forget(ctx);
    lk_digest_call();
    int result = real(ctx);
    lk_digest_return();
    return result;
}

/* Forgotten first: once it is free, another thread may have the address. */
void EVP_MD_CTX_free(void *ctx)
{
    LK_REAL_TYPE(EVP_MD_CTX_free) real = LK_REAL_FOUND(EVP_MD_CTX_free);
    if (!real)
        return;
    lk_digest_forget(ctx);
    lk_digest_call();
    real(ctx);
    lk_digest_return();
}

int EVP_Digest(const void *data, size_t count, unsigned char *digest, unsigned int *bytes,
               const void *type, void *engine)
{
    LK_REAL_TYPE(EVP_Digest) real = LK_REAL_FOUND(EVP_Digest);
    unsigned int length = 0, *told = bytes ? bytes : &length;
    if (!real)
        return 0;
    bool followed = FOLLOWED(real);
    lk_digest_call();
    int result = real(data, count, digest, told, type, engine);
    lk_digest_return();
    if (followed && result == 1)
        lk_digest_once(algorithm_of(*told), digest, *told, data, count);
    return result;
}

int EVP_Q_digest(void *libctx, const char *name, const char *propq, const void *data, size_t count,
                 unsigned char *digest, size_t *bytes)
{
    LK_REAL_TYPE(EVP_Q_digest) real = LK_REAL_FOUND(EVP_Q_digest);
    size_t length = 0, *told = bytes ? bytes : &length;
    if (!real)
        return 0;
    bool followed = FOLLOWED(real);
    lk_digest_call();
    int result = real(libctx, name, propq, data, count, digest, told);
    lk_digest_return();
    if (followed && result == 1)
        lk_digest_once(algorithm_of(*told), digest, *told, data, count);
    return result;
}

/* ---- One algorithm's own functions ---- */

/* A row of this makes the wrappers of NAME_Init, NAME_Update, NAME_Final and NAME. */
#define DIGEST(NAME, BYTES)                                                             \
    int NAME##_Init(void *ctx)                                                          \
    {                                                                                   \
        LK_REAL_TYPE(NAME##_Init) real = LK_REAL_FOUND(NAME##_Init);                    \
        if (!real)                                                                      \
            return 0;                                                                   \
        bool followed = FOLLOWED(real);                                                 \
        lk_digest_call();                                                               \
        int result = real(ctx);                                                         \
        lk_digest_return();                                                             \
        began(followed, result, ctx);                                                   \
        return result;                                                                  \
    }                                                                                   \
                                                                                        \
    int NAME##_Update(void *ctx, const void *data, size_t count)                        \
    {                                                                                   \
        LK_REAL_TYPE(NAME##_Update) real = LK_REAL_FOUND(NAME##_Update);                \
        if (!real)                                                                      \
            return 0;                                                                   \
        bool followed = FOLLOWED(real);                                                 \
        lk_digest_call();                                                               \
        int result = real(ctx, data, count);                                            \
        lk_digest_return();                                                             \
        updated(followed, result, ctx, data, count);                                    \
        return result;                                                                  \
    }                                                                                   \
                                                                                        \
    int NAME##_Final(unsigned char *digest, void *ctx)                                  \
    {                                                                                   \
        LK_REAL_TYPE(NAME##_Final) real = LK_REAL_FOUND(NAME##_Final);                  \
        if (!real)                                                                      \
            return 0;                                                                   \
        bool followed = FOLLOWED(real);                                                 \
        lk_digest_call();                                                               \
        int result = real(digest, ctx);                                                 \
        lk_digest_return();                                                             \
        finished(followed, result, ctx, digest, BYTES);                                 \
        return result;                                                                  \
    }                                                                                   \
                                                                                        \
    unsigned char *NAME(const unsigned char *data, size_t count, unsigned char *digest) \
    {                                                                                   \
        LK_REAL_TYPE(NAME) real = LK_REAL_FOUND(NAME);                                  \
        if (!real)                                                                      \
            return NULL;                                                                \
        bool followed = FOLLOWED(real);                                                 \
        lk_digest_call();                                                               \
        unsigned char *result = real(data, count, digest);                              \
        lk_digest_return();                                                             \
        if (followed && result)                                                         \
            lk_digest_once(LK_DIGEST_##NAME, result, BYTES, data, count);               \
        return result;                                                                  \
    }

DIGEST(MD5, 16)
DIGEST(SHA1, 20)
DIGEST(SHA224, 28)
DIGEST(SHA256, 32)
DIGEST(SHA384, 48)
DIGEST(SHA512, 64)
