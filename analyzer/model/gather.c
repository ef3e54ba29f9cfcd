/* From records to accesses: merged by time, answers paired with commands, digests with keys, writes
 * with misses. */
#include "model/gather.h"

#include <math.h>
#include <string.h>

struct gathering {
    struct cache_model *model;
    struct map keys; /* server, database, key -> index */
    struct map
        pending; /* capture, connection, sequence, key_index -> access without an answer yet */
    struct map others;      /* key, fingerprint -> asker; key -> how many; see cache.h */
    struct map inputs;      /* thread, key -> input + 1, waiting for its command */
    struct map connections; /* capture, connection -> server */
    struct map last;        /* capture, connection -> access with the highest sequence */
    const struct capture *capture;
    uint32_t index;    /* of the capture */
    int64_t offset_ns; /* of the capture's start from the first capture's */
};

/* ---- Times ---- */

static bool same_boot(GPtrArray *captures)
{
    const struct capture *first = g_ptr_array_index(captures, 0);

    for (guint i = 1; i < captures->len; i++) {
        const struct capture *capture = g_ptr_array_index(captures, i);

        if (memcmp(capture->header.boot_id, first->header.boot_id, sizeof(first->header.boot_id)) !=
            0)
            return false;
    }
    return true;
}

static int64_t *start_offsets(GPtrArray *captures)
{
    int64_t *starts = g_new0(int64_t, captures->len + 1), first = INT64_MAX;
    bool monotonic = captures->len && same_boot(captures);

    for (guint i = 0; i < captures->len; i++) {
        const struct lk_header *header =
            &((struct capture *)g_ptr_array_index(captures, i))->header;

        starts[i] = (int64_t)(monotonic ? header->start_monotonic_ns : header->start_realtime_ns);
        first = MIN(first, starts[i]);
    }
    for (guint i = 0; i < captures->len; i++)
        starts[i] -= first;
    return starts;
}

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

static void add_connection(struct gathering *gathering, const struct event *event)
{
    const struct lk_record_connect *record = (const struct lk_record_connect *)event->record;
    uint64_t key = hash_mix(gathering->index + 1, record->connection);
    size_t bytes;
    const char *peer = event_text(event->record, &bytes);

    if (peer && bytes)
        *map_put(&gathering->connections, key, NULL) = server_named(gathering->model, peer, bytes);
}

/* The captures' connections, before anything is asked of them. */
static void gather_connections(struct gathering *gathering)
{
    GPtrArray *captures = gathering->model->captures;

    for (gathering->index = 0; gathering->index < captures->len; gathering->index++) {
        const GArray *events =
            ((const struct capture *)g_ptr_array_index(captures, gathering->index))->events;

        for (guint i = 0; i < events->len; i++) {
            const struct event *event = &g_array_index(events, struct event, i);

            if (event->record->type == LK_RECORD_CONNECT)
                add_connection(gathering, event);
        }
    }
}

/* A connection whose beginning was overwritten leads to the one server that there is, as far as is
 * known; where there are several, to one that is none of them. */
static uint32_t server_of(const struct gathering *gathering, uint32_t connection)
{
    const uint32_t *server =
        map_find(&gathering->connections, hash_mix(gathering->index + 1, connection));
    guint known = gathering->model->servers->len;

    return server ? *server : known <= 1 ? 0 : known + gathering->index;
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
    key.text_bytes = (uint32_t)bytes;
    key.key_bytes = record->key_bytes;
    key.template_index = template_of(gathering, record->template_id);
    key.hashed = gathering->capture->header.flags & LK_FLAG_KEYS_HASHED;
    key.binary = record->flags & LK_COMMAND_BINARY;
    *index = model->keys->len;
    g_array_append_val(model->keys, key);
    return *index;
}

