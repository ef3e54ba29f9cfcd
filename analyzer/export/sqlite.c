/* An SQLite database of the tables, with indices and views (sqlite.sql). It is made in memory, a
 * few MB, and written out whole: so it can go into a pipe, and nothing half-made is ever seen. */
#include <sqlite3.h>
#include <string.h>

#include "export/exporters.h"
#include "export/sqlite.sql.h" /* sqlite_sql: made of sqlite.sql by the build */
#include "export/tables/tables.h"

#define APPLICATION_ID 0x4c45414b /* "LEAK", for file(1) */

struct database {
    sqlite3 *handle;
    sqlite3_stmt *inserts[TABLES]; /* made when first needed */
};

/* ---- Schema ---- */

static const char *type_name(enum column_type type)
{
    switch (type) {
    case COLUMN_TEXT:
        return "TEXT";
    case COLUMN_REAL:
        return "REAL";
    case COLUMN_WHOLE:
    case COLUMN_FLAG:
    case COLUMN_LIST:
        break;
    }
    return "INTEGER";
}

static char *create_table(const struct table *table)
{
    GString *sql = g_string_new(NULL);

    g_string_append_printf(sql, "CREATE TABLE %s ( -- %s\n", table->name, table->comment);
    for (const struct column *column = table->columns; column->name != NULL; column++)
        g_string_append_printf(sql, "    \"%s\" %s%s,%s%s\n", column->name, type_name(column->type),
                               column->known ? " NOT NULL" : "",
                               *column->comment == '\0' ? "" : " -- ", column->comment);
    g_string_append_printf(sql, "    PRIMARY KEY (%s)\n)", table->key);
    return g_string_free(sql, FALSE);
}

static bool run(struct database *database, const char *sql)
{
    return sqlite3_exec(database->handle, sql, NULL, NULL, NULL) == SQLITE_OK;
}

static bool create_tables(struct database *database)
{
    char *pragmas = g_strdup_printf("PRAGMA encoding = 'UTF-8'; PRAGMA application_id = %d; PRAGMA "
                                    "user_version = %d; BEGIN",
                                    APPLICATION_ID, TABLES_VERSION);
    bool made = run(database, pragmas);

    g_free(pragmas);
    for (const struct table *table = tables; table->name != NULL && made; table++) {
        char *sql = create_table(table);
        made = table->lists || run(database, sql);
        g_free(sql);
    }
    return made;
}

/* ---- Rows ---- */

static sqlite3_stmt *insert_into(struct database *database, const struct table *table)
{
    sqlite3_stmt **insert = &database->inserts[table - tables];
    GString *sql;

    if (*insert != NULL)
        return *insert;
    sql = g_string_new(NULL);
    g_string_append_printf(sql, "INSERT INTO %s VALUES (?", table->name);
    for (guint i = 1; i < table_columns(table); i++)
        g_string_append(sql, ", ?");
    g_string_append_c(sql, ')');
    sqlite3_prepare_v2(database->handle, sql->str, -1, insert, NULL);
    g_string_free(sql, TRUE);
    return *insert;
}

static void bind(sqlite3_stmt *insert, int parameter, const struct cell *cell)
{
    if (cell->null)
        sqlite3_bind_null(insert, parameter);
    else if (cell->type == COLUMN_TEXT)
        sqlite3_bind_text(insert, parameter, cell->text, -1, SQLITE_STATIC);
    else if (cell->type == COLUMN_REAL)
        sqlite3_bind_double(insert, parameter, cell->real);
    else
        sqlite3_bind_int64(insert, parameter, cell->whole);
}

static bool put_row(const struct table *table, const struct cell *cells, void *context)
{
    sqlite3_stmt *insert = insert_into(context, table);
    bool done;

    if (insert == NULL)
        return false;
    for (guint i = 0; i < table_columns(table); i++)
        bind(insert, (int)i + 1, &cells[i]);
    done = sqlite3_step(insert) == SQLITE_DONE;
    sqlite3_reset(insert);
    return done;
}

/* ---- The file ---- */

static bool write_out(struct database *database, FILE *out, GError **error)
{
    sqlite3_int64 size;
    unsigned char *bytes = sqlite3_serialize(database->handle, "main", &size, 0);

    if (bytes == NULL)
        return false;
    bool written = export_write(bytes, (size_t)size, out, error);
    sqlite3_free(bytes);
    return written;
}

static void set_error(GError **error, struct database *database)
{
    g_set_error(error, LEAKEY_ERROR, LEAKEY_ERROR_SYSTEM, "sqlite: %s",
                database->handle == NULL ? "out of memory" : sqlite3_errmsg(database->handle));
}

bool export_sqlite(const struct analysis *analysis, const struct export_options *options, FILE *out,
                   GError **error)
{
    struct database database = {.handle = NULL};
    const struct row_sink sink = {.row = put_row, .context = &database};
    bool done = sqlite3_open(":memory:", &database.handle) == SQLITE_OK &&
                create_tables(&database) && tables_fill(analysis, &sink) &&
                run(&database, sqlite_sql) && run(&database, "COMMIT; ANALYZE") &&
                write_out(&database, out, error);

    (void)options;
    if (!done && *error == NULL)
        set_error(error, &database);
    for (int i = 0; i < TABLES; i++)
        sqlite3_finalize(database.inserts[i]);
    sqlite3_close(database.handle);
    return done;
}
