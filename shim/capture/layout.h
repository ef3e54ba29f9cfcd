/*
 * The capture's layout: what the shim writes and the analyzer reads. LAYOUT.md beside it says it in
 * words.
 *
 * Rules. Little-endian, fixed widths, natural alignment, no pointers, bitfields, bools or size_t.
 * Every structure's size is asserted. An offset is a byte offset from the file's start. Times are
 * nanoseconds of CLOCK_MONOTONIC since `start_monotonic_ns`. Counters are written with relaxed
 * atomic adds by a living process: a reader may see them between two steps of one event.
 *
 * Version policy: a reader refuses another LK_VERSION. Bump it when a field moves, changes its
 * meaning or a record or extent kind is added that an older reader must not skip. A new record type
 * or extent kind that may be skipped keeps the version: readers skip types and kinds that they do
 * not know.
 */
#ifndef LK_CAPTURE_LAYOUT_H
#define LK_CAPTURE_LAYOUT_H

#include <assert.h>
#include <stddef.h>
#include <stdint.h>

#define LK_MAGIC      "leakey\r\n"
#define LK_VERSION    2u
#define LK_BYTE_ORDER 0x01020304u
#define LK_GRANULE    65536u /* extents start at, and are sized in, multiples of it */

/* Heap counters exist once for each lane; a reader adds them up. A thread has a lane of its own
 * while there are some; all other threads share the first ones. */
#define LK_LANES        64u
#define LK_SHARED_LANES 4u

enum lk_flag {
    LK_FLAG_HEAP = 1u << 0,  /* the heap side was recorded */
    LK_FLAG_CACHE = 1u << 1, /* the cache side was recorded */
    LK_FLAG_KEYS_HASHED =
        1u << 2, /* --keys hash: texts are arrays of lk_token_hash, hashes are keyed */
    LK_FLAG_STACK_FALLBACK = 1u << 3, /* no libunwind: stacks come from the fallback unwinder */
    LK_FLAG_FORKED =
        1u << 4, /* the process came by fork without exec; `ppid` is the parent's capture's pid */
};

enum lk_end { LK_END_RUNNING = 0, LK_END_EXIT = 1, LK_END_EXEC = 2, LK_END_SIGNAL = 3 };

enum lk_control {
    LK_CONTROL_PAUSED = 1u << 0, /* written by `leakey pause` and `leakey resume` */
    LK_CONTROL_OPEN = 1u << 1,   /* always, while the process records: zero once the file was cut */
};

/* Why something was not recorded: an index into lk_header.dropped. */
enum lk_drop {
    LK_DROP_NO_SEGMENT, /* no ring segment to be had */
    LK_DROP_NO_SPACE,   /* a table could not grow: disk full, limit, bound */
    LK_DROP_NESTED,     /* a signal handler or a call of ours interrupted a wrapper */
    LK_DROP_TOO_LARGE,  /* a record that fits no segment */
    LK_DROP_NO_STATE,   /* no room for a connection, a pending command or a digest context */
    LK_DROP_NOT_READY,  /* while another thread was setting the capture up */
    LK_DROP_REASONS = 8
};

struct lk_header { /* at offset 0 */
    char magic[8];
    uint32_t byte_order;
    uint32_t version;
    uint32_t header_bytes; /* sizeof(struct lk_header) */
    uint32_t granule_bytes;
    uint32_t flags; /* enum lk_flag */
    uint32_t pid;
    uint32_t ppid;
    uint32_t reserved0;
    uint64_t sample_bytes; /* mean; 1 = every allocation */
    uint64_t ring_bytes;   /* the ring's bound */
    uint64_t start_realtime_ns;
    uint64_t start_monotonic_ns;  /* CLOCK_MONOTONIC when recording began */
    uint64_t process_start_ticks; /* field 22 of /proc/PID/stat: tells a reused pid */
    uint8_t boot_id[16];
    uint32_t executable_offset,
        executable_bytes; /* path, no NUL counted; within the first granule */
    uint32_t command_offset,
        command_bytes; /* argv, each NUL-terminated; within the first granule */

