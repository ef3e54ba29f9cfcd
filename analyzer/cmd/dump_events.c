/* A capture's events as JSON items. */
#include <string.h>

#include "cmd/dump.h"
#include "text/lexer.h"

#define NS_PER_SECOND 1e9

static void set(json_t *item, const char *key, json_t *value)
{
    json_object_set_new(item, key, value);
}

static json_t *integer(uint64_t number)
{
    return json_integer((json_int_t)MIN(number, (uint64_t)INT64_MAX));
}

/* In hash mode a text is known by its tokens' classes and lengths: <word 3><punctuation 1><hex 64>.
 */
static json_t *token_text(const char *text, size_t bytes)
{
    GString *shown = g_string_new(NULL);
    for (size_t at = 0; at + sizeof(struct lk_token_hash) <= bytes;
         at += sizeof(struct lk_token_hash)) {
        struct lk_token_hash token;
        memcpy(&token, text + at, sizeof(token));
        bool known = token.token_class > 0 && token.token_class < LK_CLASSES;
        g_string_append_printf(shown, "<%s %u>",
                               known ? lk_class_name((enum lk_class)token.token_class) : "unknown",
                               token.bytes);
    }
    json_t *value = json_string(shown->str);
    g_string_free(shown, TRUE);
    return value;
}

static void set_text(const struct dump *dump, json_t *item, const char *key,
                     const struct lk_record *record)
{
    size_t bytes;
    const char *text = event_text(record, &bytes);
    if (text == NULL)
        return;
    bool hashed = (dump->capture->header.flags & LK_FLAG_KEYS_HASHED) != 0;
    set(item, key, hashed ? token_text(text, bytes) : dump_text(text, bytes));
}

static json_t *ttl_value(int64_t ttl_ms)
{
    if (ttl_ms < LK_TTL_NONE)
        return json_null();
    return ttl_ms == LK_TTL_NONE ? json_string("none") : json_real((double)ttl_ms / 1000);
}

static void set_command(const struct dump *dump, json_t *item, const struct lk_record *record)
{
    static const char *const flags[] = {"read",  "write",  "delete",      "expire", "cut",
                                        "flush", "binary", "conditional", "shrink"};
    const struct lk_record_command *command = (const void *)record;
    const struct lk_verb *verb =
        &g_array_index(dump->capture->verbs, struct lk_verb, command->verb);
    const struct lk_template *template =
        &g_array_index(dump->capture->templates, struct lk_template, command->template_id);
    set(item, "verb", command->verb == 0 ? json_null() : dump_text(verb->name, strlen(verb->name)));
    set_text(dump, item, "key", record);
    set(item, "flags", dump_flags(command->flags, flags, G_N_ELEMENTS(flags)));
    set(item, "connection", integer(command->connection));
    set(item, "sequence", integer(command->sequence));
    if (command->key_index != LK_NO_KEY) {
        set(item, "key_index", integer(command->key_index));
        set(item, "key_count", integer(command->key_count));
        set(item, "key_hash", dump_hash(command->key_hash));
        set(item, "key_bytes", integer(command->key_bytes));
        set(item, "template",
            command->template_id == 0 ? json_null()
                                      : dump_text(template->text, template->text_bytes));
    }
    if ((command->flags & LK_COMMAND_WRITE) != 0) {
        set(item, "value_bytes", integer(command->value_bytes));
        set(item, "value_hash", dump_hash(command->value_hash));
    }
    if ((command->flags & (LK_COMMAND_WRITE | LK_COMMAND_EXPIRE)) != 0)
        set(item, "ttl_seconds", ttl_value(command->ttl_ms));
    set(item, "database", integer(command->database));
    set(item, "site", integer(command->site));
}

static void set_reply(const struct dump *dump, json_t *item, const struct lk_record *record)
{
    static const char *const flags[] = {"refused", "empty"};
    const struct lk_record_reply *reply = (const void *)record;
    (void)dump;
    set(item, "outcome", json_string(dump_outcome_name(reply->outcome)));
    set(item, "flags", dump_flags(reply->flags, flags, G_N_ELEMENTS(flags)));
    set(item, "connection", integer(reply->connection));
    set(item, "sequence", integer(reply->sequence));
    if (reply->key_index != LK_NO_KEY)
        set(item, "key_index", integer(reply->key_index));
    if (reply->outcome == LK_OUTCOME_HIT) {
        set(item, "value_bytes", integer(reply->value_bytes));
        set(item, "value_hash", dump_hash(reply->value_hash));
    }
}

