/* The matcher of words against blocks, and what follows from who points to whom: on memory made up
 * here, against a slow and plain search. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <glib.h>
#include <stdbool.h>
#include <string.h>

#include "live/blocks.h"
#include "live/graph.h"

#define HEAP      0x555555560000ull
#define MAPPED    0x7ffff7a00000ull
#define USER_END  (1ull << 47)
#define MOST_HITS 4096

struct hits {
    struct hit hit[MOST_HITS];
    size_t count;
};

static void keep_hits(void *context, const struct hit *found, size_t count)
{
    struct hits *hits = context;
    assert_true(count <= BLOCKS_HITS && hits->count + count <= MOST_HITS);
    for (size_t i = 0; i < count; i++)
        hits->hit[hits->count++] = found[i];
}

static void a_pointer_anywhere_into_a_block_finds_it(void **state)
{
    (void)state;
    const struct span spans[] = {
        {HEAP + 64, HEAP + 96}, {MAPPED, MAPPED + 3000000}, {HEAP + 96, HEAP + 97}};
    uint32_t of[3];
    struct blocks *blocks = blocks_new(spans, 3, of);
    assert_int_equal(blocks->count, 3);
    assert_int_equal(of[0], 0);
    assert_int_equal(of[2], 1);
    assert_int_equal(of[1], 2);
    assert_int_equal(blocks_at(blocks, HEAP + 64), 0);
    assert_int_equal(blocks_at(blocks, HEAP + 95), 0);
    assert_int_equal(blocks_at(blocks, HEAP + 96), 1);
    assert_int_equal(blocks_at(blocks, HEAP + 63), BLOCKS_NONE);
    assert_int_equal(blocks_at(blocks, HEAP + 97), BLOCKS_NONE);
    assert_int_equal(blocks_at(blocks, MAPPED + 2999999), 2);
    assert_int_equal(blocks_at(blocks, MAPPED + 3000000), BLOCKS_NONE);
    const uint64_t strange[] = {0,        1,         4096, HEAP - (1ull << 32), USER_END - 1,
                                USER_END, UINT64_MAX};
    for (size_t i = 0; i < G_N_ELEMENTS(strange); i++)
        assert_int_equal(blocks_at(blocks, strange[i]), BLOCKS_NONE);
    blocks_free(blocks);
}

static void blocks_that_overlap_are_one_and_impossible_ones_none(void **state)
{
    (void)state;
    const struct span spans[] = {{HEAP, HEAP + 64},
                                 {HEAP, HEAP + 48},
                                 {HEAP + 32, HEAP + 80},
                                 {HEAP + 80, HEAP + 80},
                                 {USER_END - 8, USER_END + 8},
                                 {UINT64_MAX - 3, UINT64_MAX}};
    uint32_t of[6];
    struct blocks *blocks = blocks_new(spans, 6, of);
    assert_int_equal(blocks->count, 1);
    for (int i = 0; i < 3; i++)
        assert_int_equal(of[i], 0);
    for (int i = 3; i < 6; i++)
        assert_int_equal(of[i], BLOCKS_NONE);
    assert_int_equal(blocks_at(blocks, HEAP + 79), 0);
    assert_int_equal(blocks_at(blocks, HEAP + 80), BLOCKS_NONE);
    blocks_free(blocks);
}

static void no_blocks_find_nothing(void **state)
{
    (void)state;
    const uint64_t words[16] = {0, HEAP, UINT64_MAX};
    struct hits hits = {.count = 0};
    struct blocks *blocks = blocks_new(NULL, 0, NULL);
    blocks_scan(blocks, HEAP, words, 16, keep_hits, &hits);
    assert_int_equal(hits.count, 0);
    assert_int_equal(blocks_at(blocks, 0), BLOCKS_NONE);
    blocks_free(blocks);
}

static void a_word_says_which_block_it_lies_in(void **state)
{
    (void)state;
    /* [root root] [A: to B, to itself] [root] [B: to A's middle, text] */
    const struct span spans[] = {{HEAP + 16, HEAP + 32}, {HEAP + 40, HEAP + 53}};
    uint32_t of[2];
    struct blocks *blocks = blocks_new(spans, 2, of);
    const uint64_t words[] = {7, HEAP + 52, HEAP + 40, HEAP + 24, HEAP + 32, HEAP + 31, HEAP + 16};
    struct hits hits = {.count = 0};
    blocks_scan(blocks, HEAP, words, G_N_ELEMENTS(words), keep_hits, &hits);
    const struct hit expected[] = {{BLOCKS_NONE, 1}, {0, 1}, {1, 0}, {1, 0}};
    assert_int_equal(hits.count, G_N_ELEMENTS(expected));
    assert_memory_equal(hits.hit, expected, sizeof(expected));
    blocks_free(blocks);
}

