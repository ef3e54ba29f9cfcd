/* Streams, from first sight to their end. */
#define _GNU_SOURCE
#include "wire/stream.h"

#include <errno.h>
#include <sched.h>
#include <string.h>

#include "cache/connection.h"
#include "capture/state.h"
#include "sys.h"
#include "thread.h"
#include "wire/received.h"
#include "wire/sent.h"

#define BUFFERS     256u
#define SPINS       200u
#define YIELDS      50u
#define AHEAD_CHECK 8u    /* bytes of what was told ahead that must come again */
#define HEADROOM    1024u /* held bytes may grow by so much: long arguments' heads */

enum phase { PHASE_CANDIDATE, PHASE_OPEN, PHASE_GIVEN_UP };

struct stream {
    uint64_t owner; /* 0: the place is free */
    uint32_t lock;
    uint8_t phase;
    uint64_t first_ns;      /* when the candidate was first seen, by the system's clock */
    uint64_t ahead;         /* bytes that were told and are still to be sent */
    char next[AHEAD_CHECK]; /* their first */
    uint8_t next_bytes;
    size_t (*peer)(const struct lk_traffic *traffic, char *out, size_t room);
    struct lk_sent sent;
    struct lk_received received;
} __attribute__((aligned(64)));

static struct wire {
    uint32_t hint, buffer_hint;
    uint8_t buffer_taken[BUFFERS];
    struct stream streams[LK_STREAMS];
    char buffers[BUFFERS][LK_SENT_ROOM];
} * wire;

bool lk_streams_init(void)
{
    wire = lk_sys_memory_wiped(sizeof *wire);
    return wire != NULL;
}

uint64_t lk_stream_owner(const void *stream)
{
    return ((const struct stream *)stream)->owner;
}

/* ---- Buffers ---- */

static char *take_buffer(void *context)
{
    uint32_t first = __atomic_fetch_add(&wire->buffer_hint, 1, __ATOMIC_RELAXED);
    (void)context;
    for (uint32_t i = 0; i < BUFFERS; i++) {
        uint32_t place = (first + i) % BUFFERS;
        if (!__atomic_exchange_n(&wire->buffer_taken[place], 1, __ATOMIC_ACQUIRE))
            return wire->buffers[place];
    }
    return NULL;
}

static void give_buffer(void *context, char *buffer)
{
    size_t place = (size_t)(buffer - wire->buffers[0]) / LK_SENT_ROOM;
    (void)context;
    __atomic_store_n(&wire->buffer_taken[place], 0, __ATOMIC_RELEASE);
    __atomic_store_n(&wire->buffer_hint, (uint32_t)place, __ATOMIC_RELAXED); /* it is warm */
}

/* ---- The lock, and the shim's own code ---- */

static bool take_lock(struct stream *stream)
{
    for (uint32_t i = 0; i < SPINS + YIELDS; i++) {
        if (!__atomic_load_n(&stream->lock, __ATOMIC_RELAXED) && lk_try_lock(&stream->lock))
            return true;
        if (i < SPINS)
            __builtin_ia32_pause();
        else
            sched_yield();
    }
    return false;
}

/* Without a look at the capture: a candidate opens none. */
static bool enter_aside(void)
{
    if (lk_self.depth)
        return false;
    lk_self.depth = LK_RECORDING;
    lk_self.saved_errno = errno;
    return true;
}

static void leave_aside(void)
{
    errno = lk_self.saved_errno;
    lk_self.depth = 0;
}

static struct stream *stream_at(uint32_t place)
{
    return wire && place < LK_STREAMS ? &wire->streams[place] : NULL;
}