static void gather_input(struct gathering *gathering, const struct event *event)
{
    const struct lk_record_input *record = (const struct lk_record_input *)event->record;
    struct cache_input input = {.fingerprint = record->fingerprint,
                                .input_bytes = record->input_bytes,
                                .digest_offset = record->digest_offset,
                                .digest_bytes = record->digest_bytes,
                                .algorithm = record->algorithm};
    uint64_t place = hash_mix(hash_mix(gathering->index + 1, event->thread), record->key_hash);
    size_t bytes;

    input.text = event_text(event->record, &bytes);
    input.text_bytes = (uint32_t)bytes;
    g_array_append_val(gathering->model->inputs, input);
    *map_put(&gathering->inputs, place, NULL) = gathering->model->inputs->len;
}

/* The same part of the key may stand for several inputs: a digest that was cut short, a weak one.
 * One that was found elsewhere in the key, or by another algorithm, says nothing about them. */
static bool stands_for(const struct cache_input *known, const struct cache_input *input)
{
    return known->digest_offset == input->digest_offset &&
           known->digest_bytes == input->digest_bytes && known->algorithm == input->algorithm;
}

/* An input that is not the key's first: which one it is. */
static uint8_t other_asker(struct gathering *gathering, uint32_t key, uint32_t input)
{
    struct cache_model *model = gathering->model;
    uint64_t fingerprint = model_input(model, input)->fingerprint;
    bool added;
    uint32_t *count = map_put(&gathering->others, hash_mix(key + 1, 1), NULL), number = *count;
    uint32_t *known;
    struct cache_other other = {key, input, (uint8_t)(ASKER_OTHER + number)};

    if (number == OTHER_INPUTS_MAX || model->others->len == OTHERS_KEPT_MAX) {
        known = map_find(&gathering->others, hash_mix(hash_mix(key + 1, 2), fingerprint));
        return known ? (uint8_t)*known : ASKER_MANY;
    }
    known = map_put(&gathering->others, hash_mix(hash_mix(key + 1, 2), fingerprint), &added);
    if (!added)
        return (uint8_t)*known;
    *known = other.asker;
    ++*map_put(&gathering->others, hash_mix(key + 1, 1), NULL);
    g_array_append_val(model->others, other);
    return other.asker;
}

static uint8_t asker_of(struct gathering *gathering, uint32_t key_index, uint32_t input)
{
    const struct cache_input *first =
        model_input(gathering->model, model_key(gathering->model, key_index)->input);
    const struct cache_input *asked = model_input(gathering->model, input);

    if (asked->fingerprint == first->fingerprint)
        return ASKER_FIRST;
    return stands_for(first, asked) ? other_asker(gathering, key_index, input) : ASKER_UNKNOWN;
}

/* The first input stays with its key; a later one that says the same, or one too many, is dropped
 * again. Returns which of the key's inputs it is. */
static uint8_t attach_input(struct gathering *gathering, const struct event *event,
                            uint32_t key_index)
{
    const struct lk_record_command *record = (const struct lk_record_command *)event->record;
    uint64_t place = hash_mix(hash_mix(gathering->index + 1, event->thread), record->key_hash);
    struct cache_key *key = model_key(gathering->model, key_index);
    const uint32_t *waiting = map_find(&gathering->inputs, place);
    guint others = gathering->model->others->len;
    uint32_t input;
    uint8_t asker = ASKER_FIRST;

    if (!waiting)
        return ASKER_UNKNOWN;
    input = *waiting - 1;
    map_remove(&gathering->inputs, place);
    if (key->input == CACHE_NONE) {
        key->input = input;
        return asker;
    }
    asker = asker_of(gathering, key_index, input);
    if (gathering->model->others->len == others && input + 1 == gathering->model->inputs->len)
        g_array_set_size(gathering->model->inputs, input);
    return asker;
}

/* ---- Accesses ---- */

static uint64_t answer_place(const struct gathering *gathering, uint32_t connection,
                             uint64_t sequence, uint16_t key_index)
{
    return hash_mix(hash_mix(gathering->index + 1, connection), hash_mix(sequence, key_index));
}

