/* 64-bit ARM: see machine.h. */
#ifndef LK_MACHINE_AARCH64_H
#define LK_MACHINE_AARCH64_H

#include <elf.h>
#include <stdbool.h>
#include <stdint.h>

#define LK_RELOCATION_CALL    R_AARCH64_JUMP_SLOT
#define LK_RELOCATION_DATA    R_AARCH64_GLOB_DAT
#define LK_RELOCATION_ADDRESS R_AARCH64_ABS64

/* The generic timer, which the architecture makes steady. */
static inline uint64_t lk_machine_ticks(void)
{
    uint64_t ticks;
    __asm__ volatile("mrs %0, cntvct_el0" : "=r"(ticks));
    return ticks;
}

static inline bool lk_machine_ticks_steady(void)
{
    return true;
}

static inline void lk_machine_relax(void)
{
    __asm__ volatile("yield" ::: "memory");
}

static inline bool lk_machine_is_wide(void)
{
    return false;
}

/* Return addresses may be signed, and where they are saved varies: that is left to the unwinder. */
#define LK_CALLER_HERE() ((struct lk_caller){0, 0, 0})

static inline bool lk_machine_interrupted(uint64_t *ip, uint64_t *sp, uint64_t *bp)
{
    (void)ip;
    (void)sp;
    (void)bp;
    return false;
}

/* bti c, written as the hint that older processors and assemblers know; jumps by x16, which it lets
 * pass. */
#define LK_MACHINE_DLOPEN                             \
    "    hint #34\n"                                  \
    "    adrp x16, lk_dlopen_original\n"              \
    "    ldr x16, [x16, #:lo12:lk_dlopen_original]\n" \
    "    cbz x16, 2f\n"                               \
    "    tbnz w1, #3, 2f\n"                           \
    "    br x16\n"                                    \
    "2:  stp x29, x30, [sp, #-32]!\n"                 \
    "    .cfi_def_cfa_offset 32\n"                    \
    "    .cfi_offset 29, -32\n"                       \
    "    .cfi_offset 30, -24\n"                       \
    "    mov x29, sp\n"                               \
    "    stp x0, x1, [sp, #16]\n"                     \
    "    mov x2, x30\n"                               \
    "    bl lk_dlopen_deep\n"                         \
    "    mov x10, x0\n"                               \
    "    mov x11, x1\n"                               \
    "    ldp x0, x1, [sp, #16]\n"                     \
    "    ldp x29, x30, [sp], #32\n"                   \
    "    .cfi_restore 30\n"                           \
    "    .cfi_restore 29\n"                           \
    "    .cfi_def_cfa_offset 0\n"                     \
    "    cbz x10, 3f\n"                               \
    "    mov x0, x11\n"                               \
    "    ret\n"                                       \
    "3:  adrp x16, lk_dlopen_original\n"              \
    "    ldr x16, [x16, #:lo12:lk_dlopen_original]\n" \
    "    br x16\n"

#endif
