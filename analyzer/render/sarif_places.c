/* Frames and stacks as SARIF's locations, stacks and code flows. */
#include <inttypes.h>
#include <string.h>

#include "model/names.h"
#include "model/text.h"
#include "render/json_values.h"
#include "render/page.h"
#include "render/sarif_parts.h"
#include "render/source_path.h"

json_t *sarif_text(const char *text)
{
    GString *shown = g_string_new(NULL);

    shown_append(shown, text, strlen(text));
    for (gsize i = 0; i + 1 < shown->len; i++) {
        if (shown->str[i] == '{' && g_ascii_isdigit(shown->str[i + 1]))
            g_string_insert_c(shown, (gssize)i++, '{');
        else if (shown->str[i] == ']' && shown->str[i + 1] == '(')
            g_string_insert_c(shown, (gssize)++i, ' ');
    }
    json_t *value = json_text(shown->str);
    g_string_free(shown, TRUE);
    return value;
}

/* ---- A place ---- */

static bool has_line(const struct frame *frame)
{
    return frame != NULL && frame->file != NULL && frame->line > 0;
}

static json_t *source_artifact(const char *file)
{
    bool below;
    char *path = source_path(file, &below), *uri = g_uri_escape_string(path, "/", FALSE);
    json_t *artifact = json_pack("{so}", "uri", json_text(uri));

    if (below)
        json_object_set_new(artifact, "uriBaseId", json_string("%SRCROOT%"));
    g_free(uri);
    g_free(path);
    return artifact;
}

static json_t *module_artifact(const struct frame *frame, const char *module)
{
    const char *name = frame == NULL ? NULL : text_base_name(frame->module);
    char *uri = g_uri_escape_string(name == NULL ? module : name, NULL, FALSE);
    json_t *artifact = json_pack("{so}", "uri", json_text(uri));

    g_free(uri);
    return artifact;
}

json_t *sarif_physical(const struct frame *frame, const char *module)
{
    if (has_line(frame))
        return json_pack("{so, s{si}}", "artifactLocation", source_artifact(frame->file), "region",
                         "startLine", frame->line);
    json_t *place = json_pack("{so}", "artifactLocation", module_artifact(frame, module));
    if (frame != NULL && frame->module != NULL)
        json_object_set_new(place, "address",
                            json_pack("{so, ss}", "relativeAddress", json_count(frame->offset),
                                      "kind", "instruction"));
    return place;
}

void sarif_add_logical(json_t *location, const char *name, const char *kind)
{
    json_t *list = json_object_get(location, "logicalLocations");

    if (name == NULL)
        return;
    if (list == NULL) {
        list = json_array();
        json_object_set_new(location, "logicalLocations", list);
    }
    json_array_append_new(list, json_pack("{so, ss}", "name", sarif_text(name), "kind", kind));
}

static void add_frame(json_t *location, const struct frame *frame)
{
    if (frame->function != NULL) {
        char *name = name_short(frame->function);
        sarif_add_logical(location, name, "function");
        g_free(name);
    }
    sarif_add_logical(location, text_base_name(frame->module), "module");
}

json_t *sarif_location(const struct frame *frame, const char *module)
{
    json_t *location = json_pack("{so}", "physicalLocation", sarif_physical(frame, module));

    if (frame != NULL)
        add_frame(location, frame);
    return location;
}

/* ---- Stacks ---- */

static json_t *frame_message(const struct frame *frame)
{
    GString *text = g_string_new(NULL);

    if (frame->function != NULL)
        g_string_append(text, frame->function);
    else if (frame->module != NULL)
        g_string_append_printf(text, "%s+0x%" PRIx64, text_base_name(frame->module), frame->offset);
    else
        g_string_append_printf(text, "code of no file, 0x%" PRIx64, frame->offset);
    if (frame->inlined)
        g_string_append(text, " (inlined)");
    json_t *message = json_pack("{so}", "text", sarif_text(text->str));
    g_string_free(text, TRUE);
    return message;
}

static json_t *frame_location(const struct frame *frame)
{
    json_t *location = sarif_location(frame, "code-of-no-file");

    json_object_set_new(location, "message", frame_message(frame));
    return location;
}

json_t *sarif_stack(const struct stack *stack, const char *message)
{
    json_t *frames = json_array();

    for (guint i = 0; i < stack->frames->len; i++) {
        const struct frame *frame = &g_array_index(stack->frames, struct frame, i);
        json_t *made = json_pack("{so}", "location", frame_location(frame));

        if (frame->module != NULL)
            json_object_set_new(made, "module", sarif_text(text_base_name(frame->module)));
        json_array_append_new(frames, made);
    }
    return json_pack("{s{so}, so}", "message", "text", sarif_text(message), "frames", frames);
}

json_t *sarif_code_flow(const struct stack *stack, const char *message)
{
    json_t *steps = json_array();

    for (guint i = stack->frames->len; i-- > 0;) {
        const struct frame *frame = &g_array_index(stack->frames, struct frame, i);

        if (has_line(frame))
            json_array_append_new(steps, json_pack("{so}", "location", frame_location(frame)));
    }
    if (json_array_size(steps) == 0) {
        json_decref(steps);
        return NULL;
    }
    return json_pack("{s{so}, s[{so}]}", "message", "text", sarif_text(message), "threadFlows",
                     "locations", steps);
}
