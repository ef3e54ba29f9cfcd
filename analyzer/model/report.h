/*
 * What the analyzer found out, whole: what every renderer shows and `compare` compares. Field names
 * are those of the JSON report (spec, section 7) and carry the unit. Unknown numbers are NAN, never
 * 0; unknown strings NULL.
 *
 * Ownership: everything in a report hangs off `report->arena` (a GStringChunk for text) and its
 * GArrays; report_free frees all. Finders fill it; renderers only read it.
 */
#ifndef LEAKEY_MODEL_REPORT_H
#define LEAKEY_MODEL_REPORT_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

struct capture;

struct frame {
    const char *function; /* demangled; NULL unknown */
    const char *file;     /* NULL unknown */
    int line;             /* 0 unknown */
    const char *module;   /* path; NULL unknown */
    const char *build_id;
    uint64_t offset; /* within the module (ELF vaddr), of the call; the address where no module is
                        known */
    bool inlined;
};

struct stack {
    GArray *frames; /* struct frame, innermost first */
    bool cut;       /* deeper than what was kept */
};

struct site_report {
    const char *id; /* stable across runs and addresses: hash of the symbolised stack, hex */
    double allocated_bytes, allocated_count, live_bytes, live_count, temporary_count;
    double temporary_bytes; /* estimated: as many of the site's mean size */
    double allocated_bytes_interval[2], live_bytes_interval[2];
    double peak_live_bytes; /* of it, when its process's live memory was at its peak */
    const struct stack *stack;
    const struct reach_report *reach; /* NULL: not searched */
};

/* What a search of the processes' memory found (report --reachability). Counts and bytes are of the
 * blocks that were judged: sampled, live, and not just born. */
struct reach_report {
    double judged_count;
    double unreachable_count, unreachable_bytes; /* directly or not */
    double indirect_count, indirect_bytes; /* of these: other unreachable blocks point to them */
    double estimated_bytes;                /* all that is unreachable, sampled or not */
};

/* Where in the code's flow an object leaks. A reply: "hit", "miss", "write" or "error" by what the
 * command came to, "other" for what is none of these. A context: "connect-failed" or "connected".
 */
struct leak_branch {
    const char *name;
    double count, bytes;
};
/* "on misses", "on error replies": the branch in words. */
const char *leak_branch_words(const char *name);

struct leak_capture { /* what one process has of a leak */
    guint capture;    /* index */
    double live_bytes, live_count;
    double growth_bytes_per_second; /* NAN: it does not grow there */
};

struct leak_report {
    const char *rule; /* heap-leak reply-leak context-leak */
    const struct site_report *site;
    double live_bytes, live_count, live_bytes_interval[2];
    double growth_bytes_per_second, growth_interval[2];
    double started_seconds; /* when it began to grow; NAN unknown */
    double confidence_ratio;
    const char *template_name; /* NULL none */
    const char *outcome;       /* hit miss write; NULL none */
    const char *branch; /* of objects, also where it is no outcome; NULL unknown, or several */
    GArray *branches;   /* struct leak_branch, most first: all such objects that its call site left,
                           exactly; NULL for blocks */
    double bytes_per_command; /* of that outcome on that template; NAN */
    double count_per_command; /* leaked objects per such command; NAN */
    bool exact;
    GArray *captures; /* struct leak_capture; their live memory adds up. NULL unknown */
    const struct reach_report *reach; /* of all blocks of its site; NULL: not searched */
};

struct miss_causes {
    uint64_t first_seen, duplicate_input, expired, evicted, deleted, concurrent, not_stored;
};

#define OUTCOMES 3 /* hit, miss, write */

struct outcome_bytes { /* of the heap, after commands with one outcome; NAN unknown */
    double allocated;  /* until the thread's next command */
    double kept;       /* of these, live at the end */
    double leaked;     /* by the leaks of that template and outcome; replies are among them */
};

