/* Rows, cell by cell, and the order in which the tables are filled. */
#include "export/tables/rows.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

/* ---- Cells ---- */

void row_begin(struct rows *rows, enum table_id table)
{
    rows->table = &tables[table];
    rows->count = 0;
}

static void add_cell(struct rows *rows, struct cell cell)
{
    const struct column *column = &rows->table->columns[rows->count];

    g_assert(column->name != NULL && column->type == cell.type);
    g_assert(!(column->known && cell.null));
    rows->cells[rows->count++] = cell;
}

void row_text(struct rows *rows, const char *text)
{
    add_cell(rows, (struct cell){.type = COLUMN_TEXT,
                                 .null = text == NULL,
                                 .text = text == NULL ? NULL : g_utf8_make_valid(text, -1)});
}

void row_count(struct rows *rows, uint64_t value)
{
    add_cell(rows, (struct cell){.type = COLUMN_WHOLE,
                                 .whole = (int64_t)MIN(value, (uint64_t)INT64_MAX)});
}

void row_whole(struct rows *rows, double value)
{
    bool known = isfinite(value) && fabs(value) < (double)INT64_MAX;

    add_cell(rows, (struct cell){
                       .type = COLUMN_WHOLE, .null = !known, .whole = known ? llround(value) : 0});
}

void row_real(struct rows *rows, double value)
{
    add_cell(rows, (struct cell){.type = COLUMN_REAL, .null = !isfinite(value), .real = value});
}

void row_interval(struct rows *rows, const double interval[2], bool whole)
{
    for (int i = 0; i < 2; i++)
        (whole ? row_whole : row_real)(rows, interval[i]);
}

void row_flag(struct rows *rows, bool value)
{
    add_cell(rows, (struct cell){.type = COLUMN_FLAG, .whole = value});
}

void row_list(struct rows *rows, const GArray *list)
{
    add_cell(rows, (struct cell){.type = COLUMN_LIST, .list = list});
}

void row_end(struct rows *rows)
{
    g_assert(rows->count == table_columns(rows->table));
    if (!rows->failed && (!rows->table->lists || rows->sink->lists))
        rows->failed = !rows->sink->row(rows->table, rows->cells, rows->sink->context);
    for (guint i = 0; i < rows->count; i++)
        if (rows->cells[i].type == COLUMN_TEXT)
            g_free(rows->cells[i].text);
}

/* ---- Stacks ---- */

static void hash_text(XXH3_state_t *state, const char *text)
{
    if (text != NULL)
        XXH3_64bits_update(state, text, strlen(text));
    XXH3_64bits_update(state, "", 1);
}

/* Unlike a site's id, which is of function names alone: of all that is known of the frames. */
static char *stack_id(const struct stack *stack)
{
    XXH3_state_t state;

    XXH3_64bits_reset(&state);
    for (guint i = 0; i < stack->frames->len; i++) {
        const struct frame *frame = &g_array_index(stack->frames, struct frame, i);
        hash_text(&state, frame->function);
        hash_text(&state, frame->file);
        hash_text(&state, frame->module);
        hash_text(&state, frame->build_id);
        XXH3_64bits_update(&state, &frame->line, sizeof(frame->line));
        XXH3_64bits_update(&state, &frame->offset, sizeof(frame->offset));
        hash_text(&state, frame->inlined ? "inlined" : NULL);
    }
    hash_text(&state, stack->cut ? "cut" : NULL);
    return g_strdup_printf("%016" PRIx64, (uint64_t)XXH3_64bits_digest(&state));
}

static void put_frames(struct rows *rows, const char *id, const struct stack *stack)
{
    for (guint i = 0; i < stack->frames->len; i++) {
        const struct frame *frame = &g_array_index(stack->frames, struct frame, i);

        row_begin(rows, TABLE_FRAMES);
        row_text(rows, id);
        row_count(rows, i);
        row_text(rows, frame->function);
        row_text(rows, frame->file);
        row_whole(rows, frame->line > 0 ? frame->line : NAN);
        row_text(rows, frame->module);
        row_text(rows, frame->build_id);
        row_count(rows, frame->offset);
        row_flag(rows, frame->inlined);
        row_end(rows);
    }
}

static void put_stack(struct rows *rows, const char *id, const struct stack *stack)
{
    const struct frame *culprit = stack_culprit(stack);
    char *place = stack_place(stack);

    row_begin(rows, TABLE_STACKS);
    row_text(rows, id);
    row_text(rows, culprit == NULL ? NULL : culprit->function);
    row_text(rows, place);
    row_count(rows, stack->frames->len);
    row_flag(rows, stack->cut);
    row_end(rows);
    g_free(place);
    put_frames(rows, id, stack);
}

const char *rows_stack(struct rows *rows, const struct stack *stack)
{
    char *id;

    if (stack == NULL)
        return NULL;
    id = stack_id(stack);
    const char *known = g_hash_table_lookup(rows->stacks, id);
    if (known != NULL) {
        g_free(id);
        return known;
    }
    g_hash_table_add(rows->stacks, id);
    put_stack(rows, id, stack);
    return id;
}

/* ---- All ---- */

void tables_capture_id(const struct capture *capture, char *text)
{
    const struct lk_header *header = &capture->header;
    XXH3_state_t state;

    XXH3_64bits_reset(&state);
    XXH3_64bits_update(&state, header->boot_id, sizeof(header->boot_id));
    XXH3_64bits_update(&state, &header->pid, sizeof(header->pid));
    XXH3_64bits_update(&state, &header->start_realtime_ns, sizeof(header->start_realtime_ns));
    snprintf(text, CAPTURE_ID_BYTES, "%016" PRIx64, (uint64_t)XXH3_64bits_digest(&state));
}

bool tables_fill(const struct analysis *analysis, const struct row_sink *sink)
{
    struct rows rows = {.analysis = analysis, .sink = sink};

    rows.stacks = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    rows_captures(&rows);
    rows_heap(&rows);
    rows_leaks(&rows);
    rows_cache(&rows);
    rows_capture_cache(&rows);
    rows_findings(&rows);
    rows_set(&rows);
    g_hash_table_destroy(rows.stacks);
    return !rows.failed;
}
