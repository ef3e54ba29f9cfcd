// Commands paired with their answers on one connection, over a capture that is played: pipelines,
// transactions, streams, failures, pauses.
// links: shim/cache/issue.c shim/cache/answer.c shim/cache/connection.c shim/cache/templates.c
// links: shim/cache/replies.c shim/cache/outcome.c shim/cache/commands.c shim/cache/resp.c
// links: shim/cache/abi.c shim/cache/pending.c shim/cache/names.c shim/cache/sketch.c
// links: shim/cache/tag.c shim/cache/seen.c shim/cache/hiredis_answer.c shim/wire/peer.c
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cache/commands.h"
#include "cache/connection.h"
#include "cache/hiredis_answer.h"
#include "cache/inputs.h"
#include "cache/templates.h"
#include "cache/text.h"
#include "capture/capture.h"
#include "config.h"
#include "heap/heap.h"
#include "heap/live.h"
#include "stack/site.h"
#include "sys.h"
#include "thread.h"

/* ---- The capture, played: what is written becomes lines of text ---- */

__thread struct lk_thread lk_self;

static struct lk_header header;
static char *base;
static uint64_t used, clock_ns;
static union {
    struct lk_record head;
    char bytes[8192];
} record;
static char journal[8192];
static int64_t live_replies, live_contexts;
static uint64_t drops;

__attribute__((format(printf, 1, 2))) static void note(const char *format, ...)
{
    size_t length = strlen(journal);
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(journal + length, sizeof journal - length, format, arguments);
    va_end(arguments);
}

struct lk_header *lk_capture_header(void)
{
    return &header;
}

char *lk_capture_base(void)
{
    return base;
}

uint64_t lk_capture_offset(const void *pointer)
{
    return (uint64_t)((const char *)pointer - base);
}

uint64_t lk_now(void)
{
    return clock_ns += 1000;
}

struct lk_extent *lk_extent_new(uint32_t granules, uint64_t first_id, uint64_t items)
{
    struct lk_extent *extent = (struct lk_extent *)(void *)(base + used);
    used += (uint64_t)granules * LK_GRANULE;
    extent->first_id = first_id;
    extent->items = items;
    return extent;
}

void lk_extent_publish(struct lk_extent *extent, enum lk_extent_kind kind)
{
    extent->kind = kind;
}

struct lk_extent *lk_extent_at(struct lk_extent **place, enum lk_extent_kind kind,
                               uint32_t granules, uint64_t first_id, uint64_t items, uint32_t owner)
{
    if (!*place) {
        *place = lk_extent_new(granules, first_id, items);
        (*place)->thread = owner;
        lk_extent_publish(*place, kind);
    }
    return *place;
}

void *lk_record_begin(enum lk_record_type type, size_t bytes, uint64_t time_ns)
{
    assert_true(bytes <= sizeof record);
    memset(&record, 0xaa, sizeof record);
    record.head = (struct lk_record){.type = (uint16_t)type, .time_ns = time_ns};
    return &record;
}

/* "GET 0 k db0;" for a command, "-> MISS 0;" for an answer. */
void lk_record_end(void)
{
    static const char *const outcomes[] = {"NONE", "HIT", "MISS", "WRITE", "ERROR", "OTHER"};
    const struct lk_record_command *command = (const void *)&record;
    const struct lk_record_reply *reply = (const void *)&record;
    const struct lk_record_connect *connect = (const void *)&record;
    if (record.head.type == LK_RECORD_COMMAND)
        note("#%d %.*s db%u;", (int)command->sequence, (int)command->text_bytes,
             (const char *)(command + 1), command->database);
    else if (record.head.type == LK_RECORD_REPLY)
        note("#%d %s;", (int)reply->sequence, outcomes[reply->outcome]);
    else
        note("%s %u;", record.head.type == LK_RECORD_CONNECT ? "connect" : "disconnect",
             connect->connection);
}

