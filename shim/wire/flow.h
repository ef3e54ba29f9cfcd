/*
 * A stream from within, and what a call of a wrapper does to it; between stream.c, which has the
 * places and the turns, and flow.c, which reads what goes by. For these two alone.
 */
#ifndef LK_WIRE_FLOW_H
#define LK_WIRE_FLOW_H

#include <errno.h>

#include "capture/state.h"
#include "thread.h"
#include "wire/mail.h"
#include "wire/received.h"
#include "wire/sent.h"
#include "wire/stream.h"

#define LK_AHEAD_CHECK 8u /* bytes of what was told ahead that must come again */

enum lk_stream_phase { LK_STREAM_CANDIDATE, LK_STREAM_OPEN, LK_STREAM_GIVEN_UP };

struct lk_stream {
    uint64_t owner; /* 0: the place is free */
    uint32_t lock;
    uint8_t phase;
    uint8_t lost;              /* set by who has not the lock: something went by unread */
    uint64_t first_ns;         /* when the candidate was first seen, by the system's clock */
    uint64_t ahead;            /* bytes that were told and are still to be sent */
    char next[LK_AHEAD_CHECK]; /* their first, as far as they are known */
    uint8_t next_bytes;
    const struct lk_stream_kind *kind;
    uint64_t identity;
    struct lk_mail *mail;
    struct lk_mail *deferred; /* until the capture is open */
    struct lk_sent sent;
    struct lk_received received;
} __attribute__((aligned(64)));

enum lk_errand_kind {
    LK_ERRAND_SENDING,
    LK_ERRAND_SENT,
    LK_ERRAND_RECEIVED,
    LK_ERRAND_BROKEN,
    LK_ERRAND_END
};

struct lk_errand { /* one call */
    enum lk_errand_kind kind;
    const struct iovec *parts;
    size_t count;
    uint64_t number;  /* SENT: bytes that were not taken; RECEIVED: bytes in all */
    uint64_t time_ns; /* when it was posted; 0: it is now, and this thread's own */
};

/* All of these aside: in the shim's own code, without a look at the capture, for a candidate opens
 * none. The stream is held. False: it is given up. */
bool lk_errand_perform(struct lk_stream *stream, const struct lk_errand *errand);
/* Leaves a copy in the box; no need to hold the stream. False: it cannot be copied. */
bool lk_errand_post(struct lk_mail **box, uint64_t owner, const struct lk_errand *errand);

/* A stream was lost: tells the capture, or the next one that there is. */
void lk_streams_count_loss(void);
void lk_streams_tell_losses(void); /* between lk_enter and lk_leave */
/* The place is free. */
void lk_stream_leave(struct lk_stream *stream);

static inline bool lk_aside_enter(void)
{
    if (lk_self.depth)
        return false;
    lk_self.depth = LK_RECORDING;
    lk_self.saved_errno = errno;
    return true;
}

static inline void lk_aside_leave(void)
{
    errno = lk_self.saved_errno;
    lk_self.depth = 0;
}

static inline bool lk_capture_is_opening(void)
{
    return lk_state && __atomic_load_n(&lk_state->phase, __ATOMIC_ACQUIRE) == LK_PHASE_OPENING;
}

#endif
