/* The life of every key, access by access, and with it the cause of every miss. */
#include "model/big.h"
#include "model/cache.h"

/* An entry whose time runs out while a read is under way may be gone although the read was issued
 * before. */
#define EXPIRY_SLACK_NS 5000000

static size_t states_bytes(const struct cache_model *model)
{
    return ((size_t)model->keys->len + 1) * sizeof(struct key_state);
}

struct replay replay_new(const struct cache_model *model)
{
    struct replay replay = {model, big_new0(states_bytes(model))};

    for (guint i = 0; i < model->keys->len; i++)
        replay.states[i].life.expires_ns = INT64_MAX;
    return replay;
}

void replay_clear(struct replay *replay)
{
    big_free(replay->states, states_bytes(replay->model));
    replay->states = NULL;
}

bool key_alive(const struct key_state *state, int64_t time_ns)
{
    const struct key_life *life = &state->life;

    return life->written && !life->deleted && !life->gone && life->expires_ns > time_ns;
}

/* The key before this one in the same command: what it had goes along to this one. NULL: not known.
 */
static const struct key_life *source_of(const struct replay *replay, uint32_t index)
{
    const struct cache_access *access = model_access(replay->model, index), *before;

    if (!index || access_ttl_ms(access) != LK_TTL_SOURCE)
        return NULL;
    before = model_access(replay->model, index - 1);
    return before->connection == access->connection && before->sequence == access->sequence &&
                   before->key != CACHE_NONE
               ? &replay->states[before->key].life
               : NULL;
}

static void apply_write(struct replay *replay, struct key_state *state, uint32_t index)
{
    const struct cache_access *access = model_access(replay->model, index);
    const struct key_life *source = source_of(replay, index);
    bool keeps =
        access_ttl_ms(access) == LK_TTL_UNKNOWN && state->life.written && !state->life.deleted;

    state->before = state->life;
    state->settled_ns = access_reply_ns(access);
    state->write_connection = access->connection;
    if (source && source->written) {
        state->life.expires_ns = source->expires_ns;
        state->life.ttl_known = source->ttl_known;
    } else if (!keeps) {
        state->life.expires_ns = access_expiry_ns(access);
        state->life.ttl_known = access_ttl_ms(access) >= LK_TTL_NONE;
    }
    state->life.written = true;
    state->life.deleted = state->life.gone = state->life.shrunk = false;
}

static void apply_expire(struct key_state *state, const struct cache_access *access)
{
    if (access_ttl_ms(access) == LK_TTL_UNKNOWN || !state->life.written)
        return;
    state->life.expires_ns = access_expiry_ns(access);
    state->life.ttl_known = true;
}

static void apply_hit(struct key_state *state, const struct cache_access *access)
{
    if (!state->life.written || state->life.gone || state->life.deleted ||
        state->life.expires_ns <= access->time_ns) {
        state->life.expires_ns = INT64_MAX;
        state->life.ttl_known = false;
    }
    state->life.written = true;
    state->life.deleted = state->life.gone = state->life.shrunk = false;
}

static enum cache_cause end_of_life(const struct replay *replay, const struct key_life *life,
                                    const struct cache_access *access)
{
    const struct cache_template *template;

    if (life->deleted)
        return CAUSE_DELETED;
    if (life->expires_ns <= access->time_ns ||
        life->expires_ns <= MIN(access_reply_ns(access), access->time_ns + EXPIRY_SLACK_NS))
        return CAUSE_EXPIRED;
    if (life->shrunk)
        return CAUSE_DELETED;
    if (life->ttl_known)
        return CAUSE_EVICTED;
    /* Written before the capture began: its TTL is what this template's writes usually have. */
    template = model_template(replay->model, model_key(replay->model, access->key)->template_index);
    return template->ttl_writes > template->lasting_writes ? CAUSE_EXPIRED : CAUSE_EVICTED;
}

/* A miss that overtook the write on its way, from another connection, tells of the time before it.
 */
static bool overtakes(const struct key_state *state, const struct cache_access *access)
{
    return state->settled_ns > access->time_ns && state->write_connection != access->connection;
}

static enum cache_cause apply_miss(struct replay *replay, struct key_state *state,
                                   const struct cache_access *access)
{
    const struct key_life *life = &state->life;
    enum cache_cause cause;

    if (life->written && overtakes(state, access)) {
        if (!state->before.written)
            return CAUSE_CONCURRENT;
        life = &state->before;
    }
    if (life->written) {
        cause = end_of_life(replay, life, access);
        if (life == &state->life)
            state->life.gone = true;
        return cause;
    }
    cause = !state->missed   ? CAUSE_FIRST_SEEN
            : state->awaited ? CAUSE_CONCURRENT
                             : CAUSE_NOT_STORED;
    state->missed = true;
    state->awaited |= access->partner != CACHE_NONE;
    return cause;
}

static void apply_flush(struct replay *replay, const struct cache_access *access)
{
    for (guint i = 0; i < replay->model->keys->len; i++)
        if (access_flushes(replay->model, access, model_key(replay->model, i)))
            replay->states[i].life.deleted = replay->states[i].life.written;
}

enum cache_cause replay_step(struct replay *replay, uint32_t index)
{
    const struct cache_access *access = model_access(replay->model, index);
    enum cache_cause cause = CAUSE_NONE;
    struct key_state *state;

    if (access->key == CACHE_NONE) {
        if (access->flags & ACCESS_FLUSH)
            apply_flush(replay, access);
        return CAUSE_NONE;
    }
    state = &replay->states[access->key];
    if (access->flags & ACCESS_HIT)
        apply_hit(state, access);
    else if (access->flags & ACCESS_READ)
        cause = apply_miss(replay, state, access);
    if (access->flags & ACCESS_WRITE)
        apply_write(replay, state, index);
    if (access->flags & ACCESS_EXPIRE)
        apply_expire(state, access);
    if (access->flags & ACCESS_DELETE)
        state->life.deleted = state->life.written;
    if (access->flags & ACCESS_SHRINK && !access_is_miss(access))
        state->life.shrunk = true;
    return cause;
}
