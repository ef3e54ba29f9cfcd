/* Unwind rules: over real modules the same as libunwind's, address by address; over damaged bytes
 * unknown, and never read beyond. */
// machine: x86-64
// links: shim/stack/cfi.c
#define _GNU_SOURCE
#include <dlfcn.h>
#include <link.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <ucontext.h>

#include <cmocka.h>

#include "stack/cfi.h"

static uint64_t random_state = 42;

static uint64_t next_random(void)
{
    random_state = random_state * 6364136223846793005u + 1442695040888963407u;
    return random_state >> 20;
}

/* ---- Against libunwind ---- */

/* unw_init_local, unw_step and unw_get_reg as libunwind.so.8 has them. */
static struct {
    int (*init)(void *cursor, ucontext_t *context);
    int (*step)(void *cursor);
    int (*get)(void *cursor, int reg, uint64_t *value);
} unwinder;

enum { UNWIND_BP = 6, UNWIND_SP = 7, UNWIND_IP = 16 };

#define WORDS (1u << 20) /* 8 MiB of a stack that never was: each word points at another one */
static uint64_t *words;

static bool load(uint64_t address, uint64_t *value)
{
    uint64_t at = address - (uint64_t)(uintptr_t)words;
    if (at >= WORDS * sizeof *words - 8)
        return false;
    memcpy(value, (const char *)words + at, 8);
    return true;
}

struct frame {
    uint64_t ip, sp, bp;
};

/* One step by the rule; false: it leads out of the stack that never was. */
static bool apply(struct lk_rule rule, struct frame *frame)
{
    uint64_t bp = frame->bp;
    uint64_t cfa =
        (rule.kind == LK_RULE_SP ? frame->sp : frame->bp) + (uint64_t)(int64_t)rule.cfa_offset;
    if (rule.kind == LK_RULE_BP_DEREF && !load(cfa, &cfa))
        return false;
    frame->sp = cfa;
    return load(cfa - 8, &frame->ip) &&
           (!rule.bp_saved ||
            load((rule.bp_saved == 2 ? bp : cfa) + (uint64_t)(int64_t)rule.bp_offset, &frame->bp));
}

static struct {
    uint64_t ips, kinds[LK_RULE_END + 1], compared;
} seen;

static void compare_step(const void *header, const struct lk_memory *memory, uint64_t ip)
{
    static uint64_t cursor[127];
    static ucontext_t context;
    struct frame frame = {.sp = (uint64_t)(uintptr_t)&words[WORDS / 2],
                          .bp = (uint64_t)(uintptr_t)&words[WORDS / 2 + 4000]};
    struct lk_rule rule = lk_cfi_rule(header, memory, ip);
    seen.ips++;
    seen.kinds[rule.kind]++;
    if (rule.kind == LK_RULE_UNKNOWN || rule.kind == LK_RULE_SIGNAL)
        return;
    uint64_t returned = ip + 1; /* as if a call returned there */
    context.uc_mcontext.gregs[REG_RIP] = (greg_t)returned;
    context.uc_mcontext.gregs[REG_RSP] = (greg_t)frame.sp;
    context.uc_mcontext.gregs[REG_RBP] = (greg_t)frame.bp;
    assert_int_equal(unwinder.init(cursor, &context), 0);
    if (rule.kind != LK_RULE_END && !apply(rule, &frame))
        return;
    int step = unwinder.step(cursor);
    struct frame expected = {0};
    if (rule.kind == LK_RULE_END) {
        assert_true(step <= 0);
        return;
    }
    assert_true(step > 0);
    unwinder.get(cursor, UNWIND_IP, &expected.ip);
    unwinder.get(cursor, UNWIND_SP, &expected.sp);
    unwinder.get(cursor, UNWIND_BP, &expected.bp);
    if (frame.ip != expected.ip || frame.sp != expected.sp || frame.bp != expected.bp)
        fail_msg("at %#lx: %lx %lx %lx, libunwind says %lx %lx %lx", (unsigned long)ip,
                 (unsigned long)frame.ip, (unsigned long)frame.sp, (unsigned long)frame.bp,
                 (unsigned long)expected.ip, (unsigned long)expected.sp,
                 (unsigned long)expected.bp);
    seen.compared++;
}

