/* The settings of spec section 3, read from the environment once, before the first event. */
#ifndef LK_CONFIG_H
#define LK_CONFIG_H

#include <stdbool.h>
#include <stdint.h>

struct lk_config {
    bool off; /* step aside altogether: secure execution, a sanitizer in the process */
    bool heap, cache;
    bool paused; /* begin paused */
    bool hash_keys;
    uint64_t sample_bytes; /* mean; 1 = every allocation */
    uint64_t ring_bytes;
    char output[4096]; /* directory, absolute */
};

extern struct lk_config lk_config;

void lk_config_init(void);

/* "512K", "1G", "4096": bytes. False when it is no size. */
bool lk_parse_size(const char *text, uint64_t *bytes);

#endif
