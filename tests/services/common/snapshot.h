// The answer index's snapshot: rows of embeddings, from which a refresh picks what to keep.
// A stand-in for a file in object storage; row n is always the same.
#ifndef SERVICES_SNAPSHOT_H
#define SERVICES_SNAPSHOT_H

#include <stddef.h>

enum { SNAPSHOT_ROWS = 4096, SNAPSHOT_ROW_FLOATS = 2048 }; // 32 MiB in all

// Rows [first, first + count) in memory; NULL when there is not enough. The caller gives them to
// snapshot_free.
float **snapshot_load(size_t first, size_t count);
void snapshot_free(float **rows, size_t count);

// The best score of the rows, after a good look at each of them.
double snapshot_score(float *const *rows, size_t count);

#endif
