/* What was digested so far, by context: a set-associative table in wiped memory. */
#include "cache/digest_context.h"

#define XXH_INLINE_ALL
#include <errno.h>
#include <string.h>
#include <xxhash.h>

#include "cache/inputs.h"
#include "capture/state.h"
#include "config.h"
#include "sys.h"

#define WAYS 8u
#define SETS (LK_CONTEXTS / WAYS)

/* `lock` is only ever tried. Whoever finds it taken meets a thread that forgets this computation,
 * or a host that uses one context in two threads at once; both spoil it. */
struct computation {
    const void *context; /* NULL: free */
    uint32_t lock;
    uint32_t spoilt;
    uint64_t touched;    /* count of operations when it was used last */
    uint64_t bytes;      /* so far */
    XXH3_state_t stream; /* of all of it, once it is longer than `text` */
    char text[LK_TEXT_MAX];
};

struct computations {
    uint64_t operations;
    struct computation table[SETS][WAYS];
};

static void *place;

/* ---- The guard ---- */

static bool enter(int *kept)
{
    struct lk_thread *t = &lk_self;
    if (t->depth || t->digest_depth || !lk_config.cache || !lk_state)
        return false;
    t->depth = LK_RECORDING;
    *kept = errno;
    return true;
}

static void leave(int kept)
{
    errno = kept;
    lk_self.depth = 0;
}

/* ---- The table ---- */

static struct computation *set_of(struct computations *all, const void *context)
{
    return all->table[((uintptr_t)context >> 3) * 0x9e3779b97f4a7c15u >> 57];
}
static_assert(SETS == 1u << (64 - 57), "set_of");

static bool holds(const struct computation *c, const void *context)
{
    return __atomic_load_n(&c->context, __ATOMIC_RELAXED) == context;
}

static void release(struct computation *c)
{
    lk_unlock(&c->lock);
}

/* The context's computation, locked: NULL when it is not followed. */
static struct computation *acquire(struct computations *all, const void *context)
{
    struct computation *set = set_of(all, context);
    for (size_t i = 0; i < WAYS; i++) {
        if (!holds(&set[i], context))
            continue;
        if (!lk_try_lock(&set[i].lock)) {
            __atomic_store_n(&set[i].spoilt, 1, __ATOMIC_RELAXED);
            return NULL;
        }
        if (holds(&set[i], context))
            return &set[i];
        release(&set[i]);
    }
    return NULL;
}

/* Threads that come at once see the same places free, and share them out. */
static struct computation *acquire_free(struct computation *set)
{
    for (size_t i = 0; i < WAYS; i++) {
        if (!holds(&set[i], NULL) || !lk_try_lock(&set[i].lock))
            continue;
        if (holds(&set[i], NULL))
            return &set[i];
        release(&set[i]);
    }
    return NULL;
}

/* What rests longest has to go, or, with another thread at it, what was to come. */
static struct computation *acquire_oldest(struct computation *set)
{
    struct computation *oldest = set;
    for (size_t i = 1; i < WAYS; i++)
        if (__atomic_load_n(&set[i].touched, __ATOMIC_RELAXED) <
            __atomic_load_n(&oldest->touched, __ATOMIC_RELAXED))
            oldest = &set[i];
    lk_drop(LK_DROP_NO_STATE);
    return lk_try_lock(&oldest->lock) ? oldest : NULL;
}

/* The context's place, locked, whatever it held: NULL when there is none. */
static struct computation *acquire_new(struct computations *all, const void *context)
{
    struct computation *c = acquire(all, context), *set = set_of(all, context);
    if (!c)
        c = acquire_free(set);
    return c ? c : acquire_oldest(set);
}

static void touch(struct computations *all, struct computation *c)
{
    uint64_t now = __atomic_add_fetch(&all->operations, 1, __ATOMIC_RELAXED);
    __atomic_store_n(&c->touched, now, __ATOMIC_RELAXED);
}

static void clear(struct computation *c, const void *context)
{
    c->bytes = 0;
    __atomic_store_n(&c->spoilt, 0, __ATOMIC_RELAXED);
    __atomic_store_n(&c->context, context, __ATOMIC_RELAXED);
}

static void forget(struct computations *all, const void *context)
{
    struct computation *c = acquire(all, context);
    if (c) {
        clear(c, NULL);
        release(c);
    }
}

/* ---- What is digested ---- */

