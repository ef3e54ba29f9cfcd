/* Streams, from first sight to their end. */
#define _GNU_SOURCE
#include "wire/stream.h"

#include <errno.h>
#include <string.h>

#include "cache/connection.h"
#include "capture/state.h"
#include "sys.h"
#include "thread.h"
#include "wire/buffers.h"
#include "wire/mail.h"
#include "wire/received.h"
#include "wire/sent.h"

#define SPINS       30u
#define AHEAD_CHECK 8u           /* bytes of what was told ahead that must come again */
#define PIECE_MOST  (1ull << 31) /* more the system does not take at once */
#define LOWEST      4096u        /* addresses that the host may have by mistake: below, */
#define HIGHEST     (1ull << 47) /* and from here on */

enum phase { PHASE_CANDIDATE, PHASE_OPEN, PHASE_GIVEN_UP };

struct stream {
    uint64_t owner; /* 0: the place is free */
    uint32_t lock;
    uint8_t phase;
    uint8_t lost;           /* set by who has not the lock: something went by unread */
    uint64_t first_ns;      /* when the candidate was first seen, by the system's clock */
    uint64_t ahead;         /* bytes that were told and are still to be sent */
    char next[AHEAD_CHECK]; /* their first, as far as they are known */
    uint8_t next_bytes;
    const struct lk_stream_kind *kind;
    uint64_t identity;
    struct lk_mail *mail;
    struct lk_mail *deferred; /* until the capture is open */
    struct lk_sent sent;
    struct lk_received received;
} __attribute__((aligned(64)));

static struct wire {
    uint32_t hint;
    uint32_t used;   /* places, about */
    uint32_t untold; /* streams that were lost when there was no capture to say so */
    struct stream streams[LK_STREAMS];
} * wire;

bool lk_streams_init(void)
{
    wire = lk_buffers_init() ? lk_sys_memory_wiped(sizeof *wire) : NULL;
    return wire != NULL;
}

uint64_t lk_stream_owner(const void *stream)
{
    return ((const struct stream *)stream)->owner;
}

/* ---- The lock, and the shim's own code ---- */

