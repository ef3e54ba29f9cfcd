/*
 * Answers off the wire: reads RESP2 and RESP3 as it comes, split anywhere, and tells each value
 * once its own bytes are there. Pure but for lk_text_hash; keeps no more than a line.
 */
#ifndef LK_WIRE_RECEIVED_H
#define LK_WIRE_RECEIVED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cache/seen.h"
#include "cache/text.h"

#define LK_RECEIVED_DEPTH 32u /* deeper than any server answers */
#define LK_RECEIVED_LINE  64u /* of a longer line the rest is counted */

struct lk_received {     /* zeros: at the beginning of an answer */
    uint8_t state;       /* of received.c */
    uint8_t mark;        /* what kind of value is being read */
    uint8_t depth;       /* aggregates that are open */
    uint8_t kept;        /* bytes in `line` */
    char last;           /* of these that came */
    uint8_t silent;      /* aggregates from this depth on are not told, from 1; 0: all are */
    uint32_t attributes; /* which of the open aggregates are, by bits: they are passed by */
    bool hashing;        /* of a long text that came in pieces */
    char line[LK_RECEIVED_LINE];
    uint64_t line_bytes;
    uint64_t bulk_bytes, bulk_left;
    uint64_t left[LK_RECEIVED_DEPTH]; /* values that still belong to each open aggregate */
    struct lk_text_hasher hasher;
};

/* `value` is told each value but an attribute's, and says whether what lies in it matters; `end`,
 * that the answer is complete. */
struct lk_received_sink {
    bool (*value)(void *context, uint32_t depth, const struct lk_value *value);
    void (*end)(void *context);
    void *context;
};

/* False: this is no RESP (nothing more can be made of the stream). */
bool lk_received_feed(struct lk_received *received, const char *bytes, size_t count,
                      const struct lk_received_sink *sink);

/* Whether a stream whose first bytes these are may be a server's answers: known once the first line
 * is there; until then it may be. */
enum lk_plausible { LK_IMPLAUSIBLE, LK_PLAUSIBLE_SO_FAR, LK_PLAUSIBLE };
enum lk_plausible lk_received_plausible(const char *bytes, size_t count);
/* The same, when the bytes before these were fed already (and nothing was told of them). */
enum lk_plausible lk_received_begins(const struct lk_received *received, const char *bytes,
                                     size_t count);

#endif
