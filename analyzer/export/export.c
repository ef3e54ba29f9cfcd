/* The table of exporters. */
#include "export/export.h"

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
    {0},
};

const struct exporter *exporter_named(const char *name)
{
    for (const struct exporter *exporter = exporters; exporter->name != NULL; exporter++)
        if (strcmp(exporter->name, name) == 0)
            return exporter;
    return NULL;
}
