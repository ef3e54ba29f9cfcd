/* A binary heap of entries with their places. */
#include "replay/ranking.h"

#include <glib.h>

void ranking_init(struct ranking *ranking, uint32_t entries)
{
    ranking->heap = g_new0(uint32_t, (size_t)entries + 1);
    ranking->places = g_new0(uint32_t, (size_t)entries + 1);
    ranking->ranks = g_new0(struct rank, (size_t)entries + 1);
    ranking->used = 0;
}

void ranking_release(struct ranking *ranking)
{
    g_free(ranking->heap);
    g_free(ranking->places);
    g_free(ranking->ranks);
    *ranking = (struct ranking){0};
}

static bool comes_before(const struct ranking *ranking, uint32_t a, uint32_t b)
{
    const struct rank *x = &ranking->ranks[a], *y = &ranking->ranks[b];

    return x->major != y->major ? x->major < y->major : x->minor < y->minor;
}

static void stand(struct ranking *ranking, uint32_t place, uint32_t entry)
{
    ranking->heap[place] = entry;
    ranking->places[entry] = place;
}

static void rise(struct ranking *ranking, uint32_t place)
{
    uint32_t entry = ranking->heap[place];

    while (place > 1 && comes_before(ranking, entry, ranking->heap[place / 2])) {
        stand(ranking, place, ranking->heap[place / 2]);
        place /= 2;
    }
    stand(ranking, place, entry);
}

static void sink(struct ranking *ranking, uint32_t place)
{
    uint32_t entry = ranking->heap[place];

    while (2 * (uint64_t)place <= ranking->used) {
        uint32_t child = 2 * place;

        if (child < ranking->used &&
            comes_before(ranking, ranking->heap[child + 1], ranking->heap[child]))
            child++;
        if (!comes_before(ranking, ranking->heap[child], entry))
            break;
        stand(ranking, place, ranking->heap[child]);
        place = child;
    }
    stand(ranking, place, entry);
}

void ranking_set(struct ranking *ranking, uint32_t entry, struct rank rank)
{
    ranking->ranks[entry] = rank;
    if (ranking->places[entry] == 0)
        stand(ranking, ++ranking->used, entry);
    rise(ranking, ranking->places[entry]);
    sink(ranking, ranking->places[entry]);
}

void ranking_remove(struct ranking *ranking, uint32_t entry)
{
    uint32_t place = ranking->places[entry], last;

    if (place == 0)
        return;
    last = ranking->heap[ranking->used--];
    ranking->places[entry] = 0;
    if (last == entry)
        return;
    stand(ranking, place, last);
    rise(ranking, place);
    sink(ranking, ranking->places[last]);
}

bool ranking_first(const struct ranking *ranking, uint32_t *entry)
{
    if (ranking->used == 0)
        return false;
    *entry = ranking->heap[1];
    return true;
}
