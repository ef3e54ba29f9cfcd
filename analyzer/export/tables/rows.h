/* Private to tables/: making rows, cell by cell in the order of the schema's columns. */
#ifndef LEAKEY_EXPORT_TABLES_ROWS_H
#define LEAKEY_EXPORT_TABLES_ROWS_H

#include "export/tables/tables.h"

struct rows {
    const struct analysis *analysis;
    const struct row_sink *sink;
    const struct table *table;
    struct cell cells[COLUMNS_MAX];
    guint count;
    GHashTable *stacks; /* ids of those that have their rows */
    bool failed;
};

/* A row begins, gets as many cells as its table has columns, and ends. */
void row_begin(struct rows *rows, enum table_id table);
void row_text(struct rows *rows, const char *text); /* NULL: null; made valid UTF-8 */
void row_count(struct rows *rows, uint64_t value);
void row_whole(struct rows *rows, double value); /* rounded; not finite: null */
void row_real(struct rows *rows, double value);  /* not finite: null */
void row_interval(struct rows *rows, const double interval[2], bool whole); /* two cells */
void row_flag(struct rows *rows, bool value);
void row_list(struct rows *rows, const GArray *list); /* of uint16_t; lasts until the row's end */
void row_end(struct rows *rows);

/* The id of a stack, whose rows are made if need be; between two rows. */
const char *rows_stack(struct rows *rows, const struct stack *stack);

/* Each makes the rows of its part of the analysis. */
void rows_captures(struct rows *rows);
void rows_heap(struct rows *rows);
void rows_leaks(struct rows *rows);
void rows_cache(struct rows *rows);
void rows_capture_cache(struct rows *rows);
void rows_findings(struct rows *rows);
void rows_set(struct rows *rows);

#endif