void lk_drop(enum lk_drop why)
{
    assert_int_equal(why, LK_DROP_NO_STATE);
    drops++;
}

bool lk_live_insert(enum lk_live_kind kind, uint64_t address, uint64_t size, uint64_t time_ns,
                    uint32_t site, uint32_t tag, struct lk_live *stale)
{
    (void)address, (void)size, (void)time_ns, (void)site, (void)tag;
    *(kind == LK_LIVE_REPLY ? &live_replies : &live_contexts) += 1;
    if (stale)
        stale->key = 0;
    return true;
}

bool lk_live_remove(enum lk_live_kind kind, uint64_t address, struct lk_live *entry)
{
    (void)address, (void)entry;
    *(kind == LK_LIVE_REPLY ? &live_replies : &live_contexts) -= 1;
    return false;
}

void lk_live_retag(enum lk_live_kind kind, uint64_t address, uint32_t tag)
{
    (void)kind;
    (void)address;
    note("context %u;", LK_TAG_OUTCOME(tag));
}

void lk_heap_retag(uint64_t address, uint32_t tag)
{
    note("retag %u %u;", (unsigned)address, LK_TAG_OUTCOME(tag));
}

uint32_t lk_site_here(void)
{
    return 7;
}

static void *wiped[8];
static size_t wiped_count;

void *lk_sys_memory_wiped(size_t bytes)
{
    assert_true(wiped_count < sizeof wiped / sizeof *wiped);
    void *memory = aligned_alloc(64, (bytes + 63) & ~(size_t)63);
    assert_non_null(memory);
    return wiped[wiped_count++] = memset(memory, 0, bytes);
}

uint64_t lk_sys_realtime_ns(void)
{
    return 0;
}

struct lk_config lk_config;

size_t lk_text_pseudonym(const char *text, size_t bytes, const char *kind, char *out)
{
    (void)text, (void)bytes, (void)kind, (void)out;
    return 0;
}

uint64_t lk_text_hash(const void *text, size_t bytes)
{
    const unsigned char *at = text;
    uint64_t hash = 14695981039346656037u;
    for (size_t i = 0; i < bytes; i++)
        hash = (hash ^ at[i]) * 1099511628211u;
    return hash * 0x9e3779b97f4a7c15u;
}

size_t lk_text_stored_bytes(const void *text, size_t bytes)
{
    (void)text;
    return bytes;
}

void lk_text_store(void *out, size_t stored_bytes, const void *text, size_t bytes)
{
    (void)bytes;
    if (stored_bytes)
        memcpy(out, text, stored_bytes);
}

void lk_input_write(const void *key, size_t bytes, uint64_t key_hash, uint64_t time_ns)
{
    (void)key, (void)bytes, (void)key_hash, (void)time_ns;
}

/* ---- A context, and the replies that come ---- */

static struct lk_library library;
static char context[512], reader[512];
static void *functions[8];
static char reply[64], element[4][64];
static const void *elements[4];

static int set_up(void **state)
{
    const void *where = reader, *table = functions;
    (void)state;
    library.layout = lk_layout_of(LK_LAYOUT_1_0);
    library.free_reply[0] = functions[6] = journal; /* any address */
    memcpy(context + library.layout->reader, &where, sizeof where);
    memcpy(reader + library.layout->functions, &table, sizeof table);
    memset(&lk_self, 0, sizeof lk_self);
    memset(&header, 0, sizeof header);
    base = calloc(64, LK_GRANULE);
    used = LK_GRANULE;
    journal[0] = '\0';
    live_replies = live_contexts = 0;
    drops = clock_ns = 0;
    lk_commands_init();
    lk_templates_init();
    lk_connections_init();
    return base ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    while (wiped_count)
        free(wiped[--wiped_count]);
    free(base);
    return 0;
}

static struct lk_traffic traffic(bool recording)
{
    return (struct lk_traffic){.library = &library, .context = context, .recording = recording};
}

