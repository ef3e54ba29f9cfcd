/* The table of verbs, its look-up, and the reader of commands. */
#include "cache/commands.h"

#include <string.h>

#include "cache/text.h"

enum {
    OTHER = 0,
    READ = LK_COMMAND_READ,
    WRITE = LK_COMMAND_WRITE,
    DELETE = LK_COMMAND_DELETE,
    EXPIRE = LK_COMMAND_EXPIRE,
    FLUSH = LK_COMMAND_FLUSH,
    CONDITIONAL = LK_COMMAND_CONDITIONAL,
};
#define KEY      .first = 1, .last = 1, .step = 1
#define KEYS     .first = 1, .last = -1, .step = 1
#define PAIRS    .first = 1, .last = -1, .step = 2
#define BUT_LAST .first = 1, .last = -2, .step = 1

static const struct lk_command_info infos[] = {
#define LK_VERB(verb, class, ...) {.name = verb, .flags = (class), __VA_ARGS__},
#include "cache/commands.def"
#undef LK_VERB
    {.name = ""}, /* the unknown verb */
};
#define INFOS (sizeof infos / sizeof *infos)

/* Names to places in `infos`, plus 1: open addressing, at most a quarter full. */
#define PLACES 1024u
static uint8_t places[PLACES];
static_assert(INFOS < 256 && INFOS * 4 <= PLACES, "room in the look-up table");

size_t lk_command_infos(void)
{
    return INFOS;
}

const struct lk_command_info *lk_command_info_at(size_t index)
{
    return &infos[index < INFOS ? index : INFOS - 1];
}

size_t lk_command_info_index(const struct lk_command_info *info)
{
    return (size_t)(info - infos);
}

/* Of a NUL-padded name of 24 bytes. */
static uint64_t hash_name(const char *name)
{
    uint64_t words[3], hash;
    memcpy(words, name, sizeof words);
    hash = words[0] * 0x9e3779b97f4a7c15u;
    hash = (hash ^ hash >> 29 ^ words[1]) * 0xbf58476d1ce4e5b9u;
    hash = (hash ^ hash >> 32 ^ words[2]) * 0x94d049bb133111ebu;
    return hash ^ hash >> 31;
}

void lk_commands_init(void)
{
    memset(places, 0, sizeof places);
    for (size_t i = 0; i + 1 < INFOS; i++) {
        uint64_t place = hash_name(infos[i].name);
        while (places[place % PLACES])
            place++;
        places[place % PLACES] = (uint8_t)(i + 1);
    }
}

static const struct lk_command_info *find_info(const char *name, uint64_t hash)
{
    for (uint64_t place = hash; places[place % PLACES]; place++) {
        const struct lk_command_info *info = &infos[places[place % PLACES] - 1];
        if (memcmp(info->name, name, sizeof info->name) == 0)
            return info;
    }
    return &infos[INFOS - 1];
}