/* A function of the realigned kind, so that there is one to compare. */
__attribute__((noinline)) static void *realigned(size_t bytes)
{
    _Alignas(64) char local[128];
    void *more = __builtin_alloca(bytes);
    __asm__ volatile("" : "+r"(more) : "r"(local) : "memory");
    return more == local ? NULL : words;
}

static void compare_own_function(const uint8_t *header, const struct lk_memory *memory)
{
    for (uint64_t at = 0; at < 64; at++)
        compare_step(header, memory, (uint64_t)(uintptr_t)realigned + at);
}

static struct lk_memory memory_of(const struct dl_phdr_info *module)
{
    uintptr_t start = UINTPTR_MAX, end = 0;
    for (int i = 0; i < module->dlpi_phnum; i++) {
        const ElfW(Phdr) *part = &module->dlpi_phdr[i];
        uintptr_t from = module->dlpi_addr + part->p_vaddr;
        if (part->p_type != PT_LOAD)
            continue;
        start = from < start ? from : start;
        end = from + part->p_memsz > end ? from + part->p_memsz : end;
    }
    return (struct lk_memory){(const void *)start, (const void *)end};
}

/* Some hundred functions of the module, at their first bytes and at random ones. */
static int compare_module(struct dl_phdr_info *module, size_t bytes, void *unused)
{
    const uint8_t *header = NULL;
    struct lk_memory memory = memory_of(module);
    (void)bytes, (void)unused;
    if (strstr(module->dlpi_name, "vdso") || strstr(module->dlpi_name, "san.so"))
        return 0;
    for (int i = 0; i < module->dlpi_phnum; i++)
        if (module->dlpi_phdr[i].p_type == PT_GNU_EH_FRAME)
            header = (const uint8_t *)(uintptr_t)(module->dlpi_addr + module->dlpi_phdr[i].p_vaddr);
    if (!header || header[2] != 0x03)
        return 0;
    if (!*module->dlpi_name)
        compare_own_function(header, &memory);
    uint32_t count;
    memcpy(&count, header + 8, sizeof count);
    for (uint32_t n = 0; n < 600; n++) {
        int32_t starts[2];
        uint32_t i = (uint32_t)(next_random() % (count - 1));
        memcpy(&starts[0], header + 12 + 8 * (size_t)i, 4);
        memcpy(&starts[1], header + 20 + 8 * (size_t)i, 4);
        uint64_t start = (uint64_t)(uintptr_t)(header + starts[0]);
        uint64_t length = (uint64_t)(starts[1] - starts[0]);
        for (uint64_t at = 0; at < 20 && at < length; at++)
            compare_step(header, &memory, start + at);
        for (int k = 0; k < 30; k++)
            compare_step(header, &memory, start + next_random() % length);
    }
    return 0;
}

static void rules_are_those_of_libunwind(void **state)
{
    void *library = dlopen("libunwind.so.8", RTLD_NOW | RTLD_LOCAL);
    (void)state;
    assert_non_null(library);
    *(void **)&unwinder.init = dlsym(library, "_ULx86_64_init_local");
    *(void **)&unwinder.step = dlsym(library, "_ULx86_64_step");
    *(void **)&unwinder.get = dlsym(library, "_ULx86_64_get_reg");
    assert_true(unwinder.init && unwinder.step && unwinder.get);
    words = malloc(WORDS * sizeof *words);
    assert_non_null(words);
    for (uint64_t i = 0; i < WORDS; i++)
        words[i] = (uint64_t)(uintptr_t)&words[WORDS / 4 + i * 40503 % (WORDS / 2)];
    assert_ptr_equal(realigned(100), words);
    dl_iterate_phdr(compare_module, NULL);
    free(words);
    dlclose(library);
    print_message("%lu addresses: %lu unknown, %lu steps compared, %lu with a frame pointer\n",
                  (unsigned long)seen.ips, (unsigned long)seen.kinds[LK_RULE_UNKNOWN],
                  (unsigned long)seen.compared, (unsigned long)seen.kinds[LK_RULE_BP]);
    assert_true(seen.compared > 50000);
    assert_true(seen.kinds[LK_RULE_UNKNOWN] < seen.ips / 6); /* gaps, procedure linkage */
    assert_true(seen.kinds[LK_RULE_BP] > 1000);
    assert_true(seen.kinds[LK_RULE_BP_DEREF] > 10); /* this program has such a function */
    assert_true(seen.kinds[LK_RULE_SP] > 10000);
}