    uint32_t control;    /* enum lk_control */
    uint32_t end;        /* enum lk_end */
    uint32_t end_status; /* exit status where known */
    uint32_t pauses;     /* how many there were: struct lk_pause */
    uint64_t end_ns;     /* 0 while running */
    uint64_t last_ns;    /* time of a late event; within one segment's worth of the last one */

    uint64_t used_bytes;        /* extents are handed out below it */
    uint64_t reserved_bytes;    /* file space that is reserved; the file's size */
    uint64_t segments;          /* ring segments that exist */
    uint64_t next_sequence;     /* the next SEGMENT's sequence number */
    uint64_t overwritten_count; /* records in overwritten SEGMENTs */
    uint64_t dropped[LK_DROP_REASONS];

    int64_t live_bytes; /* estimate */
    int64_t live_count_q16;
    uint64_t peak_live_bytes; /* within 32 KiB times the number of threads beside one */
    uint64_t peak_ns;
    uint64_t sites, templates, verbs, modules; /* how many exist */
    uint64_t lost_sites;                       /* allocations whose stack found no room (site 0) */
    uint64_t errors;                           /* error replies */
    uint32_t peak_number;                      /* how often live_bytes has reached a new peak */
    uint32_t history_shift;                    /* see struct lk_history */
    /* How stacks were had: learned by walking, by the unwinder that walking falls back on (and all
     * others: from the stack cache). And what the checker found, where it was on. */
    uint64_t stacks_learned, stacks_unwound, stacks_checked, stacks_mismatched;
    uint64_t next_heap_sequence;     /* as next_sequence, of the ring's HEAP_SEGMENTs */
    uint64_t overwritten_heap_count; /* as overwritten_count */
    uint64_t paused_more_ns;         /* length of the pauses that are not in the table */
    uint64_t reserved2;
};
static_assert(offsetof(struct lk_header, sample_bytes) == 40, "layout");
static_assert(offsetof(struct lk_header, executable_offset) == 96, "layout");
static_assert(offsetof(struct lk_header, used_bytes) == 144, "layout");
static_assert(offsetof(struct lk_header, live_bytes) == 248, "layout");
static_assert(offsetof(struct lk_header, peak_number) == 328, "layout");
static_assert(sizeof(struct lk_header) == 400, "layout");

/* When recording was paused. A table behind the header, of the first LK_PAUSES - 1 pauses and the
 * latest one, written by `leakey pause` and `leakey resume` under a lock of the file (flock); the
 * first, of a process that began paused, by the shim. */
struct lk_pause {
    uint64_t from_ns;
    uint64_t to_ns; /* 0: it goes on, or the process ended in it */
};
#define LK_PAUSES        32u
#define LK_PAUSES_OFFSET 512u
static_assert(sizeof(struct lk_pause) == 16, "layout");
static_assert(LK_PAUSES_OFFSET >= sizeof(struct lk_header), "behind the header");

/* The file after the first granule is a sequence of extents, each an integral number of granules. A
 * granule that starts with zeros was handed out and never filled: skip one granule. */
enum lk_extent_kind {
    LK_EXTENT_SEGMENT = 1,   /* of the ring: struct lk_segment, then records; always one granule */
    LK_EXTENT_LIVE = 2,      /* struct lk_live[], a hash table; order means nothing */
    LK_EXTENT_SITES = 3,     /* struct lk_site[] with ids first_id.. */
    LK_EXTENT_FRAMES = 4,    /* u64[]: return addresses that lk_site points at */
    LK_EXTENT_MODULES = 5,   /* struct lk_module[], variable length, `items` counts bytes in use */
    LK_EXTENT_TEMPLATES = 6, /* struct lk_template[] with ids first_id.. */
    LK_EXTENT_VERBS = 7,     /* struct lk_verb[] with ids first_id.. */
    LK_EXTENT_SKETCHES = 8,  /* uint8_t[LK_SKETCH_BYTES] each; lk_template points at them */
    LK_EXTENT_TIMELINE = 9,  /* struct lk_bucket[LK_TIMELINE_BUCKETS]; first_id is the level */
    LK_EXTENT_COUNTS = 10,   /* struct lk_counts[] of the sites with ids first_id..; `thread` is the
                                lane */
    LK_EXTENT_HISTORY = 11,  /* struct lk_history[] of the sites with ids first_id.. */
    LK_EXTENT_BLOCKS = 12,   /* struct lk_block pages; always one granule */
    LK_EXTENT_HEAP_SEGMENT = 13, /* of the ring: struct lk_heap_event[]; always one granule */
};

