/* The exporters that export.c's table names. */
#ifndef LEAKEY_EXPORT_EXPORTERS_H
#define LEAKEY_EXPORT_EXPORTERS_H

#include "export/export.h"

bool export_pprof(const struct analysis *analysis, const struct export_options *options, FILE *out,
                  GError **error);
bool export_collapsed(const struct analysis *analysis, const struct export_options *options,
                      FILE *out, GError **error);
bool export_speedscope(const struct analysis *analysis, const struct export_options *options,
                       FILE *out, GError **error);
bool export_oracle_general(const struct analysis *analysis, const struct export_options *options,
                           FILE *out, GError **error);
bool export_csv(const struct analysis *analysis, const struct export_options *options, FILE *out,
                GError **error);
bool export_sqlite(const struct analysis *analysis, const struct export_options *options, FILE *out,
                   GError **error);
bool export_clickhouse(const struct analysis *analysis, const struct export_options *options,
                       FILE *out, GError **error);
bool export_openmetrics(const struct analysis *analysis, const struct export_options *options,
                        FILE *out, GError **error);

#endif