static bool take_lock(struct stream *stream)
{
    for (uint32_t i = 0; i < SPINS; i++) {
        if (!__atomic_load_n(&stream->lock, __ATOMIC_RELAXED) && lk_try_lock(&stream->lock))
            return true;
        __builtin_ia32_pause();
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

static struct stream *find(uint32_t place, uint64_t owner)
{
    struct stream *stream = wire && place < LK_STREAMS ? &wire->streams[place] : NULL;
    return stream && __atomic_load_n(&stream->owner, __ATOMIC_ACQUIRE) == owner ? stream : NULL;
}

static void lose(struct stream *stream)
{
    __atomic_store_n(&stream->lost, 1, __ATOMIC_RELEASE);
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

/* ---- From the pieces to the cache side ---- */

enum errand_kind { SENDING, SENT, RECEIVED, BROKEN, END };

struct errand { /* one call */
    enum errand_kind kind;
    const struct iovec *parts;
    size_t count;
    uint64_t number;  /* SENT: bytes that were not taken; RECEIVED: bytes in all */
    uint64_t time_ns; /* when it was posted; 0: it is now, and this thread's own */
};

struct flow {
    struct stream *stream;
    const struct errand *errand;
    struct lk_traffic traffic;
    struct lk_settling settling;
    bool settles;
};

static struct flow flow_of(struct stream *stream, const struct errand *errand)
{
    return (struct flow){.stream = stream,
                         .errand = errand,
                         .traffic = {.context = stream,
                                     .peer = stream->kind->peer,
                                     .sync = !errand->time_ns,
                                     .elsewhere = errand->time_ns != 0}};
}

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

static char *take_buffer(void *context, uint32_t bytes)
{
    (void)context;
    return lk_buffer_take(bytes);
}

static void give_buffer(void *context, char *buffer)
{
    (void)context;
    lk_buffer_give(buffer);
}

static struct lk_sent_sink sent_sink(struct flow *flow)
{
    return (struct lk_sent_sink){.commands = commands_sent,
                                 .take_buffer = take_buffer,
                                 .give_buffer = give_buffer,
                                 .context = flow};
}

/* What a capture says of streams that were lost before there was one. */
static void tell_untold(void)
{
    for (uint32_t n = __atomic_exchange_n(&wire->untold, 0, __ATOMIC_RELAXED); n; n--)
        lk_drop(LK_DROP_NO_STATE);
}

/* No capture is opened for what may be no server's. Aside. */
static void count_loss(void)
{
    __atomic_fetch_add(&wire->untold, 1, __ATOMIC_RELAXED);
    leave_aside();
    if (lk_enter_existing()) {
        tell_untold();
        lk_leave();
    }
    enter_aside();
}

static void close_traffic(struct flow *flow)
{
    if (flow->stream->phase == PHASE_OPEN && enter_capture(&flow->traffic)) {
        lk_traffic_closing(&flow->traffic);
        leave_capture();
    }
}

/* Aside; the stream is held and stays so. */
static void give_up(struct flow *flow)
{
    struct stream *stream = flow->stream;
    struct lk_sent_sink sink = sent_sink(flow);
    /* A candidate is one by its first words alone, unless it has sent so many that there is no
     * doubt. */
    if (stream->phase == PHASE_OPEN || stream->lost || stream->sent.cut)
        count_loss();
    close_traffic(flow);
    lk_sent_forget(&stream->sent, &sink);
    stream->phase = PHASE_GIVEN_UP;
}

/* ---- What goes out ---- */

/* The host may have given what it may not: the system will say so, and we do not look. */
static bool can_be_looked_at(const struct iovec *part)
{
    uintptr_t first = (uintptr_t)part->iov_base;
    return !part->iov_len || (first >= LOWEST && part->iov_len < PIECE_MOST && first < HIGHEST &&
                              first + part->iov_len <= HIGHEST);
}

/* What was told ahead comes again first; if it does not, we have lost our place. Of what follows
 * after this piece nothing is known. */
static bool pass_ahead(struct stream *stream, const char *bytes, size_t count)
{
    if (memcmp(bytes, stream->next, count < stream->next_bytes ? count : stream->next_bytes) != 0)
        return false;
    stream->ahead -= count;
    stream->next_bytes = 0;
    return true;
}

/* A descriptor may have been closed where we do not see it (by fclose), and be a file's by now,
 * each line of which would look like a command. */
static bool is_still_itself(const struct stream *stream, char first)
{
    return first == '*' || !lk_sent_begins(&stream->sent) || !stream->kind->identity ||
           stream->kind->identity(stream->owner) == stream->identity;
}

static bool tell_part(struct flow *flow, const struct iovec *part)
{
    struct stream *stream = flow->stream;
    struct lk_sent_sink sink = sent_sink(flow);
    const char *bytes = part->iov_base;
    size_t left = part->iov_len, passed = stream->ahead < left ? (size_t)stream->ahead : left;
    if (!can_be_looked_at(part) || (passed && !pass_ahead(stream, bytes, passed)))
        return false;
    return left == passed || (is_still_itself(stream, bytes[passed]) &&
                              lk_sent_feed(&stream->sent, bytes + passed, left - passed,
                                           stream->phase == PHASE_CANDIDATE, &sink));
}

/* When a piece of mail was posted, by the capture's clock. */
static uint64_t capture_time(uint64_t time_ns)
{
    uint64_t age = lk_sys_monotonic_ns() - time_ns, now = lk_now();
    return now > age ? now - age : 1;
}

static bool tell_sending(struct flow *flow)
{
    const struct errand *errand = flow->errand;
    bool candidate = flow->stream->phase == PHASE_CANDIDATE, told = true;
    if (!candidate && !enter_capture(&flow->traffic))
        return false;
    if (!candidate && errand->time_ns)
        flow->traffic.issued_ns = capture_time(errand->time_ns);
    for (size_t i = 0; i < errand->count && told; i++)
        told = tell_part(flow, &errand->parts[i]);
    if (!candidate)
        leave_capture();
    return told;
}

/* What the host will send again: so many bytes, that begin with these. */
static bool note_ahead(struct flow *flow)
{
    struct stream *stream = flow->stream;
    const struct iovec *first = flow->errand->parts;
    stream->ahead += flow->errand->number;
    stream->next_bytes = (uint8_t)(first->iov_len < AHEAD_CHECK ? first->iov_len : AHEAD_CHECK);
    if (stream->next_bytes)
        memcpy(stream->next, first->iov_base, stream->next_bytes);
    return true;
}

/* ---- What comes in ---- */

/* The first answer proves it: now what was held back is told. */
static void prove(struct flow *flow)
{
    struct stream *stream = flow->stream;
    struct lk_sent_sink sink = sent_sink(flow);
    stream->phase = PHASE_OPEN;
    tell_untold();
    lk_traffic_connected(&flow->traffic);
    flow->traffic.issued_ns = capture_time(stream->first_ns);
    lk_sent_release(&stream->sent, &sink);
    flow->traffic.issued_ns = 0;
}

static bool tell_received(struct flow *flow, size_t from)
{
    struct lk_received_sink sink = {
        .value = value_received, .end = answer_received, .context = flow};
    const struct errand *errand = flow->errand;
    uint64_t bytes = errand->number;
    bool good = true;
    for (size_t i = 0; i < errand->count && bytes && good; i++) {
        size_t part = errand->parts[i].iov_len < bytes ? errand->parts[i].iov_len : (size_t)bytes;
        if (i >= from)
            good =
                lk_received_feed(&flow->stream->received, errand->parts[i].iov_base, part, &sink);
        bytes -= part;
    }
    if (flow->settles)
        lk_answer_close(&flow->settling);
    return good;
}

/* A candidate's answer, until its first line is there: parts before `*from` have been read. */
static enum lk_plausible begin_received(struct flow *flow, size_t *from)
{
    static const struct lk_received_sink none;
    const struct errand *errand = flow->errand;
    struct lk_received *received = &flow->stream->received;
    uint64_t bytes = errand->number;
    for (*from = 0; *from < errand->count && bytes; ++*from) {
        const struct iovec *part = &errand->parts[*from];
        size_t count = part->iov_len < bytes ? part->iov_len : (size_t)bytes;
        enum lk_plausible verdict =
            count ? lk_received_begins(received, part->iov_base, count) : LK_PLAUSIBLE_SO_FAR;
        if (verdict != LK_PLAUSIBLE_SO_FAR)
            return verdict;
        if (!lk_received_feed(received, part->iov_base, count, &none))
            return LK_IMPLAUSIBLE;
        bytes -= count;
    }
    return LK_PLAUSIBLE_SO_FAR;
}

/* Another thread is opening the capture, and we have been patient. */
static bool is_opening(void)
{
    return lk_state && __atomic_load_n(&lk_state->phase, __ATOMIC_ACQUIRE) == LK_PHASE_OPENING;
}

static bool post(struct lk_mail **box, uint64_t owner, const struct errand *errand);

/* From this part on the answer waits for the next call. */
static bool put_off(struct flow *flow, size_t from)
{
    struct errand errand = *flow->errand;
    for (; from; from--, errand.parts++, errand.count--)
        errand.number -= errand.parts->iov_len;
    return !errand.time_ns && is_opening() &&
           post(&flow->stream->deferred, flow->stream->owner, &errand);
}

static bool receive(struct flow *flow)
{
    struct stream *stream = flow->stream;
    bool candidate = stream->phase == PHASE_CANDIDATE, told;
    size_t from = 0;
    if (candidate) {
        enum lk_plausible verdict =
            lk_sent_holds(&stream->sent) ? begin_received(flow, &from) : LK_IMPLAUSIBLE;
        if (verdict != LK_PLAUSIBLE)
            return verdict == LK_PLAUSIBLE_SO_FAR;
    }
    if (!enter_capture(&flow->traffic))
        return candidate && put_off(flow, from);
    if (candidate)
        prove(flow);
    told = tell_received(flow, from);
    leave_capture();
    return told;
}

/* No answers will come any more. */
static bool break_off(struct flow *flow)
{
    if (flow->stream->phase == PHASE_OPEN && enter_capture(&flow->traffic)) {
        lk_traffic_broken(&flow->traffic);
        leave_capture();
    }
    return true;
}

/* ---- Places ---- */

static bool end_stream(struct flow *flow)
{
    struct stream *stream = flow->stream;
    struct lk_sent_sink sink = sent_sink(flow);
    close_traffic(flow);
    lk_sent_forget(&stream->sent, &sink);
    __atomic_fetch_sub(&wire->used, 1, __ATOMIC_RELAXED);
    __atomic_store_n(&wire->hint, (uint32_t)(stream - wire->streams), __ATOMIC_RELAXED);
    __atomic_store_n(&stream->owner, 0, __ATOMIC_RELEASE);
    return true;
}

static void prepare(struct stream *stream, uint64_t owner, const struct lk_stream_kind *kind)
{
    memset(&stream->sent, 0, offsetof(struct lk_sent, hasher));
    memset(&stream->received, 0, offsetof(struct lk_received, hasher));
    stream->phase = PHASE_CANDIDATE;
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
    if (!wire || !enter_aside())
        return LK_STREAMS;
    uint32_t first = __atomic_fetch_add(&wire->hint, 1, __ATOMIC_RELAXED);
    bool room = __atomic_load_n(&wire->used, __ATOMIC_RELAXED) < LK_STREAMS;
    for (uint32_t i = 0; room && i < LK_STREAMS && place == LK_STREAMS; i++) {
        struct stream *stream = &wire->streams[(first + i) % LK_STREAMS];
        if (__atomic_load_n(&stream->owner, __ATOMIC_RELAXED) || !lk_try_lock(&stream->lock))
            continue;
        if (!stream->owner) {
            place = (first + i) % LK_STREAMS;
            prepare(stream, owner, kind);
        }
        lk_unlock(&stream->lock);
    }
    if (place == LK_STREAMS)
        count_loss();
    leave_aside();
    return place;
}

void lk_stream_missed(void)
{
    if (lk_state && __atomic_load_n(&lk_state->phase, __ATOMIC_ACQUIRE) == LK_PHASE_OPEN)
        lk_drop(LK_DROP_NESTED);
    else if (wire)
        __atomic_fetch_add(&wire->untold, 1, __ATOMIC_RELAXED);
}

/* ---- What the wrappers want done ---- */

/* The stream is held. */
static bool perform(struct stream *stream, const struct errand *errand)
{
    static bool (*const ways[])(struct flow *) = {
        [SENDING] = tell_sending, [SENT] = note_ahead, [RECEIVED] = receive, [BROKEN] = break_off};
    struct flow flow = flow_of(stream, errand);
    bool lost = __atomic_load_n(&stream->lost, __ATOMIC_ACQUIRE);
    if (stream->phase != PHASE_GIVEN_UP &&
        (lost || (errand->kind != END && !ways[errand->kind](&flow))))
        give_up(&flow);
    if (errand->kind == END)
        return end_stream(&flow);
    return stream->phase != PHASE_GIVEN_UP;
}

/* What was left to us. The stream is held. */
static void perform_mail(struct stream *stream, struct lk_mail **box)
{
    struct lk_mail *mail = lk_mail_waits(box) ? lk_mail_take(box) : NULL;
    for (; mail; mail = lk_mail_next(mail)) {
        struct iovec part = {mail->bytes, mail->count};
        struct errand errand = {(enum errand_kind)mail->kind, &part, 1, mail->number,
                                mail->time_ns};
        if (mail->owner == stream->owner)
            perform(stream, &errand);
    }
}

static bool post(struct lk_mail **box, uint64_t owner, const struct errand *errand)
{
    uint64_t bytes = errand->kind == RECEIVED ? errand->number : 0;
    for (size_t i = 0; i < errand->count && errand->kind != RECEIVED; i++) {
        if (!can_be_looked_at(&errand->parts[i]))
            return false;
        bytes += errand->parts[i].iov_len;
    }
    struct lk_mail mail = {
        .owner = owner, .number = errand->number, .kind = errand->kind, .count = (uint32_t)bytes};
    return bytes < LK_BUFFER_LARGE && lk_mail_post(box, &mail, errand->parts, errand->count);
}

/* In its turn: after what was put off, and what other threads have left. The stream is held. */
static bool perform_in_turn(struct stream *stream, uint64_t owner, const struct errand *errand)
{
    if (lk_mail_waits(&stream->deferred) && errand->kind != END && is_opening())
        return post(&stream->deferred, owner, errand);
    perform_mail(stream, &stream->deferred);
    perform_mail(stream, &stream->mail);
    return stream->owner == owner && perform(stream, errand);
}

/* Mail that came while the stream was held is read before it is left alone: either we see it here,
 * or who posted it finds the stream free. */
static void let_go(struct stream *stream)
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

static bool run(uint32_t place, uint64_t owner, const struct errand *errand)
{
    struct stream *stream = find(place, owner);
    bool good, held;
    if (!stream)
        return false;
    if (!enter_aside()) {
        lose(stream);
        lk_nested();
        return false;
    }
    if ((held = take_lock(stream))) {
        good = perform_in_turn(stream, owner, errand);
    } else {
        if (!(good = post(&stream->mail, owner, errand)))
            lose(stream);
        held = lk_try_lock(&stream->lock); /* whoever had it may have looked before */
    }
    if (held)
        let_go(stream);
    leave_aside();
    return good;
}

bool lk_stream_sending(uint32_t place, uint64_t owner, const struct iovec *parts, size_t count)
{
    return run(place, owner, &(struct errand){.kind = SENDING, .parts = parts, .count = count});
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
            next.iov_len = left < AHEAD_CHECK ? left : AHEAD_CHECK;
        }
        bytes += parts[i].iov_len;
    }
    return run(place, owner,
               &(struct errand){SENT, &next, 1, bytes > accepted ? bytes - accepted : 0, 0});
}

bool lk_stream_received(uint32_t place, uint64_t owner, const struct iovec *parts, size_t count,
                        size_t bytes)
{
    return run(place, owner, &(struct errand){RECEIVED, parts, count, bytes, 0});
}

bool lk_stream_broken(uint32_t place, uint64_t owner)
{
    return run(place, owner, &(struct errand){.kind = BROKEN});
}

void lk_stream_end(uint32_t place, uint64_t owner)
{
    run(place, owner, &(struct errand){.kind = END});
}
