/*
 * What the verbs of the protocol mean to a cache, and a reader of commands that uses it. The table
 * is commands.def: a new verb is one line there. Pure but for lk_text_hash.
 */
#ifndef LK_CACHE_COMMANDS_H
#define LK_CACHE_COMMANDS_H

#include "cache/resp.h"
#include "capture/layout.h"

/* How the answer tells what became of a key. */
enum lk_answer {
    LK_ANSWER_WHOLE, /* of one key: nil, an empty aggregate or nothing but nils is a miss */
    LK_ANSWER_EACH,  /* an element for each key, nil is a miss */
    LK_ANSWER_NAMED, /* the first element names the key that gave something; nil is no answer */
};

/* Commands that change how the connection is to be read. */
enum lk_role {
    LK_ROLE_NONE,
    LK_ROLE_SELECT,
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
};

struct lk_command_info {
    char name[24];      /* upper case */
    uint16_t flags;     /* enum lk_command_flag */
    uint8_t role;       /* enum lk_role */
    uint8_t answer;     /* enum lk_answer */
    int8_t first, last; /* arguments that are keys, the verb is 0; last below 0 counts from the end;
                           first 0: none */
    uint8_t step;
    uint8_t value_first; /* argument that is the (first) value of the first key; 0: none */
    uint8_t value_step;  /* to the next value of the same key; 0: one alone */
    uint8_t leading;     /* options may stand between key and values */
    uint8_t options;     /* argument where option words begin; 0: none */
    uint8_t expiry;      /* enum lk_expiry */
    uint8_t ttl_at;
};

enum lk_command_detail { /* beside lk_command_flag */
                         LK_DETAIL_NX = 1u << 0,
                         LK_DETAIL_XX = 1u << 1,
                         LK_DETAIL_GET = 1u << 2, /* SET ... GET answers the old value */
};

struct lk_command_key {   /* one key of a command */
    struct lk_slice text; /* of a long one (resp.h) its beginning */
    uint64_t whole_bytes;
    uint64_t hash;  /* lk_text_hash of the whole text, where it was taken already; or 0 */
    uint16_t flags; /* enum lk_command_flag, by options and all */
    uint8_t details;
    bool ttl_is_date; /* ttl_ms counts from 1970 */
    int64_t ttl_ms;   /* or LK_TTL_* */
    uint64_t value_hash;
    uint64_t value_bytes;
};

struct lk_command {                     /* being read */
    const struct lk_command_info *info; /* of an unknown verb: one without keys */
    struct lk_resp resp;
    uint64_t name_hash;
    char name[24]; /* upper case, what is not [A-Z0-9._-] replaced by _, NUL-padded */
    uint32_t key_count;
    uint32_t next_key;            /* argument */
    struct lk_slice arguments[2]; /* of a command with a role: what follows the verb */
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

/* How many there are, and the place of one of them. The last is the unknown verb. */
size_t lk_command_infos(void);
const struct lk_command_info *lk_command_info_at(size_t index);
size_t lk_command_info_index(const struct lk_command_info *info);

#endif
