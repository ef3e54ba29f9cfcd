/*
 * A stream of SQL that makes the tables in a ClickHouse server and loads them:
 *
 *   leakey export DIR --to clickhouse | clickhouse-client --multiquery
 *
 * It speaks what ClickHouse 18.16 (Debian 12) and later know. Every row carries the load that
 * brought it. The row of `sets` comes last, and what has none there is not looked at, so a load is
 * there whole or not at all; loading the same stream twice brings equal rows, of which one stays; a
 * capture that comes again with a later load counts once, as it was then (clickhouse.sql).
 */
#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "export/clickhouse.sql.h" /* clickhouse_sql: made of clickhouse.sql by the build */
#include "export/exporters.h"
#include "export/tables/tables.h"
#include "model/text.h"

/* An INSERT takes one line, which the client holds whole; the server makes a part of each. */
#define INSERT_BYTES (4u << 20)

struct stream {
    FILE *out;
    GError **error;
    char *day, *load;         /* of every row */
    GString *inserts[TABLES]; /* the lines being made */
};

/* ---- Schema ---- */

static char *type_name(const struct column *column)
{
    static const char *const names[] = {[COLUMN_TEXT] = "String",
                                        [COLUMN_WHOLE] = "Int64",
                                        [COLUMN_REAL] = "Float64",
                                        [COLUMN_FLAG] = "UInt8",
                                        [COLUMN_LIST] = "Array(UInt16)"};

    return g_strdup_printf(column->known ? "%s" : "Nullable(%s)", names[column->type]);
}

static void put_table(const struct table *table, FILE *out)
{
    fprintf(out, "-- %s\nCREATE TABLE IF NOT EXISTS leakey.%s (\n", table->comment, table->name);
    fputs("    day Date, -- on which the set began, UTC\n    load_id String,\n", out);
    for (const struct column *column = table->columns; column->name != NULL; column++) {
        char *type = type_name(column);
        fprintf(out, "    `%s` %s%s%s%s\n", column->name, type, column[1].name == NULL ? "" : ",",
                *column->comment == '\0' ? "" : " -- ", column->comment);
        g_free(type);
    }
    fprintf(out, ") ENGINE = ReplacingMergeTree PARTITION BY day ORDER BY (%s, load_id);\n\n",
            table->key);
}

/* What each capture's latest load says; a set counts while any of its captures does. */
static void put_current(const struct table *table, FILE *out)
{
    const char *known = table_has(table, "capture_id") ? "(capture_id, load_id)" : "load_id";
    const char *columns = table_has(table, "capture_id") ? "capture_id, load_id" : "load_id";

    fprintf(out,
            "CREATE VIEW IF NOT EXISTS leakey.current_%s AS SELECT * FROM leakey.%s FINAL\n"
            "    WHERE %s IN (SELECT %s FROM leakey.latest_loads);\n",
            table->name, table->name, known, columns);
}

static void put_schema(FILE *out)
{
    fputs("CREATE DATABASE IF NOT EXISTS leakey;\n\n"
          "-- loads that began; one that is not in sets did not come to its end\n"
          "CREATE TABLE IF NOT EXISTS leakey.loads (day Date, load_id String, mark String)\n"
          "    ENGINE = ReplacingMergeTree PARTITION BY day ORDER BY load_id;\n\n",
          out);
    for (const struct table *table = tables; table->name != NULL; table++)
        put_table(table, out);
    fputs("-- the latest complete load of each capture\n"
          "CREATE VIEW IF NOT EXISTS leakey.latest_loads AS\n"
          "    SELECT capture_id, latest AS load_id FROM (\n"
          "        SELECT capture_id, max(load_id) AS latest FROM leakey.captures\n"
          "        WHERE load_id IN (SELECT load_id FROM leakey.sets) GROUP BY capture_id);\n",
          out);
    for (const struct table *table = tables; table->name != NULL; table++)
        put_current(table, out);
    fprintf(out, "\n%s\n", clickhouse_sql);
}

/* ---- Rows ---- */

/* A line of SQL ends at a newline, and may be shown on a terminal. */
static void append_text(GString *line, const char *text)
{
    g_string_append_c(line, '\'');
    while (*text != '\0') {
        size_t bytes = text_plain_bytes(text, strnlen(text, 8));

        if (*text == '\n')
            g_string_append(line, "\\n");
        else if (*text == '\'' || *text == '\\')
            g_string_append_printf(line, "\\%c", *text);
        else if (bytes == 0)
            g_string_append_printf(line, "\\x%02X", (guchar)*text);
        else
            g_string_append_len(line, text, (gssize)bytes);
        text += MAX(bytes, 1);
    }
    g_string_append_c(line, '\'');
}

