/* Commands as they are issued: each key of each is recorded, and awaits its answer. */
#include <string.h>

#include "cache/commands.h"
#include "cache/connection.h"
#include "cache/inputs.h"
#include "cache/tag.h"
#include "cache/templates.h"
#include "cache/text.h"
#include "cache/traffic.h"
#include "capture/capture.h"
#include "stack/site.h"
#include "sys.h"
#include "text/utf8.h"
#include "thread.h"

#define SITE_EVERY 16u /* commands of a connection; a template's first one has its site too */

struct issue { /* of one command */
    const struct lk_traffic *traffic;
    struct lk_connection *connection;
    struct lk_command *command;
    uint64_t time_ns, sequence;
    uint32_t keys, site;
    uint16_t verb;
    bool awaited; /* an answer will come */
};

/* Eight bytes at once, all of them printable ASCII: no byte below 0x20, none of 0x7f and above. */
static bool eight_plain(const char *at)
{
    const uint64_t ones = 0x0101010101010101u, high = 0x80 * ones;
    uint64_t bytes;
    memcpy(&bytes, at, sizeof bytes);
    return !((bytes | (bytes - 0x20 * ones) | (bytes + ones)) & high);
}

static bool is_printable(const char *text, size_t bytes)
{
    const char *at = text, *end = text + bytes;
    while (at < end) {
        uint8_t first = (uint8_t)*at;
        size_t left = (size_t)(end - at);
        if (left >= 8 && eight_plain(at)) {
            at += 8;
            continue;
        }
        uint32_t length = first < 0x80 ? 1 : lk_utf8_length(at, left < 4 ? (uint32_t)left : 4);
        if (!length || first < 0x20 || first == 0x7f)
            return false;
        at += length;
    }
    return true;
}

/* Milliseconds from now. */
static int64_t ttl_from_now(const struct lk_command_key *key)
{
    if (!key->ttl_is_date || key->ttl_ms < 0)
        return key->ttl_ms;
    int64_t ttl = key->ttl_ms - (int64_t)(lk_sys_realtime_ns() / 1000000);
    return ttl > 0 ? ttl : 0;
}

static void write_record(const struct issue *issue, const struct lk_pending *item,
                         const struct lk_command_key *key)
{
    size_t stored = lk_text_stored_bytes(key->text.text, key->text.bytes);
    struct lk_record_command *record =
        lk_record_begin(LK_RECORD_COMMAND, sizeof *record + stored, issue->time_ns);
    if (!record)
        return;
    record->connection = issue->connection->id;
    record->site = issue->site;
    record->sequence = issue->sequence;
    record->verb = issue->verb;
    record->flags = item->flags;
    record->key_index = item->key_index;
    record->key_count = (uint16_t)issue->keys;
    record->database =
        key->database == LK_DATABASE_CURRENT ? issue->connection->database : key->database;
    record->template_id = item->template_id;
    record->key_hash = item->key_hash;
    record->value_hash = key->value_hash;
    record->value_bytes = key->value_bytes;
    record->ttl_ms = ttl_from_now(key);
    record->key_bytes = (uint32_t)key->whole_bytes;
    record->text_bytes = (uint32_t)stored;
    if (key->whole_bytes > LK_TEXT_MAX)
        record->flags |= LK_COMMAND_CUT;
    if (key->text.bytes && !is_printable(key->text.text, key->text.bytes))
        record->flags |= LK_COMMAND_BINARY;
    memset((char *)(record + 1) + (stored & ~(size_t)7), 0, -stored & 7);
    lk_text_store(record + 1, stored, key->text.text, key->text.bytes);
    lk_record_end();
}

/* In order: once one command found no room, those after it wait behind it. */
static void await(struct issue *issue, const struct lk_pending *item)
{
    struct lk_connection *connection = issue->connection;
    bool first = item->key_index == 0 || item->key_index == LK_NO_KEY;
    struct lk_pending *place = NULL;
    if (!issue->awaited)
        return;
    if (!connection->unnoted)
        place = lk_queue_push(&connection->pending);
    if (place)
        *place = *item;
    else
        lk_drop(LK_DROP_NO_STATE);
    if (!place && first) {
        connection->unnoted++;
        issue->awaited = false;
    }
}

static uint64_t issued_ns(const struct issue *issue)
{
    return issue->traffic->issued_ns ? issue->traffic->issued_ns : issue->time_ns;
}

