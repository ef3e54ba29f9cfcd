/* From a built capture to a report; see capture_analysis.h. */
#include "common/capture_analysis.h"

struct report *analyse_built(struct builder *builder)
{
    size_t size;
    uint8_t *bytes = builder_bytes(builder, &size);
    struct capture *capture = capture_open_memory(bytes, size, "memory", NULL);
    struct report *report = report_new();
    struct symbols *symbols = symbols_new(report);
    GPtrArray *captures = g_ptr_array_new();
    g_assert(capture != NULL && capture->damage == 0);
    g_ptr_array_add(captures, capture);
    heap_model(report, symbols, captures);
    find_leaks(report, symbols, captures, NULL);
    find_spikes(report, symbols, captures, NULL);
    symbols_free(symbols);
    g_ptr_array_free(captures, TRUE);
    capture_free(capture);
    g_free(bytes);
    return report;
}