static void append(struct computation *c, const void *data, size_t bytes)
{
    size_t kept = c->bytes < LK_TEXT_MAX ? (size_t)c->bytes : LK_TEXT_MAX;
    size_t more = bytes < LK_TEXT_MAX - kept ? bytes : LK_TEXT_MAX - kept;
    if (c->bytes + bytes > LK_TEXT_MAX) { /* what fits is hashed at the end, out of `text` */
        if (c->bytes <= LK_TEXT_MAX) {
            XXH3_64bits_reset(&c->stream);
            XXH3_64bits_update(&c->stream, c->text, kept);
        }
        XXH3_64bits_update(&c->stream, data, bytes);
    }
    memcpy(c->text + kept, data, more);
    c->bytes += bytes;
}

static size_t text_bytes(const struct computation *c)
{
    return c->bytes < LK_TEXT_MAX ? (size_t)c->bytes : LK_TEXT_MAX;
}

static uint64_t fingerprint(const struct computation *c)
{
    return c->bytes <= LK_TEXT_MAX ? XXH3_64bits(c->text, (size_t)c->bytes)
                                   : XXH3_64bits_digest(&c->stream);
}

static void copy(struct computation *to, const struct computation *from)
{
    to->bytes = from->bytes;
    memcpy(to->text, from->text, text_bytes(from));
    if (from->bytes > LK_TEXT_MAX)
        XXH3_copyState(&to->stream, &from->stream);
}

/* ---- What the wrappers tell ---- */

static struct computations *existing(void)
{
    return __atomic_load_n(&place, __ATOMIC_ACQUIRE);
}

void lk_digest_begin(const void *context)
{
    int kept;
    if (!context || !enter(&kept))
        return;
    struct computations *all = lk_sys_once_wiped(&place, sizeof *all);
    struct computation *c = all ? acquire_new(all, context) : NULL;
    if (c) {
        clear(c, context);
        touch(all, c);
        release(c);
    }
    leave(kept);
}

void lk_digest_update(const void *context, const void *data, size_t bytes)
{
    struct computations *all = existing();
    int kept;
    if (!all || !context || !bytes || !enter(&kept))
        return;
    struct computation *c = acquire(all, context);
    if (c) {
        append(c, data, bytes);
        touch(all, c);
        release(c);
    }
    leave(kept);
}

void lk_digest_copy(const void *to, const void *from)
{
    struct computations *all = existing();
    int kept;
    if (!all || !to || !from || to == from || !enter(&kept))
        return;
    struct computation *source = acquire(all, from);
    if (source)
        touch(all, source); /* so that it is not the one that makes room */
    struct computation *target = source ? acquire_new(all, to) : NULL;
    if (target) {
        clear(target, to);
        copy(target, source);
        __atomic_store_n(&target->spoilt, __atomic_load_n(&source->spoilt, __ATOMIC_RELAXED),
                         __ATOMIC_RELAXED);
        touch(all, target);
        release(target);
    } else {
        forget(all, to);
    }
    if (source)
        release(source);
    leave(kept);
}

void lk_digest_forget(const void *context)
{
    struct computations *all = existing();
    int kept;
    if (!all || !context || !enter(&kept))
        return;
    forget(all, context);
    leave(kept);
}

void lk_digest_result(const void *context, enum lk_digest_algorithm algorithm, const void *digest,
                      size_t digest_bytes)
{
    struct computations *all = existing();
    int kept;
    if (!all || !context || !digest || !enter(&kept))
        return;
    struct computation *c = acquire(all, context);
    if (c) {
        if (c->bytes && !__atomic_load_n(&c->spoilt, __ATOMIC_RELAXED))
            lk_input_remember(algorithm, digest, digest_bytes, fingerprint(c), c->bytes, c->text,
                              text_bytes(c));
        touch(all, c);
        release(c);
    }
    leave(kept);
}

void lk_digest_once(enum lk_digest_algorithm algorithm, const void *digest, size_t digest_bytes,
                    const void *data, size_t bytes)
{
    int kept;
    /* A digest that was written over its own input has left nothing to remember. */
    bool apart = (uintptr_t)digest - (uintptr_t)data >= bytes &&
                 (uintptr_t)data - (uintptr_t)digest >= digest_bytes;
    if (!digest || !data || !bytes || !apart || !enter(&kept))
        return;
    lk_input_remember(algorithm, digest, digest_bytes, XXH3_64bits(data, bytes), bytes, data,
                      bytes < LK_TEXT_MAX ? bytes : LK_TEXT_MAX);
    leave(kept);
}
