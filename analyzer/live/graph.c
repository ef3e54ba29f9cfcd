/* Reachability over the blocks' edges; see graph.h. */
#include "live/graph.h"

#include <glib.h>
#include <stdbool.h>

struct graph {
    uint8_t *reach;
    uint32_t count;
    size_t *first;     /* of block b: to[first[b]] up to to[first[b + 1]] */
    uint32_t *to;      /* where edges lead, by where they begin */
    uint32_t *pending; /* a stack of blocks, each at most once */
    uint32_t pending_count;
};

static void sort_edges(struct graph *graph, const struct edge_list *lists, size_t list_count)
{
    size_t edge_count = 0;
    graph->first = g_new0(size_t, (size_t)graph->count + 2);
    for (size_t l = 0; l < list_count; l++)
        for (size_t i = 0; i < lists[l].count; i++)
            graph->first[lists[l].edges[i].from + 2]++;
    for (size_t l = 0; l < list_count; l++)
        edge_count += lists[l].count;
    graph->to = g_new(uint32_t, edge_count + 1);
    for (size_t b = 2; b < (size_t)graph->count + 2; b++)
        graph->first[b] += graph->first[b - 1];
    for (size_t l = 0; l < list_count; l++)
        for (size_t i = 0; i < lists[l].count; i++)
            graph->to[graph->first[lists[l].edges[i].from + 1]++] = lists[l].edges[i].to;
}

/* Gives `reach` to all that can be come to from the pending blocks and is `before` yet. */
static void flood(struct graph *graph, enum reach before, enum reach reach)
{
    while (graph->pending_count != 0) {
        uint32_t block = graph->pending[--graph->pending_count];
        for (size_t i = graph->first[block]; i < graph->first[block + 1]; i++) {
            uint32_t to = graph->to[i];
            if (graph->reach[to] != before)
                continue;
            graph->reach[to] = reach;
            graph->pending[graph->pending_count++] = to;
        }
    }
}

static void flood_from_outside(struct graph *graph)
{
    for (uint32_t b = 0; b < graph->count; b++)
        if (graph->reach[b] == REACH_REACHED)
            graph->pending[graph->pending_count++] = b;
    flood(graph, REACH_LOST_DIRECTLY, REACH_REACHED);
}

/* Lost blocks in the order in which a depth-first walk leaves them. Returns how many. */
static uint32_t walk_lost(struct graph *graph, uint32_t *left)
{
    size_t *next = g_memdup2(graph->first, sizeof(size_t) * graph->count);
    bool *seen = g_new0(bool, graph->count);
    uint32_t count = 0;
    for (uint32_t b = 0; b < graph->count; b++) {
        if (seen[b] || graph->reach[b] == REACH_REACHED)
            continue;
        seen[b] = true;
        graph->pending[graph->pending_count++] = b;
        while (graph->pending_count != 0) {
            uint32_t at = graph->pending[graph->pending_count - 1];
            if (next[at] == graph->first[at + 1]) {
                left[count++] = at;
                graph->pending_count--;
                continue;
            }
            uint32_t to = graph->to[next[at]++];
            if (seen[to] || graph->reach[to] == REACH_REACHED)
                continue;
            seen[to] = true;
            graph->pending[graph->pending_count++] = to;
        }
    }
    g_free(next);
    g_free(seen);
    return count;
}

/* In the reverse of that order each group of blocks that lead to each other comes before all that
 * it leads to (Kosaraju), so whatever nobody has led to when its turn comes is lost directly. */
static void tell_direct(struct graph *graph)
{
    uint32_t *left = g_new(uint32_t, graph->count), count = walk_lost(graph, left);
    bool *begun = g_new0(bool, graph->count);
    while (count-- != 0) {
        uint32_t block = left[count];
        if (graph->reach[block] != REACH_LOST_DIRECTLY)
            continue;
        begun[block] = true;
        graph->reach[block] = REACH_REACHED; /* for now: a ring does not lead back to it */
        graph->pending[graph->pending_count++] = block;
        flood(graph, REACH_LOST_DIRECTLY, REACH_LOST_WITH_ANOTHER);
    }
    for (uint32_t b = 0; b < graph->count; b++)
        if (begun[b])
            graph->reach[b] = REACH_LOST_DIRECTLY;
    g_free(begun);
    g_free(left);
}

void graph_complete(uint8_t *reach, uint32_t count, const struct edge_list *lists,
                    size_t list_count)
{
    struct graph graph = {.reach = reach, .count = count};
    if (count == 0)
        return;
    sort_edges(&graph, lists, list_count);
    graph.pending = g_new(uint32_t, count);
    flood_from_outside(&graph);
    tell_direct(&graph);
    g_free(graph.first);
    g_free(graph.to);
    g_free(graph.pending);
}