/* What the records' times have out of order on one connection is put right: sequence decides. */
static void keep_order(struct gathering *gathering, struct cache_access *access)
{
    GArray *accesses = gathering->model->accesses;
    bool added;
    uint32_t *last =
        map_put(&gathering->last, hash_mix(gathering->index + 1, access->connection), &added);

    if (!added) {
        const struct cache_access *before = model_access(gathering->model, *last);

        if (access->sequence < before->sequence) {
            access->time_ns = MIN(access->time_ns, before->time_ns);
            return;
        }
    }
    *last = accesses->len;
}

static uint16_t access_flags(uint16_t flags)
{
    return (uint16_t)((flags & LK_COMMAND_WRITE ? ACCESS_WRITE : 0) |
                      (flags & LK_COMMAND_DELETE ? ACCESS_DELETE : 0) |
                      (flags & LK_COMMAND_EXPIRE ? ACCESS_EXPIRE : 0) |
                      (flags & LK_COMMAND_SHRINK ? ACCESS_SHRINK : 0) |
                      (flags & LK_COMMAND_FLUSH ? ACCESS_FLUSH : 0));
}

static void gather_command(struct gathering *gathering, const struct event *event)
{
    const struct lk_record_command *record = (const struct lk_record_command *)event->record;
    const GArray *verbs = gathering->capture->verbs;
    struct cache_access access = {
        .time_ns = gathering->offset_ns + (int64_t)event->time_ns,
        .reply_ns = INT64_MAX,
        .value_hash = record->value_hash,
        .value_bytes = record->value_bytes,
        .ttl_ms = record->ttl_ms,
        .sequence = record->sequence,
        .key = CACHE_NONE,
        .capture = gathering->index,
        .connection = record->connection,
        .thread = event->thread,
        .site = record->site,
        .partner = CACHE_NONE,
        .server = server_of(gathering, record->connection),
        .database = record->database,
        .key_index = record->key_index,
        .flags = access_flags(record->flags),
        .cause = CAUSE_NONE,
    };
    uint32_t index = gathering->model->accesses->len;

    if (record->key_index == LK_NO_KEY && !(access.flags & ACCESS_FLUSH))
        return;
    if (access.flags & ACCESS_FLUSH) {
        const char *verb = record->verb < verbs->len
                               ? g_array_index(verbs, struct lk_verb, record->verb).name
                               : "";

        access.flags |=
            strncmp(verb, "FLUSHALL", sizeof("FLUSHALL")) == 0 ? ACCESS_ALL_DATABASES : 0;
    } else {
        access.key = key_of(gathering, record, access.server);
        access.asker = attach_input(gathering, event, access.key);
    }
    keep_order(gathering, &access);
    *map_put(&gathering->pending,
             answer_place(gathering, record->connection, record->sequence, record->key_index),
             NULL) = index;
    g_array_append_val(gathering->model->accesses, access);
}

#define EITHER (ACCESS_WRITE | ACCESS_DELETE) /* of what stores a result */

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
    uint64_t place =
        answer_place(gathering, record->connection, record->sequence, record->key_index);
    const uint32_t *index = map_find(&gathering->pending, place);
    struct cache_access *access;

    if (!index)
        return;
    access = model_access(gathering->model, *index);
    map_remove(&gathering->pending, place);
    access->reply_ns = gathering->offset_ns + (int64_t)event->time_ns;
    drop_undone(access, record);
    if (record->outcome == LK_OUTCOME_ERROR)
        access->flags = 0;
    else if (record->outcome == LK_OUTCOME_HIT)
        access->flags |= ACCESS_READ | ACCESS_HIT;
    else if (record->outcome == LK_OUTCOME_MISS)
        access->flags |= ACCESS_READ;
    if (access->flags & ACCESS_HIT && !(access->flags & ACCESS_WRITE)) {
        access->value_hash = record->value_hash;
        access->value_bytes = record->value_bytes;
    }
}

