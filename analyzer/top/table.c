/* Tables; see table.h. */
#include "top/table.h"

#include <math.h>
#include <string.h>

#include "model/text.h"
#include "model/units.h"

void line_take(GPtrArray *lines, enum line_style style, char *text)
{
    struct line *line = g_new(struct line, 1);

    *line = (struct line){style, text};
    g_ptr_array_add(lines, line);
}

static double cell(const void *row, size_t offset)
{
    return *(const double *)(const void *)((const char *)row + offset);
}

static const char *name_of(const void *row, size_t offset)
{
    return *(const char *const *)(const void *)((const char *)row + offset);
}

struct order {
    const struct table *table;
    guint first;
};

static gint compare_cells(const void *a, const void *b, size_t offset)
{
    double more = cell(a, offset), less = cell(b, offset);

    if (isnan(more) || isnan(less))
        return isnan(more) - isnan(less);
    return (more < less) - (more > less);
}

/* By that column; equal ones by the others, then by name. */
static gint by_column(gconstpointer a, gconstpointer b, gpointer context)
{
    const struct order *order = context;
    const struct table *table = order->table;
    gint compared = compare_cells(a, b, table->columns[order->first].offset);

    for (size_t i = 0; i < table->count && compared == 0; i++)
        compared = compare_cells(a, b, table->columns[i].offset);
    return compared != 0 ? compared
                         : strcmp(name_of(a, table->name_offset), name_of(b, table->name_offset));
}

static void add_head(GPtrArray *lines, const struct table *table, guint order)
{
    GString *head = g_string_new(" ");

    for (size_t i = 0; i < table->count; i++) {
        char *title = g_strdup_printf("%s%s", i == order ? ">" : "", table->columns[i].title);

        g_string_append_printf(head, "%*s ", table->columns[i].width, title);
        g_free(title);
    }
    g_string_append_printf(head, " %s", table->name_title);
    line_take(lines, LINE_HEAD, g_string_free(head, FALSE));
}

static void add_cell(GString *line, const struct column *column, double value)
{
    char number[UNITS_ROOM], text[UNITS_ROOM + 8];

    if (isnan(value))
        g_strlcpy(text, "-", sizeof(text));
    else
        g_snprintf(text, sizeof(text), "%s%s", column->show(number, sizeof(number), value),
                   column->unit);
    g_string_append_printf(line, "%*s ", column->width, text);
}

static void add_row(GPtrArray *lines, const struct table *table, const void *row)
{
    const char *name = name_of(row, table->name_offset);
    char *shown = text_printable(name, strlen(name));
    GString *line = g_string_new(" ");

    for (size_t i = 0; i < table->count; i++)
        add_cell(line, &table->columns[i], cell(row, table->columns[i].offset));
    g_string_append_printf(line, " %s", shown);
    line_take(lines, LINE_PLAIN, g_string_free(line, FALSE));
    g_free(shown);
}

void table_add(GPtrArray *lines, const struct table *table, GArray *rows, guint order, guint most)
{
    struct order by = {table, order % (guint)table->count};
    guint bytes = g_array_get_element_size(rows);

    g_array_sort_with_data(rows, by_column, &by);
    add_head(lines, table, by.first);
    for (guint i = 0; i < rows->len && i < most; i++)
        add_row(lines, table, rows->data + (size_t)i * bytes);
    if (rows->len == 0)
        line_take(lines, LINE_PLAIN, g_strdup_printf("  %s", table->nothing));
    else if (rows->len > most)
        line_take(lines, LINE_PLAIN, g_strdup_printf("  and %u more", rows->len - most));
}