/* ---- Against a slow and plain search ---- */

static uint32_t slow_at(const struct span *spans, size_t count, uint64_t value)
{
    for (size_t i = 0; i < count; i++)
        if (value >= spans[i].start && value < spans[i].end)
            return (uint32_t)i;
    return BLOCKS_NONE;
}

/* Small and large blocks with gaps, over several spans. */
static size_t make_spans(GRand *random, struct span *spans, size_t most)
{
    uint64_t at = HEAP;
    size_t count = 0;
    while (count < most) {
        uint64_t bytes = g_rand_int_range(random, 0, 20) == 0
                             ? (uint64_t)g_rand_int_range(random, 1, 300000)
                             : (uint64_t)g_rand_int_range(random, 1, 64);
        at += 8ull * (uint64_t)g_rand_int_range(random, 0, 5);
        if (g_rand_int_range(random, 0, 100) == 0)
            at += 1ull << g_rand_int_range(random, 12, 40);
        spans[count++] = (struct span){at, at + bytes};
        at = (at + bytes + 7) & ~7ull;
    }
    return count;
}

static uint64_t some_value(GRand *random, const struct span *spans, size_t count)
{
    const struct span *span = &spans[g_rand_int_range(random, 0, (gint32)count)];
    switch (g_rand_int_range(random, 0, 4)) {
    case 0:
        return span->start - 2 + (uint64_t)g_rand_int_range(random, 0, 5);
    case 1:
        return span->end - 2 + (uint64_t)g_rand_int_range(random, 0, 5);
    case 2:
        return (uint64_t)g_rand_int(random) << 32 | g_rand_int(random);
    default:
        return span->start + g_rand_int(random) % (span->end - span->start);
    }
}

static void it_finds_what_a_plain_search_finds(void **state)
{
    (void)state;
    enum { SPANS = 1500, VALUES = 4000 };
    static struct span spans[SPANS];
    static uint32_t of[SPANS];
    for (uint32_t seed = 0; seed < 5; seed++) {
        GRand *random = g_rand_new_with_seed(seed);
        size_t count = make_spans(random, spans, SPANS);
        struct blocks *blocks = blocks_new(spans, count, of);
        assert_int_equal(blocks->count, count);
        for (int i = 0; i < VALUES; i++) {
            uint64_t value = some_value(random, spans, count);
            assert_int_equal(blocks_at(blocks, value), slow_at(spans, count, value));
        }
        blocks_free(blocks);
        g_rand_free(random);
    }
}

static void scanning_in_pieces_finds_the_same(void **state)
{
    (void)state;
    enum { SPANS = 300, WORDS = 2000 };
    static struct span spans[SPANS];
    static uint32_t of[SPANS];
    static uint64_t words[WORDS];
    static struct hits whole, pieces;
    GRand *random = g_rand_new_with_seed(7);
    size_t count = make_spans(random, spans, SPANS);
    struct blocks *blocks = blocks_new(spans, count, of);
    for (size_t i = 0; i < WORDS; i++)
        words[i] = g_rand_int_range(random, 0, 3) == 0 ? some_value(random, spans, count) : i;
    whole.count = pieces.count = 0;
    blocks_scan(blocks, HEAP, words, WORDS, keep_hits, &whole);
    for (size_t at = 0; at < WORDS;) {
        size_t some = (size_t)g_rand_int_range(random, 1, 50);
        some = MIN(some, WORDS - at);
        blocks_scan(blocks, HEAP + 8 * at, words + at, some, keep_hits, &pieces);
        at += some;
    }
    assert_true(whole.count > 100);
    assert_int_equal(whole.count, pieces.count);
    assert_memory_equal(whole.hit, pieces.hit, whole.count * sizeof(whole.hit[0]));
    blocks_free(blocks);
    g_rand_free(random);
}