/* What the shim has added up, whatever the ring has lost. */
static void gather_allocated(struct gathering *gathering)
{
    const GArray *templates = gathering->capture->templates;

    for (guint id = 1; id < templates->len; id++)
        model_template(gathering->model, template_of(gathering, id))->miss_allocated_bytes +=
            (double)g_array_index(templates, struct lk_template, id)
                .allocated_bytes[LK_OUTCOME_MISS - LK_OUTCOME_HIT];
}

static void gather_capture(struct gathering *gathering)
{
    const GArray *events = gathering->capture->events;

    gather_allocated(gathering);
    for (guint i = 0; i < events->len; i++) {
        const struct event *event = &g_array_index(events, struct event, i);

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
}

static gint by_issue(gconstpointer a, gconstpointer b)
{
    const struct cache_access *x = a, *y = b;

    if (x->time_ns != y->time_ns)
        return x->time_ns < y->time_ns ? -1 : 1;
    if (x->capture != y->capture)
        return x->capture < y->capture ? -1 : 1;
    if (x->connection != y->connection)
        return x->connection < y->connection ? -1 : 1;
    if (x->sequence != y->sequence)
        return x->sequence < y->sequence ? -1 : 1;
    return (int)x->key_index - (int)y->key_index;
}

static void sort_accesses(GArray *accesses)
{
    for (guint i = 1; i < accesses->len; i++) {
        if (by_issue(&g_array_index(accesses, struct cache_access, i - 1),
                     &g_array_index(accesses, struct cache_access, i)) > 0) {
            g_array_sort(accesses, by_issue);
            return;
        }
    }
}

static void count_key_use(struct cache_model *model)
{
    for (guint i = 0; i < model->accesses->len; i++) {
        struct cache_access *access = model_access(model, i);
        struct cache_key *key;
        struct cache_template *template;

        if (access->key == CACHE_NONE)
            continue;
        if ((access->flags & EITHER) == EITHER) /* no answer was seen */
            access->flags &= (uint16_t)~ACCESS_DELETE;
        key = model_key(model, access->key);
        template = model_template(model, key->template_index);
        if (access->flags & (ACCESS_READ | ACCESS_WRITE) && key->reads + key->writes == 0)
            template->key_count++;
        key->reads += (access->flags & ACCESS_READ) != 0;
        key->hits += (access->flags & ACCESS_HIT) != 0;
        key->misses += access_is_miss(access);
        key->writes += (access->flags & ACCESS_WRITE) != 0;
        template->ring_reads += (access->flags & ACCESS_READ) != 0;
        template->ring_misses += access_is_miss(access);
        if (access->flags & ACCESS_WRITE)
            *(access->ttl_ms == LK_TTL_NONE ? &template->lasting_writes : &template->ttl_writes) +=
                1;
    }
}

void gather_accesses(struct cache_model *model)
{
    struct gathering gathering = {.model = model};
    int64_t *starts = start_offsets(model->captures);

    model->complete = true;
    gather_connections(&gathering);
    for (guint i = 0; i < model->captures->len; i++) {
        const struct capture *capture = g_ptr_array_index(model->captures, i);

        gathering.capture = capture;
        gathering.index = i;
        gathering.offset_ns = starts[i];
        gather_capture(&gathering);
        model->end_ns = MAX(model->end_ns, starts[i] + (int64_t)capture->duration_ns);
        if (capture->overwritten_count || capture->dropped_count || capture->damage)
            model->complete = false;
        map_clear(&gathering.pending);
        map_clear(&gathering.inputs);
    }
    map_clear(&gathering.keys);
    map_clear(&gathering.others);
    map_clear(&gathering.connections);
    map_clear(&gathering.last);
    g_free(starts);
    sort_accesses(model->accesses);
    count_key_use(model);
}
