// Loads rows of the snapshot, each an allocation of its own, and scores them.
// Scoring makes several passes, as a clustering would, so that the rows stay in memory for a while.
#include "snapshot.h"

#include "random.h"

#include <stdlib.h>

enum { SCORE_PASSES = 4, DRAWN_FLOATS = 64 };

static void fill_row(float *row, size_t number)
{
    struct random random = {number};

    for (size_t i = 0; i < SNAPSHOT_ROW_FLOATS; i++)
        row[i] = i < DRAWN_FLOATS ? (float)random_unit(&random) : 1 - row[i - DRAWN_FLOATS];
}

float **snapshot_load(size_t first, size_t count)
{
    float **rows = calloc(count, sizeof(*rows));

    for (size_t i = 0; rows && i < count; i++) {
        rows[i] = malloc(SNAPSHOT_ROW_FLOATS * sizeof(**rows));
        if (!rows[i]) {
            snapshot_free(rows, i);
            return NULL;
        }
        fill_row(rows[i], first + i);
    }
    return rows;
}

void snapshot_free(float **rows, size_t count)
{
    for (size_t i = 0; i < count; i++)
        free(rows[i]);
    free(rows);
}

double snapshot_score(float *const *rows, size_t count)
{
    double best = 0;

    for (unsigned pass = 0; pass < SCORE_PASSES; pass++) {
        for (size_t i = 0; i < count; i++) {
            double score = 0;

            for (size_t j = 0; j < SNAPSHOT_ROW_FLOATS; j++)
                score += (double)(rows[i][j] * rows[i][(j + pass) % SNAPSHOT_ROW_FLOATS]);
            best = score > best ? score : best;
        }
    }
    return best;
}
