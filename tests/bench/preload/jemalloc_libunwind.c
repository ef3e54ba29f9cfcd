// Debian's jemalloc profiles with libgcc's unwinder. Preloaded before it, this library answers its
// two calls into that unwinder from libunwind's unw_backtrace, which is what a jemalloc configured
// with
// --enable-prof-libunwind calls. Only for programs that unwind nothing else: C, without exceptions.
// libs: -lunwind
#define UNW_LOCAL_ONLY
#include <libunwind.h>
#include <stdint.h>

enum { MOST_FRAMES = 128 }; // jemalloc's own bound

struct _Unwind_Context {
    void *address;
};
typedef int (*trace_function)(struct _Unwind_Context *context, void *argument);

int _Unwind_Backtrace(trace_function trace, void *argument);
uintptr_t _Unwind_GetIP(struct _Unwind_Context *context);

int _Unwind_Backtrace(trace_function trace, void *argument)
{
    enum { NO_REASON = 0, END_OF_STACK = 5, FATAL_PHASE1_ERROR = 3 };
    void *addresses[MOST_FRAMES];
    int count = unw_backtrace(addresses, MOST_FRAMES);

    for (int i = 0; i < count; i++) {
        struct _Unwind_Context context = {addresses[i]};

        if (trace(&context, argument) != NO_REASON)
            return FATAL_PHASE1_ERROR;
    }
    return END_OF_STACK;
}

uintptr_t _Unwind_GetIP(struct _Unwind_Context *context)
{
    return (uintptr_t)context->address;
}
