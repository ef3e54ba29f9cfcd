/* Answers as they come: paired with the commands that await them, recorded, counted. */
#include <string.h>

#include "cache/connection.h"
#include "cache/outcome.h"
#include "cache/replies.h"
#include "cache/sketch.h"
#include "cache/tag.h"
#include "cache/templates.h"
#include "cache/text.h"
#include "cache/traffic.h"
#include "capture/capture.h"
#include "thread.h"

struct answer { /* what one reply, or a broken connection, settles */
    const struct lk_traffic *traffic;
    struct lk_connection *connection;
    const struct lk_layout *layout;
    uint64_t time_ns;
    enum lk_outcome forced; /* whatever the reply says; NONE: by the reply */
    bool any;               /* a recorded key was settled: of the first one is */
    uint32_t template_id;
    enum lk_outcome outcome;
};

static void count_key(const struct answer *answer, const struct lk_pending *key,
                      const struct lk_settled *settled)
{
    struct lk_template *record =
        key->key_index == LK_NO_KEY ? NULL : lk_template_at(key->template_id);
    bool is_read = settled->outcome == LK_OUTCOME_HIT || settled->outcome == LK_OUTCOME_MISS;
    bool first = key->key_index == 0 || key->key_index == LK_NO_KEY;
    if (settled->outcome == LK_OUTCOME_ERROR && first) {
        lk_add(&lk_capture_header()->errors, 1);
        if (record)
            lk_add(&record->errors, 1);
    }
    if (record && is_read) {
        lk_add(&record->reads, 1);
        lk_add(settled->outcome == LK_OUTCOME_HIT ? &record->hits : &record->misses, 1);
        if (settled->value_bytes)
            lk_add(&record->read_bytes, settled->value_bytes);
    }
    if (record && settled->written) {
        lk_add(&record->writes, 1);
        lk_add(&record->written_bytes, key->value_bytes);
        if (key->traits & LK_PENDING_NO_TTL)
            lk_add(&record->no_ttl_writes, 1);
    }
    if (record && settled->deleted)
        lk_add(&record->deletes, 1);
    if (record && (is_read || settled->written)) {
        uint32_t bucket = lk_histogram_bucket(answer->time_ns - key->issued_ns);
        __atomic_fetch_add(&record->latency[bucket], 1, __ATOMIC_RELAXED);
        lk_template_used(record, key->key_hash, key->issued_ns);
    }
}

static void write_record(const struct answer *answer, const struct lk_pending *key,
                         const struct lk_settled *settled)
{
    struct lk_record_reply *record =
        lk_record_begin(LK_RECORD_REPLY, sizeof *record, answer->time_ns);
    if (!record)
        return;
    record->connection = answer->connection->id;
    record->outcome = settled->outcome;
    record->sequence = key->sequence;
    record->value_hash =
        settled->text.text ? lk_text_hash(settled->text.text, settled->text.bytes) : 0;
    record->value_bytes = settled->value_bytes;
    record->key_index = key->key_index;
    memset(record->reserved, 0, sizeof record->reserved);
    lk_record_end();
}

/* The first key's template, and of all keys' outcomes the one that says most. */
static void sum_up(struct answer *answer, const struct lk_pending *key, enum lk_outcome outcome)
{
    static const uint8_t weight[] = {
        [LK_OUTCOME_OTHER] = 1, [LK_OUTCOME_ERROR] = 2, [LK_OUTCOME_WRITE] = 3,
        [LK_OUTCOME_HIT] = 4,   [LK_OUTCOME_MISS] = 5,  [LK_OUTCOME_PENDING] = 0};
    if (!answer->any)
        answer->template_id = key->template_id;
    if (!answer->any || weight[outcome] > weight[answer->outcome])
        answer->outcome = outcome;
    answer->any = true;
}

static void settle_key(struct answer *answer, const struct lk_pending *key, const void *reply)
{
    struct lk_settled settled = {.outcome = answer->forced};
    if (!answer->traffic->recording || key->traits & LK_PENDING_SILENT)
        return;
    if (answer->forced == LK_OUTCOME_NONE)
        settled = lk_outcome_of(key, answer->layout, reply, lk_text_hash);
    count_key(answer, key, &settled);
    write_record(answer, key, &settled);
    sum_up(answer, key, settled.outcome);
}

/* All keys of the queue's first command. */
static void settle_command(struct answer *answer, struct lk_queue *queue, const void *reply)
{
    const struct lk_pending *key = lk_queue_first(queue);
    uint64_t sequence = key ? key->sequence : 0;
    for (; key && key->sequence == sequence; key = lk_queue_first(queue)) {
        settle_key(answer, key, reply);
        lk_queue_pop(queue);
    }
}