struct lk_extent {      /* the first 64 bytes of every extent */
    uint32_t kind;      /* enum lk_extent_kind; written last, with release order */
    uint32_t granules;  /* its size */
    uint64_t first_id;  /* id of the first item, where items have ids */
    uint64_t items;     /* capacity in items (MODULES, FRAMES: see there) */
    uint64_t sequence;  /* either SEGMENT: its number in the order of opening, from 0 */
    uint32_t committed; /* SEGMENT: bytes of complete records after this header; release order */
    uint32_t records;   /* SEGMENT: how many; HEAP_SEGMENT: events, right when nobody holds it */
    uint32_t state;     /* SEGMENT: enum lk_segment_state */
    uint32_t thread;    /* SEGMENT: index of the thread that holds it; COUNTS: lane */
    uint64_t reserved[2];
};
static_assert(sizeof(struct lk_extent) == 64, "layout");

enum lk_segment_state {
    LK_SEGMENT_FREE = 0,
    LK_SEGMENT_OPEN = 1,
    LK_SEGMENT_SEALED = 2,
    LK_SEGMENT_PARKED = 3
};
#define LK_SEGMENT_ROOM (LK_GRANULE - (uint32_t)sizeof(struct lk_extent))

/* ---- Tables: whole-run truth, whatever the ring has lost ---- */

/* What a live entry is. Its key is address ^ (kind << 60). */
enum lk_live_kind { LK_LIVE_HEAP = 0, LK_LIVE_REPLY = 1, LK_LIVE_CONTEXT = 2 };

/* What a cache command came to. */
enum lk_outcome {
    LK_OUTCOME_NONE = 0, /* before the thread's first cache command */
    LK_OUTCOME_HIT = 1,
    LK_OUTCOME_MISS = 2,
    LK_OUTCOME_WRITE = 3,
    LK_OUTCOME_ERROR = 4,   /* error reply, or the connection broke */
    LK_OUTCOME_OTHER = 5,   /* neither a read nor a write of a key */
    LK_OUTCOME_PENDING = 6, /* reply not seen yet */
};

/* A tag ties an allocation or a reply to the thread's latest cache command: outcome << 10 |
 * template id. A context's says what its connecting came to: ERROR or OTHER, of no template. */
#define LK_TAG_BITS      13u
#define LK_TAG_TEMPLATES 1024u
#define LK_TAG(outcome, template_id) \
    ((uint32_t)(outcome) << 10 | ((uint32_t)(template_id) & (LK_TAG_TEMPLATES - 1)))
#define LK_TAG_OUTCOME(tag)  ((tag) >> 10)
#define LK_TAG_TEMPLATE(tag) ((tag) & (LK_TAG_TEMPLATES - 1))

struct lk_live {
    uint64_t key;  /* 0 empty, 1 deleted, 2 being written */
    uint64_t size; /* requested bytes; REPLY: bytes of the whole reply tree */
    uint64_t time_ns;
    uint32_t site;
    uint32_t tag;
};
static_assert(sizeof(struct lk_live) == 32, "layout");

