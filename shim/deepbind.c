/*
 * dlopen. glibc takes the caller from the return address, for its RUNPATH, $ORIGIN and namespace:
 * so the wrapper is a jump into the original, and the flag RTLD_DEEPBIND alone makes it do more.
 * What it does then comes after the original returned, so it calls it instead, unless the caller
 * matters: then it jumps, and the module is bound at the next occasion.
 */
#define _GNU_SOURCE
#include "deepbind.h"

#include <errno.h>
#include <link.h>
#include <stdint.h>
#include <string.h>

#include "capture/capture.h"
#include "config.h"
#include "dynamic.h"
#include "lookup.h"
#include "machine.h"
#include "real.h"
#include "thread.h"

void *lk_dlopen_original;

struct opened { /* returned in two registers */
    uint64_t done;
    void *handle;
};

__attribute__((used)) struct opened lk_dlopen_deep(const char *file, int mode, const void *caller);

/* Jumps into the original, but where lk_dlopen_deep has done its work. */
__asm__(".text\n"
        ".globl dlopen\n"
        ".type dlopen, %function\n"
        "dlopen:\n"
        "    .cfi_startproc\n" LK_MACHINE_DLOPEN "    .cfi_endproc\n"
        ".size dlopen, .-dlopen\n");
_Static_assert(RTLD_DEEPBIND == 8, "as it stands above");

/* ---- The modules ---- */

#define DEEP_MAX 256u

static struct {
    uintptr_t start, end; /* end 0: not used */
} deep[DEEP_MAX];
static uint32_t deep_places; /* of which any was ever used */
static uint32_t deep_lock;   /* only ever tried */
static uint32_t waiting;     /* modules are loaded and not bound; their number is at least */
static uint32_t waiting_from;

bool lk_deepbind_any(void)
{
    return __atomic_load_n(&deep_places, __ATOMIC_SEQ_CST) > 0;
}

bool lk_deepbind_holds(const void *address)
{
    uint32_t places = __atomic_load_n(&deep_places, __ATOMIC_ACQUIRE);
    for (uint32_t i = 0; i < places; i++) {
        uintptr_t end = __atomic_load_n(&deep[i].end, __ATOMIC_ACQUIRE);
        if ((uintptr_t)address < end && (uintptr_t)address >= deep[i].start)
            return true;
    }
    return false;
}

static bool add_deep(const struct dl_phdr_info *module)
{
    uint32_t i = 0;
    uintptr_t start, end;
    lk_module_extent(module, &start, &end);
    if (lk_deepbind_holds((const void *)start))
        return true;
    while (i < DEEP_MAX && deep[i].end)
        i++;
    if (i == DEEP_MAX)
        return false;
    deep[i].start = start;
    __atomic_store_n(&deep[i].end, end, __ATOMIC_RELEASE);
    if (i >= deep_places)
        __atomic_store_n(&deep_places, i + 1, __ATOMIC_SEQ_CST);
    return true;
}

/* ---- Binding one ---- */

struct binding {
    const struct dl_phdr_info *module;
    uintptr_t start;
    struct lk_seal seal;
};

/* Only what is, or at its first call would be, bound to the very function that the wrapper then
 * calls. */
static bool bind_reference(const struct lk_reference *reference, void *context)
{
    struct binding *binding = context;
    enum lk_symbol symbol = lk_real_named(reference->name);
    if (symbol == LK_SYMBOLS)
        return true;
    void *bound = __atomic_load_n(reference->slot, __ATOMIC_RELAXED);
    void *original = lk_real_own(symbol, (const void *)binding->start);
    void *called = __atomic_load_n(&lk_real_table[symbol], __ATOMIC_RELAXED);
    bool unbound = reference->by_a_call && lk_module_holds(binding->module, bound);
    if (original && (bound == original || unbound) && (!called || called == original) &&
        lk_seal_open(&binding->seal, reference->slot))
        __atomic_store_n(reference->slot, lk_real_wrapper(symbol), __ATOMIC_RELEASE);
    return true;
}

struct evidence {
    const void *address; /* within the module */
    bool found;
};

static bool is_evidence(const struct lk_reference *reference, void *context)
{
    struct evidence *evidence = context;
    enum lk_symbol symbol = lk_real_named(reference->name);
    evidence->found = symbol != LK_SYMBOLS &&
                      *reference->slot == lk_real_own(symbol, evidence->address) &&
                      *reference->slot != lk_real_wrapper(symbol);
    return !evidence->found;
}

/* Whether it is already bound to something that we stand before. */
static bool passes_us_by(const struct dl_phdr_info *module)
{
    uintptr_t start, end;
    lk_module_extent(module, &start, &end);
    struct evidence evidence = {.address = (const void *)start};
    lk_references(module, is_evidence, &evidence);
    return evidence.found;
}

static void bind_module(const struct dl_phdr_info *module)
{
    struct binding binding = {.module = module};
    uintptr_t end;
    lk_module_extent(module, &binding.start, &end);
    binding.seal = lk_seal_of(module);
    lk_references(module, bind_reference, &binding);
    lk_seal_close(&binding.seal);
}

/* ---- A round: what has been loaded since ---- */

/* The loader must not be asked anything while it shows its modules, so they are noted first. */
#define ROUND_MAX 64u
static struct round {
    uint32_t from; /* modules before this one were there before */
    uint32_t seen, count;
    struct dl_phdr_info modules[ROUND_MAX];
    void *handles[ROUND_MAX]; /* as long as we have them the modules stay */
    char names[ROUND_MAX][512];
} round_of_modules;

