/* The table of exporters, and what several of them share. */
#include "export/export.h"

#include <errno.h>
#include <string.h>

#include "export/exporters.h"

const struct exporter exporters[] = {
    {.name = "pprof",
     .summary = "heap profile, for go tool pprof and its kin",
     .binary = true,
     .heap = true,
     .write = export_pprof},
    {.name = "collapsed",
     .summary = "a line a stack, for flamegraph.pl, inferno and speedscope",
     .metric = true,
     .heap = true,
     .write = export_collapsed},
    {.name = "speedscope",
     .summary = "flame graphs of every metric, for speedscope",
     .heap = true,
     .write = export_speedscope},
    {.name = "sqlite",
     .summary = "a database file of tables, with views that answer questions",
     .binary = true,
     .write = export_sqlite},
    {.name = "clickhouse",
     .summary = "the same tables as SQL, for clickhouse-client --multiquery",
     .write = export_clickhouse},
    {.name = "oracleGeneral",
     .summary = "trace of cache reads, for libCacheSim",
     .binary = true,
     .trace = true,
     .write = export_oracle_general},
    {.name = "csv",
     .summary = "trace of cache requests, as Twitter published its own",
     .keys = true,
     .trace = true,
     .write = export_csv},
    {.name = "openmetrics",
     .summary = "the metrics of `leakey serve`, for Prometheus",
     .write = export_openmetrics},
    {0},
};

const struct exporter *exporter_named(const char *name)
{
    for (const struct exporter *exporter = exporters; exporter->name != NULL; exporter++)
        if (strcmp(exporter->name, name) == 0)
            return exporter;
    return NULL;
}

bool export_write(const void *bytes, size_t size, FILE *out, GError **error)
{
    errno = 0;
    if (fwrite(bytes, 1, size, out) == size)
        return true;
    g_set_error(error, LEAKEY_ERROR, LEAKEY_ERROR_SYSTEM, "cannot write: %s",
                g_strerror(errno == 0 ? EIO : errno));
    return false;
}
