/*
 * The terminal of `leakey top`, by ncurses. Between open and close it is the program's; close gives
 * it back as it was. SIGTSTP and SIGCONT are ncurses' matter; other signals the caller's, which has
 * to set its handlers before.
 */
#ifndef LEAKEY_TOP_SCREEN_H
#define LEAKEY_TOP_SCREEN_H

#include "top/picture.h"

enum screen_key {
    PRESSED_NONE,
    PRESSED_GONE, /* the terminal is no more */
    PRESSED_OTHER,
    PRESSED_QUIT,
    PRESSED_SORT,
    PRESSED_SORT_TEMPLATES,
    PRESSED_PAUSE,
    PRESSED_HELP,
    PRESSED_NEXT_VIEW,
    PRESSED_VIEW, /* and the view's number: PRESSED_VIEW + view */
    PRESSED_VIEW_LAST = PRESSED_VIEW + VIEWS - 1,
    PRESSED_LINE_UP,
    PRESSED_LINE_DOWN,
    PRESSED_PAGE_UP,
    PRESSED_PAGE_DOWN,
    PRESSED_TOP,
    PRESSED_SLOWER,
    PRESSED_FASTER,
    PRESSED_RESIZED,
};

/* False: this is no terminal that can be drawn on. */
bool screen_open(void);
void screen_close(void);
int screen_rows(void);
int screen_columns(void);
/* Draws the lines from `first` on, but for the first `fixed`, which stay; a last line tells the
 * keys. */
void screen_draw(const GPtrArray *lines, guint fixed, guint first, const char *keys);
/* Waits for a key, or for `other_fd` (-1 none), at most so long. */
enum screen_key screen_key(int other_fd, double seconds);

/* The text as far as it fits into so many columns, by how wide the terminal shows each character;
 * what the locale cannot show becomes `?`. g_free. */
char *screen_clip(const char *text, int columns);

#endif
