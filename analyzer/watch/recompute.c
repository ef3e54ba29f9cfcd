/* Which miss a write answers, as they come; see recompute.h. */
#include "watch/recompute.h"

#include <string.h>

#include "model/map.h"

#define WALK_MAX     64 /* outstanding misses on one key that are looked at, as in model/writes.c */
#define NONE         UINT32_MAX
#define SERVERS_MOST 4096u /* with more, they are one */
#define EITHER       (LK_COMMAND_WRITE | LK_COMMAND_DELETE)
/* A template id is an index into the shim's table. */
#define TEMPLATES_MAX LK_TAG_TEMPLATES

struct command { /* a keyed command that waits for its turn */
    uint64_t time_ns, reply_ns, key;
    uint32_t thread, connection, template_id;
    uint16_t flags;
    bool answered, miss;
};

struct miss { /* that no write has answered yet */
    uint64_t time_ns, reply_ns, key;
    uint32_t thread, connection, template_id;
    uint32_t older; /* on the same key; NONE */
    bool used;
};

struct recompute {
    GArray *commands; /* struct command: from `first` on they wait */
    uint64_t taken;   /* how many were before commands[0] */
    guint first;
    struct map pending;  /* answer_place -> number in the row of all commands, lower half */
    struct map latest;   /* key -> index in `misses` + 1 */
    struct map servers;  /* connection + 1 -> its server's number + 1 */
    GPtrArray *peers;    /* of char *: the servers' */
    struct miss *misses; /* a circle */
    uint32_t next_miss;
    GArray *durations; /* struct durations, by template id */
};

struct recompute *recompute_new(void)
{
    struct recompute *recompute = g_new0(struct recompute, 1);

    recompute->commands = g_array_new(FALSE, FALSE, sizeof(struct command));
    recompute->peers = g_ptr_array_new_with_free_func(g_free);
    recompute->misses = g_new0(struct miss, RECOMPUTE_MISSES);
    recompute->durations = g_array_new(FALSE, TRUE, sizeof(struct durations));
    return recompute;
}

void recompute_free(struct recompute *recompute)
{
    if (recompute == NULL)
        return;
    g_array_free(recompute->commands, TRUE);
    map_clear(&recompute->pending);
    map_clear(&recompute->latest);
    map_clear(&recompute->servers);
    g_ptr_array_free(recompute->peers, TRUE);
    g_free(recompute->misses);
    g_array_free(recompute->durations, TRUE);
    g_free(recompute);
}

const struct durations *recompute_durations(const struct recompute *recompute, uint32_t template_id)
{
    return template_id < recompute->durations->len
               ? &g_array_index(recompute->durations, struct durations, template_id)
               : NULL;
}

static void observe(struct recompute *recompute, const struct miss *miss, uint64_t write_ns)
{
    if (miss->template_id >= recompute->durations->len)
        g_array_set_size(recompute->durations, miss->template_id + 1);
    durations_observe(&g_array_index(recompute->durations, struct durations, miss->template_id),
                      (double)(write_ns - miss->time_ns) / 1e9);
}

/* ---- Outstanding misses ---- */

static uint32_t latest_miss(const struct recompute *recompute, uint64_t key)
{
    const uint32_t *at = map_find(&recompute->latest, key);

    return at == NULL ? NONE : *at - 1;
}

static void set_latest(struct recompute *recompute, uint64_t key, uint32_t index)
{
    if (index == NONE)
        map_remove(&recompute->latest, key);
    else
        *map_put(&recompute->latest, key, NULL) = index + 1;
}

/* It is the oldest one, so the last of its list. */
static void forget(struct recompute *recompute, uint32_t index)
{
    uint64_t key = recompute->misses[index].key;
    uint32_t at = latest_miss(recompute, key), before = NONE;

    recompute->misses[index].used = false;
    while (at != NONE && at != index) {
        before = at;
        at = recompute->misses[at].older;
    }
    if (at == NONE)
        return;
    if (before == NONE)
        set_latest(recompute, key, NONE);
    else
        recompute->misses[before].older = NONE;
}

