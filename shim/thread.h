/*
 * The shim's per-thread state and its guard.
 *
 * `depth` tells whether the thread is in the shim's own code: at 0 the host runs. Whatever
 * interposed function is called at depth > 0 (by libunwind, the loader, a signal handler that
 * interrupts us) passes straight through. Between lk_enter and lk_leave it is LK_RECORDING, and
 * what is recorded there calls nothing that allocates: at exactly that depth a wrapper was called
 * by a signal handler, and what it lost is counted. Where we do call such things depth is one more.
 *
 * Initial-exec TLS: the preload is in the static TLS block, so that an access is one instruction
 * and never allocates (a dynamic TLS access would call malloc the first time in each thread).
 */
#ifndef LK_THREAD_H
#define LK_THREAD_H

#include <stdbool.h>
#include <stdint.h>

struct lk_extent;
struct lk_stack_cache;

#define LK_PENDING_TAGS 32u

struct lk_clock {       /* clock.h */
    uint64_t ticks, ns; /* when the system was asked last: the counter, and the time */
    uint64_t span;      /* ticks for which that can be gone on from; 0: always ask */
    uint64_t rate;      /* ns a tick, times 2^32 */
    uint64_t told;      /* the latest time that was given */
    uint64_t retell;    /* how often lk_clock_lately may give it again; 0 in a new thread: asks */
};

/* What the thread has counted and not yet added to the process's live bytes: heap/gauge.h. */
struct lk_gauge {
    int64_t live_bytes, live_count_q16;
    int64_t headroom;  /* how much more live memory would be a new peak */
    int64_t unplotted; /* change of live bytes that is not in the timeline yet */
    uint64_t allocated_bytes;
    uint64_t due_ns; /* when the timeline wants to hear */
};

#define LK_RECORDING 65536u

struct lk_thread {
    uint64_t
        remaining; /* bytes until the next sample; an allocation of at least as many is sampled */
    uint32_t depth;
    uint64_t
        generation; /* of the capture that the fields below belong to; another one: start anew */
    uint64_t last_allocated;         /* ~address, to know temporary allocations */
    uint64_t last_born_ns;           /* when: the address may be another thread's block by now */
    struct lk_stack_cache *stacks;   /* stack/cache.h; NULL before the first stack */
    struct lk_extent *const *counts; /* of its lane */
    struct lk_clock clock;
    struct lk_gauge gauge;
    struct lk_extent *heap_segment;
    uint32_t heap_position; /* bytes used in it */
    uint32_t heap_opened;   /* of these, before it came to this thread */
    uint32_t heap_marks;
    uint32_t tag; /* LK_TAG of the latest cache command; 0: none yet */
    uint64_t heap_mark_ns;
    uint64_t tag_command;   /* of a tag whose outcome is pending: cache/tag.h */
    uint64_t tag_allocated; /* bytes under that tag that are not in the template's counters yet */
    uint32_t lane;          /* whose counters the thread uses: heap/counts.h */
    uint32_t lane_shared;   /* other threads use them too */
    uint32_t late;          /* thread-local destructors have run */
    uint32_t
        cache_seen; /* what inner hiredis calls have recorded, for the outer one: cache/hiredis.c */
    const void *original; /* the hiredis function that a wrapper has called last; NULL: none */
    const void *append_context; /* a command is just being appended there, and */
    uint64_t append_before;     /* how much its output buffer held before: cache/hiredis.h */
    uint32_t
        digest_depth; /* how deep in digest functions that a wrapper forwarded: digest_context.h */
    uint32_t index;   /* from 0 */
    uint32_t tid;
    int saved_errno;
    uint64_t random;
    struct lk_extent *segment;
    uint32_t position; /* bytes used in the segment */
    uint32_t
        pending_count; /* live allocations made since a command whose outcome is not known yet */
    uint64_t last_remaining;
    uint64_t pending[LK_PENDING_TAGS]; /* ~address: who looks for pointers finds none here */
};

extern __thread struct lk_thread lk_self
    __attribute__((tls_model("initial-exec"), visibility("hidden")));

/* Enter the shim's own code to record something: false when we are inside already, or nothing is to
 * be recorded (off, stopped, paused; counts what that loses). True: errno is saved, the capture is
 * open, this thread is ready; call lk_leave. */
bool lk_enter(void);
/* The same for a cache command, which is about to wait for the network: when another thread is just
 * opening the capture, that is given a few milliseconds, so that a process's first commands are not
 * lost. */
bool lk_enter_command(void);
void lk_leave(void); /* gives errno back */

/* A wrapper was called at depth > 0: counts what is lost. */
void lk_nested(void);

/* Puts what this thread has kept to itself into the capture, and gives its segments up. At any
 * depth > 0. */
void lk_thread_settle(void);

/* The same for what must be followed even while paused (a free, a disconnect): true unless inside,
 * off or no capture exists; it never opens one. */
bool lk_enter_existing(void);

#endif