static void issue_key(struct issue *issue, const struct lk_command_key *key, uint32_t index)
{
    struct lk_pending item = {
        .sequence = issue->sequence,
        .issued_ns = issued_ns(issue),
        .value_bytes = key->value_bytes,
        .flags = key->flags,
        .details = key->details,
        .key_index = (uint16_t)index,
        .info = (uint16_t)lk_command_info_index(issue->command->info),
        .keys = issue->keys,
        .traits = key->ttl_ms == LK_TTL_NONE ? LK_PENDING_NO_TTL : 0,
    };
    bool fresh;
    item.key_hash = key->hash ? key->hash : lk_text_hash(key->text.text, key->text.bytes);
    item.template_id = lk_template_of(key->text.text, key->text.bytes, item.key_hash, &fresh);
    if (!issue->site && !issue->traffic->elsewhere &&
        (fresh || (!index && issue->sequence % SITE_EVERY == 0)))
        issue->site = lk_site_here();
    if (issue->traffic->sync && !index)
        lk_tag_issued(item.template_id, lk_tag_command(issue->connection->id, issue->sequence));
    lk_input_write(key->text.text, key->text.bytes, item.key_hash, issue->time_ns);
    write_record(issue, &item, key);
    await(issue, &item);
}

/* Later commands are in the database that earlier ones selected, whether or not those are answered.
 * What a transaction selects is undone with it. Its return value: the database if it fails. */
static uint32_t follow_database(struct lk_connection *connection, const struct lk_command *command)
{
    uint32_t before = connection->database;
    int64_t database;
    switch (command->info->role) {
    case LK_ROLE_SELECT:
        if (lk_slice_number(&command->arguments[0], &database))
            connection->database = (uint32_t)database;
        break;
    case LK_ROLE_MULTI: /* one in another is refused */
        connection->database_kept = connection->in_transaction ? connection->database_kept : before;
        connection->in_transaction = 1;
        break;
    case LK_ROLE_DISCARD:
        connection->database = connection->in_transaction ? connection->database_kept : before;
        connection->in_transaction = 0;
        break;
    case LK_ROLE_EXEC:
        before = connection->in_transaction ? connection->database_kept : before;
        connection->in_transaction = 0;
        break;
    default:
        break;
    }
    return before;
}

/* A command without keys, or one that is not recorded: it is followed for what it does to the
 * connection. */
static void issue_keyless(struct issue *issue)
{
    static const struct lk_command_key none = {.ttl_ms = LK_TTL_UNKNOWN,
                                               .database = LK_DATABASE_CURRENT};
    const struct lk_command_info *info = issue->command->info;
    struct lk_pending item = {
        .sequence = issue->sequence,
        .issued_ns = issued_ns(issue),
        .flags = issue->keys ? 0 : info->flags,
        .key_index = LK_NO_KEY,
        .info = (uint16_t)lk_command_info_index(info),
        .traits = issue->traffic->recording ? 0 : LK_PENDING_SILENT,
    };
    if (issue->traffic->recording) {
        if (issue->traffic->sync)
            lk_tag_issued(0, lk_tag_command(issue->connection->id, issue->sequence));
        issue->keys = 0;
        write_record(issue, &item, &none);
    }
    if (info->role)
        item.value_bytes = follow_database(issue->connection, issue->command);
    await(issue, &item);
}

/* CLIENT REPLY ON|OFF|SKIP: whether answers come at all. */
static bool is_answered(struct lk_connection *connection, const struct lk_command *command)
{
    bool skipped = connection->mute_next;
    connection->mute_next = 0;
    if (command->info->role == LK_ROLE_CLIENT && lk_slice_is(&command->arguments[0], "REPLY")) {
        const struct lk_slice *word = &command->arguments[1];
        connection->muted = lk_slice_is(word, "OFF");
        connection->mute_next = lk_slice_is(word, "SKIP");
        return !connection->muted && !connection->mute_next;
    }
    return !skipped && !connection->muted;
}

static void issue_command(struct issue *issue)
{
    struct lk_connection *connection = issue->connection;
    struct lk_command_key key;
    issue->sequence = connection->next_sequence++;
    issue->awaited = is_answered(connection, issue->command);
    issue->site = 0;
    /* Key numbers are 16 bits wide; what is beyond is not recorded. */
    issue->keys = issue->command->key_count < LK_NO_KEY ? issue->command->key_count : LK_NO_KEY;
    if (issue->traffic->recording)
        issue->verb = lk_verb_count(issue->command);
    if (!issue->keys || !issue->traffic->recording) {
        issue_keyless(issue);
        return;
    }
    uint32_t count = 0;
    for (; count < issue->keys && lk_command_next_key(issue->command, &key); count++)
        issue_key(issue, &key, count);
    if (!count) /* it broke off before its keys */
        issue_keyless(issue);
}

void lk_traffic_issued(const struct lk_traffic *traffic, const char *bytes, size_t count)
{
    const char *end = bytes + count;
    struct lk_command command;
    struct lk_connection *connection = lk_connection_hold(traffic->context);
    if (!connection)
        return;
    struct issue issue = {
        .traffic = traffic, .connection = connection, .command = &command, .time_ns = lk_now()};
    if (traffic->recording)
        lk_connection_announce(connection, traffic, issue.time_ns);
    while (bytes && bytes < end && lk_command_begin(&command, bytes, (size_t)(end - bytes))) {
        issue_command(&issue);
        bytes = lk_command_end(&command);
    }
    lk_connection_let_go(connection);
}
