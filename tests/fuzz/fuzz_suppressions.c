// The suppression parser and matcher under libFuzzer (`make fuzz`): any bytes give a list of
// patterns or a message, and every pattern ends on every text.
#include <string.h>

#include "model/suppressions.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

/* The input's first line is a text; a suppression file follows. */
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    const char *text = (const char *)bytes, *end = size == 0 ? NULL : memchr(bytes, '\n', size);
    size_t skip = end == NULL ? 0 : (size_t)(end - text) + 1;
    char *name = g_strndup(text, skip);
    GError *error = NULL;
    struct suppressions *read = suppressions_parse(text + skip, size - skip, "fuzz", &error);
    if ((read == NULL) == (error == NULL))
        __builtin_trap();
    struct report *report = report_new();
    struct stack stack = {.frames = report_array(report, sizeof(struct frame))};
    struct frame frame = {.function = name, .file = name, .module = name};
    struct site_report site = {.stack = &stack};
    struct leak_report leak = {.rule = "heap-leak", .site = &site, .live_bytes = 1};
    g_array_append_val(stack.frames, frame);
    g_ptr_array_add(report->leaks, &leak);
    suppress_leaks(report, read);
    report_free(report);
    suppressions_free(read);
    g_clear_error(&error);
    g_free(name);
    return 0;
}
