/* Answers as they come, value by value: paired with the commands that await them, recorded,
 * counted.
 */
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

static void count_key(const struct lk_settling *answer, const struct lk_pending *key,
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

static void write_record(const struct lk_settling *answer, const struct lk_pending *key,
                         const struct lk_settled *settled)
{
    struct lk_record_reply *record =
        lk_record_begin(LK_RECORD_REPLY, sizeof *record, answer->time_ns);
    if (!record)
        return;
    record->connection = answer->connection->id;
    record->outcome = settled->outcome;
    record->sequence = key->sequence;
    record->value_hash = settled->value_hash;
    record->value_bytes = settled->value_bytes;
    record->key_index = key->key_index;
    record->flags = settled->flags;
    memset(record->reserved, 0, sizeof record->reserved);
    lk_record_end();
}

/* The first key's template, and of all keys' outcomes the one that says most. */
static void sum_up(struct lk_settling *answer, const struct lk_pending *key,
                   enum lk_outcome outcome)
{
    static const uint8_t weight[] = {
        [LK_OUTCOME_OTHER] = 1, [LK_OUTCOME_ERROR] = 2, [LK_OUTCOME_WRITE] = 3,
        [LK_OUTCOME_HIT] = 4,   [LK_OUTCOME_MISS] = 5,  [LK_OUTCOME_PENDING] = 0};
    if (!answer->any)
        answer->template_id = key->template_id;
    answer->sequence = key->sequence;
    if (!answer->any || weight[outcome] > weight[answer->outcome])
        answer->outcome = outcome;
    answer->any = true;
}

static void settle_key(struct lk_settling *answer, const struct lk_pending *key,
                       const struct lk_seen *seen)
{
    static const struct lk_seen nothing;
    struct lk_settled settled = {.outcome = answer->forced, .flags = answer->forced_flags};
    if (!answer->traffic->recording || key->traits & LK_PENDING_SILENT)
        return;
    if (answer->forced == LK_OUTCOME_NONE)
        settled = lk_outcome_of(key, seen ? seen : &nothing);
    count_key(answer, key, &settled);
    write_record(answer, key, &settled);
    sum_up(answer, key, settled.outcome);
}

/* All keys of the queue's first command; NULL: nothing is known of its answer. */
static void settle_command(struct lk_settling *answer, struct lk_queue *queue,
                           const struct lk_seen *seen)
{
    const struct lk_pending *key = lk_queue_first(queue);
    uint64_t sequence = key ? key->sequence : 0;
    for (; key && key->sequence == sequence; key = lk_queue_first(queue)) {
        settle_key(answer, key, seen);
        lk_queue_pop(queue);
    }
}

static void settle_all(struct lk_settling *answer, struct lk_queue *queue, enum lk_outcome outcome)
{
    answer->forced = outcome;
    answer->forced_flags = LK_REPLIED_REFUSED;
    while (lk_queue_first(queue))
        settle_command(answer, queue, NULL);
    answer->forced = LK_OUTCOME_NONE;
    answer->forced_flags = 0;
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

/* ---- Values as they come ---- */

enum mode { /* what the value that comes is to us */
            MODE_IGNORED,
            MODE_ANSWER,      /* of the first command that awaits one */
            MODE_TRANSACTION, /* its elements are the answers of the commands that EXEC ran */
            MODE_UNDECIDED,  /* a push, or what looks like one: its first element says what it is */
            MODE_SUBSCRIBED, /* confirms a SUBSCRIBE, as often as that named channels, */
            MODE_UNSUBSCRIBED,
};

static bool is_text(const struct lk_value *value, const char *upper)
{
    struct lk_slice text = {value->text, value->bytes};
    return value->text && lk_slice_is(&text, upper);
}

/* Where an answer has an element for each key, and one is complete: it settles its key. */
static void settle_element(struct lk_settling *answer, struct lk_queue *queue)
{
    struct lk_answering *now = &answer->connection->answering;
    const struct lk_pending *key = lk_queue_first(queue);
    if (now->seen.answer != LK_ANSWER_EACH || !now->seen.count || !key ||
        key->sequence != now->sequence || key->key_index + 1u != now->seen.count)
        return;
    settle_key(answer, key, &now->seen);
    lk_queue_pop(queue);
}

/* The command whose answer is complete. Some of its keys, or all, may be settled already. */
static void finish_seen(struct lk_settling *answer, struct lk_queue *queue)
{
    struct lk_answering *now = &answer->connection->answering;
    settle_element(answer, queue);
    const struct lk_pending *key = lk_queue_first(queue);
    if (key && key->sequence == now->sequence)
        settle_command(answer, queue, &now->seen);
}

static void begin_command(struct lk_settling *answer, struct lk_queue *queue,
                          const struct lk_value *value)
{
    struct lk_answering *now = &answer->connection->answering;
    const struct lk_pending *key = lk_queue_first(queue);
    const struct lk_command_info *info = lk_command_info_at(key ? key->info : SIZE_MAX);
    now->sequence = key ? key->sequence : UINT64_MAX;
    lk_seen_begin(&now->seen, info, key ? key->flags : 0, value);
}

/* What the answered command does to the connection, by the answer's first value. */
static void play_role(struct lk_settling *answer, uint8_t role, const struct lk_pending *head,
                      int type)
{
    struct lk_connection *connection = answer->connection;
    bool failed = type == LK_REPLY_ERROR;
    switch (role) {
    case LK_ROLE_SELECT:
        if (failed)
            connection->database = (uint32_t)head->value_bytes;
        break;
    case LK_ROLE_EXEC: /* what is still queued was not done, and with no list all of it */
        if (!lk_is_aggregate(type) && !connection->in_transaction &&
            lk_queue_is_single(&connection->pending))
            connection->database = (uint32_t)head->value_bytes;
        settle_all(answer, &connection->queued, LK_OUTCOME_OTHER);
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
        connection->in_transaction = 0;
        settle_all(answer, &connection->queued, LK_OUTCOME_OTHER);
        break;
    default:
        break;
    }
}

static uint8_t role_of(const struct lk_pending *head)
{
    return head ? lk_command_info_at(head->info)->role : LK_ROLE_NONE;
}

static void settle_head(struct lk_settling *answer)
{
    struct lk_connection *connection = answer->connection;
    const struct lk_pending *head = lk_queue_first(&connection->pending);
    if (head && head->sequence == connection->answering.sequence)
        play_role(answer, role_of(head), head, connection->answering.seen.whole.type);
    finish_seen(answer, &connection->pending);
}

/* ---- What comes unasked ---- */

static bool ends_in(const struct lk_value *value, const char *end)
{
    size_t bytes = strlen(end);
    return value->text && value->bytes >= bytes &&
           memcmp(value->text + value->bytes - bytes, end, bytes) == 0;
}

/* +1339518083.107412 [0 127.0.0.1:60866] "keys" "*" */
static bool is_monitored(const struct lk_value *line)
{
    size_t i = 0;
    while (line->text && i < line->bytes &&
           ((line->text[i] >= '0' && line->text[i] <= '9') || line->text[i] == '.'))
        i++;
    return i && i + 1 < line->bytes && line->text[i] == ' ' && line->text[i + 1] == '[';
}

static bool awaits_subscription(const struct lk_connection *connection)
{
    uint8_t role = role_of(lk_queue_first(&connection->pending));
    return role == LK_ROLE_SUBSCRIBE || role == LK_ROLE_UNSUBSCRIBE;
}

/* In RESP2 messages are arrays like others: by their form, where the connection has subscribed to
 * anything. Whatever else comes on such a connection answers a command. */
static bool may_be_unasked(const struct lk_connection *connection, const struct lk_value *value)
{
    return value->type == LK_REPLY_PUSH ||
           (value->type == LK_REPLY_ARRAY && value->elements >= 3 &&
            (connection->streaming || awaits_subscription(connection)));
}

/* ---- Whole answers ---- */

/* The command that the value answers. */
static void begin_asked(struct lk_settling *answer, const struct lk_value *value)
{
    struct lk_connection *connection = answer->connection;
    struct lk_answering *now = &connection->answering;
    const struct lk_pending *head = lk_queue_first(&connection->pending);
    now->mode = MODE_IGNORED;
    if (!head) {
        connection->unnoted -= connection->unnoted > 0;
    } else if (value->type == LK_REPLY_STATUS && is_text(value, "QUEUED")) {
        put_aside(connection);
    } else if (role_of(head) == LK_ROLE_EXEC && lk_is_aggregate(value->type)) {
        now->mode = MODE_TRANSACTION;
    } else {
        now->mode = MODE_ANSWER;
        begin_command(answer, &connection->pending, value);
    }
}

static bool begin_answer(struct lk_settling *answer, const struct lk_value *value)
{
    struct lk_connection *connection = answer->connection;
    struct lk_answering *now = &connection->answering;
    answer->any = false;
    answer->outcome = LK_OUTCOME_OTHER;
    answer->template_id = 0;
    *now = (struct lk_answering){.mode = MODE_IGNORED, .sequence = UINT64_MAX};
    if (value->type == LK_REPLY_ATTRIBUTE ||
        (value->type == LK_REPLY_STATUS && connection->streaming && is_monitored(value)))
        return false;
    if (may_be_unasked(connection, value)) {
        now->mode = MODE_UNDECIDED;
        now->top = *value;
        return true;
    }
    begin_asked(answer, value);
    return now->mode == MODE_TRANSACTION || (now->mode == MODE_ANSWER && now->seen.wanted);
}

/* By the first element. */
static void decide(struct lk_settling *answer, const struct lk_value *kind)
{
    struct lk_connection *connection = answer->connection;
    struct lk_answering *now = &connection->answering;
    const struct lk_value top = now->top;
    if (top.elements == 3 && ends_in(kind, "unsubscribe"))
        now->mode = MODE_UNSUBSCRIBED;
    else if (top.elements == 3 && ends_in(kind, "subscribe"))
        now->mode = MODE_SUBSCRIBED;
    else if (top.type == LK_REPLY_PUSH ||
             (connection->streaming & LK_STREAMING_NOW && ends_in(kind, "message")))
        now->mode = MODE_IGNORED;
    else
        begin_asked(answer, &top);
}

/* Pushed messages are known as such; then nothing that has the form of one must be taken for it. */
static void confirm(struct lk_settling *answer)
{
    struct lk_connection *connection = answer->connection;
    const struct lk_answering *now = &connection->answering;
    if (now->mode == MODE_SUBSCRIBED && now->top.type != LK_REPLY_PUSH)
        connection->streaming = LK_STREAMING_NOW | LK_STREAMING_ONCE;
    else if (now->mode == MODE_UNSUBSCRIBED && now->none_left)
        connection->streaming &= LK_STREAMING_ONCE;
    if (awaits_subscription(connection))
        settle_command(answer, &connection->pending, NULL);
}

/* Of an answer that is asked for, an element of it or what lies in one. */
static bool tell_element(struct lk_settling *answer, uint32_t depth, const struct lk_value *value)
{
    struct lk_connection *connection = answer->connection;
    struct lk_answering *now = &connection->answering;
    struct lk_queue *queue = &connection->pending;
    if (now->mode == MODE_TRANSACTION) {
        queue = &connection->queued;
        if (depth == 1) {
            finish_seen(answer, queue);
            begin_command(answer, queue, value);
            return now->seen.wanted;
        }
        depth--;
    }
    if (depth == 1) {
        settle_element(answer, queue);
        lk_seen_element(&now->seen, value);
    } else if (depth == 2) {
        lk_seen_within(&now->seen, value);
    }
    return depth < 2 && now->seen.wanted;
}

bool lk_answer_value(struct lk_settling *answer, uint32_t depth, const struct lk_value *value)
{
    struct lk_answering *now = &answer->connection->answering;
    if (depth == 0)
        return begin_answer(answer, value);
    if (now->mode == MODE_UNDECIDED && depth == 1)
        decide(answer, value);
    switch ((enum mode)now->mode) {
    case MODE_ANSWER:
    case MODE_TRANSACTION:
        return tell_element(answer, depth, value);
    case MODE_SUBSCRIBED:
    case MODE_UNSUBSCRIBED: /* [kind, channel, how many are left] */
        now->none_left = value->type == LK_REPLY_INTEGER && value->integer == 0;
        return false;
    default:
        return false;
    }
}

/* The thread's allocations since the command was issued, and until its next one, belong to this
 * outcome. */
static void tag_thread(const struct lk_settling *answer)
{
    if (answer->any && !answer->traffic->elsewhere)
        lk_tag_settled(LK_TAG(answer->outcome, answer->template_id),
                       lk_tag_command(answer->connection->id, answer->sequence));
}

void lk_answer_end(struct lk_settling *answer)
{
    static const struct lk_value array = {.type = LK_REPLY_ARRAY};
    struct lk_connection *connection = answer->connection;
    struct lk_answering *now = &connection->answering;
    switch ((enum mode)now->mode) {
    case MODE_ANSWER:
        settle_head(answer);
        break;
    case MODE_TRANSACTION:
        finish_seen(answer, &connection->queued);
        begin_command(answer, &connection->pending, &array);
        settle_head(answer);
        break;
    case MODE_SUBSCRIBED:
    case MODE_UNSUBSCRIBED:
        confirm(answer);
        break;
    default:
        break;
    }
    now->mode = MODE_IGNORED;
    tag_thread(answer);
}

/* ---- One call of a wrapper ---- */

bool lk_answer_open(struct lk_settling *answer, const struct lk_traffic *traffic)
{
    *answer = (struct lk_settling){.traffic = traffic,
                                   .connection = lk_connection_hold(traffic->context),
                                   .time_ns = lk_now(),
                                   .outcome = LK_OUTCOME_OTHER};
    return answer->connection != NULL;
}

void lk_answer_close(struct lk_settling *answer)
{
    lk_connection_let_go(answer->connection);
}

void lk_answer_opaque(struct lk_settling *answer)
{
    answer->forced = LK_OUTCOME_OTHER;
    settle_command(answer, &answer->connection->pending, NULL);
    answer->forced = LK_OUTCOME_NONE;
    tag_thread(answer);
}

void lk_traffic_broken(const struct lk_traffic *traffic)
{
    struct lk_settling answer;
    if (!lk_answer_open(&answer, traffic))
        return;
    settle_all(&answer, &answer.connection->pending, LK_OUTCOME_ERROR);
    settle_all(&answer, &answer.connection->queued, LK_OUTCOME_ERROR);
    answer.connection->unnoted = 0;
    answer.connection->streaming = 0;
    tag_thread(&answer);
    lk_answer_close(&answer);
}

void lk_traffic_failing(const struct lk_traffic *traffic)
{
    struct lk_connection *connection = lk_connection_hold(traffic->context);
    if (!connection)
        return;
    const struct lk_pending *first = lk_queue_first(&connection->pending);
    uint32_t template_id = first ? first->template_id : 0;
    uint64_t command = first ? lk_tag_command(connection->id, first->sequence) : 0;
    lk_connection_let_go(connection);
    if (first && traffic->recording)
        lk_tag_settled(LK_TAG(LK_OUTCOME_ERROR, template_id), command);
}

void lk_traffic_connected(const struct lk_traffic *traffic)
{
    struct lk_connection *connection = lk_connection_begin(traffic->context);
    if (!connection)
        return;
    if (traffic->recording)
        lk_connection_announce(connection, traffic, lk_now());
    lk_connection_let_go(connection);
}

void lk_traffic_closing(const struct lk_traffic *traffic)
{
    uint32_t id = lk_connection_end(traffic->context);
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