static void settle_all(struct answer *answer, struct lk_queue *queue, enum lk_outcome outcome)
{
    answer->forced = outcome;
    while (lk_queue_first(queue))
        settle_command(answer, queue, NULL);
    answer->forced = LK_OUTCOME_NONE;
}

/* +QUEUED: the first command's keys wait for EXEC. */
static void put_aside(struct lk_connection *connection)
{
    const struct lk_pending *key = lk_queue_first(&connection->pending);
    uint64_t sequence = key ? key->sequence : 0;
    for (; key && key->sequence == sequence; key = lk_queue_first(&connection->pending)) {
        struct lk_pending *place = lk_queue_push(&connection->queued);
        if (place)
            *place = *key;
        else
            lk_drop(LK_DROP_NO_STATE);
        lk_queue_pop(&connection->pending);
    }
}

static void settle_transaction(struct answer *answer, const struct lk_reply *reply)
{
    struct lk_queue *queued = &answer->connection->queued;
    for (size_t i = 0; i < reply->elements && lk_queue_first(queued); i++)
        settle_command(answer, queued, reply->element[i]);
    settle_all(answer, queued, LK_OUTCOME_OTHER); /* aborted: none of it was done */
}

static bool is_text(const struct lk_reply *reply, const char *upper)
{
    struct lk_slice text = {reply->text, reply->bytes};
    return reply->text && lk_slice_is(&text, upper);
}

/* What the answered command does to the connection. */
static void play_role(struct answer *answer, const struct lk_pending *head,
                      const struct lk_reply *reply)
{
    struct lk_connection *connection = answer->connection;
    bool failed = reply->type == LK_REPLY_ERROR;
    switch (lk_command_info_at(head->info)->role) {
    case LK_ROLE_SELECT:
        if (failed)
            connection->database = (uint32_t)head->value_bytes;
        break;
    case LK_ROLE_EXEC:
        settle_transaction(answer, reply);
        break;
    case LK_ROLE_DISCARD:
        settle_all(answer, &connection->queued, LK_OUTCOME_OTHER);
        break;
    case LK_ROLE_MONITOR:
        connection->streaming = failed ? connection->streaming : LK_STREAMING_NOW;
        break;
    case LK_ROLE_RESET:
        connection->streaming = 0;
        connection->database = 0;
        settle_all(answer, &connection->queued, LK_OUTCOME_OTHER);
        break;
    default:
        break;
    }
}

/* What comes unasked, or confirms a (UN)SUBSCRIBE, as often as that named channels. */
enum unasked { ASKED, MESSAGE, SUBSCRIBED, UNSUBSCRIBED };

static bool ends_in(const struct lk_reply *text, const char *end)
{
    size_t bytes = strlen(end);
    return text->text && text->bytes >= bytes &&
           memcmp(text->text + text->bytes - bytes, end, bytes) == 0;
}

/* +1339518083.107412 [0 127.0.0.1:60866] "keys" "*" */
static bool is_monitored(const struct lk_reply *line)
{
    size_t i = 0;
    while (i < line->bytes &&
           ((line->text[i] >= '0' && line->text[i] <= '9') || line->text[i] == '.'))
        i++;
    return i && i + 1 < line->bytes && line->text[i] == ' ' && line->text[i + 1] == '[';
}

static bool awaits_subscription(const struct lk_connection *connection)
{
    const struct lk_pending *head = lk_queue_first(&connection->pending);
    uint8_t role = head ? lk_command_info_at(head->info)->role : LK_ROLE_NONE;
    return role == LK_ROLE_SUBSCRIBE || role == LK_ROLE_UNSUBSCRIBE;
}

/* In RESP2 these are arrays like others: by their form, where the connection has subscribed to
 * anything. Whatever else comes on such a connection answers a command. */
static enum unasked unasked_by(const struct answer *answer, const struct lk_reply *reply)
{
    const struct lk_connection *connection = answer->connection;
    bool pushed = reply->type == LK_REPLY_PUSH;
    if (reply->type == LK_REPLY_STATUS)
        return connection->streaming && is_monitored(reply) ? MESSAGE : ASKED;
    if (!pushed && (reply->type != LK_REPLY_ARRAY || reply->elements < 3 ||
                    !(connection->streaming || awaits_subscription(connection))))
        return ASKED;
    struct lk_reply kind =
        lk_reply_read(answer->layout, reply->elements ? reply->element[0] : NULL);
    if (reply->elements == 3 && ends_in(&kind, "unsubscribe"))
        return UNSUBSCRIBED;
    if (reply->elements == 3 && ends_in(&kind, "subscribe"))
        return SUBSCRIBED;
    return pushed || (connection->streaming & LK_STREAMING_NOW && ends_in(&kind, "message"))
               ? MESSAGE
               : ASKED;
}

