/* The terminal; see screen.h. */
#define _GNU_SOURCE
#define NCURSES_WIDECHAR 1
#include <curses.h>
#include <errno.h>
#include <math.h>
#include <poll.h>
#include <stdlib.h>
#include <unistd.h>

#include "top/screen.h"

static SCREEN *screen;

bool screen_open(void)
{
    screen = newterm(NULL, stdout, stdin);
    if (screen == NULL)
        return false;
    cbreak();
    noecho();
    nonl();
    intrflush(stdscr, FALSE);
    keypad(stdscr, TRUE);
    nodelay(stdscr, TRUE);
    curs_set(0);
    set_escdelay(25);
    return true;
}

void screen_close(void)
{
    endwin();
    delscreen(screen);
    screen = NULL;
}

int screen_rows(void)
{
    return LINES;
}

int screen_columns(void)
{
    return COLS;
}

static void draw_line(int row, const struct line *line)
{
    static const attr_t styles[] = {
        [LINE_PLAIN] = A_NORMAL, [LINE_TITLE] = A_BOLD, [LINE_HEAD] = A_UNDERLINE};
    char *text = screen_clip(line->text, COLS);

    attrset((int)styles[line->style]);
    mvaddstr(row, 0, text);
    attrset(A_NORMAL);
    g_free(text);
}

static void draw_keys(const char *keys)
{
    char *text = screen_clip(keys, COLS - 1); /* the last cell would scroll */

    attrset(A_REVERSE);
    mvaddstr(LINES - 1, 0, text);
    attrset(A_NORMAL);
    g_free(text);
}

void screen_draw(const GPtrArray *lines, guint fixed, guint first, const char *keys)
{
    erase();
    for (guint i = 0, row = 0; i < lines->len && (int)row < LINES - 1; i++) {
        if (i >= fixed && i < first + fixed)
            continue;
        draw_line((int)row++, g_ptr_array_index(lines, i));
    }
    if (LINES > 1)
        draw_keys(keys);
    refresh();
}

static enum screen_key key_of(int code)
{
    static const struct {
        int code;
        enum screen_key key;
    } keys[] = {
        {'q', PRESSED_QUIT},           {'Q', PRESSED_QUIT},          {'s', PRESSED_SORT},
        {'t', PRESSED_SORT_TEMPLATES}, {'p', PRESSED_PAUSE},         {' ', PRESSED_PAUSE},
        {'h', PRESSED_HELP},           {'?', PRESSED_HELP},          {'\t', PRESSED_NEXT_VIEW},
        {KEY_UP, PRESSED_LINE_UP},     {'k', PRESSED_LINE_UP},       {KEY_DOWN, PRESSED_LINE_DOWN},
        {'j', PRESSED_LINE_DOWN},      {KEY_PPAGE, PRESSED_PAGE_UP}, {KEY_NPAGE, PRESSED_PAGE_DOWN},
        {KEY_HOME, PRESSED_TOP},       {'+', PRESSED_SLOWER},        {'-', PRESSED_FASTER},
        {KEY_RESIZE, PRESSED_RESIZED},
    };

    if (code == ERR)
        return PRESSED_NONE;
    if (code >= '1' && code < '1' + VIEWS)
        return PRESSED_VIEW + (enum screen_key)(code - '1');
    for (size_t i = 0; i < G_N_ELEMENTS(keys); i++)
        if (keys[i].code == code)
            return keys[i].key;
    return PRESSED_OTHER;
}

enum screen_key screen_key(int other_fd, double seconds)
{
    struct pollfd wait[2] = {{.fd = STDIN_FILENO, .events = POLLIN},
                             {.fd = other_fd, .events = POLLIN}};
    enum screen_key key = key_of(getch());

    if (key != PRESSED_NONE)
        return key;
    if (poll(wait, 2, (int)ceil(fmax(seconds, 0) * 1000)) < 0 && errno != EINTR)
        return PRESSED_GONE;
    if (wait[0].revents & (POLLHUP | POLLERR | POLLNVAL))
        return PRESSED_GONE;
    return key_of(getch());
}
