/* What goes by on a stream, from the pieces to the cache side. */
#define _GNU_SOURCE
#include "wire/flow.h"

#include <string.h>

#include "cache/traffic.h"
#include "capture/capture.h"
#include "sys.h"
#include "wire/buffers.h"

#define PIECE_MOST (1ull << 31) /* more the system does not take at once */
#define LOWEST     4096u        /* addresses that the host may have by mistake: below, */
#define HIGHEST    (1ull << 47) /* and from here on */

struct flow {
    struct lk_stream *stream;
    const struct lk_errand *errand;
    struct lk_traffic traffic;
    struct lk_settling settling;
    bool settles;
};

static struct flow flow_of(struct lk_stream *stream, const struct lk_errand *errand)
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

/* From aside to where things are recorded: the capture is open, or known to be there. False: there
 * is none, and we are aside still. */
static bool enter_capture(struct lk_traffic *traffic)
{
    lk_aside_leave();
    traffic->recording = lk_enter_command();
    if (traffic->recording || lk_enter_existing())
        return true;
    lk_aside_enter();
    return false;
}

static void leave_capture(void)
{
    lk_leave();
    lk_aside_enter();
}

static void close_traffic(struct flow *flow)
{
    if (flow->stream->phase == LK_STREAM_OPEN && enter_capture(&flow->traffic)) {
        lk_traffic_closing(&flow->traffic);
        leave_capture();
    }
}

