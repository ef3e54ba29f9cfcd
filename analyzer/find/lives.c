/* One pass over the accesses, and a life for each write. */
#include "find/lives.h"

#define NO_LIFE   UINT32_MAX
#define HITS_MOST ((1u << 28) - 1)

struct birth {
    struct lives *lives;
    const struct cache_model *model;
    uint32_t *current; /* of each key: index in its template's lives; NO_LIFE */
};

static struct life *current_life(const struct birth *birth, uint32_t key)
{
    GArray *lives = birth->lives->of_template[model_key(birth->model, key)->template_index];

    return birth->current[key] == NO_LIFE ? NULL
                                          : &g_array_index(lives, struct life, birth->current[key]);
}

static void end_life(struct birth *birth, uint32_t key, enum life_end end, int64_t time_ns)
{
    struct life *life = current_life(birth, key);

    if (!life)
        return;
    life->end = life->expires_ns <= time_ns ? LIFE_EXPIRED : end;
    birth->current[key] = NO_LIFE;
}

static void begin_life(struct birth *birth, uint32_t index)
{
    const struct cache_access *access = model_access(birth->model, index);
    GArray *lives = birth->lives->of_template[model_key(birth->model, access->key)->template_index];
    const struct life *before = current_life(birth, access->key);
    int64_t ttl_ms = access_ttl_ms(access);
    struct life life = {.written_ns = access->time_ns,
                        .expires_ns = access_expiry_ns(access),
                        .reused_ns = INT64_MAX,
                        .last_ns = access->time_ns,
                        .bytes = access->value_bytes,
                        .key = access->key,
                        .lasts = ttl_ms == LK_TTL_NONE};

    if (before && ttl_ms == LK_TTL_UNKNOWN) { /* APPEND and kin keep what there was */
        life.expires_ns = before->expires_ns;
        life.lasts = before->lasts;
    }
    end_life(birth, access->key, LIFE_OVERWRITTEN, access->time_ns);
    birth->current[access->key] = lives->len;
    g_array_append_val(lives, life);
}

static void ask_in_vain(struct life *life, int64_t time_ns)
{
    life->reused_ns = MIN(life->reused_ns, time_ns);
    life->last_ns = time_ns;
}

static void ask(struct birth *birth, const struct cache_access *access)
{
    struct life *life = current_life(birth, access->key);

    if (!life)
        return;
    if (access->flags & ACCESS_HIT) {
        life->reused_ns = MIN(life->reused_ns, access->time_ns);
        life->last_ns = access->time_ns;
        life->hits += life->hits < HITS_MOST;
        return;
    }
    switch (access->cause) {
    case CAUSE_EXPIRED:
        ask_in_vain(life, access->time_ns);
        life->expires_ns = MIN(life->expires_ns, access->time_ns);
        end_life(birth, access->key, LIFE_EXPIRED, access->time_ns);
        break;
    case CAUSE_EVICTED:
        ask_in_vain(life, access->time_ns);
        end_life(birth, access->key, LIFE_EVICTED, access->time_ns);
        break;
    case CAUSE_DELETED:
        end_life(birth, access->key, LIFE_DELETED, access->time_ns);
        break;
    default: /* it overtook the write */
        break;
    }
}

static void change_expiry(const struct birth *birth, const struct cache_access *access)
{
    struct life *life = current_life(birth, access->key);

    if (!life || access_ttl_ms(access) == LK_TTL_UNKNOWN)
        return;
    life->expires_ns = access_expiry_ns(access);
    life->lasts = access_ttl_ms(access) == LK_TTL_NONE;
}

static void flush(struct birth *birth, const struct cache_access *access)
{
    for (uint32_t key = 0; key < birth->model->keys->len; key++)
        if (access_flushes(birth->model, access, model_key(birth->model, key)))
            end_life(birth, key, LIFE_DELETED, access->time_ns);
}

static void step(struct birth *birth, uint32_t index)
{
    const struct cache_access *access = model_access(birth->model, index);

    if (access->key == CACHE_NONE) {
        if (access->flags & ACCESS_FLUSH)
            flush(birth, access);
        return;
    }
    if (access->flags & ACCESS_READ)
        ask(birth, access);
    if (access->flags & ACCESS_WRITE)
        begin_life(birth, index);
    else if (access->flags & ACCESS_EXPIRE)
        change_expiry(birth, access);
    if (access->flags & ACCESS_DELETE)
        end_life(birth, access->key, LIFE_DELETED, access->time_ns);
}

struct lives *lives_new(const struct cache_model *model)
{
    struct lives *lives = g_new0(struct lives, 1);
    struct birth birth = {lives, model, g_new(uint32_t, model->keys->len + 1)};

    lives->template_count = model->templates->len;
    lives->of_template = g_new0(GArray *, model->templates->len + 1);
    for (guint t = 0; t < model->templates->len; t++)
        lives->of_template[t] = g_array_new(FALSE, FALSE, sizeof(struct life));
    for (uint32_t key = 0; key < model->keys->len; key++)
        birth.current[key] = NO_LIFE;
    for (guint i = 0; i < model->accesses->len; i++)
        step(&birth, i);
    for (uint32_t key = 0; key < model->keys->len; key++)
        end_life(&birth, key, LIFE_OPEN, model->end_ns);
    g_free(birth.current);
    return lives;
}

void lives_free(struct lives *lives)
{
    for (guint t = 0; t < lives->template_count; t++)
        g_array_free(lives->of_template[t], TRUE);
    g_free(lives->of_template);
    g_free(lives);
}
