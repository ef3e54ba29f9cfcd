/* Raw memory, clocks and messages: all that the shim asks of the system outside capture/. Keeps
 * errno. */
#ifndef LK_SYS_H
#define LK_SYS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/types.h>

/* Notes what stderr is, and how to wipe memory in children. From lk_init, once. */
void lk_sys_init(void);

/* Zeroed private memory that is never given back; touched pages alone cost. A child by fork (any
 * kind of fork) finds it zeroed again: what is in it describes this process alone, and zeros must
 * be its valid beginning. NULL when there is none. */
void *lk_sys_memory_wiped(size_t bytes);

/* Where the host's address space or its private memory is limited, most of that is left to it: a
 * quarter at most is ours, and nothing takes more than half of what is left of that, for something
 * else may want some. This is what may be mapped beside lk_sys_memory_wiped. */
uint64_t lk_sys_address_space(void);

/* Such memory for what *place points at, made if there is none yet; two threads may come at once.
 * *place is itself either such memory or outside of it. */
void *lk_sys_make_wiped(void **place, size_t bytes);
static inline void *lk_sys_once_wiped(void **place, size_t bytes)
{
    void *made = __atomic_load_n(place, __ATOMIC_ACQUIRE);
    return made ? made : lk_sys_make_wiped(place, bytes);
}

/* Around calls that a thread may be cancelled in: the host's was none (malloc), or we hold
 * something. Gives what lk_sys_cancel_again wants. */
int lk_sys_no_cancel(void);
void lk_sys_cancel_again(int before);

uint64_t lk_sys_monotonic_ns(void);
uint64_t lk_sys_realtime_ns(void);
uint64_t lk_sys_random(void); /* seed quality: getrandom, else clock and address */

/* Whether the address lies within the shim. */
extern const char lk_sys_image[] __asm__("__ehdr_start") __attribute__((visibility("hidden")));
extern const char lk_sys_image_end[] __asm__("_end") __attribute__((visibility("hidden")));
static inline bool lk_sys_own(const void *address)
{
    return (uintptr_t)address - (uintptr_t)lk_sys_image <
           (uintptr_t)lk_sys_image_end - (uintptr_t)lk_sys_image;
}

/* Whether eight bytes can be read at an aligned address. A system call; false where a filter denies
 * it. */
bool lk_sys_readable(uint64_t address);

/* The system's own: read and close by name are the wrappers that the host calls. No cancellation
 * points. */
ssize_t lk_sys_read(int fd, void *to, size_t room);
int lk_sys_close(int fd);
int lk_sys_fstat(int fd, struct stat *about); /* a preloaded libfaketime's allocates */
/* What glibc has since 2.34. */
int lk_sys_execveat(int fd, const char *path, char *const argv[], char *const envp[], int flags);

/* One line `leakey: WHAT: WHY` on stderr, by write(2); at most once for each value of *said. */
void lk_sys_say_once(int *said, const char *what, const char *why);

/* What an errno value says, in static English words (strerror may allocate). */
const char *lk_sys_reason(int error);

#endif
