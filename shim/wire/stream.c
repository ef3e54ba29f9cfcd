/* Streams: their places, and whose turn it is. */
#define _GNU_SOURCE
#include "wire/stream.h"

#include <string.h>

#include "machine.h"
#include "sys.h"
#include "wire/buffers.h"
#include "wire/flow.h"

#define SPINS 30u

static struct wire {
    uint32_t hint;
    uint32_t used;   /* places, about */
    uint32_t untold; /* streams that were lost when there was no capture to say so */
    struct lk_stream streams[LK_STREAMS];
} * wire;

bool lk_streams_init(void)
{
    wire = lk_buffers_init() ? lk_sys_memory_wiped(sizeof *wire) : NULL;
    return wire != NULL;
}

uint64_t lk_stream_owner(const void *stream)
{
    return ((const struct lk_stream *)stream)->owner;
}

/* ---- Losses ---- */

/* What a capture says of streams that were lost before there was one. */
void lk_streams_tell_losses(void)
{
    for (uint32_t n = __atomic_exchange_n(&wire->untold, 0, __ATOMIC_RELAXED); n; n--)
        lk_drop(LK_DROP_NO_STATE);
}

/* No capture is opened for what may be no server's. Aside. */
void lk_streams_count_loss(void)
{
    __atomic_fetch_add(&wire->untold, 1, __ATOMIC_RELAXED);
    lk_aside_leave();
    if (lk_enter_existing()) {
        lk_streams_tell_losses();
        lk_leave();
    }
    lk_aside_enter();
}

void lk_stream_missed(void)
{
    if (lk_state && __atomic_load_n(&lk_state->phase, __ATOMIC_ACQUIRE) == LK_PHASE_OPEN)
        lk_drop(LK_DROP_NESTED);
    else if (wire)
        __atomic_fetch_add(&wire->untold, 1, __ATOMIC_RELAXED);
}

/* ---- Places ---- */

static struct lk_stream *find(uint32_t place, uint64_t owner)
{
    struct lk_stream *stream = wire && place < LK_STREAMS ? &wire->streams[place] : NULL;
    return stream && __atomic_load_n(&stream->owner, __ATOMIC_ACQUIRE) == owner ? stream : NULL;
}

static void lose(struct lk_stream *stream)
{
    __atomic_store_n(&stream->lost, 1, __ATOMIC_RELEASE);
}

void lk_stream_leave(struct lk_stream *stream)
{
    __atomic_fetch_sub(&wire->used, 1, __ATOMIC_RELAXED);
    __atomic_store_n(&wire->hint, (uint32_t)(stream - wire->streams), __ATOMIC_RELAXED);
    __atomic_store_n(&stream->owner, 0, __ATOMIC_RELEASE);
}

static void prepare(struct lk_stream *stream, uint64_t owner, const struct lk_stream_kind *kind)
{
    memset(&stream->sent, 0, offsetof(struct lk_sent, hasher));
    memset(&stream->received, 0, offsetof(struct lk_received, hasher));
    stream->phase = LK_STREAM_CANDIDATE;
    stream->lost = 0;
    stream->ahead = stream->next_bytes = 0;
    stream->first_ns = lk_sys_monotonic_ns();
    stream->kind = kind;
    stream->identity = kind->identity ? kind->identity(owner) : 0;
    __atomic_fetch_add(&wire->used, 1, __ATOMIC_RELAXED);
    __atomic_store_n(&stream->owner, owner, __ATOMIC_RELEASE);
}

uint32_t lk_stream_begin(uint64_t owner, const struct lk_stream_kind *kind)
{
    uint32_t place = LK_STREAMS;
    if (!wire || !lk_aside_enter())
        return LK_STREAMS;
    uint32_t first = __atomic_fetch_add(&wire->hint, 1, __ATOMIC_RELAXED);
    bool room = __atomic_load_n(&wire->used, __ATOMIC_RELAXED) < LK_STREAMS;
    for (uint32_t i = 0; room && i < LK_STREAMS && place == LK_STREAMS; i++) {
        struct lk_stream *stream = &wire->streams[(first + i) % LK_STREAMS];
        if (__atomic_load_n(&stream->owner, __ATOMIC_RELAXED) || !lk_try_lock(&stream->lock))
            continue;
        if (!stream->owner) {
            place = (first + i) % LK_STREAMS;
            prepare(stream, owner, kind);
        }
        lk_unlock(&stream->lock);
    }
    if (place == LK_STREAMS)
        lk_streams_count_loss();
    lk_aside_leave();
    return place;
}