static int note_module(struct dl_phdr_info *module, size_t bytes, void *context)
{
    struct round *round = context;
    (void)bytes;
    if (round->seen++ < round->from || strlen(module->dlpi_name) >= sizeof round->names[0])
        return 0;
    round->modules[round->count] = *module;
    round->modules[round->count].dlpi_name = strcpy(round->names[round->count], module->dlpi_name);
    return ++round->count == ROUND_MAX;
}

/* `certain`: all that has come was loaded so; else what shows it. */
static void begin_round(struct round *round, uint32_t from, bool certain)
{
    round->from = from;
    round->seen = round->count = 0;
    dl_iterate_phdr(note_module, round);
    for (uint32_t i = 0; i < round->count; i++) {
        void *handle = LK_REAL(dlopen)(round->names[i], RTLD_LAZY | RTLD_NOLOAD);
        if (handle && !certain && !passes_us_by(&round->modules[i])) {
            LK_REAL(dlclose)(handle);
            handle = NULL;
        }
        round->handles[i] = handle;
    }
}

static void leave_waiting(uint32_t from)
{
    if (!__atomic_load_n(&waiting, __ATOMIC_ACQUIRE) ||
        from < __atomic_load_n(&waiting_from, __ATOMIC_RELAXED))
        __atomic_store_n(&waiting_from, from, __ATOMIC_RELAXED);
    __atomic_store_n(&waiting, 1, __ATOMIC_RELEASE);
}

/* First all of them are known to be such; then what was found for all callers is no longer right
 * for all; then they are bound. */
static void bind_from(uint32_t from, bool certain)
{
    struct round *round = &round_of_modules;
    bool any = false;
    if (!lk_try_lock(&deep_lock)) {
        leave_waiting(from);
        return;
    }
    begin_round(round, from, certain);
    for (uint32_t i = 0; i < round->count; i++)
        any |= round->handles[i] && add_deep(&round->modules[i]);
    if (any)
        lk_real_forget();
    for (uint32_t i = 0; i < round->count; i++) {
        if (!round->handles[i])
            continue;
        if (lk_deepbind_holds((const void *)round->modules[i].dlpi_phdr))
            bind_module(&round->modules[i]);
        LK_REAL(dlclose)(round->handles[i]);
    }
    lk_unlock(&deep_lock);
    lk_forget_loader_error(); /* what our look-ups left there is not the host's */
}

static int count_module(struct dl_phdr_info *module, size_t bytes, void *context)
{
    (void)module;
    (void)bytes;
    ++*(uint32_t *)context;
    return 0;
}

static uint32_t count_modules(void)
{
    uint32_t count = 0;
    dl_iterate_phdr(count_module, &count);
    return count;
}

void lk_deepbind_settle(void)
{
    int kept = errno;
    if (!__atomic_exchange_n(&waiting, 0, __ATOMIC_ACQ_REL))
        return;
    lk_self.depth++;
    bind_from(__atomic_load_n(&waiting_from, __ATOMIC_RELAXED), false);
    lk_self.depth--;
    errno = kept;
}

/* ---- Whether the caller matters to the original ---- */

struct asked {
    const void *caller;
    bool matters;
    bool first; /* the next module is the program */
};

/* For a bare name the caller's RUNPATH is searched, or its RPATH and that of who loaded it. The
 * program's RPATH is searched in any case. */
static int ask_module(struct dl_phdr_info *module, size_t bytes, void *context)
{
    struct asked *asked = context;
    (void)bytes;
    if ((!asked->first && lk_dynamic_has(module, DT_RPATH)) ||
        (lk_module_holds(module, asked->caller) && lk_dynamic_has(module, DT_RUNPATH)))
        asked->matters = true;
    asked->first = false;
    return 0;
}

static bool caller_matters(const char *file, const void *caller)
{
    struct asked asked = {.caller = caller, .first = true};
    if (!file || strchr(file, '$'))
        return true;
    if (!strchr(file, '/'))
        dl_iterate_phdr(ask_module, &asked);
    return asked.matters;
}

struct opened lk_dlopen_deep(const char *file, int mode, const void *caller)
{
    struct opened opened = {0};
    lk_real_init();
    if (!(mode & RTLD_DEEPBIND) || lk_config.off || lk_self.depth)
        return opened;
    lk_deepbind_settle();
    int kept = errno;
    lk_self.depth++;
    uint32_t from = count_modules();
    opened.done = !caller_matters(file, caller);
    lk_self.depth--;
    errno = kept;
    if (!opened.done) {
        leave_waiting(from);
        return opened;
    }
    opened.handle = LK_REAL(dlopen)(file, mode);
    kept = errno;
    lk_self.depth++;
    if (opened.handle)
        bind_from(from, true);
    lk_self.depth--;
    lk_deepbind_settle(); /* what another thread has loaded meanwhile */
    errno = kept;
    return opened;
}

/* ---- Those that are gone ---- */

void lk_deepbind_forget(void)
{
    uint32_t places = __atomic_load_n(&deep_places, __ATOMIC_ACQUIRE);
    if (!places || !lk_try_lock(&deep_lock))
        return;
    for (uint32_t i = 0; i < places; i++) {
        if (deep[i].end && !lk_module_at(deep[i].start))
            __atomic_store_n(&deep[i].end, 0, __ATOMIC_RELEASE);
    }
    lk_unlock(&deep_lock);
}