/* Aside; the stream is held and stays so. */
static void give_up(struct flow *flow)
{
    struct lk_stream *stream = flow->stream;
    struct lk_sent_sink sink = sent_sink(flow);
    /* A candidate is one by its first words alone, unless it has sent so many that there is no
     * doubt. */
    if (stream->phase == LK_STREAM_OPEN || stream->lost || stream->sent.cut)
        lk_streams_count_loss();
    close_traffic(flow);
    lk_sent_forget(&stream->sent, &sink);
    stream->phase = LK_STREAM_GIVEN_UP;
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
static bool pass_ahead(struct lk_stream *stream, const char *bytes, size_t count)
{
    if (memcmp(bytes, stream->next, count < stream->next_bytes ? count : stream->next_bytes) != 0)
        return false;
    stream->ahead -= count;
    stream->next_bytes = 0;
    return true;
}

/* A descriptor may have been closed where we do not see it (by fclose), and be a file's by now,
 * each line of which would look like a command. */
static bool is_still_itself(const struct lk_stream *stream, char first)
{
    return first == '*' || !lk_sent_begins(&stream->sent) || !stream->kind->identity ||
           stream->kind->identity(stream->owner) == stream->identity;
}

static bool tell_part(struct flow *flow, const struct iovec *part)
{
    struct lk_stream *stream = flow->stream;
    struct lk_sent_sink sink = sent_sink(flow);
    const char *bytes = part->iov_base;
    size_t left = part->iov_len, passed = stream->ahead < left ? (size_t)stream->ahead : left;
    if (!can_be_looked_at(part) || (passed && !pass_ahead(stream, bytes, passed)))
        return false;
    return left == passed || (is_still_itself(stream, bytes[passed]) &&
                              lk_sent_feed(&stream->sent, bytes + passed, left - passed,
                                           stream->phase == LK_STREAM_CANDIDATE, &sink));
}

/* When a piece of mail was posted, by the capture's clock. */
static uint64_t capture_time(uint64_t time_ns)
{
    uint64_t age = lk_sys_monotonic_ns() - time_ns, now = lk_now();
    return now > age ? now - age : 1;
}

static bool tell_sending(struct flow *flow)
{
    const struct lk_errand *errand = flow->errand;
    bool candidate = flow->stream->phase == LK_STREAM_CANDIDATE, told = true;
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
    struct lk_stream *stream = flow->stream;
    const struct iovec *first = flow->errand->parts;
    stream->ahead += flow->errand->number;
    stream->next_bytes =
        (uint8_t)(first->iov_len < LK_AHEAD_CHECK ? first->iov_len : LK_AHEAD_CHECK);
    if (stream->next_bytes)
        memcpy(stream->next, first->iov_base, stream->next_bytes);
    return true;
}

/* ---- What comes in ---- */

/* The first answer proves it: now what was held back is told. */
static void prove(struct flow *flow)
{
    struct lk_stream *stream = flow->stream;
    struct lk_sent_sink sink = sent_sink(flow);
    stream->phase = LK_STREAM_OPEN;
    lk_streams_tell_losses();
    lk_traffic_connected(&flow->traffic);
    flow->traffic.issued_ns = capture_time(stream->first_ns);
    lk_sent_release(&stream->sent, &sink);
    flow->traffic.issued_ns = 0;
}

static bool tell_received(struct flow *flow, size_t from)
{
    struct lk_received_sink sink = {
        .value = value_received, .end = answer_received, .context = flow};
    const struct lk_errand *errand = flow->errand;
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
    const struct lk_errand *errand = flow->errand;
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

/* While another thread opens the capture nobody waits: from this part on the answer is read at the
 * next call. */
static bool put_off(struct flow *flow, size_t from)
{
    struct lk_errand errand = *flow->errand;
    for (; from; from--, errand.parts++, errand.count--)
        errand.number -= errand.parts->iov_len;
    return !errand.time_ns && lk_capture_is_opening() &&
           lk_errand_post(&flow->stream->deferred, flow->stream->owner, &errand);
}

static bool receive(struct flow *flow)
{
    struct lk_stream *stream = flow->stream;
    bool candidate = stream->phase == LK_STREAM_CANDIDATE, told;
    size_t from = 0;
    if (candidate) {
        enum lk_plausible verdict =
            lk_sent_holds(&stream->sent) ? begin_received(flow, &from) : LK_IMPLAUSIBLE;
        if (verdict != LK_PLAUSIBLE)
            return verdict == LK_PLAUSIBLE_SO_FAR;
    }
    if (candidate && put_off(flow, from))
        return true;
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
    if (flow->stream->phase == LK_STREAM_OPEN && enter_capture(&flow->traffic)) {
        lk_traffic_broken(&flow->traffic);
        leave_capture();
    }
    return true;
}

static bool end_stream(struct flow *flow)
{
    struct lk_stream *stream = flow->stream;
    struct lk_sent_sink sink = sent_sink(flow);
    close_traffic(flow);
    lk_sent_forget(&stream->sent, &sink);
    lk_stream_leave(stream);
    return true;
}

/* ---- Errands ---- */

bool lk_errand_perform(struct lk_stream *stream, const struct lk_errand *errand)
{
    static bool (*const ways[])(struct flow *) = {[LK_ERRAND_SENDING] = tell_sending,
                                                  [LK_ERRAND_SENT] = note_ahead,
                                                  [LK_ERRAND_RECEIVED] = receive,
                                                  [LK_ERRAND_BROKEN] = break_off};
    struct flow flow = flow_of(stream, errand);
    bool lost = __atomic_load_n(&stream->lost, __ATOMIC_ACQUIRE);
    if (stream->phase != LK_STREAM_GIVEN_UP &&
        (lost || (errand->kind != LK_ERRAND_END && !ways[errand->kind](&flow))))
        give_up(&flow);
    if (errand->kind == LK_ERRAND_END)
        return end_stream(&flow);
    return stream->phase != LK_STREAM_GIVEN_UP;
}

bool lk_errand_post(struct lk_mail **box, uint64_t owner, const struct lk_errand *errand)
{
    uint64_t bytes = errand->kind == LK_ERRAND_RECEIVED ? errand->number : 0;
    for (size_t i = 0; i < errand->count && errand->kind != LK_ERRAND_RECEIVED; i++) {
        if (!can_be_looked_at(&errand->parts[i]))
            return false;
        bytes += errand->parts[i].iov_len;
    }
    struct lk_mail mail = {
        .owner = owner, .number = errand->number, .kind = errand->kind, .count = (uint32_t)bytes};
    return bytes < LK_BUFFER_LARGE && lk_mail_post(box, &mail, errand->parts, errand->count);
}
