/* The segment tree of depths: leaves are moments of use, older ones to the left. */
#include "replay/reuse.h"

#include <glib.h>

#define LEAVES_MIN 1024u
#define NO_SLOT    UINT32_MAX

struct node {
    int64_t depth; /* of a leaf; above: what still has to be added below */
    int64_t peak;  /* the highest that it has been */
};

struct reuse {
    struct node *nodes; /* [1] is the root, [leaves + slot] a leaf */
    uint32_t *owners;   /* of each slot: the entry that was last used then; NO_SLOT none */
    uint32_t leaves, next;
    uint32_t oldest; /* slots before it have no owner */
    uint32_t in;     /* entries */
    uint64_t total_bytes;
    uint32_t *slots; /* of each entry; NO_SLOT: not in */
    uint64_t *bytes;
};

static void make_leaves(struct reuse *reuse, uint32_t leaves)
{
    reuse->leaves = leaves;
    reuse->next = reuse->oldest = 0;
    reuse->nodes = g_new0(struct node, 2 * (size_t)leaves);
    reuse->owners = g_new(uint32_t, leaves);
    for (uint32_t i = 0; i < leaves; i++)
        reuse->owners[i] = NO_SLOT;
}

struct reuse *reuse_new(uint32_t entries)
{
    struct reuse *reuse = g_new0(struct reuse, 1);

    reuse->slots = g_new(uint32_t, (size_t)entries + 1);
    reuse->bytes = g_new0(uint64_t, (size_t)entries + 1);
    for (uint32_t i = 0; i < entries; i++)
        reuse->slots[i] = NO_SLOT;
    make_leaves(reuse, LEAVES_MIN);
    return reuse;
}

void reuse_free(struct reuse *reuse)
{
    g_free(reuse->nodes);
    g_free(reuse->owners);
    g_free(reuse->slots);
    g_free(reuse->bytes);
    g_free(reuse);
}

/* `peak` is the highest of the additions that `depth` is the sum of, one after the other. */
static void add(struct node *node, int64_t depth, int64_t peak)
{
    node->peak = MAX(node->peak, node->depth + peak);
    node->depth += depth;
}

/* Adds bytes to the depth of all that are older than the slot, and returns the slot's leaf, to
 * which nothing has to be added any more. */
static struct node *add_to_older(struct reuse *reuse, uint32_t slot, int64_t bytes)
{
    size_t at = 1;

    for (uint32_t half = reuse->leaves / 2; half > 0; half /= 2) {
        struct node *node = &reuse->nodes[at], *below = &reuse->nodes[2 * at];

        add(&below[0], node->depth, node->peak);
        add(&below[1], node->depth, node->peak);
        *node = (struct node){0, 0};
        if (slot & half)
            add(&below[0], bytes, MAX(bytes, 0));
        at = 2 * at + ((slot & half) != 0);
    }
    return &reuse->nodes[at];
}

/* Slots run out though most have been left: closes the gaps, in more slots if need be. */
static void close_gaps(struct reuse *reuse)
{
    struct reuse old = *reuse;

    make_leaves(reuse, old.in > old.leaves / 2 ? 2 * old.leaves : old.leaves);
    for (uint32_t slot = 0; slot < old.next; slot++) {
        uint32_t entry = old.owners[slot];

        if (entry == NO_SLOT)
            continue;
        reuse->nodes[reuse->leaves + reuse->next] = *add_to_older(&old, slot, 0);
        reuse->owners[reuse->next] = entry;
        reuse->slots[entry] = reuse->next++;
    }
    g_free(old.nodes);
    g_free(old.owners);
}

static void put_on_top(struct reuse *reuse, uint32_t entry, uint64_t bytes)
{
    if (reuse->next == reuse->leaves)
        close_gaps(reuse);
    struct node *leaf = add_to_older(reuse, reuse->next, (int64_t)bytes);

    *leaf = (struct node){(int64_t)bytes, (int64_t)bytes};
    reuse->owners[reuse->next] = entry;
    reuse->slots[entry] = reuse->next++;
    reuse->bytes[entry] = bytes;
    reuse->total_bytes += bytes;
    reuse->in++;
}

/* Returns the distance. */
static uint64_t take_out(struct reuse *reuse, uint32_t entry)
{
    const struct node *leaf =
        add_to_older(reuse, reuse->slots[entry], -(int64_t)reuse->bytes[entry]);

    reuse->owners[reuse->slots[entry]] = NO_SLOT;
    reuse->slots[entry] = NO_SLOT;
    reuse->total_bytes -= reuse->bytes[entry];
    reuse->in--;
    return (uint64_t)leaf->peak;
}

uint64_t reuse_read(struct reuse *reuse, uint32_t entry)
{
    uint64_t distance;

    if (reuse->slots[entry] == NO_SLOT)
        return REUSE_NONE;
    distance = take_out(reuse, entry);
    put_on_top(reuse, entry, reuse->bytes[entry]);
    return distance;
}

void reuse_write(struct reuse *reuse, uint32_t entry, uint64_t bytes)
{
    reuse_remove(reuse, entry);
    put_on_top(reuse, entry, bytes);
}

void reuse_remove(struct reuse *reuse, uint32_t entry)
{
    if (reuse->slots[entry] != NO_SLOT)
        take_out(reuse, entry);
}

uint64_t reuse_bytes(const struct reuse *reuse, uint32_t entry)
{
    return reuse->slots[entry] == NO_SLOT ? 0 : reuse->bytes[entry];
}

uint64_t reuse_total_bytes(const struct reuse *reuse)
{
    return reuse->total_bytes;
}

void reuse_keep_latest(struct reuse *reuse, uint32_t count)
{
    while (reuse->in > count) {
        uint32_t entry = reuse->owners[reuse->oldest++];

        if (entry != NO_SLOT)
            take_out(reuse, entry);
    }
}