/* ---- Hand-made ---- */

/* What a compiler makes of a function of 256 bytes that pushes its frame pointer and keeps its CFA
 * by it from the fifth byte on. */
static const uint8_t good_cie[] = {1,    'z',  'R', 0,    1,
                                   0x78, 16,                  /* version, letters, aligns, RA */
                                   1,    0x04,                /* R: udata8 */
                                   0x0c, 7,    8,   0x90, 1}; /* CFA = sp + 8, RA at CFA - 8 */
static const uint8_t good_fde[] = {0,                         /* augmentation */
                                   0x41, 0x0e, 16, 0x86, 2,   /* +1: CFA = sp + 16, bp saved */
                                   0x43, 0x0d, 6};            /* +3: CFA = bp + 16 */
#define PAGE 4096u

/* Both entries end where what follows cannot be read. */
static struct {
    uint8_t *memory, *cie, *fde, *header;
    size_t cie_bytes, fde_bytes;
} made;

static void put_entry(uint8_t *at, uint32_t id, const void *contents, size_t bytes)
{
    uint32_t length = (uint32_t)(4 + bytes);
    memcpy(at, &length, 4);
    memcpy(at + 4, &id, 4);
    memcpy(at + 8, contents, bytes);
}

static void make(const uint8_t *cie, size_t cie_bytes, const uint8_t *rules, size_t rules_bytes)
{
    uint8_t body[256];
    made.header = made.memory + 2 * (size_t)PAGE;
    uint64_t range[2] = {(uint64_t)(uintptr_t)made.header, 256};
    made.cie = made.memory + PAGE - 8 - cie_bytes;
    put_entry(made.cie, 0, cie, cie_bytes);
    memcpy(body, range, sizeof range);
    memcpy(body + sizeof range, rules, rules_bytes);
    made.fde = made.memory + 3 * (size_t)PAGE - 8 - sizeof range - rules_bytes;
    put_entry(made.fde, (uint32_t)(made.fde + 4 - made.cie), body, sizeof range + rules_bytes);
    uint32_t count = 1;
    int32_t pair[2] = {0, (int32_t)(made.fde - made.header)};
    memcpy(made.header, (const uint8_t[]){1, 0x1b, 0x03, 0x3b, 0, 0, 0, 0}, 8);
    memcpy(made.header + 8, &count, 4);
    memcpy(made.header + 12, pair, sizeof pair);
    made.cie_bytes = cie_bytes;
    made.fde_bytes = sizeof range + rules_bytes;
}

static void make_good(void)
{
    make(good_cie, sizeof good_cie, good_fde, sizeof good_fde);
}

