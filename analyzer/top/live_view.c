/* The loop of `leakey top`; see live_view.h. */
#define _GNU_SOURCE
#include "top/live_view.h"

#include <math.h>
#include <signal.h>
#include <unistd.h>

#include "top/history.h"
#include "top/insight.h"
#include "top/picture.h"
#include "top/screen.h"

#define HEAD_LINES     3u
#define ONCE_ROWS      20u
#define ROWS_LEAST     3u
#define OVERVIEW_LINES 20u /* that are no rows of its tables */
#define INTERVAL_LEAST 0.1
#define INTERVAL_MOST  3600.0
#define KEYS           " q quit  h help  1-4 view  s sort  p pause "

struct live_view {
    struct watch *watch;
    struct history *history;
    struct insight_maker *maker;
    struct picture picture;
    double interval_seconds, next_seconds;
    guint first;              /* line that is shown first */
    enum picture_view behind; /* help */
    bool ended, quit;
};

static volatile sig_atomic_t caught;

static void on_signal(int number)
{
    caught = number;
}

static double now_seconds(void)
{
    return (double)g_get_monotonic_time() / 1e6;
}

static bool is_running(const struct watch *watch)
{
    return watch_capture(watch)->end == CAPTURE_END_RUNNING;
}

static bool open_view(struct live_view *view, struct watch *watch, double interval, GError **error)
{
    *view = (struct live_view){.watch = watch,
                               .history = history_new(watch),
                               .picture = {.rows = ONCE_ROWS},
                               .interval_seconds = interval};
    if (!history_read(view->history, now_seconds(), error)) {
        history_free(view->history);
        return false;
    }
    view->maker = insight_maker_new(watch_path(watch));
    view->ended = !is_running(watch);
    view->next_seconds = now_seconds() + interval;
    return true;
}

static void close_view(struct live_view *view)
{
    insight_maker_free(view->maker);
    history_free(view->history);
}

/* ---- Keys ---- */

static void scroll(struct live_view *view, int lines)
{
    int first = (int)view->first + lines;

    view->first = first < 0 ? 0 : (guint)first;
}

static void set_view(struct live_view *view, enum picture_view to)
{
    view->picture.view = to;
    view->first = 0;
}

static void set_interval(struct live_view *view, double factor)
{
    view->interval_seconds = CLAMP(view->interval_seconds * factor, INTERVAL_LEAST, INTERVAL_MOST);
    view->next_seconds = now_seconds() + view->interval_seconds;
}

static void sort(struct live_view *view, bool templates)
{
    if (templates || view->picture.view == VIEW_TEMPLATES)
        view->picture.template_order = picture_next_template_order(view->picture.template_order);
    else
        view->picture.site_order = picture_next_site_order(view->picture.site_order);
}

/* False: it is none that has to do with the view. */
static bool obey_view(struct live_view *view, enum screen_key key)
{
    if (key >= PRESSED_VIEW && key <= PRESSED_VIEW_LAST) {
        set_view(view, (enum picture_view)(key - PRESSED_VIEW));
        return true;
    }
    if (view->picture.view == VIEW_HELP && key != PRESSED_RESIZED && key != PRESSED_QUIT) {
        set_view(view, view->behind);
        return true;
    }
    if (key == PRESSED_HELP) {
        view->behind = view->picture.view;
        set_view(view, VIEW_HELP);
        return true;
    }
    if (key == PRESSED_NEXT_VIEW)
        set_view(view, (view->picture.view + 1) % VIEWS);
    return key == PRESSED_NEXT_VIEW;
}