/* The stream, locked; NULL: it is not this owner's, or cannot be had. Entered aside. */
static struct stream *hold(uint32_t place, uint64_t owner)
{
    struct stream *stream = stream_at(place);
    if (!stream || __atomic_load_n(&stream->owner, __ATOMIC_ACQUIRE) != owner)
        return NULL;
    if (!enter_aside()) { /* a signal handler within the shim: we lose sight of it */
        __atomic_store_n(&stream->phase, PHASE_GIVEN_UP, __ATOMIC_RELEASE);
        lk_nested();
        return NULL;
    }
    int kept = errno;
    bool locked = take_lock(stream);
    errno = kept;
    if (locked && stream->owner == owner && stream->phase != PHASE_GIVEN_UP)
        return stream;
    if (locked)
        lk_unlock(&stream->lock);
    else
        __atomic_store_n(&stream->phase, PHASE_GIVEN_UP, __ATOMIC_RELEASE);
    leave_aside();
    return NULL;
}

static void let_go(struct stream *stream)
{
    lk_unlock(&stream->lock);
    leave_aside();
}

/* From aside to where things are recorded: the capture is open, or known to be there. False: there
 * is none, and we are aside still. */
static bool enter_capture(struct lk_traffic *traffic)
{
    leave_aside();
    traffic->recording = lk_enter_command();
    if (traffic->recording || lk_enter_existing())
        return true;
    enter_aside();
    return false;
}

static void leave_capture(void)
{
    lk_leave();
    enter_aside();
}

static struct lk_traffic traffic_of(const struct stream *stream)
{
    return (struct lk_traffic){.context = stream, .peer = stream->peer, .sync = true};
}

/* ---- From the pieces to the cache side ---- */

struct flow { /* one call */
    struct stream *stream;
    struct lk_traffic traffic;
    struct lk_settling settling;
    bool settles;
    bool entered; /* where things are recorded */
};

static void commands_sent(void *context, const char *bytes, size_t count)
{
    struct flow *flow = context;
    lk_traffic_issued(&flow->traffic, bytes, count);
}

static bool settles(struct flow *flow)
{
    if (!flow->settles)
        flow->settles = lk_answer_open(&flow->settling, &flow->traffic);
    return flow->settles;
}

static bool value_received(void *context, uint32_t depth, const struct lk_value *value)
{
    struct flow *flow = context;
    return settles(flow) && lk_answer_value(&flow->settling, depth, value);
}

static void answer_received(void *context)
{
    struct flow *flow = context;
    if (settles(flow))
        lk_answer_end(&flow->settling);
}

static struct lk_sent_sink sent_sink(struct flow *flow)
{
    return (struct lk_sent_sink){.commands = commands_sent,
                                 .take_buffer = take_buffer,
                                 .give_buffer = give_buffer,
                                 .context = flow};
}

/* Aside; the stream is held and stays so. */
static void give_up(struct stream *stream)
{
    struct flow flow = {.stream = stream, .traffic = traffic_of(stream)};
    struct lk_sent_sink sink = sent_sink(&flow);
    lk_sent_forget(&stream->sent, &sink);
    if (stream->phase == PHASE_OPEN && enter_capture(&flow.traffic)) {
        lk_drop(LK_DROP_NO_STATE);
        lk_traffic_closing(&flow.traffic);
        leave_capture();
    }
    __atomic_store_n(&stream->phase, PHASE_GIVEN_UP, __ATOMIC_RELEASE);
}

/* ---- What goes out ---- */

/* What was told ahead comes again first; if it does not, we have lost our place. */
static bool comes_again(const struct stream *stream, const char *bytes, size_t count)
{
    return memcmp(bytes, stream->next, count < stream->next_bytes ? count : stream->next_bytes) ==
           0;
}

/* It is one: now what was held back is told. */
static void prove(struct flow *flow)
{
    struct stream *stream = flow->stream;
    struct lk_sent_sink sink = sent_sink(flow);
    uint64_t age = lk_sys_monotonic_ns() - stream->first_ns, now = lk_now();
    stream->phase = PHASE_OPEN;
    lk_traffic_connected(&flow->traffic);
    flow->traffic.issued_ns = now > age ? now - age : 1;
    lk_sent_release(&stream->sent, &sink);
    flow->traffic.issued_ns = 0;
}

/* Of a candidate, commands are held back as long as there is room. So much without a fault in it,
 * and no answer read, is a long pipeline, whose client reads when all of it is sent. */
