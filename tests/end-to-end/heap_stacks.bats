#!/usr/bin/env bats
# Stacks where an unwinder, or a cache of stacks, may go wrong: each program counts what it allocated in which function,
# and the report says the same. Everything runs a second time with the shim's own comparison of every stack.

load planted

# every_stack PROGRAM [FIELD...]: fields to compare, all when there are none; then samples are compared too.
every_stack() {
    local program=$1
    shift
    plant all all "$program"
    plant_checked checked "$program"
    plant fine 4K "$program"
    reap
    exact all "$@"
    exact checked "$@"
    [ $# -gt 0 ] || estimated fine
    stacks_agree "$DIR/checked"
}

@test "before main and after it: constructors, exit handlers, destructors" {
    every_stack starts_and_exits
}

@test "handlers on an alternate stack are seen down to what they interrupted" {
    every_stack alternate_stacks
}

@test "10,000 frames deep: counts are exact, and the stack says that it was cut" {
    every_stack deep_recursion
    jqr "$DIR/all.json" "$REPORTED"'
        (of("allocate_deep") | length > 0 and all(.stack_cut and (.stack | length) >= 128)) and
        (of("allocate_shallow") | length > 0 and all((.stack_cut | not) and
            (.stack | map(select(.function == "descend")) | length) == 51))'
}

@test "longjmp out of functions that have just allocated" {
    every_stack long_jumps
}

@test "exceptions through frames that have just allocated, and destructors that allocate meanwhile" {
    every_stack exceptions allocated_count live_count
}

@test "coroutines that switch stacks between an allocation and its free" {
    every_stack coroutines
}

@test "fibers at the same address whose callers differ, or whose upper stack is gone" {
    every_stack remapped_fibers
}

@test "code that was made at run time and is rewritten in place" {
    every_stack generated_code
}

@test "destructors of thread-locals, in all rounds" {
    every_stack late_destructors
}

@test "stacks of two sites, of many threads and of growing buffers agree with the unwinder's" {
    plant_checked sites two_sites
    plant_checked threads short_threads --threads 400
    plant_checked cross cross_thread_frees
    plant_checked growth realloc_growth many
    plant_checked templates inlined_templates
    reap
    for name in sites threads cross growth templates; do
        exact "$name"
        stacks_agree "$DIR/$name"
    done
}