static void obey(struct live_view *view, enum screen_key key)
{
    int page = MAX(screen_rows() - (int)HEAD_LINES - 2, 1);

    if (key == PRESSED_NONE || obey_view(view, key))
        return;
    switch (key) {
    case PRESSED_QUIT:
    case PRESSED_GONE:
        view->quit = true;
        break;
    case PRESSED_SORT:
        sort(view, false);
        break;
    case PRESSED_SORT_TEMPLATES:
        sort(view, true);
        break;
    case PRESSED_PAUSE:
        view->picture.paused = !view->picture.paused;
        break;
    case PRESSED_LINE_UP:
        scroll(view, -1);
        break;
    case PRESSED_LINE_DOWN:
        scroll(view, 1);
        break;
    case PRESSED_PAGE_UP:
        scroll(view, -page);
        break;
    case PRESSED_PAGE_DOWN:
        scroll(view, page);
        break;
    case PRESSED_TOP:
        view->first = 0;
        break;
    case PRESSED_SLOWER:
        set_interval(view, 2);
        break;
    case PRESSED_FASTER:
        set_interval(view, 0.5);
        break;
    default:
        break;
    }
}

/* ---- The loop ---- */

static void draw(struct live_view *view)
{
    guint rows = (guint)MAX(screen_rows(), 1);
    GPtrArray *lines;

    view->picture.columns = (guint)screen_columns();
    view->picture.rows = rows > OVERVIEW_LINES ? (rows - OVERVIEW_LINES) / 2 : 0;
    view->picture.rows = MAX(view->picture.rows, ROWS_LEAST);
    lines = picture_lines(&view->picture, view->history, insight_maker_latest(view->maker),
                          now_seconds());
    view->first = MIN(view->first, lines->len > rows - 1 ? lines->len - (rows - 1) : 0);
    screen_draw(lines, HEAD_LINES, view->first,
                view->ended ? " The process has ended; this is its last picture. q quits " : KEYS);
    g_ptr_array_free(lines, TRUE);
}

/* A capture that cannot be read any more leaves the last picture, too. */
static void read_again(struct live_view *view)
{
    double now = now_seconds();

    if (now < view->next_seconds || view->ended || view->picture.paused)
        return;
    view->next_seconds = now + view->interval_seconds;
    view->ended = !history_read(view->history, now, NULL) || !is_running(view->watch);
}

static void loop(struct live_view *view)
{
    while (!view->quit && caught == 0) {
        double wait;

        if (!view->picture.paused || insight_maker_fd(view->maker) >= 0)
            insight_maker_run(view->maker, view->ended ? 0 : now_seconds());
        read_again(view);
        draw(view);
        wait = view->ended || view->picture.paused ? 1 : view->next_seconds - now_seconds();
        obey(view, screen_key(insight_maker_fd(view->maker), wait));
    }
}

static void catch_signals(void)
{
    static const int numbers[] = {SIGINT, SIGTERM, SIGHUP};
    struct sigaction action = {.sa_handler = on_signal};

    for (size_t i = 0; i < G_N_ELEMENTS(numbers); i++)
        sigaction(numbers[i], &action, NULL);
}

bool live_view_run(struct watch *watch, double interval_seconds, int *signal_number, GError **error)
{
    struct live_view view;

    catch_signals();
    if (!open_view(&view, watch, interval_seconds, error))
        return false;
    if (!screen_open()) {
        g_set_error(error, LEAKEY_ERROR, LEAKEY_ERROR_USAGE,
                    "this terminal cannot be drawn on (TERM=%s); --once prints one picture",
                    g_getenv("TERM") == NULL ? "" : g_getenv("TERM"));
        close_view(&view);
        return false;
    }
    loop(&view);
    screen_close();
    close_view(&view);
    *signal_number = caught == SIGINT ? 0 : (int)caught;
    return true;
}

bool live_view_once(struct watch *watch, double interval_seconds, FILE *out, GError **error)
{
    struct live_view view;
    GPtrArray *lines;

    if (!open_view(&view, watch, interval_seconds, error))
        return false;
    if (!view.ended) {
        g_usleep((gulong)(interval_seconds * 1e6));
        if (!history_read(view.history, now_seconds(), error)) {
            close_view(&view);
            return false;
        }
    }
    insight_maker_finish(view.maker, now_seconds());
    lines =
        picture_lines(&view.picture, view.history, insight_maker_latest(view.maker), now_seconds());
    for (guint i = 0; i < lines->len; i++)
        fprintf(out, "%s\n", ((const struct line *)g_ptr_array_index(lines, i))->text);
    g_ptr_array_free(lines, TRUE);
    close_view(&view);
    return true;
}
