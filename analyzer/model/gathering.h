/* Private to the gathering of accesses: its state, and its steps in files of their own. */
#ifndef LEAKEY_MODEL_GATHERING_H
#define LEAKEY_MODEL_GATHERING_H

#include "model/cache.h"

#define EITHER (ACCESS_WRITE | ACCESS_DELETE) /* of what stores a result */

/* An input that waits for its command. Its place is used again after that. */
struct waiting_input {
    struct cache_input input; /* `text` is nothing yet */
    GByteArray *text;
};

struct gathering {
    struct cache_model *model;
    struct map keys;        /* server, database, key -> index */
    struct map pending;     /* connection, sequence, key_index -> access without an answer yet */
    struct map others;      /* key, fingerprint -> asker; key -> how many; see cache.h */
    struct map inputs;      /* capture, thread, key -> index in `waiting` */
    GArray *waiting;        /* struct waiting_input */
    GArray *free_places;    /* uint32_t, in `waiting` */
    struct map servers;     /* capture, connection -> server */
    struct map connections; /* capture, connection -> index */
    GArray *last; /* uint32_t, of each connection: access with the highest sequence; CACHE_NONE */
    int64_t *starts; /* of each capture, from the first one's */
    const struct capture *capture;
    uint32_t index;    /* of the capture */
    int64_t offset_ns; /* of the capture's start from the first capture's */
};

/* Of two commands on one connection. */
static inline bool comes_before(uint32_t sequence, uint32_t other)
{
    return (int32_t)(sequence - other) < 0;
}

/* gather_commands.c: puts a record into the model. */
void gather_event(struct gathering *gathering, const struct event *event, uint32_t source);
/* What the captures know of connections, before the first event. */
void gather_connects(struct gathering *gathering);

/* gather_inputs.c: a digest's input waits for its command... */
void gather_input(struct gathering *gathering, const struct event *event);
/* ... and the first of a key stays with it. Returns which of the key's inputs the command asked for
 * (enum cache_asker). */
uint8_t gather_attach_input(struct gathering *gathering, const struct event *event,
                            uint32_t key_index);

#endif
