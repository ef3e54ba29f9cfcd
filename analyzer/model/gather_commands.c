/* From records to accesses: commands with their keys and servers, and their answers. */
#include <string.h>

#include "model/gathering.h"
#include "model/write_kind.h"

/* ---- Servers, keys, inputs ---- */

static uint32_t server_named(struct cache_model *model, const char *name, size_t bytes)
{
    for (guint i = 0; i < model->servers->len; i++) {
        const char *known = g_ptr_array_index(model->servers, i);

        if (strlen(known) == bytes && memcmp(known, name, bytes) == 0)
            return i;
    }
    g_ptr_array_add(model->servers, g_strndup(name, bytes));
    return model->servers->len - 1;
}

/* The captures' connections, before anything is asked of them. */
void gather_connects(struct gathering *gathering)
{
    GPtrArray *captures = gathering->model->captures;

    for (guint c = 0; c < captures->len; c++) {
        const GArray *connects = ((const struct capture *)g_ptr_array_index(captures, c))->connects;

        for (guint i = 0; i < connects->len; i++) {
            const struct capture_connect *connect =
                &g_array_index(connects, struct capture_connect, i);

            *map_put(&gathering->servers, hash_mix(c + 1, connect->connection), NULL) =
                server_named(gathering->model, connect->peer, strlen(connect->peer));
        }
    }
}

/* A connection whose beginning was overwritten leads to the one server that there is, as far as is
 * known; where there are several, to one that is none of them. */
static uint32_t server_of(const struct gathering *gathering, uint32_t connection)
{
    const uint32_t *server =
        map_find(&gathering->servers, hash_mix(gathering->index + 1, connection));
    guint known = gathering->model->servers->len;

    return server ? *server : known <= 1 ? 0 : known + gathering->index;
}

/* Its index in the model. */
static uint32_t connection_of(struct gathering *gathering, uint32_t number)
{
    struct cache_model *model = gathering->model;
    bool added;
    uint32_t *index =
        map_put(&gathering->connections, hash_mix(gathering->index + 1, number), &added);

    if (added) {
        struct cache_connection connection = {gathering->index, server_of(gathering, number)};
        uint32_t none = CACHE_NONE;

        *index = model->connections->len;
        g_array_append_val(model->connections, connection);
        g_array_append_val(gathering->last, none);
    }
    return *index;
}

static uint32_t template_of(const struct gathering *gathering, uint32_t id)
{
    const uint32_t *map =
        g_array_index(gathering->model->template_maps, uint32_t *, gathering->index);

    return id < gathering->capture->templates->len ? map[id] : 0;
}

static uint32_t key_of(struct gathering *gathering, const struct lk_record_command *record,
                       uint32_t server)
{
    struct cache_model *model = gathering->model;
    uint64_t place = hash_mix(server + 1, record->database);
    bool added;
    uint32_t *index = map_put(&gathering->keys, hash_mix(place, record->key_hash), &added);
    struct cache_key key = {.input = CACHE_NONE,
                            .server = server,
                            .database = record->database,
                            .hash = record->key_hash};
    size_t bytes;

    if (!added)
        return *index;
    key.text = event_text(&record->head, &bytes);
    key.text = arena_copy(&model->texts, key.text, bytes);
    key.text_bytes = (uint32_t)bytes;
    key.key_bytes = record->key_bytes;
    key.template_index = template_of(gathering, record->template_id);
    key.hashed = gathering->capture->header.flags & LK_FLAG_KEYS_HASHED;
    key.binary = record->flags & LK_COMMAND_BINARY;
    *index = model->keys->len;
    g_array_append_val(model->keys, key);
    return *index;
}

/* ---- Accesses ---- */

static uint64_t answer_place(uint32_t connection, uint64_t sequence, uint16_t key_index)
{
    return hash_mix(connection + 1, hash_mix(sequence, key_index));
}

/* What the records' times have out of order on one connection is put right: sequence decides. */
static void keep_order(struct gathering *gathering, struct cache_access *access)
{
    uint32_t *last = &g_array_index(gathering->last, uint32_t, access->connection);

    if (*last != CACHE_NONE) {
        const struct cache_access *before = model_access(gathering->model, *last);

        if (comes_before(access->sequence, before->sequence)) {
            access->time_ns = MIN(access->time_ns, before->time_ns);
            return;
        }
    }
    *last = gathering->model->accesses->len;
}

