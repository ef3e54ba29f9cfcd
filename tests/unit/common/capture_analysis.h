/* From a built capture to the heap's, the leaks' and the spikes' part of a report. */
#ifndef LEAKEY_TESTS_CAPTURE_ANALYSIS_H
#define LEAKEY_TESTS_CAPTURE_ANALYSIS_H

#include "common/capture_builder.h"
#include "model/model.h"

/* Frees nothing of the builder; the report is the caller's. */
struct report *analyse_built(struct builder *builder);

#endif
