/* Stacks of interpreted code: where the interpreter's own frames begin to be about nothing else. */
#include <string.h>

#include "model/model.h"
#include "model/text.h"

/* The function in which an interpreter runs code that has no frames of its own, and what the file's
 * name says. Of V8, whose built-in functions such code calls, it is the beginning of their names.
 */
static const struct interpreter {
    const char *function, *file, *language;
    bool prefix;
} interpreters[] = {
    {"_PyEval_EvalFrameDefault", "python", "Python", false},
    {"Builtins_", "", "JavaScript", true},
    {"Perl_runops_standard", "perl", "Perl", false},
    {"execute_ex", "php", "PHP", false},
    {"vm_exec", "ruby", "Ruby", false},
    {"rb_vm_exec", "ruby", "Ruby", false},
};

static const struct interpreter *interpreter_of(const struct frame *frame)
{
    for (size_t i = 0; i < G_N_ELEMENTS(interpreters); i++) {
        const struct interpreter *one = &interpreters[i];
        if (frame->function == NULL || frame->module == NULL)
            break;
        if ((one->prefix ? g_str_has_prefix(frame->function, one->function)
                         : strcmp(frame->function, one->function) == 0) &&
            strstr(text_base_name(frame->module), one->file) != NULL)
            return one;
    }
    return NULL;
}

const struct frame *stack_interpreter(const struct stack *stack)
{
    for (guint i = 0; i < stack->frames->len; i++) {
        const struct frame *frame = &g_array_index(stack->frames, struct frame, i);
        if (interpreter_of(frame) != NULL)
            return frame;
    }
    return NULL;
}

bool frame_is_interpreters(const struct frame *frame, const struct frame *interpreter)
{
    return interpreter != NULL && g_strcmp0(frame->module, interpreter->module) == 0;
}

const char *stack_language(const struct stack *stack)
{
    const struct frame *interpreter = stack_interpreter(stack), *culprit = stack_culprit(stack);
    return interpreter != NULL && frame_is_interpreters(culprit, interpreter)
               ? interpreter_of(interpreter)->language
               : NULL;
}
