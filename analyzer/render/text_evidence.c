/*
 * Two inputs (or keys) side by side, padded so that what is equal stands one above the other, with
 * marks under what differs:
 *
 *     a  ...","ts":1700000001.125,"prompt":"How do I ...
 *     b  ...","ts":1700000093.5  ,"prompt":"How do I ...
 *                  ^^^^^^^^^^^^^^
 *                  timestamp
 */
#include <stdint.h>
#include <string.h>

#include "render/text_parts.h"

#define LABEL      11  /* columns before the text */
#define SAME_KEPT  12u /* columns kept of a stretch that is equal, next to what differs */
#define DIFFERENCE 34u /* columns of one difference, at most */
#define ROWS       3u  /* of each pair, at most */
#define LISTED     4u  /* differences that are listed in words, at most */

struct piece { /* a stretch of both texts */
    const char *a, *b;
    size_t a_bytes, b_bytes;
    const char *class_name; /* NULL: equal, or it differs and nobody said why */
    bool differs;
};

/* ---- Where the texts differ ---- */

static gint by_offset(gconstpointer x, gconstpointer y)
{
    const struct difference *const *a = x, *const *b = y;

    return ((*a)->a_offset > (*b)->a_offset) - ((*a)->a_offset < (*b)->a_offset);
}

static bool stands_at(const char *text, size_t bytes, size_t offset, const char *part)
{
    size_t length = strlen(part);

    return offset <= bytes && length <= bytes - offset && memcmp(text + offset, part, length) == 0;
}

/* Those that are found where they say, in the order of `a`. */
static GPtrArray *find_anchors(const struct evidence *evidence, const char *a, const char *b)
{
    GPtrArray *anchors = g_ptr_array_new();
    size_t a_bytes = strlen(a), b_bytes = strlen(b);

    for (guint i = 0; evidence->differs != NULL && i < evidence->differs->len; i++) {
        struct difference *difference = &g_array_index(evidence->differs, struct difference, i);

        if (difference->a != NULL && difference->b != NULL &&
            stands_at(a, a_bytes, difference->a_offset, difference->a) &&
            stands_at(b, b_bytes, difference->b_offset, difference->b))
            g_ptr_array_add(anchors, difference);
    }
    g_ptr_array_sort(anchors, by_offset);
    return anchors;
}

static size_t common_start(const struct piece *piece)
{
    size_t most = MIN(piece->a_bytes, piece->b_bytes), same = 0;

    while (same < most && piece->a[same] == piece->b[same])
        same++;
    while (same > 0 && same < piece->a_bytes && ((guchar)piece->a[same] & 0xc0) == 0x80)
        same--; /* not within a character */
    return same;
}

static size_t common_end(const struct piece *piece, size_t start)
{
    size_t most = MIN(piece->a_bytes, piece->b_bytes) - start, same = 0;

    while (same < most &&
           piece->a[piece->a_bytes - same - 1] == piece->b[piece->b_bytes - same - 1])
        same++;
    while (same > 0 && ((guchar)piece->a[piece->a_bytes - same] & 0xc0) == 0x80)
        same--;
    return same;
}

static void add_piece(GArray *pieces, struct piece piece)
{
    if (piece.a_bytes != 0 || piece.b_bytes != 0)
        g_array_append_val(pieces, piece);
}

static bool has_separator(const struct piece *gap)
{
    for (size_t i = 0; i < gap->a_bytes; i++)
        if (strchr(",:=&;", gap->a[i]) != NULL)
            return true;
    return false;
}

/* A stretch between anchors: equal at its ends, and usually all through. */
static void add_gap(GArray *pieces, struct piece gap)
{
    size_t start = common_start(&gap), end = common_end(&gap, start);

    add_piece(pieces, (struct piece){.a = gap.a, .b = gap.b, .a_bytes = start, .b_bytes = start});
    add_piece(pieces, (struct piece){.a = gap.a + start,
                                     .b = gap.b + start,
                                     .a_bytes = gap.a_bytes - start - end,
                                     .b_bytes = gap.b_bytes - start - end,
                                     .class_name = has_separator(&gap) ? gap.class_name : NULL,
                                     .differs = true});
    add_piece(pieces, (struct piece){.a = gap.a + gap.a_bytes - end,
                                     .b = gap.b + gap.b_bytes - end,
                                     .a_bytes = end,
                                     .b_bytes = end});
}