/* ---- Who points to whom ---- */

enum { L = REACH_LOST_DIRECTLY, R = REACH_REACHED, I = REACH_LOST_WITH_ANOTHER };

/* From two lists, as two workers leave them. */
static void complete(uint8_t *reach, uint32_t count, const struct edge *edges, size_t edge_count)
{
    struct edge *copy = g_memdup2(edges, edge_count * sizeof(*edges));
    size_t half = edge_count / 2;
    const struct edge_list lists[] = {{copy, half}, {copy + half, edge_count - half}};
    graph_complete(reach, count, lists, 2);
    g_free(copy);
}

static void reach_follows_edges(void **state)
{
    (void)state;
    /* 0 is a root's; 0 -> 1 -> 2. 3 -> 4 -> 5 is a lost chain, and 4 -> 1 changes nothing. 6 alone.
     */
    const struct edge edges[] = {{1, 2}, {0, 1}, {4, 5}, {3, 4}, {4, 1}};
    uint8_t reach[7] = {R};
    const uint8_t expected[7] = {R, R, R, L, I, I, L};
    complete(reach, 7, edges, G_N_ELEMENTS(edges));
    assert_memory_equal(reach, expected, sizeof(expected));
}

static void one_block_stands_for_a_ring(void **state)
{
    (void)state;
    /* The ring 0 1 2 leads to the ring 3 4, which leads to 5; 6 leads into the first. */
    const struct edge rings[] = {{3, 4}, {4, 3}, {4, 5}, {0, 1}, {1, 2}, {2, 0}, {2, 3}};
    const struct edge led[] = {{3, 4}, {4, 3}, {4, 5}, {0, 1}, {1, 2}, {2, 0}, {2, 3}, {6, 1}};
    uint8_t reach[7] = {L, L, L, L, L, L, R};
    int direct = 0;
    complete(reach, 7, rings, G_N_ELEMENTS(rings));
    for (int i = 0; i < 3; i++)
        direct += reach[i] == L;
    assert_int_equal(direct, 1);
    for (int i = 3; i < 6; i++)
        assert_int_equal(reach[i], I);
    memset(reach, L, sizeof(reach));
    complete(reach, 7, led, G_N_ELEMENTS(led));
    for (int i = 0; i < 6; i++)
        assert_int_equal(reach[i], I);
    assert_int_equal(reach[6], L);
}

static void long_chains_need_no_stack(void **state)
{
    (void)state;
    enum { LONG = 1000000 };
    struct edge *edges = g_new(struct edge, LONG - 1);
    uint8_t *reach = g_new0(uint8_t, LONG);
    for (uint32_t i = 0; i + 1 < LONG; i++)
        edges[i] = (struct edge){i + 1, i};
    complete(reach, LONG, edges, LONG - 1);
    assert_int_equal(reach[LONG - 1], L);
    for (uint32_t i = 0; i + 1 < LONG; i++)
        assert_int_equal(reach[i], I);
    g_free(edges);
    g_free(reach);
}

static void no_block_needs_no_work(void **state)
{
    (void)state;
    graph_complete(NULL, 0, NULL, 0);
    uint8_t reach[2] = {L, R};
    graph_complete(reach, 2, NULL, 0);
    assert_int_equal(reach[0], L);
    assert_int_equal(reach[1], R);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_pointer_anywhere_into_a_block_finds_it),
        cmocka_unit_test(blocks_that_overlap_are_one_and_impossible_ones_none),
        cmocka_unit_test(no_blocks_find_nothing),
        cmocka_unit_test(a_word_says_which_block_it_lies_in),
        cmocka_unit_test(it_finds_what_a_plain_search_finds),
        cmocka_unit_test(scanning_in_pieces_finds_the_same),
        cmocka_unit_test(reach_follows_edges),
        cmocka_unit_test(one_block_stands_for_a_ring),
        cmocka_unit_test(long_chains_need_no_stack),
        cmocka_unit_test(no_block_needs_no_work),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