/* A line of words as a client sends it. */
static void issue_as(const char *line, bool recording, bool sync)
{
    char words[256], bytes[1024], rest[512] = "", *save = NULL;
    struct lk_traffic how = traffic(recording);
    int count = 0;
    how.sync = sync;
    snprintf(words, sizeof words, "%s", line);
    for (char *word = strtok_r(words, " ", &save); word; word = strtok_r(NULL, " ", &save)) {
        size_t length = strlen(rest);
        snprintf(rest + length, sizeof rest - length, "$%zu\r\n%s\r\n", strlen(word), word);
        count++;
    }
    snprintf(bytes, sizeof bytes, "*%d\r\n%s", count, rest);
    lk_traffic_issued(&how, bytes, strlen(bytes));
}

static void issue(const char *line)
{
    issue_as(line, true, false);
}

static const void *make(char *object, int type, const char *text)
{
    size_t bytes = text ? strlen(text) : 0;
    memset(object, 0, 64);
    memcpy(object, &type, sizeof type);
    memcpy(object + library.layout->reply_text, &text, sizeof text);
    memcpy(object + library.layout->reply_length, &bytes, sizeof bytes);
    return object;
}

static const void *make_list(int type, size_t count)
{
    const void *const *list = elements;
    make(reply, type, NULL);
    memcpy(reply + library.layout->reply_elements, &count, sizeof count);
    memcpy(reply + library.layout->reply_element, &list, sizeof list);
    return reply;
}

static void answer(int type, const char *text)
{
    struct lk_traffic how = traffic(true);
    lk_hiredis_reply(&how, make(reply, type, text));
}

static void answer_list(int type, size_t count)
{
    struct lk_traffic how = traffic(true);
    lk_hiredis_reply(&how, make_list(type, count));
}

static void assert_journal(const char *expected)
{
    assert_string_equal(journal, expected);
    journal[0] = '\0';
}

static void connect_first(void)
{
    struct lk_traffic how = traffic(true);
    lk_context_connected(&how, true);
    assert_journal("connect 1;");
}

/* ---- Tests ---- */

static void pairs_in_order(void **state)
{
    (void)state;
    connect_first();
    issue("SET a v");
    issue("MGET a b");
    issue("PING");
    issue("GET c");
    assert_journal("#0 a db0;#1 a db0;#1 b db0;#2  db0;#3 c db0;");
    answer(LK_REPLY_STATUS, "OK");
    elements[0] = make(element[0], LK_REPLY_STRING, "v");
    elements[1] = make(element[1], LK_REPLY_NIL, NULL);
    answer_list(LK_REPLY_ARRAY, 2);
    assert_int_equal(LK_TAG_OUTCOME(lk_self.tag), LK_OUTCOME_MISS);
    answer(LK_REPLY_STATUS, "PONG");
    answer(LK_REPLY_ERROR, "WRONGTYPE");
    assert_journal("#0 WRITE;#1 HIT;#1 MISS;#2 OTHER;#3 ERROR;");
    assert_int_equal(header.errors, 1);
    answer(LK_REPLY_STRING, "nobody asked");
    assert_journal("");
    assert_int_equal(live_replies, 5);
    assert_int_equal(drops, 0);
}

static void counts_by_template(void **state)
{
    bool fresh;
    (void)state;
    connect_first();
    issue("SET word v EX 5");
    issue("SET word v NX");
    issue("SET word value");
    issue("GET word");
    answer(LK_REPLY_STATUS, "OK");
    answer(LK_REPLY_NIL, NULL);
    answer(LK_REPLY_STATUS, "OK");
    answer(LK_REPLY_STRING, "value");
    uint32_t id = lk_template_of("word", 4, lk_text_hash("word", 4), &fresh);
    const struct lk_template *counted = lk_template_at(id);
    assert_int_equal(counted->writes, 2);
    assert_int_equal(counted->written_bytes, 6);
    assert_int_equal(counted->no_ttl_writes, 1);
    assert_int_equal(counted->reads, 1);
    assert_int_equal(counted->hits, 1);
    assert_int_equal(counted->read_bytes, 5);
    assert_int_equal(counted->replies_live, 4);
    assert_int_not_equal(counted->sketch_offset, 0);
    const struct lk_verb *verbs = NULL;
    for (uint64_t at = LK_GRANULE; at < used && !verbs; at += LK_GRANULE) {
        const struct lk_extent *extent = (const void *)(base + at);
        if (extent->kind == LK_EXTENT_VERBS)
            verbs = (const void *)(extent + 1);
    }
    assert_true(verbs && strcmp(verbs[1].name, "SET") == 0 && verbs[1].calls == 3);
    assert_true(verbs && strcmp(verbs[2].name, "GET") == 0 && verbs[2].calls == 1);
}

