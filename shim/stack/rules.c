/* Rules by address: an open-addressing table that only fills. */
#define _GNU_SOURCE
#include "stack/rules.h"

#include <assert.h>
#include <stddef.h>
#include <string.h>

#include "lookup.h"
#include "sys.h"

#define PLACES_BITS 16u
#define PROBES      8u

/* A rule is believed while the code before the return address is what it was: something else may
 * have been loaded there, unseen. */
struct remembered {
    uint64_t ip; /* 0: free */
    uint64_t code;
    uint64_t rule; /* packed; 0: being written */
    uint64_t generation;
};

/* glibc's struct dl_find_object (x86-64), which older headers have not. */
struct found_object {
    unsigned long long flags;
    void *start, *end, *link_map, *eh_frame_hdr;
    unsigned long long reserved[7];
};
static int (*find_object)(void *address, struct found_object *result);

static struct remembered *table;
uint64_t lk_rules_generation = 1;

void lk_rules_init(void)
{
    table = lk_sys_memory_wiped(sizeof *table << PLACES_BITS);
    find_object = (int (*)(void *, struct found_object *))lk_look_up(RTLD_NEXT, "_dl_find_object");
}

void lk_rules_forget(void)
{
    __atomic_add_fetch(&lk_rules_generation, 1, __ATOMIC_SEQ_CST);
}

static struct lk_rule find_rule(uint64_t ip)
{
    struct found_object object;
    if (!find_object || find_object((void *)(uintptr_t)ip, &object) != 0 || !object.eh_frame_hdr)
        return (struct lk_rule){.kind = LK_RULE_UNKNOWN};
    return lk_cfi_rule(object.eh_frame_hdr, &(struct lk_memory){object.start, object.end}, ip);
}

struct lk_rule lk_rule_of_interrupt(uint64_t ip)
{
    return find_rule(ip);
}

static_assert(sizeof(struct lk_rule) == sizeof(uint64_t), "a rule is written at once");

/* The kind is in the lowest byte, so with another bit in it no rule is 0. */
static uint64_t pack(struct lk_rule rule)
{
    uint64_t packed;
    memcpy(&packed, &rule, sizeof packed);
    return packed | 0x80;
}

static struct lk_rule unpack(uint64_t packed)
{
    struct lk_rule rule;
    packed &= ~(uint64_t)0x80;
    memcpy(&rule, &packed, sizeof rule);
    return rule;
}

static uint64_t code_before(uint64_t ip)
{
    uint64_t code;
    memcpy(&code, (const void *)(uintptr_t)(ip - sizeof code), sizeof code);
    return code;
}

/* Where the address is, or where it may be put; NULL: there is no room near its place. */
static struct remembered *place_of(uint64_t ip)
{
    uint64_t hash = (ip * 0x9e3779b97f4a7c15u) >> (64 - PLACES_BITS);
    for (uint64_t i = 0; i < PROBES; i++) {
        struct remembered *place = &table[(hash + i) & ((1u << PLACES_BITS) - 1)];
        uint64_t held = __atomic_load_n(&place->ip, __ATOMIC_RELAXED);
        if (held == 0 || held == ip)
            return place;
    }
    return NULL;
}

static void remember(struct remembered *place, uint64_t ip, struct lk_rule rule, uint64_t now)
{
    uint64_t none = 0;
    if (!__atomic_compare_exchange_n(&place->ip, &none, ip, false, __ATOMIC_RELAXED,
                                     __ATOMIC_RELAXED) &&
        none != ip)
        return; /* another thread's address came first */
    __atomic_store_n(&place->rule, 0, __ATOMIC_SEQ_CST);
    __atomic_store_n(&place->code, code_before(ip), __ATOMIC_RELAXED);
    __atomic_store_n(&place->generation, now, __ATOMIC_RELAXED);
    __atomic_store_n(&place->rule, pack(rule), __ATOMIC_RELEASE);
}

struct lk_rule lk_rule_of_return(uint64_t ip)
{
    struct remembered *place = table ? place_of(ip) : NULL;
    uint64_t now = lk_rules_now();
    if (place && __atomic_load_n(&place->ip, __ATOMIC_RELAXED) == ip) {
        uint64_t rule = __atomic_load_n(&place->rule, __ATOMIC_ACQUIRE);
        if (rule && __atomic_load_n(&place->generation, __ATOMIC_RELAXED) == now &&
            __atomic_load_n(&place->code, __ATOMIC_RELAXED) == code_before(ip) &&
            __atomic_load_n(&place->rule, __ATOMIC_ACQUIRE) == rule)
            return unpack(rule);
    }
    struct lk_rule rule = find_rule(ip - 1);
    /* an unknown one may be of a module that is only being loaded */
    if (place && rule.kind != LK_RULE_UNKNOWN)
        remember(place, ip, rule, now);
    return rule;
}
