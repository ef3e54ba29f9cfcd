/*
 * Private to the text renderers: lines of a fixed width, on which nothing from a capture can act.
 * Text is UTF-8; its width is counted in columns of a terminal. Control and format characters are
 * shown escaped (\n, \x1b, \u{202e}).
 */
#ifndef LEAKEY_RENDER_PAGE_H
#define LEAKEY_RENDER_PAGE_H

#include <glib.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "render/render.h"

struct page {
    FILE *out;
    size_t width, top;
    bool colour;
};

enum style { STYLE_PLAIN, STYLE_BOLD, STYLE_RED, STYLE_YELLOW, STYLE_GREEN };

struct page page_of(const struct render_options *options, FILE *out);

/* ---- Text ---- */

/* Appends text[0..bytes) as it may be shown. */
void shown_append(GString *line, const char *text, size_t bytes);
size_t shown_columns(const char *shown);
/* Cuts the middle out of it, "..." in its place, until it is at most that wide. */
void shown_shorten(GString *shown, size_t columns);
/* Appends `text` in a column: shortened and padded to `columns`; negative: to the right. */
void shown_cell(GString *line, const char *text, int columns);

/* ---- Lines ---- */

/* One line, cut at the page's width. Escapes what needs it; a style is for the whole line. */
void page_line(const struct page *page, enum style style, const char *format, ...)
    G_GNUC_PRINTF(3, 4);
/* `label` in `label_style`, then the text, wrapped by words into lines indented by `indent` columns
 * (the first: by the label, padded to it). Words too long for a line are shortened in the middle.
 */
void page_wrapped(const struct page *page, enum style label_style, const char *label, size_t indent,
                  const char *format, ...) G_GNUC_PRINTF(5, 6);
void page_blank(const struct page *page);
void page_heading(const struct page *page, const char *heading);

/* ---- Numbers that units.h does not have ---- */

/* 0.93; "< 0.01" and "> 0.99" for what is not quite 0 and not quite 1. */
char *shown_ratio(char *out, size_t room, double ratio);
/* " (110 MiB .. 130 MiB)"; nothing when the interval is unknown or a point. */
typedef char *shown_unit(char *out, size_t room, double value);
#define SHOWN_INTERVAL_ROOM 80
char *shown_interval(char *out, const double interval[2], shown_unit *unit);

#endif
