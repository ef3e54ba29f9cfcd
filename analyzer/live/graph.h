/*
 * What follows from who points to whom: reachable is what memory outside of all known blocks points
 * to, and what such blocks point to in turn. Of the rest, a block is lost directly when no other
 * lost one leads to it (of a ring, one block stands for it), else with the one that does.
 */
#ifndef LEAKEY_LIVE_GRAPH_H
#define LEAKEY_LIVE_GRAPH_H

#include <stddef.h>
#include <stdint.h>

enum reach { REACH_LOST_DIRECTLY, REACH_REACHED, REACH_LOST_WITH_ANOTHER };

struct edge { /* a block that points to another */
    uint32_t from, to;
};

struct edge_list {
    struct edge *edges;
    size_t count;
};

/* `reach` has `count` blocks: REACH_REACHED for those that something outside points to, else
 * REACH_LOST_DIRECTLY, and is completed. Edges must lie within. */
void graph_complete(uint8_t *reach, uint32_t count, const struct edge_list *lists,
                    size_t list_count);

#endif