static void add_miss(struct recompute *recompute, const struct command *command)
{
    uint32_t index = recompute->next_miss;
    struct miss *miss = &recompute->misses[index];

    recompute->next_miss = (index + 1) % RECOMPUTE_MISSES;
    if (miss->used)
        forget(recompute, index);
    *miss = (struct miss){.time_ns = command->time_ns,
                          .reply_ns = command->reply_ns,
                          .key = command->key,
                          .thread = command->thread,
                          .connection = command->connection,
                          .template_id = command->template_id,
                          .older = latest_miss(recompute, command->key),
                          .used = true};
    set_latest(recompute, command->key, index);
}

typedef bool relation(const struct miss *miss, const struct command *write);

static bool same_thread(const struct miss *miss, const struct command *write)
{
    return miss->thread == write->thread;
}

static bool same_connection(const struct miss *miss, const struct command *write)
{
    return miss->connection == write->connection;
}

static const struct miss *find_akin(const struct recompute *recompute, const struct command *write,
                                    relation *akin)
{
    uint32_t at = latest_miss(recompute, write->key);

    for (int i = 0; i < WALK_MAX && at != NONE; i++, at = recompute->misses[at].older)
        if (akin(&recompute->misses[at], write))
            return &recompute->misses[at];
    return NULL;
}

/* The oldest is answered, the others are given up. */
static void answer_oldest(struct recompute *recompute, const struct command *write)
{
    uint32_t at = latest_miss(recompute, write->key);
    struct miss *miss = NULL;

    set_latest(recompute, write->key, NONE);
    for (int i = 0; at != NONE; i++) {
        if (i < WALK_MAX)
            miss = &recompute->misses[at];
        recompute->misses[at].used = false;
        at = recompute->misses[at].older;
    }
    if (miss != NULL)
        observe(recompute, miss, write->time_ns);
}

/* The thread's (or connection's) misses go; those that it had asked for before the latest one's
 * issue are answered by the same write only if their answers came later. */
static void answer_akin(struct recompute *recompute, const struct command *write,
                        const struct miss *found, relation *akin)
{
    const uint64_t issued_ns = found->time_ns;
    uint32_t at = latest_miss(recompute, write->key), newer = NONE;

    for (int i = 0; i < WALK_MAX && at != NONE; i++) {
        struct miss *miss = &recompute->misses[at];
        uint32_t older = miss->older;

        if (!akin(miss, write)) {
            newer = at;
            at = older;
            continue;
        }
        if (miss->reply_ns > issued_ns)
            observe(recompute, miss, write->time_ns);
        miss->used = false;
        if (newer == NONE)
            set_latest(recompute, write->key, older);
        else
            recompute->misses[newer].older = older;
        at = older;
    }
}

static void match_write(struct recompute *recompute, const struct command *write)
{
    relation *akin = same_thread;
    const struct miss *found;

    if (latest_miss(recompute, write->key) == NONE)
        return;
    found = find_akin(recompute, write, akin);
    if (found == NULL)
        found = find_akin(recompute, write, akin = same_connection);
    if (found == NULL)
        answer_oldest(recompute, write);
    else
        answer_akin(recompute, write, found, akin);
}

/* ---- Commands, in the order of issue ---- */

static void drain(struct recompute *recompute, uint64_t now_ns)
{
    GArray *commands = recompute->commands;

    for (; recompute->first < commands->len; recompute->first++) {
        const struct command *command = &g_array_index(commands, struct command, recompute->first);

        if (!command->answered && command->time_ns + RECOMPUTE_PATIENCE_NS > now_ns)
            break;
        if (command->miss)
            add_miss(recompute, command);
        else if (command->flags & LK_COMMAND_WRITE)
            match_write(recompute, command);
    }
    if (recompute->first < 1024 || recompute->first < commands->len / 2)
        return;
    g_array_remove_range(commands, 0, recompute->first);
    recompute->taken += recompute->first;
    recompute->first = 0;
}

static uint64_t answer_place(uint32_t connection, uint64_t sequence, uint16_t key_index)
{
    return hash_mix(connection + 1, hash_mix(sequence, key_index));
}

