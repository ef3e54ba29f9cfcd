// cache_commands with a libhiredis that is linked statically and hidden: nothing of it can be
// interposed, and its commands are seen at the socket alone.

// libs: -l:libhiredis.a -Wl,--exclude-libs,ALL
#include "cache_commands.c"