static void append_list(GString *line, const GArray *list)
{
    g_string_append_c(line, '[');
    for (guint i = 0; i < list->len; i++)
        g_string_append_printf(line, "%s%u", i == 0 ? "" : ",", g_array_index(list, uint16_t, i));
    g_string_append_c(line, ']');
}

static void append_cell(GString *line, const struct cell *cell)
{
    char number[G_ASCII_DTOSTR_BUF_SIZE];

    if (cell->null)
        g_string_append(line, "NULL");
    else if (cell->type == COLUMN_TEXT)
        append_text(line, cell->text);
    else if (cell->type == COLUMN_LIST)
        append_list(line, cell->list);
    else if (cell->type == COLUMN_REAL)
        g_string_append(line, g_ascii_dtostr(number, sizeof(number), cell->real));
    else
        g_string_append_printf(line, "%" PRId64, cell->whole);
}

static bool flush_inserts(struct stream *stream, size_t table)
{
    GString *line = stream->inserts[table];
    bool written;

    if (line == NULL || line->len == 0)
        return true;
    g_string_append_c(line, '\n');
    written = export_write(line->str, line->len, stream->out, stream->error);
    g_string_truncate(line, 0);
    return written;
}

static void begin_insert(GString *line, const struct table *table)
{
    g_string_append_printf(line, "INSERT INTO leakey.%s (day, load_id", table->name);
    for (const struct column *column = table->columns; column->name != NULL; column++)
        g_string_append_printf(line, ", `%s`", column->name);
    g_string_append(line, ") VALUES ");
}

static bool put_row(const struct table *table, const struct cell *cells, void *context)
{
    struct stream *stream = context;
    size_t index = (size_t)(table - tables);
    GString *line = stream->inserts[index];

    if (line == NULL)
        line = stream->inserts[index] = g_string_new(NULL);
    if (line->len == 0)
        begin_insert(line, table);
    else
        g_string_append_c(line, ',');
    g_string_append_printf(line, "('%s','%s'", stream->day, stream->load);
    for (guint i = 0; i < table_columns(table); i++) {
        g_string_append_c(line, ',');
        append_cell(line, &cells[i]);
    }
    g_string_append_c(line, ')');
    return line->len < INSERT_BYTES || flush_inserts(stream, index);
}

/* ---- The stream ---- */

/* Names a load, by when it was made and of what; later ones sort after earlier ones. */
static char *load_name(const struct analysis *analysis)
{
    GDateTime *now = g_date_time_new_now_utc();
    char *time = g_date_time_format(now, "%Y-%m-%dT%H:%M:%S"), id[CAPTURE_ID_BYTES], *name;
    uint64_t hash = 0;

    for (guint i = 0; i < analysis->captures->len; i++) {
        tables_capture_id(g_ptr_array_index(analysis->captures, i), id);
        hash = hash * 31 + g_ascii_strtoull(id, NULL, 16);
    }
    name = g_strdup_printf("%s.%06dZ-%08" PRIx32, time, g_date_time_get_microsecond(now),
                           (uint32_t)(hash >> 32));
    g_free(time);
    g_date_time_unref(now);
    return name;
}

static char *day_of(const struct analysis *analysis)
{
    const struct capture_report *first = g_ptr_array_index(analysis->report->captures, 0);
    GDateTime *started = g_date_time_new_from_unix_utc((gint64)floor(first->started));
    char *day;

    if (started == NULL)
        return g_strdup("1970-01-01");
    day = g_date_time_format(started, "%Y-%m-%d");
    g_date_time_unref(started);
    return day;
}

/* Says that a load begins. After each statement the client of 18.16 reads the rest of the stream as
 * SQL, minutes for some MB, but only as far as it is any: with the exclamation mark it ends here.
 */
static void put_begin(const struct stream *stream)
{
    fprintf(stream->out, "INSERT INTO leakey.loads FORMAT TabSeparated %s\t%s\t!begun\n",
            stream->day, stream->load);
}

bool export_clickhouse(const struct analysis *analysis, const struct export_options *options,
                       FILE *out, GError **error)
{
    struct stream stream = {
        .out = out, .error = error, .day = day_of(analysis), .load = load_name(analysis)};
    const struct row_sink sink = {.lists = true, .row = put_row, .context = &stream};

    (void)options;
    put_schema(out);
    put_begin(&stream);
    bool done = tables_fill(analysis, &sink);
    for (size_t i = 0; i < TABLES; i++) { /* that of sets is the last one */
        done = done && flush_inserts(&stream, i);
        if (stream.inserts[i] != NULL)
            g_string_free(stream.inserts[i], TRUE);
    }
    g_free(stream.day);
    g_free(stream.load);
    return done;
}
