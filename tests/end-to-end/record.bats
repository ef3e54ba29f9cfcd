#!/usr/bin/env bats
# `leakey record`: what it passes on, what it refuses, what it says.

load lib

@test "the command's output and exit status come through, and the captures are named" {
    run --separate-stderr leakey record -o "$DIR/captures" --sample all -- "$ROOT/build/tests/heap_forms"
    [ "$status" -eq 3 ]
    [ "$(jq .threads <<<"$output")" -eq 4 ]
    # shellcheck disable=SC2154  # set by run
    [[ $stderr == *"leakey report"* ]]
    leakey report --format json "$DIR/captures" >"$DIR/report.json"
    jqr "$DIR/report.json" '.heap.exact'
}

@test "options reach the shim as the environment's settings do" {
    mkdir "$DIR/captures"
    leakey record -o "$DIR/captures" --sample 8K --ring 2M --keys hash --cache off -- \
        "$ROOT/build/tests/leak_steady" 50 >/dev/null
    leakey dump --what header --format json "$DIR"/captures/*.leakey >"$DIR/header.json"
    jqr "$DIR/header.json" '.sample_bytes == 8192 and .ring_bytes == 2097152'
    leakey report --format json "$DIR/captures" >"$DIR/report.json"
    jqr "$DIR/report.json" '.captures[0].sample_bytes == 8192'
}

@test "a signal to record ends the command, and its status is 128 + signal" {
    start record "$ROOT/build/leakey" record -o "$DIR" -- sleep 100
    wait_until 10 pgrep -P "$STARTED"
    stop record TERM
    [ "$STOPPED_STATUS" -eq 143 ]
}

@test "what cannot be interposed is refused with a clear message and exit 2" {
    printf 'int main(void) { return 0; }\n' >"$DIR/empty.c"
    gcc -static "$DIR/empty.c" -o "$DIR/static"
    run leakey record -o "$DIR" -- "$DIR/static"
    [ "$status" -eq 2 ]
    [[ $output == "leakey: record: "*static* ]]
    gcc "$DIR/empty.c" -o "$DIR/setuid"
    chmod u+s "$DIR/setuid"
    run leakey record -o "$DIR" -- "$DIR/setuid"
    [ "$status" -eq 2 ]
    [[ $output == *setuid* ]]
    gcc -fsanitize=address "$DIR/empty.c" -o "$DIR/asan"
    run leakey record -o "$DIR" -- "$DIR/asan"
    [ "$status" -eq 2 ]
    run leakey record --sample nonsense -- true
    [ "$status" -eq 2 ]
    run leakey record
    [ "$status" -eq 2 ]
}

@test "usage: help for each command, exit 2 for what is unknown" {
    for command in record report compare dump check pause resume; do
        run leakey "$command" --help
        [ "$status" -eq 0 ]
        [[ $output == *"leakey $command"* ]]
    done
    run leakey
    [ "$status" -eq 2 ]
    run leakey nonsense
    [ "$status" -eq 2 ]
    run leakey report
    [ "$status" -eq 2 ]
    run leakey report --format nonsense "$DIR"
    [ "$status" -eq 2 ]
    run leakey report "$DIR"
    [ "$status" -eq 2 ]
    [[ $output == "leakey: report: "* ]]
}
