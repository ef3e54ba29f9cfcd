/*
 * The tables that databases get: one schema (schema.c) for all of them, and the rows of an analysis
 * in it. A database is a `struct row_sink`; sqlite.c and clickhouse.c are the two that there are.
 *
 * Column names carry their unit, as in the JSON report, and hold its numbers: whole ones are
 * rounded as there, and what is unknown is NULL, never 0. Text is valid UTF-8.
 *
 * What is said of one process has its `capture_id`; the numbers that add up over processes (bytes,
 * commands, causes) add up to the report's.
 */
#ifndef LEAKEY_EXPORT_TABLES_TABLES_H
#define LEAKEY_EXPORT_TABLES_TABLES_H

#include "model/model.h"

/* Counts up when a column changes its meaning or goes; columns may be added. */
#define TABLES_VERSION 1

enum column_type {
    COLUMN_TEXT,
    COLUMN_WHOLE, /* int64_t */
    COLUMN_REAL,
    COLUMN_FLAG, /* 0 or 1 */
    COLUMN_LIST, /* of small whole numbers; only in tables of `lists` */
};

struct column {
    const char *name;
    enum column_type type;
    bool known; /* never NULL */
    const char *comment;
};

#define COLUMNS_MAX 32

struct table {
    const char *name;
    const char *comment;
    const char *key; /* the columns that tell its rows apart, a comma between them; none is NULL */
    bool lists;      /* has columns of lists, which not every database can hold */
    struct column columns[COLUMNS_MAX]; /* ends with one without a name */
};

/* By table_id; ends with one without a name. */
extern const struct table tables[];
enum table_id {
    TABLE_CAPTURES,
    TABLE_STACKS,
    TABLE_FRAMES,
    TABLE_SITES,
    TABLE_CAPTURE_SITES,
    TABLE_TIMELINE,
    TABLE_WINDOWS,
    TABLE_LEAKS,
    TABLE_LEAK_BRANCHES,
    TABLE_CAPTURE_LEAKS,
    TABLE_CAPTURE_COMMANDS,
    TABLE_TEMPLATES,
    TABLE_MISS_CAUSES,
    TABLE_TEMPLATE_HEAP,
    TABLE_TEMPLATE_CALL_SITES,
    TABLE_CAPTURE_TEMPLATES,
    TABLE_CAPTURE_MISS_CAUSES,
    TABLE_CAPTURE_SKETCHES,
    TABLE_FINDINGS,
    TABLE_METRICS,
    TABLE_EVIDENCE,
    TABLE_DIFFERENCES,
    TABLE_VARYING,
    TABLE_FINDING_CALL_SITES,
    TABLE_SPIKE_SITES,
    TABLE_NOTES,
    TABLE_SETS, /* the last one to get its row: where it is, all are there */
    TABLES,
};

guint table_columns(const struct table *table); /* how many */
bool table_has(const struct table *table, const char *column);

struct cell {
    enum column_type type;
    bool null;
    char *text;
    int64_t whole; /* of a flag too */
    double real;
    const GArray *list; /* of uint16_t */
};

/* `row` takes a row of `table`, one cell a column, which lasts until it returns; false: an error,
 * which the sink keeps, and no further rows. */
struct row_sink {
    bool lists; /* wants the tables of lists too */
    bool (*row)(const struct table *table, const struct cell *cells, void *context);
    void *context;
};

/* Hands out every row of the analysis. False when the sink had enough. */
bool tables_fill(const struct analysis *analysis, const struct row_sink *sink);

#define CAPTURE_ID_BYTES 17
/* Names a capture, wherever its file lies: by boot, process and start. 16 hexadecimal digits; text
 * of CAPTURE_ID_BYTES. */
void tables_capture_id(const struct capture *capture, char *text);

#endif
