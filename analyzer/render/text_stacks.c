/* Call stacks, innermost frame first. */
#include <inttypes.h>
#include <string.h>

#include "model/model.h"
#include "model/names.h"
#include "model/text.h"
#include "render/text_parts.h"

#define FRAMES_MOST 12u /* shown of a stack */

/* What starts a program or a thread: nobody's code, so nobody's clue. */
static const char *const starters[] = {
    "_start",
    "__libc_start_main",
    "__libc_start_main_impl",
    "__libc_start_call_main",
    "clone",
    "clone3",
    "__clone",
    "__clone3",
    "start_thread",
};

static bool is_starter(const struct frame *frame)
{
    for (size_t i = 0; i < G_N_ELEMENTS(starters) && frame->function != NULL; i++)
        if (strcmp(frame->function, starters[i]) == 0)
            return true;
    return false;
}

/* "libfoo.so", or what to say of an address that no module held when its stack was taken: code that
 * was made at run time, or mapped by something else than the loader. */
static const char *module_name(const struct frame *frame)
{
    return frame->module == NULL ? "code of no file" : text_base_name(frame->module);
}

static void append_function(GString *out, const struct frame *frame)
{
    if (frame->function != NULL) {
        char *name = name_short(frame->function);
        g_string_append(out, name);
        g_free(name);
    } else {
        g_string_append_printf(out, frame->module == NULL ? "%s, 0x%" PRIx64 : "%s+0x%" PRIx64,
                               module_name(frame), frame->offset);
    }
}

static void append_line(GString *out, const struct frame *frame)
{
    if (frame->file == NULL)
        g_string_append(out, module_name(frame));
    else if (frame->line > 0)
        g_string_append_printf(out, "%s:%d", text_base_name(frame->file), frame->line);
    else
        g_string_append(out, text_base_name(frame->file));
}

void text_place(GString *out, const struct stack *stack)
{
    const struct frame *frame = stack == NULL ? NULL : stack_culprit(stack);

    if (frame == NULL) {
        g_string_append(out, "(stack unknown)");
        return;
    }
    append_function(out, frame);
    if (frame->function == NULL)
        return;
    g_string_append(out, " (");
    append_line(out, frame);
    g_string_append_c(out, ')');
}

/* The module is said where it is another one than the frame's before. */
static void print_frame(const struct page *page, const struct frame *frame, bool culprit,
                        const char *module_before)
{
    GString *line = g_string_new(culprit ? "  > " : "    "), *function = g_string_new(NULL);

    append_function(function, frame);
    shown_cell(line, function->str, 32);
    if (frame->function != NULL) {
        g_string_append_c(line, ' ');
        append_line(line, frame);
    }
    if (frame->inlined)
        g_string_append(line, " (inlined)");
    if (frame->function != NULL && frame->file != NULL && frame->module != NULL &&
        g_strcmp0(frame->module, module_before) != 0)
        g_string_append_printf(line, " in %s", text_base_name(frame->module));
    page_line(page, culprit ? STYLE_BOLD : STYLE_PLAIN, "%s", line->str);
    g_string_free(line, TRUE);
    g_string_free(function, TRUE);
}

/* Of what stands beyond the frame in which an interpreter runs code without frames, its own frames
 * tell nothing: the same few come again for each function. */
static bool tells_nothing(const struct frame *frame, const struct frame *interpreter, bool beyond)
{
    return beyond && (frame->module == NULL || frame_is_interpreters(frame, interpreter));
}

static void print_rest(const struct page *page, guint more, guint left_out,
                       const struct frame *interpreter)
{
    if (more > 0)
        page_line(page, STYLE_PLAIN, "    and %u more frame%s", more, more == 1 ? "" : "s");
    if (left_out > 0)
        page_line(page, STYLE_PLAIN, "    (%u frame%s of %s itself left out)", left_out,
                  left_out == 1 ? "" : "s", module_name(interpreter));
}

void text_stack(const struct page *page, const struct stack *stack)
{
    guint frames = stack->frames->len, shown = 0, more = 0, left_out = 0;
    const struct frame *culprit = stack_culprit(stack), *interpreter = stack_interpreter(stack);
    const char *module = NULL;
    bool beyond = false;

    while (frames > 1 && is_starter(&g_array_index(stack->frames, struct frame, frames - 1)))
        frames--;
    for (guint i = 0; i < frames; i++) {
        const struct frame *frame = &g_array_index(stack->frames, struct frame, i);
        if (tells_nothing(frame, interpreter, beyond)) {
            left_out++;
        } else if (shown == FRAMES_MOST) {
            more++;
        } else {
            print_frame(page, frame, frame == culprit, module);
            module = frame->module;
            shown++;
        }
        beyond |= frame == interpreter;
    }
    print_rest(page, more, left_out, interpreter);
    if (stack->cut)
        page_line(page, STYLE_PLAIN, "    and deeper than what was recorded");
    if (frames == 0)
        page_line(page, STYLE_PLAIN, "    (stack unknown)");
}
