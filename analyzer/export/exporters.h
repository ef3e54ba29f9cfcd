/* The exporters that export.c's table names. */
#ifndef LEAKEY_EXPORT_EXPORTERS_H
#define LEAKEY_EXPORT_EXPORTERS_H

#include "export/export.h"

bool export_collapsed(const struct analysis *analysis, const struct export_options *options,
                      FILE *out, GError **error);

#endif
