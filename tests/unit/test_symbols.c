/* Symbols: this program looks up its own functions, and those of the C library. */
#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dlfcn.h>
#include <link.h>
#include <string.h>
#include <unistd.h>

#include "common/capture_builder.h"
#include "model/model.h"

/* ---- Real stacks of this program ---- */

static uint64_t caught;

static __attribute__((noinline)) void catch_caller(void)
{
    caught = (uint64_t)(uintptr_t)__builtin_return_address(0);
}

static inline __attribute__((always_inline)) void inlined_function(void)
{
    catch_caller();
    __asm__ volatile("" ::: "memory");
}

static __attribute__((noinline)) int outer_function(void)
{
    inlined_function(); /* line CALL_LINE */
    return 1;
}
enum { CALL_LINE = __LINE__ - 3 };

/* ---- This program as a module of a capture ---- */

struct self {
    struct builder *builder;
    bool wrong_build_id;
};

static size_t build_id_of(const struct dl_phdr_info *info, const uint8_t **id)
{
    for (int i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *part = &info->dlpi_phdr[i];
        const uint8_t *at = (const uint8_t *)(info->dlpi_addr + part->p_vaddr),
                      *end = at + part->p_memsz;
        while (part->p_type == PT_NOTE && at + sizeof(ElfW(Nhdr)) < end) {
            const ElfW(Nhdr) *note = (const void *)at;
            const uint8_t *name = at + sizeof(*note),
                          *content = name + ((note->n_namesz + 3u) & ~3u);
            if (note->n_type == NT_GNU_BUILD_ID && memcmp(name, "GNU", 4) == 0) {
                *id = content;
                return note->n_descsz;
            }
            at = content + ((note->n_descsz + 3u) & ~3u);
        }
    }
    return 0;
}

static int add_module(struct dl_phdr_info *info, size_t bytes, void *data)
{
    const struct self *self = data;
    char path[4096];
    const uint8_t *id = NULL;
    uint8_t wrong[20] = {1};
    uint64_t end = 0;
    (void)bytes;
    ssize_t length = readlink("/proc/self/exe", path, sizeof(path) - 1);
    path[length < 0 ? 0 : length] = '\0';
    for (int i = 0; i < info->dlpi_phnum; i++)
        if (info->dlpi_phdr[i].p_type == PT_LOAD)
            end = info->dlpi_phdr[i].p_vaddr + info->dlpi_phdr[i].p_memsz;
    size_t id_bytes = build_id_of(info, &id);
    builder_module(self->builder, *info->dlpi_name == '\0' ? path : info->dlpi_name,
                   info->dlpi_addr, info->dlpi_addr + end, info->dlpi_addr,
                   self->wrong_build_id ? wrong : id,
                   self->wrong_build_id ? sizeof(wrong) : id_bytes);
    return 0;
}

struct fixture {
    struct report *report;
    struct symbols *symbols;
    struct capture *capture;
};

static struct fixture look_up(const uint64_t *frames, size_t depth, bool wrong_build_id)
{
    struct self self = {builder_new(), wrong_build_id};
    struct fixture fixture = {.report = report_new()};
    size_t bytes;
    dl_iterate_phdr(add_module, &self);
    builder_site(self.builder, frames, depth);
    uint8_t *image = builder_bytes(self.builder, &bytes);
    fixture.capture = capture_open_memory(image, bytes, "memory", NULL);
    assert_non_null(fixture.capture);
    fixture.symbols = symbols_new(fixture.report);
    g_free(image);
    builder_free(self.builder);
    return fixture;
}

static void clear(struct fixture *fixture)
{
    symbols_free(fixture->symbols);
    capture_free(fixture->capture);
    report_free(fixture->report);
}

static const struct frame *frame_at(const struct stack *stack, guint i)
{
    assert_true(i < stack->frames->len);
    return &g_array_index(stack->frames, struct frame, i);
}