static bool tell_part(struct flow *flow, const char *bytes, size_t count)
{
    struct stream *stream = flow->stream;
    struct lk_sent_sink sink = sent_sink(flow);
    if (stream->phase == PHASE_CANDIDATE) {
        uint32_t used = stream->sent.used;
        size_t room = used < LK_SENT_ROOM - HEADROOM ? LK_SENT_ROOM - HEADROOM - used : 0;
        size_t held = count < room ? count : room;
        if (!lk_sent_feed(&stream->sent, bytes, held, true, &sink))
            return false;
        if (held == count)
            return true;
        flow->entered = enter_capture(&flow->traffic);
        if (!flow->entered)
            return false;
        prove(flow);
        bytes += held;
        count -= held;
    }
    return lk_sent_feed(&stream->sent, bytes, count, false, &sink);
}

static bool tell_sending(struct flow *flow, const struct iovec *parts, size_t count)
{
    struct stream *stream = flow->stream;
    bool again = stream->ahead > 0;
    uint64_t ahead = stream->ahead;
    for (size_t i = 0; i < count; i++) {
        const char *bytes = parts[i].iov_base;
        size_t left = parts[i].iov_len, passed = ahead < left ? (size_t)ahead : left;
        if (again && passed && !comes_again(stream, bytes, passed))
            return false;
        again &= !passed;
        ahead -= passed;
        if (left > passed && !tell_part(flow, bytes + passed, left - passed))
            return false;
    }
    return true;
}

static uint64_t length_of(const struct iovec *parts, size_t count)
{
    uint64_t bytes = 0;
    for (size_t i = 0; i < count; i++)
        bytes += parts[i].iov_len;
    return bytes;
}

bool lk_stream_sending(uint32_t place, uint64_t owner, const struct iovec *parts, size_t count)
{
    struct stream *stream = hold(place, owner);
    if (!stream)
        return false;
    struct flow flow = {.stream = stream, .traffic = traffic_of(stream)};
    bool candidate = stream->phase == PHASE_CANDIDATE;
    flow.entered = !candidate && enter_capture(&flow.traffic);
    bool told = (candidate || flow.entered) && tell_sending(&flow, parts, count);
    if (flow.entered)
        leave_capture();
    uint64_t bytes = length_of(parts, count);
    stream->ahead -= bytes < stream->ahead ? bytes : stream->ahead; /* if all of it is taken */
    if (!told)
        give_up(stream);
    let_go(stream);
    return told;
}

/* The first bytes from `at` on: what the host will send again. */
static void note_next(struct stream *stream, const struct iovec *parts, size_t count, size_t at)
{
    stream->next_bytes = 0;
    for (size_t i = 0; i < count && !stream->next_bytes; i++) {
        if (at < parts[i].iov_len) {
            size_t left = parts[i].iov_len - at;
            stream->next_bytes = (uint8_t)(left < AHEAD_CHECK ? left : AHEAD_CHECK);
            memcpy(stream->next, (const char *)parts[i].iov_base + at, stream->next_bytes);
        }
        at -= at < parts[i].iov_len ? at : parts[i].iov_len;
    }
}

bool lk_stream_sent(uint32_t place, uint64_t owner, const struct iovec *parts, size_t count,
                    size_t accepted)
{
    struct stream *stream = hold(place, owner);
    if (!stream)
        return false;
    stream->ahead += length_of(parts, count) - accepted;
    note_next(stream, parts, count, accepted);
    let_go(stream);
    return true;
}

/* ---- What comes in ---- */

static bool tell_received(struct flow *flow, const struct iovec *parts, size_t count, size_t bytes)
{
    struct lk_received_sink sink = {
        .value = value_received, .end = answer_received, .context = flow};
    bool good = true;
    for (size_t i = 0; i < count && bytes && good; i++) {
        size_t part = parts[i].iov_len < bytes ? parts[i].iov_len : bytes;
        good = lk_received_feed(&flow->stream->received, parts[i].iov_base, part, &sink);
        bytes -= part;
    }
    if (flow->settles)
        lk_answer_close(&flow->settling);
    return good;
}