/* Every-allocation mode keeps its live heap blocks by address instead: a page of 64 entries for
 * each 1 KiB of memory in which a block begins, one for each 16 bytes. (A block that does not begin
 * at a multiple of 16, or is of 4 KiB or more, is in a LIVE extent.) In a BLOCKS extent
 * u64[LK_BLOCK_PAGES] follows the head, what memory each of its pages is of (0: none yet); the
 * pages themselves, of LK_BLOCK_PAGE bytes, lie at its multiples of that, from the first on. */
#define LK_BLOCK_PAGE         1024u
#define LK_BLOCK_PAGES        63u
#define LK_BLOCKS_PER_PAGE    64u
#define LK_BLOCK_SIZE_BITS    40u
#define LK_BLOCK_SITE_BITS    22u
#define LK_BLOCK_LANE_BITS    6u
#define LK_BLOCK_TIME_UNIT_NS 128u
struct lk_block {
    uint64_t block; /* 0: none. size | site << 40 | 1 << 62; written last, cleared first */
    uint64_t past;  /* tag | lane << 13 | time in LK_BLOCK_TIME_UNIT_NS << 19 */
};
#define LK_BLOCK_TAG(past)  ((uint32_t)(past) & ((1u << LK_TAG_BITS) - 1))
#define LK_BLOCK_LANE(past) ((uint32_t)(past) >> LK_TAG_BITS & ((1u << LK_BLOCK_LANE_BITS) - 1))
#define LK_BLOCK_TIME_NS(past) \
    (((past) >> (LK_TAG_BITS + LK_BLOCK_LANE_BITS)) * LK_BLOCK_TIME_UNIT_NS)
static_assert(sizeof(struct lk_block) == 16, "layout");
static_assert(LK_BLOCK_PAGE * (LK_BLOCK_PAGES + 1) == LK_GRANULE, "the pages fill the extent");

enum lk_site_flag { LK_SITE_CUT = 1u << 0 }; /* the stack was deeper than what was kept */

struct lk_site { /* id 0 is "stack unknown" */
    uint64_t hash;
    uint64_t frames_offset; /* of u64[depth], innermost first, without the shim's own frames */
    uint32_t depth;
    uint32_t flags;
    uint32_t epoch; /* how many times dlclose had unloaded something: an address is of the modules
                       then */
    uint32_t reserved;
    uint64_t first_ns;
    uint64_t reserved1[3];
};
static_assert(sizeof(struct lk_site) == 64, "layout");
#define LK_SITE_FRAMES_MAX 192u

/* What one lane's threads allocated at one site, and freed of what was allocated there. All lanes
 * and sites, 0 among them, make up the heap's totals. Sampled captures hold unbiased estimates: an
 * allocation of s bytes that was sampled at a mean of R bytes adds s/P bytes and 1/P counts, P = 1
 * - exp(-s/R) (Horvitz-Thompson). Counts are in 1/65536. */
struct lk_counts {
    uint64_t allocated_bytes;
    uint64_t allocated_count_q16;
    uint64_t freed_bytes;
    uint64_t freed_count_q16;
    uint64_t temporary_count_q16; /* freed before the same thread's next allocation */
    int64_t peak_bytes; /* allocated - freed when the heap's peak number `peak_number` was reached;
                           where that is not the header's peak_number, nothing changed since: the
                           difference now */
    uint32_t peak_number;
    uint32_t window; /* the latest window of the history in which something was counted here */
    uint64_t reserved;
    /* Sampled captures alone: */
    double allocated_variance; /* bytes^2: sum of (s/P)^2 (1-P) */
    uint64_t samples;          /* allocations recorded */
    uint64_t sample_frees;     /* of these, freed */
    uint64_t reserved1[5];
};
static_assert(offsetof(struct lk_counts, allocated_variance) == 64, "a cache line each");
static_assert(sizeof(struct lk_counts) == 128, "layout");

/* A site's live bytes over the whole run: at the end of each of LK_HISTORY_WINDOWS windows of
 * LK_HISTORY_NS(shift) that is before `last`; since then they are what they are now. When the run
 * outgrows the windows, their width doubles and pairs become one; a site's history does so when
 * something is counted there, so its shift may be lower than the header's. */