/* The class of what stands elsewhere in the other text, if there is any: it is what unexplained
 * gaps show. */
static const char *moved_class(const struct evidence *evidence)
{
    static const char moved[] = "order";

    for (guint i = 0; evidence->differs != NULL && i < evidence->differs->len; i++)
        if (g_strcmp0(g_array_index(evidence->differs, struct difference, i).class_name, moved) ==
            0)
            return moved;
    return NULL;
}

static GArray *cut_pieces(const GPtrArray *anchors, const char *a, const char *b, const char *moved)
{
    GArray *pieces = g_array_new(FALSE, FALSE, sizeof(struct piece));
    size_t a_at = 0, b_at = 0;

    for (guint i = 0; i < anchors->len; i++) {
        const struct difference *difference = g_ptr_array_index(anchors, i);

        if (difference->a_offset < a_at || difference->b_offset < b_at)
            continue; /* moved, not changed: the gap shows it */
        add_gap(pieces, (struct piece){.a = a + a_at,
                                       .b = b + b_at,
                                       .a_bytes = difference->a_offset - a_at,
                                       .b_bytes = difference->b_offset - b_at,
                                       .class_name = moved});
        add_piece(pieces, (struct piece){.a = a + difference->a_offset,
                                         .b = b + difference->b_offset,
                                         .a_bytes = strlen(difference->a),
                                         .b_bytes = strlen(difference->b),
                                         .class_name = difference->class_name,
                                         .differs = true});
        a_at = difference->a_offset + strlen(difference->a);
        b_at = difference->b_offset + strlen(difference->b);
    }
    add_gap(pieces, (struct piece){.a = a + a_at,
                                   .b = b + b_at,
                                   .a_bytes = strlen(a + a_at),
                                   .b_bytes = strlen(b + b_at),
                                   .class_name = moved});
    return pieces;
}

/* ---- Rows ---- */

struct row {
    GString *a, *b, *marks, *classes;
    size_t columns;
};

static struct row row_new(void)
{
    return (struct row){g_string_new(NULL), g_string_new(NULL), g_string_new(NULL),
                        g_string_new(NULL), 0};
}

static void row_free(struct row *row)
{
    g_string_free(row->a, TRUE);
    g_string_free(row->b, TRUE);
    g_string_free(row->marks, TRUE);
    g_string_free(row->classes, TRUE);
}

static void row_print(const struct page *page, struct row *row)
{
    page_line(page, STYLE_PLAIN, "    %-*s%s", LABEL - 4, "a", row->a->str);
    page_line(page, STYLE_PLAIN, "    %-*s%s", LABEL - 4, "b", row->b->str);
    page_line(page, STYLE_YELLOW, "%-*s%s", LABEL, "", row->marks->str);
    if (row->classes->len != 0)
        page_line(page, STYLE_PLAIN, "%-*s%s", LABEL, "", row->classes->str);
}

static void pad_to(GString *line, size_t columns)
{
    for (size_t have = shown_columns(line->str); have < columns; have++)
        g_string_append_c(line, ' ');
}

/* What is equal and far from any difference is left out; the ends of the texts are far. */
static void shorten_same(GString *shown, bool first, bool last)
{
    size_t columns = shown_columns(shown->str), kept = SAME_KEPT * (first || last ? 1 : 2) + 3;

    if (columns <= kept)
        return;
    if (first) {
        GString *tail = g_string_new(shown->str);

        shown_shorten(tail, 2 * SAME_KEPT + 3); /* its last SAME_KEPT columns are the text's */
        const char *dots = strstr(tail->str, "...");
        g_string_assign(shown, dots == NULL ? tail->str : dots);
        g_string_free(tail, TRUE);
    } else {
        shown_shorten(shown, 2 * SAME_KEPT + 3);
        const char *dots = strstr(shown->str, "...");
        if (last && dots != NULL)
            g_string_truncate(shown, (gsize)(dots - shown->str) + 3);
    }
}

static GString *shown_piece(const struct piece *piece, bool of_a, bool first, bool last)
{
    GString *shown = g_string_new(NULL);

    shown_append(shown, of_a ? piece->a : piece->b, of_a ? piece->a_bytes : piece->b_bytes);
    if (piece->differs)
        shown_shorten(shown, DIFFERENCE);
    else
        shorten_same(shown, first, last);
    return shown;
}