static void set_input(const struct dump *dump, json_t *item, const struct lk_record *record)
{
    static const char *const algorithms[] = {"other",  "md5",     "sha1",    "sha224",
                                             "sha256", "sha384",  "sha512",  "xxh32",
                                             "xxh64",  "xxh3-64", "xxh3-128"};
    static const char *const encodings[] = {"other", "hex", "base64", "decimal", "raw"};
    const struct lk_record_input *input = (const void *)record;
    bool algorithm = input->algorithm < G_N_ELEMENTS(algorithms);
    bool encoding = input->encoding < G_N_ELEMENTS(encodings);
    set(item, "algorithm", json_string(algorithm ? algorithms[input->algorithm] : "other"));
    set(item, "encoding", json_string(encoding ? encodings[input->encoding] : "other"));
    set(item, "key_hash", dump_hash(input->key_hash));
    set(item, "digest_offset", integer(input->digest_offset));
    set(item, "digest_bytes", integer(input->digest_bytes));
    set(item, "input_bytes", integer(input->input_bytes));
    set(item, "fingerprint", dump_hash(input->fingerprint));
    set_text(dump, item, "input", record);
}

static void set_connection(const struct dump *dump, json_t *item, const struct lk_record *record)
{
    const struct lk_record_connect *connect = (const void *)record;
    size_t bytes;
    const char *peer = event_text(record, &bytes);
    (void)dump;
    set(item, "connection", integer(connect->connection));
    if (peer != NULL)
        set(item, "peer", dump_text(peer, bytes));
}

static const struct {
    const char *name;
    void (*fill)(const struct dump *dump, json_t *item, const struct lk_record *record);
} kinds[] = {
    [LK_RECORD_COMMAND] = {"command", set_command},
    [LK_RECORD_REPLY] = {"reply", set_reply},
    [LK_RECORD_INPUT] = {"input", set_input},
    [LK_RECORD_CONNECT] = {"connect", set_connection},
    [LK_RECORD_DISCONNECT] = {"disconnect", set_connection},
};

static const char *const heap_names[] = {
    [LK_HEAP_ALLOC] = "alloc",
    [LK_HEAP_FREE] = "free",
    [LK_HEAP_REALLOC_FREE] = "free",
    [LK_HEAP_REALLOC_ALLOC] = "alloc",
};

/* Records and heap events in one row. */
struct row {
    struct dump *dump;
    struct record_reader *records;
    struct event next; /* record */
    bool more;         /* there is one */
    bool ended;        /* nobody reads on */
};

static void read_next(struct row *row)
{
    uint32_t source;
    row->more = record_reader_next(row->records, &row->next, &source);
}

static json_t *begin_item(uint64_t time_ns, const char *name, uint32_t thread)
{
    json_t *item = json_object();
    set(item, "seconds", json_real((double)time_ns / NS_PER_SECOND));
    set(item, "event", json_string(name));
    set(item, "thread", integer(thread));
    return item;
}

static void emit_records(struct row *row, uint64_t until_ns)
{
    for (; row->more && !row->ended; read_next(row)) {
        const struct event *event = &row->next;
        uint16_t type = event->record->type;
        if (event->time_ns > until_ns)
            return;
        if (type >= G_N_ELEMENTS(kinds) || kinds[type].fill == NULL)
            continue;
        json_t *item = begin_item(event->time_ns, kinds[type].name, event->thread);
        kinds[type].fill(row->dump, item, event->record);
        row->ended = !row->dump->emit(row->dump, item);
    }
}

static void emit_heap_event(const struct heap_event *event, void *context)
{
    struct row *row = context;
    emit_records(row, event->time_ns);
    if (row->ended)
        return;
    json_t *item = begin_item(event->time_ns, heap_names[event->type], event->thread);
    set(item, "address", dump_hex(event->address));
    set(item, "bytes", integer(event->size));
    set(item, "site", integer(event->site));
    if (event->type == LK_HEAP_REALLOC_FREE || event->type == LK_HEAP_REALLOC_ALLOC)
        set(item, "realloc", json_true());
    dump_tag(row->dump, item, event->tag);
    row->ended = !row->dump->emit(row->dump, item);
}

bool dump_events(struct dump *dump)
{
    const struct record_source source = {.capture = dump->capture};
    struct row row = {.dump = dump, .records = record_reader_new(&source, 1)};
    read_next(&row);
    capture_each_heap_event(dump->capture, 0, UINT64_MAX, emit_heap_event, &row);
    emit_records(&row, UINT64_MAX);
    record_reader_free(row.records);
    return !row.ended;
}
