/*
 * What the commands of the protocol mean to a cache, and a reader of commands that uses it. The
 * table is commands.def, made by scripts/commands from what a server says of itself. A command that
 * is not there is counted, and nothing is guessed about its arguments. Pure but for lk_text_hash.
 */
#ifndef LK_CACHE_COMMANDS_H
#define LK_CACHE_COMMANDS_H

#include "cache/resp.h"
#include "capture/layout.h"

/* How a miss looks in the answer to a read. An error is no answer. */
enum lk_answer {
    LK_ANSWER_WHOLE,   /* of several forms: nil, an empty aggregate, or nothing but nils */
    LK_ANSWER_EACH,    /* an element for each key: nil */
    LK_ANSWER_NAMED,   /* nil, of each key; else the first element names the key that gave
                          something, and of the others nothing is said */
    LK_ANSWER_AWAITED, /* the same of a command that waits, and nil is no answer: the time was over
                        */
    LK_ANSWER_TEXT,    /* nil or an empty string: servers say it of no key (GETRANGE) */
    LK_ANSWER_NIL,     /* nil */
    LK_ANSWER_EMPTY,   /* an aggregate without elements, or nil */
    LK_ANSWER_FIELDS,  /* an element for each field that was asked for: nothing but nils */
};

/* Commands that change how the connection is to be read. */
enum lk_role {
    LK_ROLE_NONE,
    LK_ROLE_SELECT,
    LK_ROLE_MULTI,
    LK_ROLE_EXEC,
    LK_ROLE_DISCARD,
    LK_ROLE_SUBSCRIBE,
    LK_ROLE_UNSUBSCRIBE,
    LK_ROLE_MONITOR,
    LK_ROLE_RESET,
    LK_ROLE_CLIENT,
};

/* What a write, or EXPIRE and kin, does to the expiry. */
enum lk_expiry {
    LK_EXPIRY_KEPT,    /* says nothing of it */
    LK_EXPIRY_NONE,    /* leaves none */
    LK_EXPIRY_SECONDS, /* the argument at ttl_at: from now */
    LK_EXPIRY_MS,
    LK_EXPIRY_UNTIL_SECONDS, /* since 1970 */
    LK_EXPIRY_UNTIL_MS,
    LK_EXPIRY_RESTORE, /* milliseconds from now, 0 is none, ABSTTL makes it since 1970 */
    LK_EXPIRY_SOURCE,  /* that of the command's first key */
};

/* Which words are options, and of what. */
enum lk_options {
    LK_OPTIONS_SET = 1u << 0,
    LK_OPTIONS_GETEX = 1u << 1,
    LK_OPTIONS_RESTORE = 1u << 2,
    LK_OPTIONS_COPY = 1u << 3,
    LK_OPTIONS_JSON = 1u << 4,
    LK_OPTIONS_BITFIELD = 1u << 5,
    LK_OPTIONS_PATH = 1u << 6, /* JSON.DEL: a path that is not the root leaves the key */
};

/* Where keys stand: a key specification of COMMAND. */
enum lk_find {
    LK_FIND_RANGE,   /* from `at` to `last`: below 0 from the command's end, else from `at` */
    LK_FIND_COUNTED, /* the argument at `at` says how many; the first is `first` after it */
    LK_FIND_AFTER,   /* as RANGE, but from after one of `words`, looked for from `at` on */
    LK_FIND_INSTEAD, /* the same, and the first specification's do not count then */
};

/* Words before keys. */
enum lk_key_words { LK_WORD_STORE, LK_WORD_STORE_OR_STOREDIST, LK_WORD_STREAMS, LK_WORD_KEYS };

struct lk_key_spec {
    uint16_t flags; /* enum lk_command_flag: what is done to them */
    uint8_t find;   /* enum lk_find */
    uint8_t at;     /* argument, the verb is 0 */
    uint8_t step;   /* from one key to the next; 0: this is no specification */
    int8_t last;    /* RANGE, AFTER */
    uint8_t words;  /* AFTER: enum lk_key_words */
    union {
        uint8_t first; /* COUNTED */
        uint8_t share; /* AFTER: the keys are the first of so many equal parts of the rest */
    };
};

