#!/usr/bin/env bats
# The host comes first: programs that nobody changed behave the same with the shim as without it.

load lib
load matrix

@test "C++ exceptions thrown through allocating frames are caught as without the shim" {
    cat >"$DIR/throws.cc" <<'END'
#include <iostream>
#include <map>
#include <stdexcept>
#include <string>
int deep(int n) {
    std::string held(n * 100, 'a');
    if (n == 0) throw std::runtime_error("bottom");
    return deep(n - 1) + held.size();
}
int main() {
    int caught = 0;
    std::map<int, std::string> all;
    for (int i = 0; i < 300; i++) {
        all[i] = std::string(i, 'b');
        try { deep(20); } catch (const std::exception &) { caught++; }
    }
    std::cout << caught << " " << all.size() << "\n";
}
END
    g++ -O1 "$DIR/throws.cc" -o "$DIR/throws"
    row "$DIR/throws"
    [ "$ROW_STATUS" -eq 0 ]
}

@test "redis-server works the same, and a clean stop is a clean stop" {
    LEAKEY_SAMPLE=all
    export LEAKEY_SAMPLE
    REDIS=$DIR/redis.sock
    start_with_shim redis redis-server --port 0 --unixsocket "$REDIS" --save '' --appendonly no --dir "$DIR"
    wait_until 20 redis ping
    [ "$(redis set a 1)" = OK ]
    [ "$(redis get a)" = 1 ]
    stop redis
    [ "$STOPPED_STATUS" -eq 0 ]
    grep -q 'bye bye' "$DIR/redis.log"
    run ! grep -q "^leakey:" "$DIR/redis.log"
}

@test "where nothing was recorded no file is left" {
    # By default a sample may fall on any allocation: here on none.
    LEAKEY_SAMPLE=1G with_shim true
    LEAKEY_SAMPLE=1G with_shim env true
    LEAKEY_PAUSED=1 with_shim ls / >/dev/null
    LEAKEY_HEAP=off with_shim python3 -c 'print(len("x" * 10000000))'
    [ -z "$(ls -A "$DIR/captures")" ]
}

@test "set-user-id and sanitizer programs are left alone" {
    printf '#include <stdlib.h>\nint main(void) { free(malloc(1 << 24)); return 5; }\n' >"$DIR/asan.c"
    gcc -fsanitize=address -static-libasan "$DIR/asan.c" -o "$DIR/asan"
    LEAKEY_SAMPLE=all run with_shim "$DIR/asan"
    [ "$status" -eq 5 ]
    [ -z "$(ls -A "$DIR/captures")" ]
}

@test "children forked while threads are being sampled neither hang nor die, and each has a capture of its own" {
    for sample in 512K 4K all; do
        LEAKEY_SAMPLE=$sample LEAKEY_OUTPUT=$DIR/$sample run with_shim timeout 60 "$ROOT/build/tests/fork_under_load"
        [ "$status" -eq 0 ]
        [ "$output" = '{"children":60}' ]
    done
    [ "$(find "$DIR/all" -name 'fork_under_load.*' | wc -l)" -eq 61 ]
    leakey report --format json -o "$DIR/report.json" "$DIR/4K"
    jqr "$DIR/report.json" '.leaks | length == 0'
}

@test "jemalloc, tcmalloc and mimalloc, preloaded before the shim or after it: the host runs as with them alone" {
    for allocator in libjemalloc.so.2 libtcmalloc_minimal.so.4 libmimalloc.so.2.0; do
        for order in "$SHIM:$allocator" "$allocator:$SHIM"; do
            for sample in 4K all; do
                rm -rf "$DIR/captures"
                mkdir "$DIR/captures"
                run env LD_PRELOAD="$order" LEAKEY_SAMPLE=$sample LEAKEY_OUTPUT="$DIR/captures" \
                    "$ROOT/build/tests/heap_forms" --portable
                [ "$status" -eq 3 ] || {
                    echo "$order, $sample: status $status: $output"
                    return 1
                }
                run env LD_PRELOAD="$order" LEAKEY_SAMPLE=$sample LEAKEY_OUTPUT="$DIR/forks" \
                    "$ROOT/build/tests/fork_under_load"
                [ "$status" -eq 0 ]
            done
            # The shim in front sees all of it, whoever allocates.
            [ "$order" = "$SHIM:$allocator" ] || continue
            leakey report --format json -o "$DIR/report.json" "$DIR/captures"
            jqr "$DIR/report.json" '[.heap.sites[] | select(any(.stack[]; .function == "all_forms")) | .allocated_count]
                | add == 72000'
        done
    done
}

@test "descriptors: the host's have the same numbers, and files that take the place of closed ones stay as they are" {
    local checked
    mkdir "$DIR/files"
    "$ROOT/build/tests/descriptors" "$DIR/files" >"$DIR/expected"
    grep -qx 'damaged 0' "$DIR/expected"
    for checked in 0 1; do
        LEAKEY_SAMPLE=all LEAKEY_STACK_CHECK=$checked with_shim "$ROOT/build/tests/descriptors" "$DIR/files" >"$DIR/actual"
        same_text "checked: $checked" "$(<"$DIR/expected")" "$(<"$DIR/actual")"
    done
}