static void add_marks(struct row *row, size_t room, size_t columns, const char *class_name)
{
    pad_to(row->marks, row->columns);
    for (size_t i = 0; i < columns; i++)
        g_string_append_c(row->marks, '^');
    if (class_name == NULL || row->columns + strlen(class_name) > room ||
        (row->classes->len != 0 && shown_columns(row->classes->str) >= row->columns))
        return; /* no room for its name here */
    pad_to(row->classes, row->columns);
    g_string_append(row->classes, class_name);
}

/* Adds the piece; false when it does not fit. */
static bool row_add(struct row *row, size_t room, const struct piece *piece, bool first, bool last)
{
    GString *a = shown_piece(piece, true, first, last), *b = shown_piece(piece, false, first, last);
    size_t columns = MAX(shown_columns(a->str), shown_columns(b->str));
    bool fits = row->columns + columns <= room;

    if (fits) {
        if (piece->differs)
            add_marks(row, room, columns, piece->class_name);
        g_string_append(row->a, a->str);
        g_string_append(row->b, b->str);
        row->columns += columns;
        pad_to(row->a, row->columns);
        pad_to(row->b, row->columns);
    }
    g_string_free(a, TRUE);
    g_string_free(b, TRUE);
    return fits;
}

static void print_pieces(const struct page *page, const GArray *pieces)
{
    size_t room = page->width - LABEL, rows = 0, left_out = 0;
    struct row row = row_new();

    for (guint i = 0; i < pieces->len; i++) {
        const struct piece *piece = &g_array_index(pieces, struct piece, i);
        bool first = i == 0, last = i + 1 == pieces->len;

        if (rows == ROWS) {
            left_out += piece->differs;
        } else if (!row_add(&row, room, piece, first, last)) {
            if (row.marks->len != 0) {
                row_print(page, &row);
                rows++;
            }
            row_free(&row);
            row = row_new();
            i--; /* again, at the start of the next row */
        }
    }
    if (row.marks->len != 0 && rows < ROWS)
        row_print(page, &row);
    if (left_out != 0)
        page_line(page, STYLE_PLAIN, "%-*sand %zu more difference%s", LABEL, "", left_out,
                  left_out == 1 ? "" : "s");
    row_free(&row);
}

/* ---- The pair ---- */

static void print_text(const struct page *page, const char *label, const char *text)
{
    GString *line = g_string_new(NULL);

    shown_append(line, text, strlen(text));
    shown_shorten(line, page->width - LABEL);
    page_line(page, STYLE_PLAIN, "    %-*s%s", LABEL - 4, label, line->str);
    g_string_free(line, TRUE);
}

static void print_listed(const struct page *page, const struct evidence *evidence,
                         GPtrArray *anchors)
{
    size_t listed = 0;

    for (guint i = 0; evidence->differs != NULL && i < evidence->differs->len; i++) {
        struct difference *difference = &g_array_index(evidence->differs, struct difference, i);

        if (g_ptr_array_find(anchors, difference, NULL) || difference->a == NULL ||
            difference->b == NULL || listed++ == LISTED)
            continue;
        page_wrapped(page, STYLE_PLAIN, "", LABEL, "%s: %s | %s", difference->class_name,
                     difference->a, difference->b);
    }
}

static void print_pair(const struct page *page, const struct evidence *evidence, const char *a,
                       const char *b)
{
    GPtrArray *anchors = find_anchors(evidence, a, b);

    if (anchors->len != 0 || evidence->differs == NULL || evidence->differs->len == 0) {
        GArray *pieces = cut_pieces(anchors, a, b, moved_class(evidence));
        print_pieces(page, pieces);
        g_array_free(pieces, TRUE);
    } else {
        print_text(page, "a", a);
        print_text(page, "b", b);
    }
    print_listed(page, evidence, anchors);
    g_ptr_array_free(anchors, TRUE);
}

void text_evidence(const struct page *page, const struct evidence *evidence)
{
    bool inputs = evidence->input_a != NULL && evidence->input_b != NULL;

    if (inputs) {
        print_text(page, "key a", evidence->key_a);
        print_text(page, "key b", evidence->key_b);
    }
    if (inputs && strcmp(evidence->input_a, evidence->input_b) == 0) {
        print_text(page, "input", evidence->input_a);
        print_pair(page, evidence, evidence->key_a, evidence->key_b);
    } else if (inputs) {
        print_pair(page, evidence, evidence->input_a, evidence->input_b);
    } else {
        print_pair(page, evidence, evidence->key_a, evidence->key_b);
    }
}
