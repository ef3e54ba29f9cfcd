/* Every rule of the specification's table of findings. */
#include "find/rules.h"

#include <glib.h>

const char *const rule_names[] = {
    "duplicate-input-miss",
    "reader-writer-mismatch",
    "salted-key",
    "false-hit",
    "unbounded-cardinality",
    "never-read",
    "missing-ttl",
    "short-ttl",
    "evicted-early",
    "stale-version",
    "stampede",
    "oversized-value",
    "not-worth-caching",
    "heap-leak",
    "reply-leak",
    "context-leak",
    "memory-spike",
    NULL,
};

bool rule_known(const char *name)
{
    return g_strv_contains(rule_names, name);
}