/* Pushed messages are known as such; then nothing that has the form of one must be taken for it. */
static void confirm(struct answer *answer, enum unasked unasked, const struct lk_reply *reply)
{
    struct lk_connection *connection = answer->connection;
    struct lk_reply left = lk_reply_read(answer->layout, reply->element[2]);
    if (unasked == SUBSCRIBED && reply->type != LK_REPLY_PUSH)
        connection->streaming = LK_STREAMING_NOW | LK_STREAMING_ONCE;
    else if (unasked == UNSUBSCRIBED && left.type == LK_REPLY_INTEGER && left.integer == 0)
        connection->streaming &= LK_STREAMING_ONCE;
    if (awaits_subscription(connection))
        settle_command(answer, &connection->pending, NULL);
}

static void pair(struct answer *answer, const void *object)
{
    struct lk_connection *connection = answer->connection;
    struct lk_reply reply = lk_reply_read(answer->layout, object);
    enum unasked unasked = unasked_by(answer, &reply);
    if (unasked == SUBSCRIBED || unasked == UNSUBSCRIBED)
        confirm(answer, unasked, &reply);
    if (unasked != ASKED || reply.type == LK_REPLY_ATTRIBUTE)
        return;
    const struct lk_pending *first = lk_queue_first(&connection->pending);
    if (!first) {
        connection->unnoted -= connection->unnoted > 0;
        return;
    }
    if (reply.type == LK_REPLY_STATUS && is_text(&reply, "QUEUED")) {
        put_aside(connection);
        return;
    }
    struct lk_pending head = *first;
    play_role(answer, &head, &reply);
    settle_command(answer, &connection->pending, object);
}

/* The thread's allocations since the command was issued, and until its next one, belong to this
 * outcome. */
static void tag_thread(const struct answer *answer)
{
    if (!answer->any)
        return;
    lk_tag_settled(LK_TAG(answer->outcome, answer->template_id));
}

void lk_traffic_answered(const struct lk_traffic *traffic, const void *reply)
{
    bool plain = lk_context_is_plain(traffic->library, traffic->context);
    struct lk_connection *connection = lk_connection_hold(traffic->context);
    struct answer answer = {.traffic = traffic,
                            .connection = connection,
                            .layout = traffic->library->layout,
                            .time_ns = lk_now(),
                            .outcome = LK_OUTCOME_OTHER};
    if (connection && plain) {
        pair(&answer, reply);
    } else if (connection) { /* an object of the host's making */
        answer.forced = LK_OUTCOME_OTHER;
        settle_command(&answer, &connection->pending, NULL);
    }
    if (connection)
        lk_connection_let_go(connection);
    tag_thread(&answer);
    if (reply && plain && traffic->recording)
        lk_reply_given(answer.layout, reply, LK_TAG(answer.outcome, answer.template_id),
                       answer.time_ns);
}

void lk_traffic_broken(const struct lk_traffic *traffic)
{
    struct lk_connection *connection = lk_connection_hold(traffic->context);
    if (!connection)
        return;
    struct answer answer = {.traffic = traffic,
                            .connection = connection,
                            .layout = traffic->library->layout,
                            .time_ns = lk_now()};
    settle_all(&answer, &connection->pending, LK_OUTCOME_ERROR);
    settle_all(&answer, &connection->queued, LK_OUTCOME_ERROR);
    connection->unnoted = 0;
    connection->streaming = 0;
    lk_connection_let_go(connection);
    tag_thread(&answer);
}

void lk_traffic_failing(const struct lk_traffic *traffic)
{
    struct lk_connection *connection = lk_connection_hold(traffic->context);
    if (!connection)
        return;
    const struct lk_pending *first = lk_queue_first(&connection->pending);
    uint32_t template_id = first ? first->template_id : 0;
    lk_connection_let_go(connection);
    if (first && traffic->recording)
        lk_tag_settled(LK_TAG(LK_OUTCOME_ERROR, template_id));
}

void lk_traffic_connected(const struct lk_traffic *traffic, bool is_new)
{
    uint64_t time_ns = lk_now();
    struct lk_connection *connection = lk_connection_begin(traffic->context);
    if (connection) {
        if (traffic->recording)
            lk_connection_announce(connection, traffic->library->layout, traffic->context, time_ns);
        lk_connection_let_go(connection);
    }
    if (!is_new)
        lk_context_reconnected(traffic->library->layout, traffic->context);
    else if (traffic->recording)
        lk_context_given(traffic->library->layout, traffic->context, traffic->asynchronous,
                         time_ns);
}

void lk_traffic_closing(const struct lk_traffic *traffic)
{
    uint32_t id = lk_connection_end(traffic->context);
    lk_context_freed(traffic->context);
    if (!id || !traffic->recording)
        return;
    struct lk_record_connect *record =
        lk_record_begin(LK_RECORD_DISCONNECT, sizeof *record, lk_now());
    if (!record)
        return;
    record->connection = id;
    record->peer_bytes = 0;
    lk_record_end();
}
