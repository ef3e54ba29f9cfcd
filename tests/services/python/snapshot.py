"""The answer index's snapshot: rows of embeddings, from which a refresh picks what to keep.

A stand-in for a file in object storage; row n is always the same.
"""

import array

ROWS, ROW_FLOATS = 4096, 2048  # 32 MiB in all


def load(first, count):
    rows = []
    for number in range(first, first + count):
        row = array.array("f", bytes(4 * ROW_FLOATS))
        row[number % ROW_FLOATS] = 1 / (number + 1)
        rows.append(row)
    return rows


def score(rows):
    """The best score of the rows, after a look at each of them."""
    return max(max(row) for row in rows)