static void settles_transactions_by_exec(void **state)
{
    (void)state;
    connect_first();
    issue("MULTI");
    issue("SET a v");
    issue("GET b");
    issue("EXEC");
    answer(LK_REPLY_STATUS, "OK");
    answer(LK_REPLY_STATUS, "QUEUED");
    answer(LK_REPLY_STATUS, "QUEUED");
    assert_journal("#0  db0;#1 a db0;#2 b db0;#3  db0;#0 OTHER;");
    elements[0] = make(element[0], LK_REPLY_STATUS, "OK");
    elements[1] = make(element[1], LK_REPLY_NIL, NULL);
    answer_list(LK_REPLY_ARRAY, 2);
    assert_journal("#1 WRITE;#2 MISS;#3 OTHER;");
    issue("GET a");
    issue("EXEC");
    issue("GET a");
    issue("DISCARD");
    answer(LK_REPLY_STATUS, "QUEUED");
    answer(LK_REPLY_NIL, NULL); /* a watched key changed */
    answer(LK_REPLY_STATUS, "QUEUED");
    answer(LK_REPLY_STATUS, "OK");
    assert_journal("#4 a db0;#5  db0;#6 a db0;#7  db0;#4 OTHER;#5 OTHER;#6 OTHER;#7 OTHER;");
}

static void follows_the_database(void **state)
{
    (void)state;
    connect_first();
    issue("SELECT 5");
    issue("GET a");
    answer(LK_REPLY_STATUS, "OK");
    answer(LK_REPLY_NIL, NULL);
    issue("SELECT 99");
    answer(LK_REPLY_ERROR, "ERR DB index is out of range");
    issue("GET a");
    assert_journal("#0  db0;#1 a db5;#0 OTHER;#1 MISS;#2  db5;#2 ERROR;#3 a db5;");
    struct lk_traffic how = traffic(true);
    lk_context_connected(&how, false);
    issue("GET a");
    assert_journal("connect 2;context 5;#0 a db0;");
}