static void put_name(char *name, size_t room, const struct lk_slice *verb)
{
    memset(name, 0, room);
    for (size_t i = 0; i < verb->bytes && i < room - 1; i++) {
        char c = verb->text[i];
        if (c >= 'a' && c <= 'z')
            c = (char)(c - 'a' + 'A');
        bool plain = (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '-';
        name[i] = plain ? c : '_';
    }
}

static void count_keys(struct lk_command *command)
{
    const struct lk_command_info *info = command->info;
    int64_t arguments = command->resp.count;
    int64_t last = info->last < 0 ? arguments + info->last : info->last;
    command->key_count = 0;
    command->next_key = (uint32_t)info->first;
    if (info->first && last >= info->first && info->first < arguments && last < arguments)
        command->key_count = (uint32_t)((last - info->first) / info->step) + 1;
}

bool lk_command_begin(struct lk_command *command, const char *bytes, size_t count)
{
    struct lk_slice verb;
    if (!lk_resp_begin(&command->resp, bytes, count) || !lk_resp_next(&command->resp, &verb))
        return false;
    put_name(command->name, sizeof command->name, &verb);
    command->name_hash = hash_name(command->name);
    command->info = find_info(command->name, command->name_hash);
    count_keys(command);
    memset(command->arguments, 0, sizeof command->arguments);
    if (command->info->role)
        for (size_t i = 0; i < 2 && lk_resp_next(&command->resp, &command->arguments[i]); i++) {}
    return true;
}

const char *lk_command_end(struct lk_command *command)
{
    return lk_resp_finish(&command->resp);
}

/* ---- What stands between a key and the next ---- */

static void add_value(struct lk_command_key *key, const struct lk_slice *value,
                      const struct lk_resp *resp, bool first)
{
    uint64_t hash = resp->long_bytes ? resp->long_hash : lk_text_hash(value->text, value->bytes);
    key->value_bytes += resp->long_bytes ? resp->long_bytes : value->bytes;
    key->value_hash =
        first ? hash : (key->value_hash ^ key->value_hash >> 29) * 0x9e3779b97f4a7c15u + hash;
}

static void set_ttl(struct lk_command_key *key, enum lk_expiry expiry, const struct lk_slice *text)
{
    int64_t ttl,
        scale = expiry == LK_EXPIRY_SECONDS || expiry == LK_EXPIRY_UNTIL_SECONDS ? 1000 : 1;
    key->ttl_ms = LK_TTL_UNKNOWN;
    if (!lk_slice_number(text, &ttl) || __builtin_mul_overflow(ttl, scale, &ttl))
        return;
    key->ttl_is_date = expiry == LK_EXPIRY_UNTIL_SECONDS || expiry == LK_EXPIRY_UNTIL_MS;
    key->ttl_ms = ttl < 0 ? 0 : ttl; /* in the past: gone at once */
    if (expiry == LK_EXPIRY_RESTORE && ttl == 0)
        key->ttl_ms = LK_TTL_NONE;
}

static const struct option {
    const char *word;
    uint8_t expiry; /* enum lk_expiry: an argument follows that says so */
    uint8_t details;
    int64_t ttl; /* LK_TTL_*; 0: leaves it */
} options[] = {
    {.word = "EX", .expiry = LK_EXPIRY_SECONDS},
    {.word = "PX", .expiry = LK_EXPIRY_MS},
    {.word = "EXAT", .expiry = LK_EXPIRY_UNTIL_SECONDS},
    {.word = "PXAT", .expiry = LK_EXPIRY_UNTIL_MS},
    {.word = "NX", .details = LK_DETAIL_NX},
    {.word = "XX", .details = LK_DETAIL_XX},
    {.word = "GET", .details = LK_DETAIL_GET},
    {.word = "KEEPTTL", .ttl = LK_TTL_UNKNOWN},
    {.word = "PERSIST", .ttl = LK_TTL_NONE},
};

struct reading { /* the arguments of one key */
    struct lk_command_key *key;
    const struct lk_command_info *info;
    const struct lk_resp *resp;
    uint32_t shift;      /* leading options passed by */
    uint32_t to_pass;    /* of a leading option's own arguments */
    uint32_t leading_at; /* where the next leading option may stand */
    enum lk_expiry awaits;
    bool any_value;
};

static void read_option(struct reading *reading, const struct lk_slice *word)
{
    struct lk_command_key *key = reading->key;
    if (reading->awaits) {
        set_ttl(key, reading->awaits, word);
        reading->awaits = LK_EXPIRY_KEPT;
        if (!(key->flags & LK_COMMAND_WRITE))
            key->flags |= LK_COMMAND_EXPIRE;
        return;
    }
    if (reading->info->expiry == LK_EXPIRY_RESTORE) {
        if (lk_slice_is(word, "ABSTTL") && key->ttl_ms >= 0)
            key->ttl_is_date = true;
        return;
    }
    for (size_t i = 0; i < sizeof options / sizeof *options; i++) {
        if (!lk_slice_is(word, options[i].word))
            continue;
        reading->awaits = (enum lk_expiry)options[i].expiry;
        key->details |= options[i].details;
        if (options[i].ttl)
            key->ttl_ms = options[i].ttl;
        if (options[i].details & (LK_DETAIL_NX | LK_DETAIL_XX))
            key->flags |= LK_COMMAND_CONDITIONAL;
        if (options[i].ttl == LK_TTL_NONE)
            key->flags |= LK_COMMAND_EXPIRE;
    }
}

/* Options before the values (ZADD k NX CH ..., XADD k MAXLEN ~ 1000 ...): true when this argument
 * is of one. */
static bool is_leading(struct reading *reading, const struct lk_slice *word, uint32_t place)
{
    static const char *const alone[] = {"NX", "XX", "GT", "LT", "CH", "INCR", "NOMKSTREAM"};
    static const char *const counted[] = {"MAXLEN", "MINID", "LIMIT"};
    bool found = false;
    if (!reading->info->leading || place != reading->leading_at)
        return false;
    if (reading->to_pass) {
        found = true;
        if (!lk_slice_is(word, "~") && !lk_slice_is(word, "="))
            reading->to_pass--;
    }
    for (size_t i = 0; !found && i < sizeof alone / sizeof *alone; i++)
        found = lk_slice_is(word, alone[i]);
    for (size_t i = 0; !found && i < sizeof counted / sizeof *counted; i++)
        if ((found = lk_slice_is(word, counted[i])))
            reading->to_pass = 1;
    reading->shift += found;
    reading->leading_at += found;
    return found;
}

/* An argument after the key; place counts as if the key were the command's first. */
static void read_argument(struct reading *reading, const struct lk_slice *argument, uint32_t place)
{
    const struct lk_command_info *info = reading->info;
    uint32_t value_first = info->value_first + reading->shift;
    if (is_leading(reading, argument, place))
        return;
    if (info->value_first && place >= value_first &&
        (info->value_step ? (place - value_first) % info->value_step == 0 : place == value_first)) {
        add_value(reading->key, argument, reading->resp, !reading->any_value);
        reading->any_value = true;
    }
    if (info->ttl_at && place == info->ttl_at)
        set_ttl(reading->key, (enum lk_expiry)info->expiry, argument);
    if (info->options && place >= info->options)
        read_option(reading, argument);
}

bool lk_command_next_key(struct lk_command *command, struct lk_command_key *key)
{
    const struct lk_command_info *info = command->info;
    struct lk_resp *resp = &command->resp;
    struct reading reading = {
        .key = key, .info = info, .resp = resp, .leading_at = (uint32_t)info->first + 1};
    struct lk_slice argument;
    if (!command->key_count)
        return false;
    do
        if (!lk_resp_next(resp, &argument))
            return false;
    while (resp->index <= command->next_key);
    uint32_t at = command->next_key;
    uint32_t end = info->last == info->first ? resp->count : at + info->step;
    *key = (struct lk_command_key){
        .text = argument,
        .whole_bytes = resp->long_bytes ? resp->long_bytes : argument.bytes,
        .hash = resp->long_bytes ? resp->long_hash : 0,
        .flags = info->flags,
        .ttl_ms = info->expiry == LK_EXPIRY_NONE ? LK_TTL_NONE : LK_TTL_UNKNOWN,
    };
    while (resp->index < end && lk_resp_next(resp, &argument))
        read_argument(&reading, &argument, resp->index - 1 - at + (uint32_t)info->first);
    command->next_key += info->step;
    command->key_count--;
    return true;
}
