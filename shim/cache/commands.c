/* The table of verbs, its look-up, and the reader of commands. */
#include "cache/commands.h"

#include <string.h>

#include "cache/text.h"

enum {
    READ = LK_COMMAND_READ,
    WRITE = LK_COMMAND_WRITE,
    DELETE = LK_COMMAND_DELETE,
    EXPIRE = LK_COMMAND_EXPIRE,
    SHRINK = LK_COMMAND_SHRINK,
    CONDITIONAL = LK_COMMAND_CONDITIONAL,
};

/* Key specifications, as the table has them. */
#define KEYS(FLAGS, AT, LAST, STEP)                                  \
    {                                                                \
        .flags = (FLAGS), .at = (AT), .step = (STEP), .last = (LAST) \
    }
#define KEY(FLAGS, AT) KEYS(FLAGS, AT, 0, 1)
#define COUNTED(FLAGS, AT, FIRST, STEP)                                                         \
    {                                                                                           \
        .flags = (FLAGS), .find = LK_FIND_COUNTED, .at = (AT), .step = (STEP), .first = (FIRST) \
    }
#define FOUND(FLAGS, FIND, WORDS, FROM, LAST, SHARE)                                       \
    {                                                                                      \
        .flags = (FLAGS), .find = LK_FIND_##FIND, .at = (FROM), .step = 1, .last = (LAST), \
        .words = LK_WORD_##WORDS, .share = (SHARE)                                         \
    }
#define AFTER(FLAGS, WORDS, FROM, LAST, SHARE)   FOUND(FLAGS, AFTER, WORDS, FROM, LAST, SHARE)
#define INSTEAD(FLAGS, WORDS, FROM, LAST, SHARE) FOUND(FLAGS, INSTEAD, WORDS, FROM, LAST, SHARE)

/* What else a line may say. */
#define MISS(ANSWER)           .answer = LK_ANSWER_##ANSWER
#define VALUE(FIRST, STEP)     .value_first = (FIRST), .value_step = (STEP)
#define LEADING                .leading = 1
#define OPTIONS(FROM, SET_OF)  .options = (FROM), .option_set = LK_OPTIONS_##SET_OF
#define EXPIRY(KIND, ARGUMENT) .expiry = LK_EXPIRY_##KIND, .ttl_at = (ARGUMENT)
#define FLUSH                  .flags = LK_COMMAND_FLUSH
#define ROLE(NAME)             .role = LK_ROLE_##NAME
#define CONTAINER              .container = 1

static const struct lk_command_info infos[] = {
#define LK_COMMAND_INFO(NAME, ...) {.name = NAME, __VA_ARGS__},
#include "cache/commands.def"
#undef LK_COMMAND_INFO
    {.name = ""}, /* the unknown command */
};
#define INFOS (sizeof infos / sizeof *infos)
static_assert(sizeof(struct lk_command_info) <= 64, "one line of the processor's cache");

/* Names to places in `infos`, plus 1: open addressing, at most a quarter full. */
#define PLACES 2048u
static uint16_t places[PLACES];
static_assert(INFOS <= LK_COMMAND_INFOS_MAX && INFOS * 4 <= PLACES, "room in the look-up table");

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