#define LK_HISTORY_WINDOWS   30u
#define LK_HISTORY_NS(shift) (4194304ull << (shift))
struct lk_history {
    uint32_t lock; /* means nothing in a file */
    uint32_t shift;
    uint32_t last; /* the window that is still open */
    uint32_t reserved;
    int64_t live_bytes[LK_HISTORY_WINDOWS];
};
static_assert(sizeof(struct lk_history) == 256, "layout");

struct lk_module {
    uint32_t bytes; /* of this entry, a multiple of 8; 0 ends the extent */
    uint32_t path_bytes;
    uint64_t start, end;  /* addresses it occupied */
    uint64_t bias;        /* address - bias = address in the file's own numbering (ELF vaddr) */
    uint32_t first_epoch; /* epochs in which it was seen: first_epoch <= e <= last_epoch */
    uint32_t last_epoch;  /* UINT32_MAX while loaded, or unloaded and expected to come back */
    uint32_t build_id_bytes;
    uint32_t reserved;
    uint8_t build_id[32];
    /* char path[path_bytes], padded with NULs */
};
static_assert(sizeof(struct lk_module) == 80, "layout");

#define LK_SKETCH_PRECISION \
    14u /* HyperLogLog registers: 2^14 bytes, standard error 1.04/sqrt(2^14) = 0.81 % */
#define LK_SKETCH_BYTES (1u << LK_SKETCH_PRECISION)
/* register index = hash >> 50; value = 1 + leading zeros of (hash << 14 | 1 << 13) */

/* Durations in histograms: bucket b holds [2^(b/4), 2^((b+1)/4)) microseconds, from b = 0 (also
 * below) to the last. */
#define LK_HISTOGRAM_BUCKETS 112u

#define LK_TEMPLATE_TEXT 256u
struct lk_template { /* id 0 is "no room for more templates" */
    uint64_t hash;
    uint32_t text_bytes;
    uint32_t flags;
    uint64_t sketch_offset; /* of the sketch of distinct keys read or written; 0 = none */
    uint64_t reads, hits, misses, writes, deletes, errors;
    uint64_t written_bytes; /* value bytes */
    uint64_t read_bytes;    /* value bytes of hits */
    uint64_t no_ttl_writes;
    uint64_t first_ns, last_ns;
    uint64_t replies_live;       /* replies of this template's commands that nobody has freed */
    uint64_t allocated_bytes[3]; /* by the heap while the latest command was a hit, miss, write */
    uint64_t reserved[4];
    uint32_t latency[LK_HISTOGRAM_BUCKETS]; /* issue to reply, of reads and writes */
    char text[LK_TEMPLATE_TEXT];            /* not terminated; see shim/text/template.h */
};
static_assert(offsetof(struct lk_template, latency) == 176, "layout");
static_assert(sizeof(struct lk_template) == 176 + 448 + 256, "layout");

struct lk_verb {   /* id 0 is "any other verb" */
    char name[24]; /* upper case, NUL-padded */
    uint64_t calls;
};
static_assert(sizeof(struct lk_verb) == 32, "layout");

/* The timeline: level k has buckets of LK_TIMELINE_NS(k) and covers times below LK_TIMELINE_NS(k) *
 * LK_TIMELINE_BUCKETS. An event is counted in the first level that covers it, so early time is
 * finer. An empty bucket (updates == 0) has the live bytes of the one before. */
#define LK_TIMELINE_BUCKETS   4094u
#define LK_TIMELINE_LEVELS    8u
#define LK_TIMELINE_NS(level) (10000000ull << (3u * (level)))
struct lk_bucket {
    uint64_t max_live_bytes;
    uint64_t last_live_bytes;
    uint64_t allocated_bytes; /* within the bucket */
    uint64_t updates;
};
static_assert(sizeof(struct lk_bucket) == 32, "layout");