/* What is selected in a transaction holds from EXEC on, and not at all if that is not done. */
static void follows_the_database_of_transactions(void **state)
{
    static const struct {
        const char *end;
        int type;
        const char *text, *later;
    } rows[] = {
        {"DISCARD", LK_REPLY_STATUS, "OK", "#4 a db2;"},
        {"EXEC", LK_REPLY_NIL, NULL, "#4 a db2;"},
        {"EXEC", LK_REPLY_ERROR, "EXECABORT Transaction discarded", "#4 a db2;"},
        {"EXEC", LK_REPLY_ARRAY, NULL, "#4 a db5;"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct lk_traffic how = traffic(true);
        lk_context_connected(&how, false);
        issue("SELECT 2");
        answer(LK_REPLY_STATUS, "OK");
        issue("MULTI");
        answer(LK_REPLY_STATUS, "OK");
        issue("SELECT 5");
        answer(LK_REPLY_STATUS, "QUEUED");
        issue(rows[i].end);
        if (rows[i].type == LK_REPLY_ARRAY) {
            elements[0] = make(element[0], LK_REPLY_STATUS, "OK");
            answer_list(LK_REPLY_ARRAY, 1);
        } else {
            answer(rows[i].type, rows[i].text);
        }
        journal[0] = 0;
        issue("GET a");
        assert_journal(rows[i].later);
        answer(LK_REPLY_NIL, NULL);
        journal[0] = 0;
    }
}

/* All of it is issued before anything is answered, with a command after it. */
static void follows_the_database_of_pipelined_transactions(void **state)
{
    (void)state;
    connect_first();
    issue("MULTI");
    issue("SELECT 5");
    issue("GET a");
    issue("DISCARD");
    issue("GET a");
    assert_journal("#0  db0;#1  db0;#2 a db5;#3  db5;#4 a db0;");
}

/* The ring forgets: whose commands these are is said again. */
static void says_again_where_it_is_connected_to(void **state)
{
    (void)state;
    connect_first();
    for (unsigned i = 0; i < LK_ANNOUNCE_EVERY; i++) {
        journal[0] = '\0';
        issue("PING");
        answer(LK_REPLY_STATUS, "PONG");
        assert_null(strstr(journal, "connect"));
    }
    journal[0] = '\0';
    issue("GET a");
    assert_journal("connect 1;#1024 a db0;");
}

static void settles_all_when_it_breaks(void **state)
{
    struct lk_traffic how = traffic(true);
    (void)state;
    connect_first();
    issue("GET a");
    issue("MGET b c");
    lk_traffic_broken(&how);
    lk_traffic_broken(&how);
    assert_journal("#0 a db0;#1 b db0;#1 c db0;#0 ERROR;#1 ERROR;#1 ERROR;");
    assert_int_equal(header.errors, 2);
    issue("GET d");
    answer(LK_REPLY_NIL, NULL);
    lk_context_closing(&how);
    assert_journal("#2 d db0;#2 MISS;disconnect 1;");
    assert_int_equal(live_contexts, 0);
}

static void lets_streams_pass(void **state)
{
    (void)state;
    connect_first();
    issue("SUBSCRIBE news");
    elements[0] = make(element[0], LK_REPLY_STRING, "subscribe");
    elements[1] = make(element[1], LK_REPLY_STRING, "news");
    elements[2] = make(element[2], LK_REPLY_INTEGER, NULL);
    answer_list(LK_REPLY_ARRAY, 3);
    assert_journal("#0  db0;#0 OTHER;");
    elements[0] = make(element[0], LK_REPLY_STRING, "message");
    answer_list(LK_REPLY_ARRAY, 3);
    issue("UNSUBSCRIBE");
    elements[0] = make(element[0], LK_REPLY_STRING, "unsubscribe");
    answer_list(LK_REPLY_ARRAY, 3);
    issue("GET a");
    elements[0] = make(element[0], LK_REPLY_STRING, "invalidate");
    answer_list(LK_REPLY_PUSH, 3);
    answer(LK_REPLY_NIL, NULL);
    assert_journal("#1  db0;#1 OTHER;#2 a db0;#2 MISS;");
    issue("CLIENT REPLY SKIP");
    issue("SET a v");
    issue("GET a");
    answer(LK_REPLY_STRING, "v");
    assert_journal("#3  db0;#4 a db0;#5 a db0;#5 HIT;");
}

/* [kind, channel, count], or [kind, channel, text] */
static void message(enum lk_reply_type type, const char *kind, const char *text)
{
    elements[0] = make(element[0], LK_REPLY_STRING, kind);
    elements[1] = make(element[1], LK_REPLY_STRING, "news");
    elements[2] = make(element[2], text ? LK_REPLY_STRING : LK_REPLY_INTEGER, text);
    answer_list(type, 3);
}

static void answers_pass_between_messages(void **state)
{
    (void)state;
    connect_first();
    issue("SUBSCRIBE news weather");
    issue("GET a"); /* refused */
    issue("UNSUBSCRIBE news weather sports");
    issue("GET b");
    issue("LRANGE c 0 -1");
    message(LK_REPLY_ARRAY, "subscribe", NULL);
    message(LK_REPLY_ARRAY, "subscribe", NULL);
    message(LK_REPLY_ARRAY, "message", "text");
    answer(LK_REPLY_ERROR, "ERR only (P|S)SUBSCRIBE");
    message(LK_REPLY_ARRAY, "message", "text");
    assert_journal("#0  db0;#1 a db0;#2  db0;#3 b db0;#4 c db0;#0 OTHER;#1 ERROR;");
    for (int i = 0; i < 3; i++)
        message(LK_REPLY_ARRAY, "unsubscribe", NULL);
    answer(LK_REPLY_STRING, "v");
    message(LK_REPLY_ARRAY, "message", "text"); /* a list like any other now */
    assert_journal("#2 OTHER;#3 HIT;#4 HIT;");
}

static void pushes_pass_between_answers(void **state)
{
    (void)state;
    connect_first();
    issue("SUBSCRIBE news");
    issue("LRANGE a 0 -1");
    message(LK_REPLY_PUSH, "subscribe", NULL);
    message(LK_REPLY_PUSH, "message", "text");
    message(LK_REPLY_ARRAY, "message", "text"); /* what the list holds */
    assert_journal("#0  db0;#1 a db0;#0 OTHER;#1 HIT;");
}

static void lines_of_monitor_answer_nothing(void **state)
{
    (void)state;
    connect_first();
    issue("MONITOR");
    issue("GET a");
    issue("PING");
    answer(LK_REPLY_STATUS, "OK");
    answer(LK_REPLY_STATUS, "1339518083.107412 [0 127.0.0.1:60866] \"GET\" \"a\"");
    answer(LK_REPLY_NIL, NULL);
    answer(LK_REPLY_STATUS, "1339518083.107413 [0 lua] \"PING\"");
    answer(LK_REPLY_STATUS, "PONG");
    assert_journal("#0  db0;#1 a db0;#2  db0;#0 OTHER;#1 MISS;#2 OTHER;");
}

static void tags_what_callbacks_allocate(void **state)
{
    struct lk_traffic how = traffic(true);
    (void)state;
    connect_first();
    issue("GET a");
    issue("GET b");
    answer(LK_REPLY_NIL, NULL);
    assert_int_equal(LK_TAG_OUTCOME(lk_self.tag), LK_OUTCOME_MISS);
    issue("GET c"); /* within the callback */
    assert_int_equal(LK_TAG_OUTCOME(lk_self.tag), LK_OUTCOME_MISS);
    lk_traffic_failing(&how);
    assert_int_equal(LK_TAG_OUTCOME(lk_self.tag), LK_OUTCOME_ERROR);
    lk_traffic_broken(&how);
    lk_traffic_failing(&how); /* nothing is awaited */
    assert_journal("#0 a db0;#1 b db0;#0 MISS;#2 c db0;#1 ERROR;#2 ERROR;");
}

static void pairs_while_paused(void **state)
{
    struct lk_traffic paused = traffic(false);
    (void)state;
    connect_first();
    issue("GET a");
    issue_as("MGET b c", false, false);
    issue_as("SELECT 3", false, false);
    issue("GET d");
    answer(LK_REPLY_NIL, NULL);
    lk_hiredis_reply(&paused, make(reply, LK_REPLY_NIL, NULL));
    answer(LK_REPLY_STATUS, "OK");
    answer(LK_REPLY_STRING, "v");
    assert_journal("#0 a db0;#3 d db3;#0 MISS;#3 HIT;");
}

static void tags_what_a_command_allocates(void **state)
{
    (void)state;
    connect_first();
    issue_as("GET a", true, true);
    assert_int_equal(LK_TAG_OUTCOME(lk_self.tag), LK_OUTCOME_PENDING);
    lk_self.pending[lk_self.pending_count++] = ~(uint64_t)77;
    answer(LK_REPLY_NIL, NULL);
    assert_int_equal(LK_TAG_OUTCOME(lk_self.tag), LK_OUTCOME_MISS);
    assert_int_equal(lk_self.pending_count, 0);
    assert_journal("#0 a db0;#0 MISS;retag 77 2;");
}

static void takes_foreign_replies_as_opaque(void **state)
{
    (void)state;
    connect_first();
    functions[6] = context; /* another reader's free function */
    issue("GET a");
    answer(LK_REPLY_NIL, NULL);
    assert_journal("#0 a db0;#0 OTHER;");
    assert_int_equal(live_replies, 0);
}

/* More than the pool holds: order is kept, what found no room is counted. */
static void stays_paired_without_room(void **state)
{
    (void)state;
    connect_first();
    while (!drops) {
        issue("GET a");
        journal[0] = '\0';
    }
    issue("SET b v");
    assert_int_equal(drops, 2);
    struct lk_connection *connection = lk_connection_hold(context);
    uint64_t issued = connection->next_sequence;
    lk_connection_let_go(connection);
    drops = 0;
    for (uint64_t i = 0; i < issued; i++) {
        journal[0] = '\0';
        answer(LK_REPLY_NIL, NULL);
    }
    assert_journal("");
    issue("GET c");
    answer(LK_REPLY_STRING, "v");
    assert_non_null(strstr(journal, "c db0;"));
    assert_non_null(strstr(journal, "HIT;"));
    assert_int_equal(drops, 0);
}

/* Words up to a bound stay; the further ones become one template. */
static void bounds_templates(void **state)
{
    uint32_t last = 0;
    (void)state;
    for (unsigned i = 0; i < 200; i++) {
        char key[32];
        bool fresh;
        snprintf(key, sizeof key, "name:%c%cx", 'a' + (int)(i / 20), 'a' + (int)(i % 20));
        uint32_t id = lk_template_of(key, strlen(key), lk_text_hash(key, strlen(key)), &fresh);
        assert_int_equal(id,
                         lk_template_of(key, strlen(key), lk_text_hash(key, strlen(key)), &fresh));
        assert_false(fresh);
        if (i > LK_WORDS_MAX)
            assert_int_equal(id, last);
        else
            assert_int_not_equal(id, last);
        last = id;
    }
    const struct lk_template *rest = lk_template_at(last);
    assert_memory_equal(rest->text, "name:<text>", rest->text_bytes);
    assert_int_equal(header.templates, LK_WORDS_MAX + 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(pairs_in_order, set_up, tear_down),
        cmocka_unit_test_setup_teardown(counts_by_template, set_up, tear_down),
        cmocka_unit_test_setup_teardown(settles_transactions_by_exec, set_up, tear_down),
        cmocka_unit_test_setup_teardown(follows_the_database, set_up, tear_down),
        cmocka_unit_test_setup_teardown(follows_the_database_of_transactions, set_up, tear_down),
        cmocka_unit_test_setup_teardown(follows_the_database_of_pipelined_transactions, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(says_again_where_it_is_connected_to, set_up, tear_down),
        cmocka_unit_test_setup_teardown(settles_all_when_it_breaks, set_up, tear_down),
        cmocka_unit_test_setup_teardown(lets_streams_pass, set_up, tear_down),
        cmocka_unit_test_setup_teardown(answers_pass_between_messages, set_up, tear_down),
        cmocka_unit_test_setup_teardown(pushes_pass_between_answers, set_up, tear_down),
        cmocka_unit_test_setup_teardown(lines_of_monitor_answer_nothing, set_up, tear_down),
        cmocka_unit_test_setup_teardown(tags_what_callbacks_allocate, set_up, tear_down),
        cmocka_unit_test_setup_teardown(pairs_while_paused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(tags_what_a_command_allocates, set_up, tear_down),
        cmocka_unit_test_setup_teardown(takes_foreign_replies_as_opaque, set_up, tear_down),
        cmocka_unit_test_setup_teardown(stays_paired_without_room, set_up, tear_down),
        cmocka_unit_test_setup_teardown(bounds_templates, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
