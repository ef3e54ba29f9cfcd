// Every renderer of a report that holds hostile texts in all its names, under libFuzzer
// (`make fuzz`): what comes out is well-formed, and nothing in it acts on a terminal.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "common/sample_report.h"
#include "render/html.h"
#include "render/json_parts.h"
#include "render/render.h"

#define TEXTS 24u

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static void require(bool holds, const char *what, const char *text)
{
    if (holds)
        return;
    fprintf(stderr, "%s:\n%s\n", what, text);
    abort();
}

/* ---- Hostile texts everywhere ---- */

struct texts {
    char *all[TEXTS];
    unsigned count, next;
};

/* One after the other; without an end, for what is there may be little. */
static const char *next_text(struct texts *texts, struct report *report)
{
    return report_text(report, texts->all[texts->next++ % texts->count]);
}

/* Texts of the input, which are apart by NULs. */
static struct texts cut(const char *bytes, size_t size)
{
    struct texts texts = {.count = 0};
    do {
        const char *end = size == 0 ? NULL : memchr(bytes, '\0', size);
        size_t length = end == NULL ? size : (size_t)(end - bytes);
        texts.all[texts.count++] = g_strndup(bytes, length);
        length = MIN(length + 1, size);
        bytes += length;
        size -= length;
    } while (size > 0 && texts.count < TEXTS);
    return texts;
}

static void name_frames(const struct stack *stack, struct texts *texts, struct report *report)
{
    for (guint i = 0; i < stack->frames->len; i++) {
        struct frame *frame = &g_array_index(stack->frames, struct frame, i);
        frame->function = next_text(texts, report);
        frame->file = next_text(texts, report);
        frame->module = next_text(texts, report);
        frame->build_id = next_text(texts, report);
    }
}

static void name_finding(struct finding *finding, struct texts *texts, struct report *report)
{
    finding->template_name = next_text(texts, report);
    finding->message = next_text(texts, report);
    finding->remedy = next_text(texts, report);
    for (guint i = 0; i < finding->evidence->len; i++) {
        struct evidence *evidence = g_ptr_array_index(finding->evidence, i);
        evidence->key_a = next_text(texts, report);
        evidence->key_b = next_text(texts, report);
        evidence->input_a = next_text(texts, report);
        evidence->input_b = next_text(texts, report);
        for (guint k = 0; k < evidence->differs->len; k++) {
            struct difference *difference = &g_array_index(evidence->differs, struct difference, k);
            difference->a = next_text(texts, report);
            difference->b = next_text(texts, report);
        }
    }
}

static void name_all(struct texts *texts, struct report *report)
{
    struct capture_report *capture = g_ptr_array_index(report->captures, 0);
    struct template_report *template = g_ptr_array_index(report->cache.templates, 0);
    const struct site_report *site = g_ptr_array_index(report->heap.sites, 0);
    struct leak_report *leak = g_ptr_array_index(report->leaks, 0);
    capture->path = next_text(texts, report);
    capture->executable = next_text(texts, report);
    g_ptr_array_index(capture->command, 0) = (gpointer)(uintptr_t)next_text(texts, report);
    template->name = leak->template_name = next_text(texts, report);
    g_array_index(report->cache.commands, struct command_count, 0).verb = next_text(texts, report);
    name_frames(site->stack, texts, report);
    name_frames(g_ptr_array_index(template->call_sites, 0), texts, report);
    for (guint i = 0; i < report->findings->len; i++)
        name_finding(g_ptr_array_index(report->findings, i), texts, report);
    report_note(report, next_text(texts, report));
}

/* ---- What comes out ---- */

static char *rendered(const struct report *report, const char *format, size_t *bytes)
{
    const struct render_options options = {.top = 10, .width = 80};
    char *text = NULL;
    FILE *out = open_memstream(&text, bytes);
    report_renderer_named(format)->render(report, &options, out);
    fclose(out);
    require(strlen(text) == *bytes, "a NUL", text);
    require(g_utf8_validate(text, -1, NULL), "not UTF-8", text);
    return text;
}

/* Controls of either set, what reorders text and what cannot be seen. */
static void require_shown(char *text)
{
    for (char *at = text; *at != '\0'; at = g_utf8_next_char(at)) {
        gunichar c = g_utf8_get_char(at);
        require(c == '\n' || g_unichar_isprint(c), "acts on a terminal", at);
    }
}

static void require_json(const char *text, size_t bytes)
{
    json_t *json = json_loadb(text, bytes, 0, NULL);
    require(json_is_object(json), "not JSON", text);
    json_decref(json);
}

/* As a problem matcher reads it: one finding a line, and its rule last. */
static void require_gcc(const struct report *report, const char *text)
{
    char **lines = g_strsplit(text, "\n", -1);
    guint count = g_strv_length(lines);
    require(count == report->findings->len + 1, "lines that are no finding", text);
    for (guint i = 0; i + 1 < count; i++) {
        const struct finding *finding = g_ptr_array_index(report->findings, i);
        char *end = g_strdup_printf(" [%s]", finding->rule);
        require(g_str_has_suffix(lines[i], end) && strstr(lines[i], ": ") != NULL, "no finding",
                lines[i]);
        g_free(end);
    }
    g_strfreev(lines);
}

/* What stands in the page: nothing in it ends its element. */
static void require_document(const struct report *report)
{
    static const struct html_bounds bounds = {10, 10, 10, 10, 10, 10, 10, 10, 200};
    json_t *json = json_report(report);
    GString *text = html_encoded(html_report_document(json, &bounds));
    require(strchr(text->str, '<') == NULL, "markup", text->str);
    require_json(text->str, text->len);
    g_string_free(text, TRUE);
    json_decref(json);
}

static void render_one(const struct report *report, const char *format)
{
    size_t bytes;
    char *text = rendered(report, format, &bytes);
    require_shown(text);
    if (strcmp(format, "sarif") == 0 || strcmp(format, "json") == 0)
        require_json(text, bytes);
    if (strcmp(format, "gcc") == 0)
        require_gcc(report, text);
    free(text);
}

/* The first byte says which renderer: together they take long. */
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    static const char *const formats[] = {"text", "json", "markdown", "sarif", "gcc"};
    if (size == 0 || size > 2000)
        return 0;
    struct texts texts = cut((const char *)bytes + 1, size - 1);
    struct report *report = sample_report();
    name_all(&texts, report);
    size_t which = bytes[0] % (G_N_ELEMENTS(formats) + 1);
    if (which < G_N_ELEMENTS(formats))
        render_one(report, formats[which]);
    else
        require_document(report);
    report_free(report);
    for (unsigned i = 0; i < texts.count; i++)
        g_free(texts.all[i]);
    return 0;
}