#define LK_KEY_SPECS 2u
#define LK_NAME_ROOM 24u

struct lk_command_info {
    char name[LK_NAME_ROOM];               /* upper case; of a subcommand "OBJECT|FREQ" */
    struct lk_key_spec keys[LK_KEY_SPECS]; /* in the order in which they stand */
    uint16_t flags;                        /* of a command without keys: enum lk_command_flag */
    uint8_t role;                          /* enum lk_role */
    uint8_t answer;                        /* enum lk_answer */
    uint8_t container;                     /* the second argument is a subcommand */
    /* Arguments below count as if the key were the command's first, the argument 1. */
    uint8_t value_first; /* the (first) value of the key; 0: none */
    uint8_t value_step;  /* to the next value of the same key; 0: one alone */
    uint8_t leading;     /* options may stand between key and values */
    uint8_t options;     /* where option words begin; 0: none */
    uint8_t option_set;  /* enum lk_options */
    uint8_t expiry;      /* enum lk_expiry */
    uint8_t ttl_at;
};

#define LK_COMMAND_INFOS_MAX 512u

enum lk_command_detail { /* beside lk_command_flag */
                         LK_DETAIL_NX = 1u << 0,
                         LK_DETAIL_XX = 1u << 1,
                         LK_DETAIL_GET = 1u << 2, /* SET ... GET answers the old value */
                         LK_DETAIL_IF = 1u << 3,  /* written if the old value is such a one */
};

struct lk_command_key {   /* one key of a command */
    struct lk_slice text; /* of a long one (resp.h) its beginning */
    uint64_t whole_bytes;
    uint64_t hash;  /* lk_text_hash of the whole text, where it was taken already; or 0 */
    uint16_t flags; /* enum lk_command_flag, by options and all */
    uint8_t details;
    bool ttl_is_date;  /* ttl_ms counts from 1970 */
    uint32_t database; /* COPY ... DB; LK_DATABASE_CURRENT: the connection's */
    int64_t ttl_ms;    /* or LK_TTL_* */
    uint64_t value_hash;
    uint64_t value_bytes;
};
#define LK_DATABASE_CURRENT UINT32_MAX

struct lk_key_run { /* keys that are still to come: arguments */
    uint32_t first, count;
};

struct lk_command {                     /* being read */
    const struct lk_command_info *info; /* of an unknown verb: one without keys */
    struct lk_resp resp;
    uint64_t name_hash;
    /* Upper case, what is not [A-Z0-9._-] replaced by _, NUL-padded; of a container without its
     * subcommand. */
    char name[LK_NAME_ROOM];
    uint32_t key_count;                   /* still to come */
    struct lk_key_run runs[LK_KEY_SPECS]; /* of each specification */
    struct lk_slice arguments[2];         /* of a command with a role: what follows the verb */
};

/* Makes the table ready for look-ups; once. */
void lk_commands_init(void);

/* Begins with the command that stands first in bytes[0..count); false when there is no whole verb.
 */
bool lk_command_begin(struct lk_command *command, const char *bytes, size_t count);
/* The next key, with its value's length and hash; false after the last one. */
bool lk_command_next_key(struct lk_command *command, struct lk_command_key *key);
/* Where the next command begins; NULL when the bytes break off. */
const char *lk_command_end(struct lk_command *command);

/* Whether the command did to a key what it was to do (write, delete, shrink, expire), by the
 * answer, which is no error: `nil`, an integer (NULL: it is none), or anything else. Flags and
 * details are the key's. */
bool lk_command_is_done(uint16_t flags, uint8_t details, bool nil, const int64_t *integer);

/* How many there are, and the place of one of them. The last is the unknown verb. */
size_t lk_command_infos(void);
const struct lk_command_info *lk_command_info_at(size_t index);
size_t lk_command_info_index(const struct lk_command_info *info);

#endif