static int begin(void **state)
{
    (void)state;
    made.memory =
        mmap(NULL, 4 * (size_t)PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_true(made.memory != MAP_FAILED);
    assert_int_equal(mprotect(made.memory + PAGE, PAGE, PROT_NONE), 0);
    assert_int_equal(mprotect(made.memory + 3 * (size_t)PAGE, PAGE, PROT_NONE), 0);
    make_good();
    return 0;
}

static int end(void **state)
{
    (void)state;
    munmap(made.memory, 4 * (size_t)PAGE);
    return 0;
}

/* The function is where the header is. */
static struct lk_rule rule_at(uint64_t offset)
{
    const struct lk_memory memory = {made.memory, made.memory + 4 * (size_t)PAGE};
    return lk_cfi_rule(made.header, &memory, (uint64_t)(uintptr_t)made.header + offset);
}

static void hand_made_rules_are_read(void **state)
{
    (void)state;
    struct lk_rule rule = rule_at(0);
    assert_int_equal(rule.kind, LK_RULE_SP);
    assert_int_equal(rule.cfa_offset, 8);
    assert_false(rule.bp_saved);
    rule = rule_at(1);
    assert_int_equal(rule.kind, LK_RULE_SP);
    assert_int_equal(rule.cfa_offset, 16);
    assert_true(rule.bp_saved);
    assert_int_equal(rule.bp_offset, -16);
    assert_int_equal(rule_at(3).kind, LK_RULE_SP);
    for (uint64_t offset = 4; offset < 256; offset++) {
        rule = rule_at(offset);
        assert_int_equal(rule.kind, LK_RULE_BP);
        assert_int_equal(rule.cfa_offset, 16);
    }
    assert_int_equal(rule_at(256).kind, LK_RULE_UNKNOWN);
    assert_int_equal(rule_at((uint64_t)-1).kind, LK_RULE_UNKNOWN);
}

static uint8_t kind_of(const char *rules, size_t bytes)
{
    make(good_cie, sizeof good_cie, (const uint8_t *)rules, bytes);
    return rule_at(100).kind;
}
#define KIND_OF(rules) kind_of("\0" rules, sizeof("\0" rules) - 1)

static void instructions_do_what_they_should(void **state)
{
    (void)state;
    assert_int_equal(KIND_OF(""), LK_RULE_SP);
    assert_int_equal(KIND_OF("\x0f\x03\x76\x78\x06"), LK_RULE_BP_DEREF);
    assert_int_equal(rule_at(0).cfa_offset, -8);
    assert_int_equal(KIND_OF("\x0f\x02\x76\x78"), LK_RULE_UNKNOWN);     /* not dereferenced */
    assert_int_equal(KIND_OF("\x0f\x03\x77\x08\x06"), LK_RULE_UNKNOWN); /* of another register */
    assert_int_equal(KIND_OF("\x0f\x05\x76\x78\x06\x23\x08"), LK_RULE_UNKNOWN); /* and more */
    assert_int_equal(KIND_OF("\x0f\x7f\x76\x78\x06"), LK_RULE_UNKNOWN);         /* beyond the end */
    assert_int_equal(KIND_OF("\x07\x10"), LK_RULE_END);
    assert_int_equal(KIND_OF("\x0c\x03\x08"), LK_RULE_UNKNOWN); /* CFA by another register */
    assert_int_equal(KIND_OF("\x09\x06\x03"), LK_RULE_UNKNOWN); /* bp is in another register */
    assert_int_equal(KIND_OF("\x90\x02"), LK_RULE_UNKNOWN);     /* the return address elsewhere */
    assert_int_equal(KIND_OF("\x0a\x0c\x06\x10\x0b"), LK_RULE_SP);
    assert_int_equal(KIND_OF("\x0b"), LK_RULE_UNKNOWN); /* nothing to restore */
    assert_int_equal(KIND_OF("\x0a\x0a\x0a\x0a\x0a\x0a\x0a\x0a"), LK_RULE_SP);
    assert_int_equal(KIND_OF("\x0a\x0a\x0a\x0a\x0a\x0a\x0a\x0a\x0a"), LK_RULE_UNKNOWN);
    assert_int_equal(KIND_OF("\x86\x02\xc6"), LK_RULE_SP); /* restored to what the CIE says */
    assert_false(rule_at(0).bp_saved);
    assert_int_equal(KIND_OF("\x2e\x10"), LK_RULE_SP);
    assert_int_equal(KIND_OF("\x0f\x03\x76\x78\x06\x10\x06\x02\x76\x00"), LK_RULE_BP_DEREF);
    assert_int_equal(rule_at(0).bp_saved, 2);
    assert_int_equal(KIND_OF("\x10\x06\x02\x77\x00"), LK_RULE_UNKNOWN);
    assert_int_equal(KIND_OF("\x10\x06\x7f\x76\x00"), LK_RULE_UNKNOWN);
    assert_int_equal(KIND_OF("\x10\x03\x02\x76\x00"), LK_RULE_SP);              /* of no matter */
    assert_int_equal(KIND_OF("\x0e\xff\xff\xff\xff\xff\x7f"), LK_RULE_UNKNOWN); /* too large */
    for (int op = 0x17; op < 0x40; op++) {
        char rules[] = {0, (char)op, 0, 0};
        if (op != 0x2e)
            assert_int_equal(kind_of(rules, sizeof rules), LK_RULE_UNKNOWN);
    }
}

static uint8_t kind_of_cie(const char *cie, size_t bytes)
{
    make((const uint8_t *)cie, bytes, good_fde, sizeof good_fde);
    return rule_at(100).kind;
}
#define KIND_OF_CIE(cie) kind_of_cie(cie, sizeof(cie) - 1)

static void entries_that_are_not_understood_are_unknown(void **state)
{
    (void)state;
    assert_int_equal(KIND_OF_CIE("\1zR\0\1\x78\x10\1\4\x0c\7\10\x90\1"), LK_RULE_BP);
    assert_int_equal(KIND_OF_CIE("\3zR\0\1\x78\x10\1\4\x0c\7\10\x90\1"), LK_RULE_BP);
    assert_int_equal(KIND_OF_CIE("\1zRS\0\1\x78\x10\1\4\x0c\7\10\x90\1"), LK_RULE_SIGNAL);
    assert_int_equal(KIND_OF_CIE("\2zR\0\1\x78\x10\1\4\x0c\7\10\x90\1"), LK_RULE_UNKNOWN);
    assert_int_equal(KIND_OF_CIE("\1zX\0\1\x78\x10\1\4\x0c\7\10\x90\1"), LK_RULE_UNKNOWN);
    assert_int_equal(KIND_OF_CIE("\1eh\0\1\x78\x10\1\4\x0c\7\10\x90\1"), LK_RULE_UNKNOWN);
    assert_int_equal(KIND_OF_CIE("\1zR\0\1\x78\x11\1\4\x0c\7\10\x90\1"), LK_RULE_UNKNOWN);
    assert_int_equal(KIND_OF_CIE("\1zR\0\1\x78\x10\1\x0e\x0c\7\10\x90\1"), LK_RULE_UNKNOWN);
    assert_int_equal(KIND_OF_CIE("\1zRzRzRzR"), LK_RULE_UNKNOWN); /* letters without an end */
    assert_int_equal(KIND_OF_CIE("\1zR\0\1\x78\x10\x7f\4\x0c\7\10\x90\1"), LK_RULE_UNKNOWN);
    make_good();
    memcpy(made.fde, &(uint32_t){0}, 4);
    assert_int_equal(rule_at(0).kind, LK_RULE_UNKNOWN);
    memcpy(made.fde, &(uint32_t){UINT32_MAX}, 4); /* 64-bit entries: nobody emits them */
    assert_int_equal(rule_at(0).kind, LK_RULE_UNKNOWN);
    make_good();
    memcpy(made.fde + 4, &(uint32_t){0}, 4); /* a CIE where an FDE should be */
    assert_int_equal(rule_at(0).kind, LK_RULE_UNKNOWN);
    for (int field = 0; field < 4; field++) {
        make_good();
        made.header[field] ^=
            field == 1 ? 0xff : 0x40; /* field 1: whence .eh_frame is pointed at */
        if (field != 1)
            assert_int_equal(rule_at(0).kind, LK_RULE_UNKNOWN);
    }
    make_good();
    memset(made.header + 8, 0, 4); /* no entries */
    assert_int_equal(rule_at(0).kind, LK_RULE_UNKNOWN);
}

/* Shorter by any number of bytes, whatever follows it cannot be read: some rule, or none. */
static void every_truncation_is_read_safely(void **state)
{
    (void)state;
    for (size_t bytes = 0; bytes < sizeof good_cie; bytes++) {
        make(good_cie, bytes, good_fde, sizeof good_fde);
        for (uint64_t offset = 0; offset < 6; offset++)
            rule_at(offset);
        if (bytes < 9)
            assert_int_equal(rule_at(0).kind, LK_RULE_UNKNOWN);
    }
    for (size_t bytes = 0; bytes < sizeof good_fde; bytes++) {
        make(good_cie, sizeof good_cie, good_fde, bytes);
        for (uint64_t offset = 0; offset < 6; offset++)
            assert_true(rule_at(offset).kind <= LK_RULE_BP);
    }
    for (uint32_t length = 1; length < 4 + 16; length++) {
        make_good();
        memcpy(made.fde, &length, 4);
        assert_int_equal(rule_at(0).kind, LK_RULE_UNKNOWN);
    }
}

/* Neither the header, nor its table, nor an entry may lead out of the module. */
static void nothing_outside_of_the_module_is_read(void **state)
{
    const uint8_t *page = made.header;
    const uint64_t ip = (uint64_t)(uintptr_t)made.header;
    const struct lk_memory without_cie = {page, page + PAGE};
    const struct lk_memory modules[] = {{page, page}, /* nothing, */
                                        without_cie,
                                        {page, page + 13},            /* a header that is cut, */
                                        {made.memory, made.fde + 20}, /* an entry that is, */
                                        {page + 1, page + PAGE}};     /* all but its beginning */
    (void)state;
    for (size_t i = 0; i < sizeof modules / sizeof *modules; i++)
        assert_int_equal(lk_cfi_rule(made.header, &modules[i], ip).kind, LK_RULE_UNKNOWN);
    static const uint32_t counts[] = {PAGE / 8, UINT32_MAX};
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
        memcpy(made.header + 8, &counts[i], 4);
        assert_int_equal(lk_cfi_rule(made.header, &without_cie, ip).kind, LK_RULE_UNKNOWN);
    }
    static const int32_t far[] = {INT32_MAX, INT32_MIN, -3 * (int32_t)PAGE};
    for (size_t i = 0; i < sizeof far / sizeof *far; i++) {
        make_good();
        memcpy(made.header + 16, &far[i], 4);
        assert_int_equal(rule_at(0).kind, LK_RULE_UNKNOWN);
    }
}