static void inlined_functions_have_frames_of_their_own(void **state)
{
    (void)state;
    assert_int_equal(outer_function(), 1);
    struct fixture f = look_up(&caught, 1, false);
    const struct stack *stack = symbols_stack(f.symbols, f.capture, 1);
    assert_int_equal(stack->frames->len, 2);
    const struct frame *inner = frame_at(stack, 0), *outer = frame_at(stack, 1);
    assert_string_equal(inner->function, "inlined_function");
    assert_true(inner->inlined);
    assert_string_equal(outer->function, "outer_function");
    assert_false(outer->inlined);
    assert_true(g_str_has_suffix(outer->file, "tests/unit/test_symbols.c"));
    assert_true(outer->file[0] == '/');
    assert_int_equal(outer->line, CALL_LINE);
    assert_true(inner->line > 20 && inner->line < outer->line);
    assert_int_equal(inner->offset, outer->offset);
    assert_ptr_equal(symbols_stack(f.symbols, f.capture, 1), stack);
    assert_int_equal(f.report->notes->len, 0);
    clear(&f);
}

static void another_build_gives_no_names(void **state)
{
    (void)state;
    outer_function();
    struct fixture f = look_up(&caught, 1, true);
    const struct stack *stack = symbols_stack(f.symbols, f.capture, 1);
    const struct frame *frame = frame_at(stack, 0);
    assert_int_equal(stack->frames->len, 1);
    assert_null(frame->function);
    assert_null(frame->file);
    assert_non_null(frame->module);
    assert_true(frame->offset != 0 && frame->offset < caught);
    symbols_tell(f.symbols);
    assert_int_equal(f.report->notes->len, 1);
    assert_non_null(strstr(g_ptr_array_index(f.report->notes, 0), "another build"));
    clear(&f);
}

static void libraries_without_debug_information_have_their_symbol_table(void **state)
{
    (void)state;
    void *function = dlsym(RTLD_DEFAULT, "hcreate_r");
    uint64_t frame = (uint64_t)(uintptr_t)function + 8;
    struct fixture f = look_up(&frame, 1, false);
    const struct frame *found = frame_at(symbols_stack(f.symbols, f.capture, 1), 0);
    assert_non_null(found->function);
    assert_non_null(strstr(found->function, "hcreate_r"));
    assert_non_null(strstr(found->module, "libc"));
    clear(&f);
}

static void addresses_of_no_module_keep_their_place(void **state)
{
    (void)state;
    struct fixture f = look_up((uint64_t[]){0x1234, 0x5678}, 2, false);
    const struct stack *stack = symbols_stack(f.symbols, f.capture, 1);
    assert_int_equal(stack->frames->len, 2);
    assert_null(frame_at(stack, 0)->module);
    assert_int_equal(frame_at(stack, 0)->offset, 0x1233);
    assert_int_equal(symbols_stack(f.symbols, f.capture, 0)->frames->len, 0);
    assert_int_equal(symbols_stack(f.symbols, f.capture, 999)->frames->len, 0);
    clear(&f);
}

/* libc's data that code never is: the function before it does not reach there. */
static void a_symbol_names_only_what_its_size_covers(void **state)
{
    (void)state;
    uint64_t frame = (uint64_t)(uintptr_t)dlsym(RTLD_DEFAULT, "in6addr_any") + 1;
    struct fixture f = look_up(&frame, 1, false);
    const struct frame *found = frame_at(symbols_stack(f.symbols, f.capture, 1), 0);
    assert_non_null(strstr(found->module, "libc"));
    assert_null(found->function);
    assert_null(found->file);
    assert_int_equal(found->line, 0);
    clear(&f);
}

