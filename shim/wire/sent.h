/*
 * Commands on their way out: finds where each ends, however the host cuts its writes. What is whole
 * in one write is told where it lies; the rest is put together in a buffer, in which long arguments
 * are cut (cache/resp.h: LK_RESP_LONG). Pure but for lk_text_hash.
 */
#ifndef LK_WIRE_SENT_H
#define LK_WIRE_SENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cache/text.h"
#include "wire/buffers.h"

#define LK_SENT_SMALL LK_BUFFER_SMALL /* nearly all there is to hold fits */
#define LK_SENT_LARGE LK_BUFFER_LARGE /* and what does not */
#define LK_SENT_HEAD  24u             /* of a line "$1024\r\n" */

struct lk_sent_sink;

struct lk_sent { /* zeros: at the beginning of a command, without a buffer */
    char *buffer;
    uint32_t room;      /* of it: LK_SENT_SMALL or LK_SENT_LARGE */
    uint32_t used;      /* bytes in it */
    uint32_t complete;  /* of these, in commands that are complete */
    uint32_t long_at;   /* where the long argument that is being read begins */
    uint32_t long_most; /* how much of it is stored */
    uint32_t arguments, arguments_left;
    uint8_t state; /* of sent.c */
    uint8_t head_bytes;
    char head[LK_SENT_HEAD]; /* a line that is being read: a count or a length */
    bool cut;                /* something of the latest command found no room in the buffer */
    bool holds;
    uint64_t bulk_left;
    const struct lk_sent_sink *sink; /* during a call */
    struct lk_text_hasher hasher;
};

struct lk_sent_sink {
    /* Whole commands, one after the other. */
    void (*commands)(void *context, const char *bytes, size_t count);
    /* A buffer of `bytes`, LK_SENT_SMALL or LK_SENT_LARGE; NULL: there is none. */
    char *(*take_buffer)(void *context, uint32_t bytes);
    void (*give_buffer)(void *context, char *buffer);
    void *context;
};

/* `hold`: commands are kept in the buffer until lk_sent_release, as long as there is room; of their
 * values only the beginnings. False: these are no commands, or there is no room: nothing more can
 * be made of the stream. */
bool lk_sent_feed(struct lk_sent *sent, const char *bytes, size_t count, bool hold,
                  const struct lk_sent_sink *sink);
/* Whether a whole command is held. */
bool lk_sent_holds(const struct lk_sent *sent);
/* Whether a new command begins with what comes next. */
bool lk_sent_begins(const struct lk_sent *sent);
/* Tells what was held. */
void lk_sent_release(struct lk_sent *sent, const struct lk_sent_sink *sink);
/* Gives the buffer back. */
void lk_sent_forget(struct lk_sent *sent, const struct lk_sent_sink *sink);

/* Whether what a client sends first may be a command: "*3\r\n..." or "PING\r\n". */
bool lk_sent_plausible(const char *bytes, size_t count);

#endif