/* ---- The ring's events, in order of time within a segment ---- */

enum lk_record_type {
    LK_RECORD_THREAD = 1,
    LK_RECORD_COMMAND = 4,
    LK_RECORD_REPLY = 5,
    LK_RECORD_INPUT = 6,
    LK_RECORD_CONNECT = 7,
    LK_RECORD_DISCONNECT = 8,
};

/* Heap events, in segments of their own so that they never displace the cache's: every allocation
 * and free, or those that were sampled. What an event says is in its low 3 bits; a free repeats
 * what its allocation said. */
enum lk_heap_event_type {
    LK_HEAP_MARK = 0, /* event >> 3: the thread; place: the time in ns. Later times count from it */
    LK_HEAP_ALLOC = 1,
    LK_HEAP_FREE = 2,
    LK_HEAP_REALLOC_FREE = 3, /* followed by the REALLOC_ALLOC of the same realloc */
    LK_HEAP_REALLOC_ALLOC = 4,
};
#define LK_HEAP_SIZE_BITS    30u /* a larger size is stored as the largest */
#define LK_HEAP_SITE_BITS    21u
#define LK_HEAP_TIME_BITS    16u
#define LK_HEAP_TIME_UNIT_NS 64u
struct lk_heap_event {
    uint64_t event; /* type | size << 3 | site << 33 | the tag's template << 54 */
    uint64_t place; /* time since the mark in LK_HEAP_TIME_UNIT_NS | the tag's outcome << 16 |
                       address / 8 << 19 */
};
static_assert(sizeof(struct lk_heap_event) == 16, "layout");

struct lk_record { /* the first 16 bytes of every record */
    uint16_t type;
    uint16_t bytes; /* of the whole record, a multiple of 8, at least 16 */
    uint32_t reserved;
    uint64_t time_ns;
};
static_assert(sizeof(struct lk_record) == 16, "layout");

struct lk_record_thread { /* opens a thread's stretch of a segment */
    struct lk_record head;
    uint32_t thread; /* index, from 0, in order of first event */
    uint32_t tid;
};
static_assert(sizeof(struct lk_record_thread) == 24, "layout");

enum lk_command_flag {
    LK_COMMAND_READ = 1u << 0,  /* asks for the key's value */
    LK_COMMAND_WRITE = 1u << 1, /* gives the key a value */
    LK_COMMAND_DELETE = 1u << 2,
    LK_COMMAND_EXPIRE = 1u << 3,      /* sets or clears the TTL alone */
    LK_COMMAND_CUT = 1u << 4,         /* the key's text is longer than what was stored */
    LK_COMMAND_FLUSH = 1u << 5,       /* FLUSHALL, FLUSHDB: deletes every key */
    LK_COMMAND_BINARY = 1u << 6,      /* the key is not printable UTF-8 */
    LK_COMMAND_CONDITIONAL = 1u << 7, /* the write may be refused (NX, XX, SETNX) */
    LK_COMMAND_SHRINK = 1u << 8,      /* takes elements away; with the last one goes the key */
};
/* WRITE and DELETE together: what stores a result (ZUNIONSTORE); see LK_REPLIED_EMPTY. */
#define LK_NO_KEY      0xffffu
#define LK_TEXT_MAX    4096u
#define LK_TTL_NONE    (-1) /* the write leaves no expiry */
#define LK_TTL_UNKNOWN (-2) /* the write says nothing of it (KEEPTTL, HSET on what may exist) */
#define LK_TTL_SOURCE  (-3) /* it is that of the command's first key (RENAME, COPY) */

/* One key of one command, when it was issued. A command with n keys gives n of them with key_index
 * 0..n-1; one without keys gives one with key_index LK_NO_KEY. */