/* ---- Turns ---- */

static bool take_lock(struct lk_stream *stream)
{
    for (uint32_t i = 0; i < SPINS; i++) {
        if (!__atomic_load_n(&stream->lock, __ATOMIC_RELAXED) && lk_try_lock(&stream->lock))
            return true;
        lk_machine_relax();
    }
    return false;
}

/* What was left to us. The stream is held. */
static void perform_mail(struct lk_stream *stream, struct lk_mail **box)
{
    struct lk_mail *mail = lk_mail_waits(box) ? lk_mail_take(box) : NULL;
    for (; mail; mail = lk_mail_next(mail)) {
        struct iovec part = {mail->bytes, mail->count};
        struct lk_errand errand = {(enum lk_errand_kind)mail->kind, &part, 1, mail->number,
                                   mail->time_ns};
        if (mail->owner == stream->owner)
            lk_errand_perform(stream, &errand);
    }
}

/* In its turn: after what was put off, and what other threads have left. The stream is held. */
static bool perform_in_turn(struct lk_stream *stream, uint64_t owner,
                            const struct lk_errand *errand)
{
    if (lk_mail_waits(&stream->deferred) && errand->kind != LK_ERRAND_END &&
        lk_capture_is_opening())
        return lk_errand_post(&stream->deferred, owner, errand);
    perform_mail(stream, &stream->deferred);
    perform_mail(stream, &stream->mail);
    return stream->owner == owner && lk_errand_perform(stream, errand);
}

/* Mail that came while the stream was held is read before it is left alone: either we see it here,
 * or who posted it finds the stream free. */
static void let_go(struct lk_stream *stream)
{
    do {
        lk_unlock(&stream->lock);
        __atomic_thread_fence(__ATOMIC_SEQ_CST);
        if (!lk_mail_waits(&stream->mail) || lk_mail_waits(&stream->deferred) ||
            !lk_try_lock(&stream->lock))
            return;
        perform_mail(stream, &stream->mail);
    } while (true);
}

static bool run(uint32_t place, uint64_t owner, const struct lk_errand *errand)
{
    struct lk_stream *stream = find(place, owner);
    bool good, held;
    if (!stream)
        return false;
    if (!lk_aside_enter()) {
        lose(stream);
        lk_nested();
        return false;
    }
    if ((held = take_lock(stream))) {
        good = perform_in_turn(stream, owner, errand);
    } else {
        if (!(good = lk_errand_post(&stream->mail, owner, errand)))
            lose(stream);
        held = lk_try_lock(&stream->lock); /* whoever had it may have looked before */
    }
    if (held)
        let_go(stream);
    lk_aside_leave();
    return good;
}

bool lk_stream_sending(uint32_t place, uint64_t owner, const struct iovec *parts, size_t count)
{
    return run(place, owner,
               &(struct lk_errand){.kind = LK_ERRAND_SENDING, .parts = parts, .count = count});
}

bool lk_stream_sent(uint32_t place, uint64_t owner, const struct iovec *parts, size_t count,
                    size_t accepted)
{
    uint64_t bytes = 0;
    struct iovec next = {NULL, 0};
    for (size_t i = 0; i < count; i++) {
        size_t at = accepted > bytes ? (size_t)(accepted - bytes) : 0, left;
        if (!next.iov_len && at < parts[i].iov_len) {
            left = parts[i].iov_len - at;
            next.iov_base = (char *)parts[i].iov_base + at;
            next.iov_len = left < LK_AHEAD_CHECK ? left : LK_AHEAD_CHECK;
        }
        bytes += parts[i].iov_len;
    }
    return run(
        place, owner,
        &(struct lk_errand){LK_ERRAND_SENT, &next, 1, bytes > accepted ? bytes - accepted : 0, 0});
}

bool lk_stream_received(uint32_t place, uint64_t owner, const struct iovec *parts, size_t count,
                        size_t bytes)
{
    return run(place, owner, &(struct lk_errand){LK_ERRAND_RECEIVED, parts, count, bytes, 0});
}

bool lk_stream_broken(uint32_t place, uint64_t owner)
{
    return run(place, owner, &(struct lk_errand){.kind = LK_ERRAND_BROKEN});
}

void lk_stream_end(uint32_t place, uint64_t owner)
{
    run(place, owner, &(struct lk_errand){.kind = LK_ERRAND_END});
}