static void what_has_no_file_is_told_once(void **state)
{
    (void)state;
    struct self self = {builder_new(), false};
    struct fixture f = {.report = report_new()};
    const uint64_t frames[] = {0x1234, 0x5678, 0x11234};
    size_t bytes;
    builder_module(self.builder, "/nonexistent/a.so", 0x1000, 0x9000, 0x1000,
                   (const uint8_t *)"\x0a\x0b\x0c", 3);
    builder_module(self.builder, "/nonexistent/b.so", 0x11000, 0x19000, 0x11000, NULL, 0);
    builder_site(self.builder, frames, G_N_ELEMENTS(frames));
    uint8_t *image = builder_bytes(self.builder, &bytes);
    f.capture = capture_open_memory(image, bytes, "memory", NULL);
    f.symbols = symbols_new(f.report);
    g_free(image);
    builder_free(self.builder);
    symbols_stack(f.symbols, f.capture, 1);
    symbols_tell(f.symbols);
    symbols_tell(f.symbols);
    assert_int_equal(f.report->notes->len, 1);
    const char *note = g_ptr_array_index(f.report->notes, 0);
    assert_non_null(strstr(note, "/nonexistent/a.so (not here; build-id 0a0b0c)"));
    assert_non_null(strstr(note, "/nonexistent/b.so (not here)"));
    assert_non_null(strstr(note, "--debug-path"));
    clear(&f);
}

/* ---- Identity and culprit, of stacks made by hand ---- */

static struct stack *stack_of(struct report *report, const struct frame *frames, guint count)
{
    struct stack *stack = report_alloc(report, sizeof(*stack));
    stack->frames = report_array(report, sizeof(struct frame));
    g_array_append_vals(stack->frames, frames, count);
    return stack;
}

static void identity_is_of_functions_not_addresses(void **state)
{
    (void)state;
    struct report *report = report_new();
    struct frame a[] = {{.function = "f", .module = "/a", .offset = 1, .line = 3},
                        {.function = "g"}};
    struct frame b[] = {{.function = "f", .module = "/b", .offset = 9, .line = 4},
                        {.function = "g"}};
    struct frame c[] = {{.function = "fg"}, {.function = ""}};
    struct frame d[] = {{.module = "/a", .build_id = "12", .offset = 1}};
    struct frame e[] = {{.module = "/a", .build_id = "12", .offset = 2}};
    struct frame generated[] = {{.offset = 77}, {.function = "g", .module = "/a"}};
    struct frame elsewhere[] = {{.offset = 88}, {.function = "g", .module = "/a"}};
#define ID(frames) stack_identity(report, stack_of(report, frames, G_N_ELEMENTS(frames)))
    assert_string_equal(ID(a), ID(b));
    assert_string_not_equal(ID(a), ID(c));
    assert_string_not_equal(ID(d), ID(e));
    assert_string_equal(ID(generated), ID(elsewhere));
    assert_int_equal(strlen(ID(a)), 16);
    report_free(report);
}

static const char *culprit(struct report *report, const struct frame *frames, guint count)
{
    const struct frame *frame = stack_culprit(stack_of(report, frames, count));
    return frame == NULL ? "none" : frame->function != NULL ? frame->function : "unknown";
}

static void the_culprit_is_the_services_own_code(void **state)
{
    (void)state;
    struct report *report = report_new();
    const char *libc = "/lib/x86_64-linux-gnu/libc.so.6";
    const char *hiredis = "/usr/lib/x86_64-linux-gnu/libhiredis.so.0.14";
    const char *ssl = "/usr/lib/x86_64-linux-gnu/libcurl.so.4", *exe = "/opt/service/bin/service";
    struct frame typical[] = {{.function = "strdup", .module = libc},
                              {.function = "sdsnewlen", .module = hiredis},
                              {.function = "lookup_answer", .module = exe},
                              {.function = "main", .module = exe}};
    struct frame wrapped[] = {{.function = "xmalloc", .module = exe},
                              {.function = "std::vector<int>::push_back(int&&)", .module = exe},
                              {.function = "void std::sort<int*>(int*, int*)", .module = exe},
                              {.function = "build_prompt", .module = exe},
                              {.function = "main", .module = exe}};
    struct frame library[] = {{.function = "malloc", .module = libc},
                              {.function = "Curl_open", .module = ssl},
                              {.function = "__libc_start_main", .module = libc}};
    struct frame bundled[] = {
        {.function = "redisReaderGetReply", .module = "/opt/service/lib/libhiredis.so.1"},
        {.module = exe, .offset = 5},
        {.function = "main", .module = exe}};
    struct frame plugin[] = {
        {.function = "strdup", .module = libc},
        {.function = "vmod_get", .module = "/usr/lib/varnish/vmods/vmod_redis.so"},
        {.function = "VRT_call", .module = "/usr/lib/varnish/libvarnish.so"}};
#define CULPRIT(frames) culprit(report, frames, G_N_ELEMENTS(frames))
    assert_string_equal(CULPRIT(typical), "lookup_answer");
    assert_string_equal(CULPRIT(wrapped), "build_prompt");
    assert_string_equal(CULPRIT(library), "Curl_open");
    assert_string_equal(CULPRIT(bundled), "unknown");
    assert_string_equal(CULPRIT(plugin), "vmod_get");
    assert_string_equal(culprit(report, NULL, 0), "none");
    report_free(report);
}