struct lk_record_command {
    struct lk_record head;
    uint32_t connection;
    uint32_t site;     /* call stack that issued it; 0 unknown */
    uint64_t sequence; /* order on the connection, from 0 */
    uint16_t verb;
    uint16_t flags; /* enum lk_command_flag */
    uint16_t key_index;
    uint16_t key_count;
    uint32_t database; /* that the key is in */
    uint32_t template_id;
    uint64_t key_hash;   /* XXH3-64 of the whole key (hash mode: keyed) */
    uint64_t value_hash; /* writes: XXH3-64 of the value; 0 otherwise */
    uint64_t value_bytes;
    int64_t ttl_ms;      /* writes and EXPIRE: from now; LK_TTL_* */
    uint32_t key_bytes;  /* the whole key's length */
    uint32_t text_bytes; /* what follows: the key, or (hash mode) lk_token_hash[] */
};
static_assert(sizeof(struct lk_record_command) == 88, "layout");

/* One key's answer. A command with n keys gives n of them. */
struct lk_record_reply {
    struct lk_record head;
    uint32_t connection;
    uint32_t outcome; /* enum lk_outcome */
    uint64_t sequence;
    uint64_t value_hash; /* hits of one string value: XXH3-64; else 0 */
    uint64_t value_bytes;
    uint16_t key_index;
    uint16_t flags; /* enum lk_reply_flag */
    uint16_t reserved[2];
};
static_assert(sizeof(struct lk_record_reply) == 56, "layout");

enum lk_reply_flag {
    LK_REPLIED_REFUSED = 1u << 0, /* the key was not written, deleted, shrunk or given an expiry:
                                     NX, no such key, DISCARD */
    LK_REPLIED_EMPTY = 1u << 1,   /* there was nothing to store: the key was deleted instead */
};

enum lk_digest_encoding {
    LK_ENCODING_HEX = 1,
    LK_ENCODING_BASE64 = 2,
    LK_ENCODING_DECIMAL = 3,
    LK_ENCODING_RAW = 4,
};

/* The next COMMAND of this thread has a key that holds a digest of this input. */
struct lk_record_input {
    struct lk_record head;
    uint64_t key_hash;                    /* of that key */
    uint64_t fingerprint;                 /* XXH3-64 of the whole input (hash mode: keyed) */
    uint64_t input_bytes;                 /* the whole input's length */
    uint16_t algorithm;                   /* enum lk_digest_algorithm */
    uint16_t encoding;                    /* enum lk_digest_encoding */
    uint16_t digest_offset, digest_bytes; /* where in the key its text stands */
    uint32_t reserved;
    uint32_t text_bytes; /* what follows: the input's first bytes, or (hash mode) lk_token_hash[] */
};
static_assert(sizeof(struct lk_record_input) == 56, "layout");

enum lk_digest_algorithm {
    LK_DIGEST_OTHER = 0,
    LK_DIGEST_MD5 = 1,
    LK_DIGEST_SHA1 = 2,
    LK_DIGEST_SHA224 = 3,
    LK_DIGEST_SHA256 = 4,
    LK_DIGEST_SHA384 = 5,
    LK_DIGEST_SHA512 = 6,
    LK_DIGEST_XXH32 = 7,
    LK_DIGEST_XXH64 = 8,
    LK_DIGEST_XXH3_64 = 9,
    LK_DIGEST_XXH3_128 = 10
};

struct lk_record_connect { /* CONNECT and DISCONNECT */
    struct lk_record head;
    uint32_t connection; /* from 1, in order of first sight */
    uint32_t peer_bytes; /* CONNECT: "unix:PATH" or "HOST:PORT" follows */
};
static_assert(sizeof(struct lk_record_connect) == 24, "layout");

/* A token of a text in hash mode (shim/text/lexer.h names the classes). */
struct lk_token_hash {
    uint8_t token_class;
    uint8_t flags;
    uint16_t bytes;       /* length of the token's text, at most 65535 */
    uint32_t folded_hash; /* of the token in normal form: lower case, a number's value, one space */
    uint64_t hash;        /* of the token's own bytes */
};
static_assert(sizeof(struct lk_token_hash) == 16, "layout");

#endif
