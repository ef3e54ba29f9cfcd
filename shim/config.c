/* Reads the environment into lk_config. */
#define _GNU_SOURCE
#include "config.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <unistd.h>

#include "sys.h"

struct lk_config lk_config;

bool lk_parse_size(const char *text, uint64_t *bytes)
{
    uint64_t value = 0;
    const char *at = text;
    if (*at < '0' || *at > '9')
        return false;
    for (; *at >= '0' && *at <= '9'; at++) {
        if (__builtin_mul_overflow(value, 10u, &value) ||
            __builtin_add_overflow(value, (uint64_t)(*at - '0'), &value))
            return false;
    }
    static const char units[] = "kmgt";
    const char *unit = *at ? strchr(units, *at | 0x20) : NULL;
    if (unit) {
        unsigned shift = 10u * (unsigned)(unit - units + 1);
        if (value > UINT64_MAX >> shift)
            return false;
        value <<= shift;
        at++;
    }
    if (*at != '\0')
        return false;
    *bytes = value;
    return true;
}

static int said_setting;

static bool read_switch(const char *name, bool otherwise)
{
    const char *text = getenv(name);
    if (!text || !*text)
        return otherwise;
    if (!strcmp(text, "on") || !strcmp(text, "1"))
        return true;
    if (!strcmp(text, "off") || !strcmp(text, "0"))
        return false;
    lk_sys_say_once(&said_setting, name, "neither on nor off; the default is used");
    return otherwise;
}

static uint64_t read_size(const char *name, uint64_t otherwise, uint64_t least)
{
    const char *text = getenv(name);
    uint64_t bytes;
    if (!text || !*text)
        return otherwise;
    if (!lk_parse_size(text, &bytes) || bytes == 0) {
        lk_sys_say_once(&said_setting, name,
                        "not a size (such as 512K, 256M); the default is used");
        return otherwise;
    }
    return bytes < least ? least : bytes;
}

/* The output directory, made absolute now: the service may change its directory later. */
static void read_output(void)
{
    const char *text = getenv("LEAKEY_OUTPUT");
    size_t used = 0, room = sizeof lk_config.output;
    if (!text)
        text = "";
    if (text[0] != '/') {
        if (!getcwd(lk_config.output, room)) {
            lk_config.output[0] = '\0';
            return;
        }
        used = strlen(lk_config.output);
        if (used + 1 < room && text[0])
            lk_config.output[used++] = '/';
    }
    size_t bytes = strlen(text);
    if (bytes >= room - used) {
        lk_config.output[0] = '\0';
        return;
    }
    memcpy(lk_config.output + used, text, bytes + 1);
    if (used + bytes == 0)
        lk_config.output[0] = '\0';
}

void lk_config_init(void)
{
    const char *sample, *keys;
    if (getauxval(AT_SECURE)) {
        lk_config.off = true; /* nothing of the environment is read */
        return;
    }
    lk_config.heap = read_switch("LEAKEY_HEAP", true);
    lk_config.cache = read_switch("LEAKEY_CACHE", true);
    lk_config.paused = read_switch("LEAKEY_PAUSED", false);
    keys = getenv("LEAKEY_KEYS");
    lk_config.hash_keys = keys && !strcmp(keys, "hash");
    if (keys && *keys && strcmp(keys, "hash") && strcmp(keys, "text")) {
        /* who asked for something else than text is safer with hashes */
        lk_config.hash_keys = true;
        lk_sys_say_once(&said_setting, "LEAKEY_KEYS", "neither text nor hash; hash is used");
    }
    sample = getenv("LEAKEY_SAMPLE");
    lk_config.sample_bytes =
        sample && !strcmp(sample, "all") ? 1 : read_size("LEAKEY_SAMPLE", 512u << 10, 1);
    lk_config.ring_bytes = read_size("LEAKEY_RING", 256u << 20, 1u << 20);
    read_output();
    if (!lk_config.heap && !lk_config.cache)
        lk_config.off = true;
}