/* A connection whose beginning was not seen leads to the one server that there is, as far as is
 * known; where there are several, to one that is none of them. */
static uint32_t server_of(const struct recompute *recompute, uint32_t connection)
{
    const uint32_t *server = map_find(&recompute->servers, (uint64_t)connection + 1);

    if (server != NULL)
        return *server - 1;
    return recompute->peers->len <= 1 ? 0 : UINT32_MAX;
}

static uint64_t key_of(const struct recompute *recompute, const struct lk_record_command *record)
{
    return hash_mix(record->key_hash,
                    hash_mix(record->database + 1, server_of(recompute, record->connection)));
}

static void add_command(struct recompute *recompute, const struct lk_record_command *record,
                        uint32_t thread)
{
    struct command command = {.time_ns = record->head.time_ns,
                              .key = key_of(recompute, record),
                              .thread = thread,
                              .connection = record->connection,
                              .template_id =
                                  record->template_id < TEMPLATES_MAX ? record->template_id : 0,
                              .flags = record->flags};

    if (record->key_index == LK_NO_KEY)
        return;
    *map_put(&recompute->pending,
             answer_place(record->connection, record->sequence, record->key_index), NULL) =
        (uint32_t)(recompute->taken + recompute->commands->len);
    g_array_append_val(recompute->commands, command);
}

/* What the answer says the command did not do: as in model/gather.c. */
static uint16_t done_flags(uint16_t flags, const struct lk_record_reply *record)
{
    bool empty = (flags & EITHER) == EITHER && record->flags & LK_REPLIED_EMPTY;

    if (empty || record->flags & LK_REPLIED_REFUSED || record->outcome == LK_OUTCOME_OTHER ||
        record->outcome == LK_OUTCOME_ERROR)
        flags &= (uint16_t)~LK_COMMAND_WRITE;
    return flags;
}

static void add_reply(struct recompute *recompute, const struct lk_record_reply *record)
{
    uint64_t place = answer_place(record->connection, record->sequence, record->key_index);
    const uint32_t *number = map_find(&recompute->pending, place);
    struct command *command;

    if (number == NULL)
        return;
    uint32_t at = *number - (uint32_t)recompute->taken;
    map_remove(&recompute->pending, place);
    if (at < recompute->first || at >= recompute->commands->len)
        return; /* it came too late */
    command = &g_array_index(recompute->commands, struct command, at);
    command->answered = true;
    command->reply_ns = record->head.time_ns;
    command->flags = done_flags(command->flags, record);
    command->miss = record->outcome == LK_OUTCOME_MISS;
}

static uint32_t server_named(struct recompute *recompute, const char *peer, size_t bytes)
{
    GPtrArray *peers = recompute->peers;

    for (guint i = 0; i < peers->len; i++)
        if (strlen(g_ptr_array_index(peers, i)) == bytes &&
            memcmp(g_ptr_array_index(peers, i), peer, bytes) == 0)
            return i;
    if (peers->len == SERVERS_MOST)
        return SERVERS_MOST;
    g_ptr_array_add(peers, g_strndup(peer, bytes));
    return peers->len - 1;
}

static void add_connect(struct recompute *recompute, const struct lk_record *record)
{
    const struct lk_record_connect *connect = (const void *)record;
    size_t bytes;
    const char *peer = event_text(record, &bytes);

    if (bytes != 0)
        *map_put(&recompute->servers, (uint64_t)connect->connection + 1, NULL) =
            server_named(recompute, peer, bytes) + 1;
}

void recompute_record(struct recompute *recompute, const struct lk_record *record, uint32_t thread)
{
    switch (record->type) {
    case LK_RECORD_COMMAND:
        add_command(recompute, (const void *)record, thread);
        break;
    case LK_RECORD_REPLY:
        add_reply(recompute, (const void *)record);
        break;
    case LK_RECORD_CONNECT:
        add_connect(recompute, record);
        break;
    default:
        return;
    }
    drain(recompute, record->time_ns);
}

void recompute_finish(struct recompute *recompute)
{
    drain(recompute, UINT64_MAX);
}
