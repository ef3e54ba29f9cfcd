/* A table of rows of one structure, sorted by one of its columns. */
#ifndef LEAKEY_TOP_TABLE_H
#define LEAKEY_TOP_TABLE_H

#include <glib.h>

#include "top/picture.h"

struct column {
    const char *title;
    int width;
    size_t offset; /* of a double */
    char *(*show)(char *out, size_t room, double number);
    const char *unit; /* appended; "" none */
};

struct table {
    const struct column *columns;
    size_t count;
    const char *name_title; /* of the last column, the text at `name_offset` */
    size_t name_offset;
    const char *nothing; /* what stands there without rows */
};

/* Sorts the rows by that column, largest first, unknown last, and adds a head and at most `most`
 * lines to `lines`. */
void table_add(GPtrArray *lines, const struct table *table, GArray *rows, guint order, guint most);

/* Adds a line; takes the text over. */
void line_take(GPtrArray *lines, enum line_style style, char *text);

#endif