struct template_report {
    const char *name;
    uint64_t reads, hits, misses, writes, deletes, errors;
    uint64_t written_bytes;
    double distinct_keys,
        distinct_keys_error_ratio; /* 0 = exact; else relative 95 % error of a sketch */
    double distinct_inputs;        /* NAN unknown */
    struct miss_causes causes;
    double never_read_keys; /* NAN unknown */
    uint64_t ttl_none_count;
    double ttl_min, ttl_median, ttl_max;                  /* seconds; NAN */
    double recompute_p50, recompute_p99, recompute_total; /* seconds; NAN */
    double latency_p50, latency_p99;                      /* seconds; NAN */
    struct outcome_bytes outcome_bytes[OUTCOMES];
    GPtrArray *call_sites; /* of const struct stack * */
    GArray *windows;       /* struct template_window, of the report's windows; NULL: no command */
};

struct template_window {
    uint32_t reads, hits, misses, writes;
};

struct curve_point { /* of a miss-ratio curve: an LRU cache of that size */
    double cache_bytes, miss_ratio, miss_ratio_interval[2];
};

struct cache_report {
    bool present;     /* any cache command at all */
    GArray *commands; /* struct command_count, by count falling */
    uint64_t reads, hits, misses, writes, written_bytes, errors;
    double distinct_keys, distinct_keys_error_ratio;
    struct miss_causes causes;
    GArray *curve;        /* struct curve_point, sizes rising; NULL: not asked for, or no read */
    bool curve_exact;     /* no estimate by sampling */
    bool causes_exact;    /* false: the ring lost events, causes are scaled up from those kept */
    GPtrArray *templates; /* of struct template_report *, by misses falling, then reads */
};

struct command_count {
    const char *verb;
    uint64_t count;
};

struct difference {
    const char *class_name; /* a normaliser of spec section 5 */
    const char *a, *b;      /* valid UTF-8, as shown; at most 200 bytes */
    size_t a_offset,
        b_offset; /* in input_a and input_b (digest-input) or key_a and key_b; SIZE_MAX unknown */
};

struct evidence {
    const char *kind; /* digest-input key-text equal-value */
    double confidence_ratio;
    const char *key_a, *key_b, *input_a,
        *input_b;    /* inputs NULL where there are none; non-UTF-8 escaped \xNN */
    GArray *differs; /* struct difference */
};

struct varying {
    const char *class_name;
    double share_ratio; /* of the finding's misses in whose pair it varies */
};

struct metric {
    const char *name; /* carries its unit */
    double value;     /* NAN unknown */
};

struct prediction {
    double hit_ratio, hit_ratio_interval[2];
    double distinct_keys, saved_recompute_seconds, saved_redis_bytes;
};

enum severity { SEVERITY_NOTE, SEVERITY_WARNING, SEVERITY_ERROR };

/* Whose memory the spikes of a memory-spike finding are. */
struct spike_site {
    const struct stack *stack;
    double height_bytes; /* of a spike, on average */
    double share_ratio;  /* of what rises into the spikes and falls after them */
};

struct spike_report {
    double period_seconds, period_variation_ratio; /* the latter: standard deviation over mean */
    double height_bytes, height_interval[2];       /* above `base_bytes` */
    double base_bytes;                             /* what is live between them */
    double lasting_seconds, first_seconds;         /* the latter: on the set's clock */
    double count, covered_count; /* the latter: whose allocations were still in the ring */
    double processes, confidence_ratio;
    bool exact, more;    /* more: there may be further ones, where the timeline is too coarse */
    GPtrArray *sites;    /* of struct spike_site *, by share falling; empty: unknown */
    const char *outcome; /* which most of it follows, on the finding's template; NULL none */
};

