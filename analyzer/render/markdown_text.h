/*
 * Private to what writes GitHub's markdown (GFM): text from a capture that stays text. Control
 * characters are shown escaped, as on a terminal; markup, tables' pipes, HTML, links, mentions
 * (@name) and references (#1) do not act.
 */
#ifndef LEAKEY_RENDER_MARKDOWN_TEXT_H
#define LEAKEY_RENDER_MARKDOWN_TEXT_H

#include <glib.h>

/* As running text. */
void markdown_text(GString *out, const char *text);
/* As `code`, also in a cell of a table. `most` characters, the middle left out; 0: all. */
void markdown_code(GString *out, const char *text, size_t most);
/* As running text in which each `name` is code; NULL none. */
void markdown_sentence(GString *out, const char *sentence, const char *name);
/* A block of lines that are shown as they are. */
void markdown_block(GString *out, const char *lines);

/* A comment of GitHub's takes 65,536 characters; a page is kept below that in bytes. */
#define MARKDOWN_ROOM 65000u

/* Appends `part` where there is room for it, or else counts it in `left_out`. */
void markdown_part(GString *out, const GString *part, guint *left_out);

#endif