static bool is_plausible(const struct iovec *parts, size_t count, size_t bytes)
{
    for (size_t i = 0; i < count; i++)
        if (parts[i].iov_len)
            return lk_received_plausible(parts[i].iov_base,
                                         parts[i].iov_len < bytes ? parts[i].iov_len : bytes) !=
                   LK_IMPLAUSIBLE;
    return false;
}

bool lk_stream_received(uint32_t place, uint64_t owner, const struct iovec *parts, size_t count,
                        size_t bytes)
{
    struct stream *stream = hold(place, owner);
    if (!stream)
        return false;
    struct flow flow = {.stream = stream, .traffic = traffic_of(stream)};
    bool candidate = stream->phase == PHASE_CANDIDATE;
    bool told = (!candidate || is_plausible(parts, count, bytes)) && enter_capture(&flow.traffic);
    if (told) {
        if (candidate)
            prove(&flow);
        told = tell_received(&flow, parts, count, bytes);
        leave_capture();
    }
    if (!told)
        give_up(stream);
    let_go(stream);
    return told;
}

bool lk_stream_broken(uint32_t place, uint64_t owner)
{
    struct stream *stream = hold(place, owner);
    if (!stream)
        return false;
    struct lk_traffic traffic = traffic_of(stream);
    if (stream->phase == PHASE_OPEN && enter_capture(&traffic)) {
        lk_traffic_broken(&traffic);
        leave_capture();
    }
    let_go(stream);
    return true;
}

/* ---- Places ---- */

uint32_t lk_stream_begin(uint64_t owner,
                         size_t (*peer)(const struct lk_traffic *traffic, char *out, size_t room))
{
    if (!wire || !enter_aside())
        return LK_STREAMS;
    uint32_t first = __atomic_fetch_add(&wire->hint, 1, __ATOMIC_RELAXED), place = LK_STREAMS;
    for (uint32_t i = 0; i < LK_STREAMS && place == LK_STREAMS; i++) {
        struct stream *stream = &wire->streams[(first + i) % LK_STREAMS];
        if (__atomic_load_n(&stream->owner, __ATOMIC_RELAXED) || !lk_try_lock(&stream->lock))
            continue;
        if (!stream->owner) {
            place = (first + i) % LK_STREAMS;
            memset(&stream->sent, 0, offsetof(struct lk_sent, hasher));
            memset(&stream->received, 0, offsetof(struct lk_received, hasher));
            stream->phase = PHASE_CANDIDATE;
            stream->ahead = stream->next_bytes = 0;
            stream->first_ns = lk_sys_monotonic_ns();
            stream->peer = peer;
            __atomic_store_n(&stream->owner, owner, __ATOMIC_RELEASE);
        }
        lk_unlock(&stream->lock);
    }
    leave_aside();
    return place;
}

void lk_stream_end(uint32_t place, uint64_t owner)
{
    struct stream *stream = hold(place, owner);
    if (stream) {
        struct flow flow = {.stream = stream, .traffic = traffic_of(stream)};
        struct lk_sent_sink sink = sent_sink(&flow);
        lk_sent_forget(&stream->sent, &sink);
        if (stream->phase == PHASE_OPEN && enter_capture(&flow.traffic)) {
            lk_traffic_closing(&flow.traffic);
            leave_capture();
        }
        __atomic_store_n(&stream->owner, 0, __ATOMIC_RELEASE);
        let_go(stream);
        return;
    }
    stream = stream_at(place);
    /* Given up: nothing of it is held any more, but for a buffer of one that was given up from
     * without. */
    if (stream && __atomic_load_n(&stream->owner, __ATOMIC_ACQUIRE) == owner && !lk_self.depth &&
        take_lock(stream)) {
        struct lk_sent_sink sink = sent_sink(NULL);
        if (stream->owner == owner) {
            lk_sent_forget(&stream->sent, &sink);
            __atomic_store_n(&stream->owner, 0, __ATOMIC_RELEASE);
        }
        lk_unlock(&stream->lock);
    }
}