struct finding {
    const char *rule;
    enum severity severity;
    const char *template_name;    /* NULL none */
    const char *counterpart_name; /* of a reader's template, the writer's; NULL none */
    const char *message;          /* one sentence with the numbers, no newline */
    const char *remedy;
    GArray *metrics;                  /* struct metric */
    GPtrArray *evidence;              /* of struct evidence * */
    GArray *varying;                  /* struct varying, share falling */
    struct prediction *predicted;     /* NULL none */
    GPtrArray *call_sites;            /* of const struct stack * */
    const struct leak_report *leak;   /* for the leak rules */
    const struct spike_report *spike; /* for memory-spike */
};

struct capture_report {
    const char *path;
    uint32_t pid, parent_pid;
    GPtrArray *command; /* of const char * */
    const char *executable;
    double started; /* seconds since the epoch */
    double duration_seconds;
    double paused_seconds; /* of these */
    uint32_t paused_count;
    const char *end;
    uint64_t sample_bytes;
    uint64_t recorded_count, overwritten_count, overwritten_heap_count, dropped_count;
    bool keys_hashed, stack_fallback, heap, cache;
    uint64_t damage;
    const struct search_report *search; /* NULL: not searched */
};

struct search_report { /* of one process's memory */
    double searched_bytes, unread_bytes, stopped_seconds;
    double live_count; /* of the live table; `reach` says how many of them were judged */
    struct reach_report reach;
};

struct timeline_report {
    double seconds; /* since the first capture's start */
    double live_bytes, max_live_bytes, allocated_bytes;
};

/* What happened in one slice of time, for comparing with intervals. About 100 equal slices of the
 * capture set's span. */
struct window {
    double seconds, width_seconds;
    double reads, hits, misses, writes, allocated_bytes, live_bytes, recompute_seconds,
        leaked_bytes;
    double new_keys;       /* seen for the first time */
    double max_live_bytes; /* `live_bytes` is the mean; both NAN unknown */
};

struct heap_report {
    bool present, exact;
    double allocated_bytes, allocated_count, freed_bytes, freed_count, live_bytes, live_count,
        peak_live_bytes;
    double allocated_bytes_interval[2], live_bytes_interval[2];
    GPtrArray *sites; /* of struct site_report *, by allocated bytes falling */
    GArray *timeline; /* struct timeline_report */
};

struct cost_report {
    double wasted_recompute_seconds, wasted_redis_bytes, wasted_allocated_bytes,
        wasted_money; /* NAN */
};

struct suppression_report { /* a line of a suppression file */
    const char *pattern;
    guint line, leaks; /* its number, and how many leaks it took out */
    double live_bytes, live_count;
};

struct suppressed_report {
    const char *file; /* NULL: none was given */
    GArray *lines;    /* struct suppression_report, in the file's order; NULL with it */
};

struct report {
    GPtrArray *captures; /* of struct capture_report * */
    struct heap_report heap;
    GPtrArray *leaks; /* of struct leak_report *, worst first */
    struct cache_report cache;
    struct suppressed_report suppressed;
    GPtrArray *findings; /* of struct finding *, most severe first */
    struct cost_report cost;
    GArray *windows;     /* struct window */
    GPtrArray *verdicts; /* of uint8_t *: of each capture's live entries, enum verdict; NULL where
                            its process was not searched (model/reachability.h) */
    GPtrArray *notes;    /* of const char *: what limits the report, e.g. a module without symbols;
                            each once */
    GStringChunk *text;
    GPtrArray *owned; /* what else to free, with report_own */
};

struct report *report_new(void);
void report_free(struct report *report);

/* Text that lives as long as the report. */
const char *report_text(struct report *report, const char *text);
const char *report_printf(struct report *report, const char *format, ...) G_GNUC_PRINTF(2, 3);

/* Zeroed memory, and containers, that live as long as the report. */
void *report_alloc(struct report *report, size_t bytes);
GPtrArray *report_pointers(struct report *report);
GArray *report_array(struct report *report, size_t element_bytes);

/* Adds a note, unless it is there already. */
void report_note(struct report *report, const char *note);

struct finding *report_finding(struct report *report, const char *rule, enum severity severity);
void finding_metric(struct finding *finding, const char *name, double value);

#endif