static void every_byte_may_be_anything(void **state)
{
    (void)state;
    for (size_t at = 0; at < made.cie_bytes + made.fde_bytes; at++)
        for (int value = 0; value < 256; value++) {
            make_good();
            if (at < made.cie_bytes)
                made.cie[8 + at] = (uint8_t)value;
            else
                made.fde[8 + at - made.cie_bytes] = (uint8_t)value;
            assert_true(rule_at(200).kind <= LK_RULE_END);
        }
    for (int round = 0; round < 300000; round++) {
        uint8_t cie[40], rules[60];
        size_t cie_bytes = 9 + next_random() % 20, rules_bytes = 1 + next_random() % 40;
        for (size_t i = 0; i < sizeof cie; i++)
            cie[i] = (uint8_t)(next_random() % 3 ? next_random() % 24 : next_random());
        for (size_t i = 0; i < sizeof rules; i++)
            rules[i] = (uint8_t)(next_random() % 3 ? next_random() % 24 : next_random());
        memcpy(cie, good_cie, next_random() % 2 ? 9 : 0);
        rules[0] = 0;
        make(cie, cie_bytes, rules, rules_bytes);
        assert_true(rule_at(200).kind <= LK_RULE_END);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rules_are_those_of_libunwind),
        cmocka_unit_test_setup_teardown(hand_made_rules_are_read, begin, end),
        cmocka_unit_test_setup_teardown(instructions_do_what_they_should, begin, end),
        cmocka_unit_test_setup_teardown(entries_that_are_not_understood_are_unknown, begin, end),
        cmocka_unit_test_setup_teardown(every_truncation_is_read_safely, begin, end),
        cmocka_unit_test_setup_teardown(nothing_outside_of_the_module_is_read, begin, end),
        cmocka_unit_test_setup_teardown(every_byte_may_be_anything, begin, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
