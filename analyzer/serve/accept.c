/* Accept headers; see accept.h. */
#include "serve/accept.h"

#include <string.h>

/* The weight of one range ("text/plain;version=0.0.4;q=0.5"); 1 where it says none. */
static double weight_of(char *const *parameters)
{
    for (; *parameters != NULL; parameters++) {
        const char *parameter = g_strstrip(*parameters);

        if (g_ascii_strncasecmp(parameter, "q=", 2) == 0)
            return CLAMP(g_ascii_strtod(parameter + 2, NULL), 0, 1);
    }
    return 1;
}

static bool has_version(char *const *parameters, const char *version)
{
    for (; *parameters != NULL; parameters++) {
        const char *parameter = g_strstrip(*parameters);

        if (g_ascii_strncasecmp(parameter, "version=", 8) == 0)
            return strcmp(parameter + 8, version) == 0;
    }
    return true;
}

enum exposition accept_exposition(const char *accept)
{
    char **ranges = g_strsplit(accept == NULL ? "" : accept, ",", 32);
    double openmetrics = 0, prometheus = 0;

    for (char **range = ranges; *range != NULL; range++) {
        char **parts = g_strsplit(*range, ";", 16);
        const char *type = parts[0] == NULL ? "" : g_strstrip(parts[0]);
        double weight = parts[0] == NULL ? 0 : weight_of(parts + 1);

        if (g_ascii_strcasecmp(type, "application/openmetrics-text") == 0)
            openmetrics = MAX(openmetrics, weight);
        else if (g_ascii_strcasecmp(type, "text/plain") == 0 && has_version(parts + 1, "0.0.4"))
            prometheus = MAX(prometheus, weight);
        g_strfreev(parts);
    }
    g_strfreev(ranges);
    return prometheus > openmetrics ? EXPOSE_PROMETHEUS : EXPOSE_OPENMETRICS;
}
