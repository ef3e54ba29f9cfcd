/* What `top` shows, as lines of text: the same on a terminal and for scripts. */
#ifndef LEAKEY_TOP_PICTURE_H
#define LEAKEY_TOP_PICTURE_H

#include "top/history.h"
#include "top/insight.h"

enum picture_view { VIEW_OVERVIEW, VIEW_SITES, VIEW_TEMPLATES, VIEW_FINDINGS, VIEW_HELP };
#define VIEWS 4 /* that one can go through; help lies over them */

enum line_style { LINE_PLAIN, LINE_TITLE, LINE_HEAD };

struct line {
    enum line_style style;
    char *text; /* UTF-8 without control characters */
};

struct picture {
    enum picture_view view;
    guint site_order, template_order; /* which column the tables are sorted by */
    guint rows;                       /* of each of the overview's tables */
    guint columns;                    /* sentences are broken to fit; 0: they are not */
    bool paused;
};

/* The next column that a table can be sorted by. */
guint picture_next_site_order(guint order);
guint picture_next_template_order(guint order);

/* The lines (struct line *) of a view; g_ptr_array_free. `insight` NULL: none yet. */
GPtrArray *picture_lines(const struct picture *picture, const struct history *history,
                         const struct insight *insight, double now_seconds);

#endif