/* Of a NUL-padded name. */
static uint64_t hash_name(const char *name)
{
    uint64_t words[LK_NAME_ROOM / 8], hash;
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
        places[place % PLACES] = (uint16_t)(i + 1);
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

/* "OBJECT" and what follows it; the container itself, which has no keys, when nothing is known of
 * that. */
static const struct lk_command_info *find_subcommand(struct lk_command *command)
{
    char name[LK_NAME_ROOM];
    size_t verb = strlen(command->name);
    struct lk_slice word;
    if (verb + 2 > sizeof name || !lk_resp_next(&command->resp, &word))
        return command->info;
    memcpy(name, command->name, verb);
    name[verb] = '|';
    put_name(name + verb + 1, sizeof name - verb - 1, &word);
    const struct lk_command_info *info = find_info(name, hash_name(name));
    return info->name[0] ? info : command->info;
}

/* ---- Where the keys are ---- */

static struct lk_key_run range_run(const struct lk_key_spec *spec, uint32_t first,
                                   uint32_t arguments)
{
    struct lk_key_run run = {.first = first};
    int64_t last = (spec->last < 0 ? (int64_t)arguments : (int64_t)first) + spec->last;
    if (spec->find >= LK_FIND_AFTER && spec->share > 1 && first < arguments)
        last = first + (arguments - first) / spec->share - 1;
    if (first >= arguments || last < first || last >= arguments)
        return run;
    run.count = (uint32_t)last - first;
    if (spec->step > 1) /* a division costs more than all the rest */
        run.count /= spec->step;
    run.count++;
    return run;
}

/* Here and below `rest` is a copy: looking ahead moves nothing. */
static struct lk_key_run counted_run(const struct lk_key_spec *spec, struct lk_resp rest)
{
    struct lk_key_run run = {.first = spec->at + spec->first};
    struct lk_slice argument;
    int64_t count;
    do
        if (!lk_resp_next(&rest, &argument))
            return run;
    while (rest.index <= spec->at);
    if (lk_slice_number(&argument, &count) && count > 0 && run.first < rest.count &&
        count <= (rest.count - run.first + spec->step - 1) / spec->step)
        run.count = (uint32_t)count;
    return run;
}

static bool is_key_word(const struct lk_key_spec *spec, const struct lk_slice *word)
{
    switch ((enum lk_key_words)spec->words) {
    case LK_WORD_STORE_OR_STOREDIST:
        return lk_slice_is(word, "STORE") || lk_slice_is(word, "STOREDIST");
    case LK_WORD_STORE:
        return lk_slice_is(word, "STORE");
    case LK_WORD_STREAMS:
        return lk_slice_is(word, "STREAMS");
    case LK_WORD_KEYS:
        return lk_slice_is(word, "KEYS");
    }
    return false;
}

/* How many arguments an option has that may stand before such a word: they may look like it. */
static uint32_t arguments_of(const struct lk_slice *word)
{
    static const struct {
        const char *word;
        uint32_t arguments;
    } known[] = {{"COUNT", 1}, {"BLOCK", 1}, {"LIMIT", 2}, {"BY", 1},
                 {"GET", 1},   {"AUTH", 1},  {"AUTH2", 2}};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (lk_slice_is(word, known[i].word))
            return known[i].arguments;
    return 0;
}

/* The last such word counts, as it does for the server; after one with many keys nothing else
 * comes. */
static struct lk_key_run found_run(const struct lk_key_spec *spec, struct lk_resp rest)
{
    struct lk_key_run run = {0, 0};
    struct lk_slice argument;
    uint32_t to_pass = 0;
    while (lk_resp_next(&rest, &argument)) {
        if (rest.index <= spec->at || to_pass) {
            to_pass -= to_pass > 0;
        } else if (!is_key_word(spec, &argument)) {
            to_pass = arguments_of(&argument);
        } else {
            run = range_run(spec, rest.index, rest.count);
            to_pass = 1;
            if (spec->last < 0)
                break;
        }
    }
    return run;
}

static struct lk_key_run run_of(const struct lk_key_spec *spec, const struct lk_resp *resp)
{
    switch ((enum lk_find)spec->find) {
    case LK_FIND_COUNTED:
        return counted_run(spec, *resp);
    case LK_FIND_AFTER:
    case LK_FIND_INSTEAD:
        return found_run(spec, *resp);
    case LK_FIND_RANGE:
        break;
    }
    return range_run(spec, spec->at, resp->count);
}

static void find_keys(struct lk_command *command)
{
    const struct lk_key_spec *keys = command->info->keys;
    struct lk_key_run *runs = command->runs;
    runs[0] = runs[1] = (struct lk_key_run){0, 0};
    if (keys[0].step)
        runs[0] = run_of(&keys[0], &command->resp);
    if (keys[1].step)
        runs[1] = run_of(&keys[1], &command->resp);
    if (keys[1].find == LK_FIND_INSTEAD && runs[1].count)
        runs[0].count = 0;
    command->key_count = runs[0].count + runs[1].count;
}

static void read_arguments(struct lk_command *command)
{
    memset(command->arguments, 0, sizeof command->arguments);
    for (size_t i = 0; i < 2 && lk_resp_next(&command->resp, &command->arguments[i]); i++) {}
}

bool lk_command_begin(struct lk_command *command, const char *bytes, size_t count)
{
    struct lk_slice verb;
    if (!lk_resp_begin(&command->resp, bytes, count) || !lk_resp_next(&command->resp, &verb))
        return false;
    put_name(command->name, sizeof command->name, &verb);
    command->name_hash = hash_name(command->name);
    command->info = find_info(command->name, command->name_hash);
    if (command->info->container)
        command->info = find_subcommand(command);
    find_keys(command);
    if (command->info->role)
        read_arguments(command);
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

enum awaited { /* argument of an option */
               AWAITS_NOTHING,
               AWAITS_TTL,
               AWAITS_DATABASE,
};

#define SET      LK_OPTIONS_SET
#define GETEX    LK_OPTIONS_GETEX
#define RESTORE  LK_OPTIONS_RESTORE
#define COPY     LK_OPTIONS_COPY
#define JSON     LK_OPTIONS_JSON
#define BITFIELD LK_OPTIONS_BITFIELD

static const struct option {
    const char *word;
    uint8_t of;     /* enum lk_options */
    uint8_t passes; /* arguments of its own that say nothing */
    uint8_t awaits; /* enum awaited */
    uint8_t expiry; /* enum lk_expiry, of AWAITS_TTL */
    uint8_t details;
    uint16_t flags;
    int64_t ttl; /* LK_TTL_*; 0: leaves it */
} options[] = {
    {.word = "EX", .of = SET | GETEX, .awaits = AWAITS_TTL, .expiry = LK_EXPIRY_SECONDS},
    {.word = "PX", .of = SET | GETEX, .awaits = AWAITS_TTL, .expiry = LK_EXPIRY_MS},
    {.word = "EXAT", .of = SET | GETEX, .awaits = AWAITS_TTL, .expiry = LK_EXPIRY_UNTIL_SECONDS},
    {.word = "PXAT", .of = SET | GETEX, .awaits = AWAITS_TTL, .expiry = LK_EXPIRY_UNTIL_MS},
    {.word = "NX", .of = SET | JSON, .details = LK_DETAIL_NX, .flags = CONDITIONAL},
    {.word = "XX", .of = SET | JSON, .details = LK_DETAIL_XX, .flags = CONDITIONAL},
    {.word = "IFEQ", .of = SET, .passes = 1, .details = LK_DETAIL_IF, .flags = CONDITIONAL},
    {.word = "IFNE", .of = SET, .passes = 1, .details = LK_DETAIL_IF, .flags = CONDITIONAL},
    {.word = "IFDEQ", .of = SET, .passes = 1, .details = LK_DETAIL_IF, .flags = CONDITIONAL},
    {.word = "IFDNE", .of = SET, .passes = 1, .details = LK_DETAIL_IF, .flags = CONDITIONAL},
    {.word = "GET", .of = SET, .details = LK_DETAIL_GET, .flags = READ},
    {.word = "KEEPTTL", .of = SET, .ttl = LK_TTL_UNKNOWN},
    {.word = "PERSIST", .of = GETEX, .flags = EXPIRE, .ttl = LK_TTL_NONE},
    {.word = "IDLETIME", .of = RESTORE, .passes = 1},
    {.word = "FREQ", .of = RESTORE, .passes = 1},
    {.word = "DB", .of = COPY, .awaits = AWAITS_DATABASE},
    {.word = "FORMAT", .of = JSON, .passes = 1},
    {.word = "SET", .of = BITFIELD, .passes = 3, .flags = WRITE},
    {.word = "INCRBY", .of = BITFIELD, .passes = 3, .flags = WRITE},
    {.word = "GET", .of = BITFIELD, .passes = 2},
    {.word = "OVERFLOW", .of = BITFIELD, .passes = 1},
};

struct reading { /* the arguments of one key */
    struct lk_command_key *key;
    const struct lk_command_info *info;
    const struct lk_resp *resp;
    uint32_t shift;      /* leading options passed by */
    uint32_t to_pass;    /* of an option's own arguments */
    uint32_t leading_at; /* where the next leading option may stand */
    enum awaited awaits;
    enum lk_expiry expiry; /* of AWAITS_TTL */
    bool any_value;
};

/* The argument that an option was waiting for. */
static void read_awaited(struct reading *reading, const struct lk_slice *word)
{
    struct lk_command_key *key = reading->key;
    int64_t number;
    if (reading->awaits == AWAITS_TTL) {
        set_ttl(key, reading->expiry, word);
        if (!(key->flags & WRITE))
            key->flags |= EXPIRE;
    } else if (lk_slice_number(word, &number) && number >= 0 && number < LK_DATABASE_CURRENT) {
        key->database = (uint32_t)number;
    }
    reading->awaits = AWAITS_NOTHING;
}

static void apply_option(struct reading *reading, const struct option *option)
{
    struct lk_command_key *key = reading->key;
    reading->awaits = (enum awaited)option->awaits;
    reading->expiry = (enum lk_expiry)option->expiry;
    reading->to_pass = option->passes;
    key->details |= option->details;
    key->flags |= option->flags;
    if (option->ttl)
        key->ttl_ms = option->ttl;
}

static void read_option(struct reading *reading, const struct lk_slice *word)
{
    struct lk_command_key *key = reading->key;
    uint8_t set = reading->info->option_set;
    if (reading->awaits) {
        read_awaited(reading, word);
        return;
    }
    if (reading->to_pass) {
        reading->to_pass--;
        return;
    }
    if (set == RESTORE && lk_slice_is(word, "ABSTTL") && key->ttl_ms >= 0)
        key->ttl_is_date = true;
    if (set == LK_OPTIONS_PATH && !lk_slice_is(word, "$") && !lk_slice_is(word, "."))
        key->flags = (uint16_t)((key->flags & ~DELETE) | SHRINK);
    for (size_t i = 0; i < sizeof options / sizeof *options; i++) {
        if (options[i].of & set && lk_slice_is(word, options[i].word)) {
            apply_option(reading, &options[i]);
            return;
        }
    }
}

/* Options before the values (ZADD k NX CH ..., XADD k MAXLEN ~ 1000 ...): true when this argument
 * is of one. */
static bool is_leading(struct reading *reading, const struct lk_slice *word, uint32_t place)
{
    static const char *const alone[] = {"NX",   "XX",         "GT",      "LT",     "CH",
                                        "INCR", "NOMKSTREAM", "KEEPREF", "DELREF", "ACKED",
                                        "FNX",  "FXX",        "KEEPTTL"};
    static const char *const counted[] = {"MAXLEN", "MINID", "LIMIT", "EX",
                                          "PX",     "EXAT",  "PXAT",  "FIELDS"};
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

/* What is known of a key before its own arguments are read. */
static struct lk_command_key plain_key(const struct lk_command *command, size_t spec,
                                       const struct lk_slice *text)
{
    const struct lk_command_info *info = command->info;
    const struct lk_resp *resp = &command->resp;
    struct lk_command_key key = {.text = *text,
                                 .whole_bytes = resp->long_bytes ? resp->long_bytes : text->bytes,
                                 .hash = resp->long_bytes ? resp->long_hash : 0,
                                 .flags = info->keys[spec].flags,
                                 .database = LK_DATABASE_CURRENT,
                                 .ttl_ms = LK_TTL_UNKNOWN};
    /* What is found goes where the other keys say; nothing of it is answered. */
    if (spec == 0 && command->runs[1].count && info->keys[1].flags & WRITE)
        key.flags &= (uint16_t)~READ;
    if (key.flags & (WRITE | EXPIRE) && info->expiry == LK_EXPIRY_NONE)
        key.ttl_ms = LK_TTL_NONE;
    if (key.flags & WRITE && info->expiry == LK_EXPIRY_SOURCE)
        key.ttl_ms = LK_TTL_SOURCE;
    return key;
}

bool lk_command_next_key(struct lk_command *command, struct lk_command_key *key)
{
    const struct lk_command_info *info = command->info;
    struct lk_resp *resp = &command->resp;
    size_t spec = command->runs[0].count ? 0 : 1;
    struct lk_key_run *run = &command->runs[spec];
    struct reading reading = {.key = key, .info = info, .resp = resp, .leading_at = 2};
    struct lk_slice argument;
    if (!run->count)
        return false;
    do
        if (!lk_resp_next(resp, &argument))
            return false;
    while (resp->index <= run->first);
    uint32_t at = run->first, step = info->keys[spec].step;
    uint32_t end = command->key_count == 1 && step == 1 ? resp->count : at + step;
    *key = plain_key(command, spec, &argument);
    while (resp->index < end && lk_resp_next(resp, &argument))
        read_argument(&reading, &argument, resp->index - at);
    run->first += step;
    run->count--;
    command->key_count--;
    return true;
}

/* ---- Answers ---- */

bool lk_command_is_done(uint16_t flags, uint8_t details, bool nil, const int64_t *integer)
{
    if (flags & READ &&
        !(flags & WRITE)) /* the value that was taken away or given another expiry */
        return !nil;
    if (flags & READ && flags & CONDITIONAL) /* SET ... GET: the old value tells */
        return !(details & LK_DETAIL_IF) && nil == !!(details & LK_DETAIL_NX);
    if (flags & READ)
        return true;
    if (nil)
        return false;
    if (integer && *integer <= 0) /* a write says how much there is now, or how much is new */
        return flags & WRITE && !(flags & (CONDITIONAL | DELETE));
    return true;
}
