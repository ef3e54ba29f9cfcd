/* Which of memcached's words a write's verb comes to. What is not here sets. */
#include "model/write_kind.h"

#include <glib.h>
#include <string.h>

static const struct {
    const char *verb;
    enum access_write kind;
} kinds[] = {
    {"SETNX", WRITE_ADD},     {"MSETNX", WRITE_ADD},        {"HSETNX", WRITE_ADD},
    {"APPEND", WRITE_APPEND}, {"RPUSH", WRITE_APPEND},      {"RPUSHX", WRITE_APPEND},
    {"XADD", WRITE_APPEND},   {"LPUSH", WRITE_PREPEND},     {"LPUSHX", WRITE_PREPEND},
    {"INCR", WRITE_INCR},     {"INCRBY", WRITE_INCR},       {"INCRBYFLOAT", WRITE_INCR},
    {"HINCRBY", WRITE_INCR},  {"HINCRBYFLOAT", WRITE_INCR}, {"ZINCRBY", WRITE_INCR},
    {"DECR", WRITE_DECR},     {"DECRBY", WRITE_DECR},
};

static enum access_write kind_of(const struct lk_verb *verb, bool conditional)
{
    if (strncmp(verb->name, "SET", sizeof(verb->name)) == 0)
        return conditional ? WRITE_ADD : WRITE_SET;
    for (size_t i = 0; i < G_N_ELEMENTS(kinds); i++)
        if (strncmp(verb->name, kinds[i].verb, sizeof(verb->name)) == 0)
            return kinds[i].kind;
    return WRITE_SET;
}

uint16_t write_kind_bits(const GArray *verbs, const struct lk_record_command *record)
{
    if (!(record->flags & LK_COMMAND_WRITE) || record->verb >= verbs->len)
        return 0;
    return (uint16_t)(kind_of(&g_array_index(verbs, struct lk_verb, record->verb),
                              record->flags & LK_COMMAND_CONDITIONAL)
                      << ACCESS_WRITE_SHIFT);
}
