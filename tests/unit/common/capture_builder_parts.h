/* Private to the capture builder: what it has gathered until it is written. */
#ifndef LEAKEY_TESTS_CAPTURE_BUILDER_PARTS_H
#define LEAKEY_TESTS_CAPTURE_BUILDER_PARTS_H

#include <glib.h>

#include "common/capture_builder.h"

#define BUILDER_CONNECTIONS 256

struct segment {
    struct lk_extent head;
    uint8_t *room; /* LK_SEGMENT_ROOM */
};

/* A change of a site's live bytes, of which histories and the peak are made. */
struct change {
    uint64_t time_ns;
    uint32_t site;
    int64_t bytes;
};

struct builder {
    struct lk_header header;
    char *executable;
    GString *command;
    GArray *sites;  /* struct lk_site; frames_offset is an index into frames until it is saved */
    GArray *frames; /* uint64_t */
    GByteArray *modules;
    size_t module_count;
    GArray *templates;   /* struct lk_template; sketch_offset is 1 when there is a sketch */
    GPtrArray *sketches; /* of uint8_t[LK_SKETCH_BYTES], by template id; NULL none */
    GArray *verbs;
    GArray *live;            /* struct lk_live */
    GHashTable *live_by_key; /* key -> index + 1 */
    GArray *blocks;          /* struct lk_live, of what is kept by address */
    struct lk_bucket *timeline[LK_TIMELINE_LEVELS];
    GArray *counts[LK_SHARED_LANES]; /* struct lk_counts, by site */
    GArray *changes;                 /* struct change */
    GArray *segments;                /* struct segment, of both kinds */
    GHashTable *open;                /* thread -> segment index + 1 */
    GHashTable *open_heap;           /* the same of heap events */
    uint64_t sequence, heap_sequence;
    uint32_t thread;
    uint64_t latest_ns;
    uint64_t sequences[BUILDER_CONNECTIONS];
};

#endif
