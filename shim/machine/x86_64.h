/* x86-64: see machine.h. */
#ifndef LK_MACHINE_X86_64_H
#define LK_MACHINE_X86_64_H

#include <cpuid.h>
#include <elf.h>
#include <stdbool.h>
#include <stdint.h>

#define LK_RELOCATION_CALL    R_X86_64_JUMP_SLOT
#define LK_RELOCATION_DATA    R_X86_64_GLOB_DAT
#define LK_RELOCATION_ADDRESS R_X86_64_64

static inline uint64_t lk_machine_ticks(void)
{
    return __builtin_ia32_rdtsc();
}

static inline bool lk_machine_ticks_steady(void)
{
    unsigned a, b, c, d;
    return __get_cpuid(0x80000007, &a, &b, &c, &d) && d & 1u << 8;
}

static inline void lk_machine_relax(void)
{
    __builtin_ia32_pause();
}

static inline bool lk_machine_is_wide(void)
{
    return __builtin_cpu_supports("avx2");
}

/* If the function was reached by a jump from a wrapper, this is the host's frame; else one of our
 * own, which a walk leaves out. */
#define LK_CALLER_HERE() lk_caller_of(__builtin_frame_address(0))

/* The kernel left a ucontext there: uc_mcontext.gregs begins at 40; rbp is 10, rsp 15, rip 16. */
static inline bool lk_machine_interrupted(uint64_t *ip, uint64_t *sp, uint64_t *bp)
{
    const uint64_t *registers = (const uint64_t *)(uintptr_t)(*sp + 40);
    *ip = registers[16];
    *bp = registers[10];
    *sp = registers[15];
    return true;
}

#define LK_MACHINE_DLOPEN                     \
    "    cmpq $0, lk_dlopen_original(%rip)\n" \
    "    je 2f\n"                             \
    "    testl $8, %esi\n"                    \
    "    jne 2f\n"                            \
    "1:  jmp *lk_dlopen_original(%rip)\n"     \
    "2:  push %rdi\n"                         \
    "    .cfi_adjust_cfa_offset 8\n"          \
    "    push %rsi\n"                         \
    "    .cfi_adjust_cfa_offset 8\n"          \
    "    sub $8, %rsp\n"                      \
    "    .cfi_adjust_cfa_offset 8\n"          \
    "    mov 24(%rsp), %rdx\n"                \
    "    call lk_dlopen_deep\n"               \
    "    add $8, %rsp\n"                      \
    "    .cfi_adjust_cfa_offset -8\n"         \
    "    pop %rsi\n"                          \
    "    .cfi_adjust_cfa_offset -8\n"         \
    "    pop %rdi\n"                          \
    "    .cfi_adjust_cfa_offset -8\n"         \
    "    test %rax, %rax\n"                   \
    "    je 1b\n"                             \
    "    mov %rdx, %rax\n"                    \
    "    ret\n"

#endif
