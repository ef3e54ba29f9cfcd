/*
 * A finding a line, as GCC says warnings ("FILE:LINE: warning: TEXT [RULE]"), for what already
 * reads those: an editor's problem matcher, a CI log. Where no line is known the module stands in
 * its place ("MODULE: warning: TEXT [RULE]"), as GCC's own name does in its messages.
 */
#include <string.h>

#include "model/text.h"
#include "render/page.h"
#include "render/renderers.h"
#include "render/source_path.h"

static void append_place(GString *line, const struct finding *finding)
{
    const struct frame *frame = finding_frame(finding);
    bool below;

    if (frame != NULL && frame->file != NULL && frame->line > 0) {
        char *path = source_path(frame->file, &below);

        shown_append(line, path, strlen(path));
        g_string_append_printf(line, ":%d", frame->line);
        g_free(path);
    } else {
        const char *module = frame == NULL ? NULL : text_base_name(frame->module);

        module = module == NULL ? "leakey" : module;
        shown_append(line, module, strlen(module));
    }
}

void render_report_gcc(const struct report *report, const struct render_options *options, FILE *out)
{
    (void)options;
    for (guint i = 0; i < report->findings->len; i++) {
        const struct finding *finding = g_ptr_array_index(report->findings, i);
        GString *line = g_string_new(NULL);

        append_place(line, finding);
        g_string_append_printf(line, ": %s: ", severity_name(finding->severity));
        shown_append(line, finding->message, strlen(finding->message));
        g_string_append_printf(line, " [%s]\n", finding->rule);
        fputs(line->str, out);
        g_string_free(line, TRUE);
    }
}
