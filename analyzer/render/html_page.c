/* The page as it was bundled from analyzer/ui, in the program itself; empty where it could not be.
 */
#include "render/html.h"

#include <stdint.h>

#include "render/renderers.h"

/* The Makefile says where the bundle is. */
__asm__(".pushsection .rodata\n"
        "leakey_html_page:\n"
        ".incbin \"" LEAKEY_PAGE "\"\n"
        "leakey_html_page_end:\n"
        ".byte 0\n"
        ".popsection\n");
extern const char html_page_start[] __asm__("leakey_html_page");
extern const char html_page_end[] __asm__("leakey_html_page_end");

const char *html_page(size_t *bytes)
{
    *bytes = (size_t)((uintptr_t)html_page_end - (uintptr_t)html_page_start);
    return html_page_start;
}

const char *html_missing(void)
{
    size_t bytes;

    html_page(&bytes);
    return bytes != 0 ? NULL
                      : "this build of leakey has no page: node and npm, or the npm registry, were "
                        "not there when it was made";
}