/* Of a stack of an interpreter: which frame is to blame, in which code runs, whose language it is.
 */
static void an_interpreter_does_as_it_is_told(void **state)
{
    (void)state;
    struct report *report = report_new();
    const char *libc = "/lib/x86_64-linux-gnu/libc.so.6", *python = "/usr/bin/python3.11";
    const char *numpy = "/usr/lib/python3/dist-packages/numpy/core/_umath.cpython-311.so";
    const char *uvloop = "/usr/lib/python3/dist-packages/uvloop/loop.cpython-311.so";
    const char *embedding = "/opt/service/bin/service", *node = "/usr/bin/node";
    const char *embedded = "/usr/lib/x86_64-linux-gnu/libpython3.11.so.1.0";
    const char *eval = "_PyEval_EvalFrameDefault";
    struct frame script[] = {{.function = "malloc", .module = libc},
                             {.function = "PyMem_Malloc", .module = python},
                             {.module = python, .offset = 5},
                             {.function = eval, .module = python},
                             {.function = "run_callback", .module = uvloop},
                             {.function = eval, .module = python}};
    struct frame extension[] = {{.function = "PyMem_Malloc", .module = python},
                                {.function = "array_zeros", .module = numpy},
                                {.function = eval, .module = python},
                                {.function = "run_callback", .module = uvloop}};
    struct frame in_service[] = {{.function = "PyMem_Malloc", .module = embedded},
                                 {.function = eval, .module = embedded},
                                 {.function = "run_script", .module = embedding}};
    struct frame script_in_node[] = {{.function = "node::Buffer::New", .module = node},
                                     {.function = "Builtins_CEntry", .module = node},
                                     {.offset = 0x7f0000001000},
                                     {.function = "node::Start", .module = node}};
    struct frame namesake[] = {{.function = "grow_stack", .module = embedding},
                               {.function = "vm_exec", .module = embedding}};
#define STACK(frames)    stack_of(report, frames, G_N_ELEMENTS(frames))
#define LANGUAGE(frames) stack_language(STACK(frames))
    assert_string_equal(CULPRIT(script), "PyMem_Malloc");
    assert_string_equal(LANGUAGE(script), "Python");
    assert_string_equal(stack_interpreter(STACK(script))->function, eval);
    assert_string_equal(CULPRIT(extension), "array_zeros");
    assert_null(LANGUAGE(extension));
    assert_string_equal(CULPRIT(in_service), "run_script");
    assert_null(LANGUAGE(in_service));
    assert_string_equal(CULPRIT(script_in_node), "node::Buffer::New");
    assert_string_equal(LANGUAGE(script_in_node), "JavaScript");
    assert_string_equal(CULPRIT(namesake), "grow_stack");
    assert_null(LANGUAGE(namesake));
    assert_null(stack_interpreter(STACK(namesake)));
    report_free(report);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(inlined_functions_have_frames_of_their_own),
        cmocka_unit_test(another_build_gives_no_names),
        cmocka_unit_test(libraries_without_debug_information_have_their_symbol_table),
        cmocka_unit_test(addresses_of_no_module_keep_their_place),
        cmocka_unit_test(a_symbol_names_only_what_its_size_covers),
        cmocka_unit_test(what_has_no_file_is_told_once),
        cmocka_unit_test(identity_is_of_functions_not_addresses),
        cmocka_unit_test(the_culprit_is_the_services_own_code),
        cmocka_unit_test(an_interpreter_does_as_it_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
