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
    struct lk_settled settled = {.outcome = answer->forced};
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

/* ---- Values as they come ---- */

enum mode { /* what the value that comes is to us */
            MODE_IGNORED,
            MODE_ANSWER,      /* of the first command that awaits one */
            MODE_TRANSACTION, /* its elements are the answers of the commands that EXEC ran */
            MODE_PUSH,        /* RESP3, out of turn, or what answers SUBSCRIBE */
            MODE_STREAM,      /* a message */
};

static bool is_text(const struct lk_value *value, const char *upper)
{
    struct lk_slice text = {value->text, value->bytes};
    return value->text && lk_slice_is(&text, upper);
}

static void begin_seen(struct lk_answering *now, const struct lk_queue *queue,
                       const struct lk_value *value)
{
    const struct lk_pending *key = lk_queue_first(queue);
    const struct lk_command_info *info = lk_command_info_at(key ? key->info : SIZE_MAX);
    lk_seen_begin(&now->seen, info, key ? key->flags : 0, value);
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
    now->sequence = key ? key->sequence : UINT64_MAX;
    begin_seen(now, queue, value);
}

/* The first words of a message or push: what it is, and how many subscriptions are left. */
static void watch_words(struct lk_answering *now, const struct lk_value *value)
{
    static const char *const ends[] = {"UNSUBSCRIBE", "PUNSUBSCRIBE", "SUNSUBSCRIBE"};
    if (now->seen.count == 0) {
        now->subscribes = value->text && value->bytes >= 9 &&
                          memcmp(value->text + value->bytes - 9, "subscribe", 9) == 0;
        for (size_t i = 0; i < sizeof ends / sizeof *ends; i++)
            now->unsubscribes |= is_text(value, ends[i]);
    }
    if (now->seen.count == 2)
        now->none_left = value->type == LK_REPLY_INTEGER && value->integer == 0;
    now->seen.count++;
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
    case LK_ROLE_EXEC: /* aborted: none of it was done */
    case LK_ROLE_DISCARD:
        settle_all(answer, &connection->queued, LK_OUTCOME_OTHER);
        break;
    case LK_ROLE_SUBSCRIBE:
    case LK_ROLE_MONITOR:
        connection->streaming = !failed && type != LK_REPLY_PUSH;
        break;
    case LK_ROLE_RESET:
        connection->database = 0;
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
    if (connection->streaming) { /* no answers but messages from now on */
        settle_all(answer, &connection->pending, LK_OUTCOME_OTHER);
        connection->unnoted = 0;
    }
}

static enum mode mode_of(struct lk_settling *answer, const struct lk_value *value)
{
    struct lk_connection *connection = answer->connection;
    const struct lk_pending *head = lk_queue_first(&connection->pending);
    if (value->type == LK_REPLY_ATTRIBUTE)
        return MODE_IGNORED;
    if (value->type == LK_REPLY_PUSH)
        return MODE_PUSH;
    if (connection->streaming)
        return MODE_STREAM;
    if (!head) {
        connection->unnoted -= connection->unnoted > 0;
        return MODE_IGNORED;
    }
    if (value->type == LK_REPLY_STATUS && is_text(value, "QUEUED")) {
        put_aside(connection);
        return MODE_IGNORED;
    }
    return role_of(head) == LK_ROLE_EXEC && lk_is_aggregate(value->type) ? MODE_TRANSACTION
                                                                         : MODE_ANSWER;
}

static void begin_answer(struct lk_settling *answer, const struct lk_value *value)
{
    struct lk_connection *connection = answer->connection;
    struct lk_answering *now = &connection->answering;
    answer->any = false;
    answer->outcome = LK_OUTCOME_OTHER;
    answer->template_id = 0;
    *now = (struct lk_answering){.mode = (uint8_t)mode_of(answer, value), .sequence = UINT64_MAX};
    if (now->mode == MODE_STREAM && is_text(value, "RESET"))
        connection->streaming = connection->database = 0;
    if (now->mode == MODE_ANSWER || now->mode == MODE_PUSH)
        begin_command(answer, &connection->pending, value);
}

bool lk_answer_value(struct lk_settling *answer, uint32_t depth, const struct lk_value *value)
{
    struct lk_connection *connection = answer->connection;
    struct lk_answering *now = &connection->answering;
    if (depth == 0) {
        begin_answer(answer, value);
        return now->mode >= MODE_TRANSACTION || (now->mode == MODE_ANSWER && now->seen.wanted);
    }
    switch ((enum mode)now->mode) {
    case MODE_PUSH:
    case MODE_STREAM:
        if (depth == 1)
            watch_words(now, value);
        return false;
    case MODE_TRANSACTION:
        if (depth == 1) {
            finish_seen(answer, &connection->queued);
            begin_command(answer, &connection->queued, value);
            return now->seen.wanted;
        }
        depth--;
        break;
    case MODE_ANSWER:
        break;
    default:
        return false;
    }
    struct lk_queue *queue =
        now->mode == MODE_TRANSACTION ? &connection->queued : &connection->pending;
    if (depth == 1) {
        settle_element(answer, queue);
        lk_seen_element(&now->seen, value);
    } else if (depth == 2) {
        lk_seen_within(&now->seen, value);
    }
    return depth < 2 && now->seen.wanted;
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
    uint8_t role = role_of(lk_queue_first(&connection->pending));
    switch ((enum mode)now->mode) {
    case MODE_ANSWER:
        settle_head(answer);
        break;
    case MODE_TRANSACTION:
        finish_seen(answer, &connection->queued);
        begin_command(answer, &connection->pending, &array);
        settle_head(answer);
        break;
    case MODE_PUSH: /* in RESP3 (UN)SUBSCRIBE is answered by one; any other answers nothing */
        if (now->subscribes && (role == LK_ROLE_SUBSCRIBE || role == LK_ROLE_UNSUBSCRIBE))
            settle_head(answer);
        break;
    case MODE_STREAM: /* an ordinary connection again when its last subscription is gone */
        if (now->unsubscribes && now->none_left)
            connection->streaming = 0;
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