static uint16_t access_flags(uint16_t flags)
{
    return (uint16_t)((flags & LK_COMMAND_WRITE ? ACCESS_WRITE : 0) |
                      (flags & LK_COMMAND_DELETE ? ACCESS_DELETE : 0) |
                      (flags & LK_COMMAND_EXPIRE ? ACCESS_EXPIRE : 0) |
                      (flags & LK_COMMAND_SHRINK ? ACCESS_SHRINK : 0) |
                      (flags & LK_COMMAND_FLUSH ? ACCESS_FLUSH : 0));
}

static bool flushes_all(const struct gathering *gathering, const struct lk_record_command *record)
{
    const GArray *verbs = gathering->capture->verbs;
    const char *verb =
        record->verb < verbs->len ? g_array_index(verbs, struct lk_verb, record->verb).name : "";

    return strncmp(verb, "FLUSHALL", sizeof("FLUSHALL")) == 0;
}

static void gather_command(struct gathering *gathering, const struct event *event)
{
    const struct lk_record_command *record = (const struct lk_record_command *)event->record;
    struct cache_model *model = gathering->model;
    struct cache_access access = {
        .time_ns = gathering->offset_ns + (int64_t)event->time_ns,
        .value_hash = record->value_hash,
        .value_bytes = (uint32_t)MIN(record->value_bytes, UINT32_MAX),
        .latency_code = UINT32_MAX,
        .sequence = (uint32_t)record->sequence,
        .key = CACHE_NONE,
        .thread = event->thread,
        .site = record->site,
        .partner = CACHE_NONE,
        .flags = access_flags(record->flags) | write_kind_bits(gathering->capture->verbs, record),
        .cause = CAUSE_NONE,
    };

    if ((record->key_index == LK_NO_KEY && !(access.flags & ACCESS_FLUSH)) ||
        model->accesses->len == model->accesses->room)
        return;
    access.connection = connection_of(gathering, record->connection);
    access_set_ttl(&access, record->ttl_ms);
    if (access.flags & ACCESS_FLUSH) {
        access.flags |= flushes_all(gathering, record) ? ACCESS_ALL_DATABASES : 0;
        access.database = record->database;
    } else {
        access.key = key_of(gathering, record, access_connection(model, &access)->server);
        access.asker = gather_attach_input(gathering, event, access.key);
    }
    keep_order(gathering, &access);
    *map_put(&gathering->pending,
             answer_place(access.connection, record->sequence, record->key_index), NULL) =
        model->accesses->len;
    accesses_add(model->accesses, &access);
}

/* What the command was to do to the key and the answer says it did not. */
static void drop_undone(struct cache_access *access, const struct lk_record_reply *record)
{
    uint16_t undone = 0;

    if ((access->flags & EITHER) == EITHER)
        undone = record->flags & LK_REPLIED_EMPTY ? ACCESS_WRITE : ACCESS_DELETE;
    if (record->flags & LK_REPLIED_REFUSED)
        undone = EITHER | ACCESS_EXPIRE | ACCESS_SHRINK;
    if (record->outcome == LK_OUTCOME_OTHER)
        undone |= ACCESS_WRITE;
    access->flags &= (uint16_t)~undone;
}

static void gather_reply(struct gathering *gathering, const struct event *event)
{
    const struct lk_record_reply *record = (const struct lk_record_reply *)event->record;
    uint64_t place = answer_place(connection_of(gathering, record->connection), record->sequence,
                                  record->key_index);
    const uint32_t *index = map_find(&gathering->pending, place);
    struct cache_access *access;

    if (!index)
        return;
    access = model_access(gathering->model, *index);
    map_remove(&gathering->pending, place);
    access_set_reply(access, gathering->offset_ns + (int64_t)event->time_ns);
    drop_undone(access, record);
    if (record->outcome == LK_OUTCOME_ERROR)
        access->flags = 0;
    else if (record->outcome == LK_OUTCOME_HIT)
        access->flags |= ACCESS_READ | ACCESS_HIT;
    else if (record->outcome == LK_OUTCOME_MISS)
        access->flags |= ACCESS_READ;
    if (access->flags & ACCESS_HIT && !(access->flags & ACCESS_WRITE)) {
        access->value_hash = record->value_hash;
        access->value_bytes = (uint32_t)MIN(record->value_bytes, UINT32_MAX);
    }
}

void gather_event(struct gathering *gathering, const struct event *event, uint32_t source)
{
    gathering->capture = g_ptr_array_index(gathering->model->captures, source);
    gathering->index = source;
    gathering->offset_ns = gathering->starts[source];
    switch (event->record->type) {
    case LK_RECORD_COMMAND:
        gather_command(gathering, event);
        break;
    case LK_RECORD_REPLY:
        gather_reply(gathering, event);
        break;
    case LK_RECORD_INPUT:
        gather_input(gathering, event);
        break;
    default:
        break;
    }
}
