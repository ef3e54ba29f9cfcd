/* Private to the text renderer: its sections, each in a file of its own. */
#ifndef LEAKEY_RENDER_TEXT_PARTS_H
#define LEAKEY_RENDER_TEXT_PARTS_H

#include "render/page.h"

/* text_numbers.c */
void text_numbers(const struct page *page, const struct report *report);
/* text_outcomes.c: what commands cost the heap, template by template. */
void text_outcomes(const struct page *page, const struct report *report);
/* text_findings.c: one finding in detail; findings are numbered from 1. */
void text_finding(const struct page *page, const struct report *report, size_t number);
/* text_evidence.c: two keys of one input, side by side. */
void text_evidence(const struct page *page, const struct evidence *evidence);
/* text_stacks.c */
void text_stack(const struct page *page, const struct stack *stack);
/* "answer (service.c:88)", "libfoo.so+0x1f0": the frame to look at first. */
void text_place(GString *out, const struct stack *stack);

/* text_suppressed.c: nothing where no suppression file was given. */
guint text_suppressed_leaks(const struct suppressed_report *suppressed);
void text_suppressed(const struct page *page, const struct suppressed_report *suppressed);

#endif
