/* The `leakey` program. */
#include <locale.h>

#include "cmd/cmd.h"

int main(int argc, char **argv)
{
    setlocale(LC_CTYPE, ""); /* arguments and file names may be in any encoding; numbers stay C's */
    return commands_run(argc, argv);
}
