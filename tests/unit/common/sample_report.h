/*
 * A report with something in every part, for the renderers' and the comparison's tests: one leaked
 * reply per miss of `llm:<sha256>`, 950 of 1,000 misses with inputs that differ in a timestamp,
 * hostile texts in names.
 */
#ifndef LEAKEY_TESTS_SAMPLE_REPORT_H
#define LEAKEY_TESTS_SAMPLE_REPORT_H

#include "model/report.h"

#define SAMPLE_HOSTILE "evil\033[31m\nname\xff"

/* The whole of it. */
struct report *sample_report(void);
/* A service without fault: hit ratio 0.93, no finding. */
struct report *sample_healthy(void);
/* Nothing recorded but that there was a process: every number unknown. */
struct report *sample_empty(void);

/* 100 windows with that many reads and hits each (the hits vary a little from window to window),
 * and those bytes a read; report->cache is set to their sums. */
void sample_windows(struct report *report, unsigned reads, double hit_ratio, double allocated_bytes,
                    double leaked_bytes);

#endif
