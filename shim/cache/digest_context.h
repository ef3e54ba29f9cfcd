/*
 * Digest computations on their way: the host's context (or state) pointer leads to what was
 * digested so far, its length, its fingerprint and its first bytes. The wrappers (digest_crypto.c,
 * digest_xxhash.c) tell what happened after it has happened; a finished digest goes to inputs.h.
 *
 * Nothing here opens a capture: a process that digests and never talks to a cache leaves no file.
 * Every function keeps errno, does nothing inside the shim's own code, inside another digest
 * function (libcrypto's call each other through the PLT) or before the shim is ready, and nothing
 * in a child by fork for what its parent had begun. Bounded: of more than LK_CONTEXTS computations
 * on their way those are forgotten, and counted, that were not touched for longest; a state of
 * xxHash that lies on a stack is never freed.
 */
#ifndef LK_CACHE_DIGEST_CONTEXT_H
#define LK_CACHE_DIGEST_CONTEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "capture/layout.h"
#include "thread.h"

#define LK_CONTEXTS 1024u

/* Around each call of an original. */
static inline void lk_digest_call(void)
{
    lk_self.digest_depth++;
}
static inline void lk_digest_return(void)
{
    lk_self.digest_depth--;
}

void lk_digest_begin(const void *context); /* also: again from the start */
void lk_digest_update(const void *context, const void *data, size_t bytes);
void lk_digest_copy(const void *to, const void *from);
void lk_digest_forget(const void *context);

/* The context's digest: `digest` of `digest_bytes`, most significant byte first. More updates may
 * follow; where none can, lk_digest_forget does. An empty input is not remembered. */
void lk_digest_result(const void *context, enum lk_digest_algorithm algorithm, const void *digest,
                      size_t digest_bytes);

/* All at once. */
void lk_digest_once(enum lk_digest_algorithm algorithm, const void *digest, size_t digest_bytes,
                    const void *data, size_t bytes);

#endif
