#!/usr/bin/env bats
# The short form of `make soak`: all its parts, some seconds each. Every bound that holds for half an hour holds here, but
# for slopes, which need the time.

load lib

setup_file() {
    lib_setup_file
    export SOAK_STATUS=0
    soak SOAK_SECONDS=16 >"$DIR/table" 2>"$DIR/messages" || SOAK_STATUS=$?
}

teardown_file() { lib_teardown_file; }

# soak SETTING...
soak() {
    env TMPDIR="$DIR" RESULT="$DIR/result.json" "$@" "${SOAK_SCRIPT:-$ROOT/scripts/soak}"
}

# other_tree: a tree in $DIR whose build may be changed.
other_tree() {
    mkdir -p "$DIR/tree/scripts" "$DIR/tree/build/tests"
    cp "$ROOT/scripts/soak" "$DIR/tree/scripts/"
    ln -s "$ROOT/tests" "$DIR/tree/tests"
    ln -s "$ROOT/build/leakey" "$ROOT/build/libleakey.so" "$DIR/tree/build/"
    ln -s "$ROOT"/build/tests/{llm_cache_before,llm_cache_after,llm_load,churn,plugin_spare.so} "$DIR/tree/build/tests/"
    SOAK_SCRIPT=$DIR/tree/scripts/soak
}

@test "every bound holds, and nothing is left" {
    cat "$FILE_DIR/messages" "$FILE_DIR/table"
    [ "$SOAK_STATUS" -eq 0 ]
    jqr "$FILE_DIR/result.json" '.schema == "leakey.soak/1" and .held == true and .failures == []'
    jqr "$FILE_DIR/result.json" 'all(.measures[]; .held != false)'
    tail -1 "$FILE_DIR/table" | grep -qE '^([0-9]+) of \1 bounds held$'
    same_text "what is left" '' "$(find "$FILE_DIR" -name 'leakey-soak.*')"
}

@test "all parts were judged, and what was to happen happened" {
    jqr "$FILE_DIR/result.json" '([.measures[] | select(.held) | .part] | unique) == ["churn: connections", "churn: keys",
        "churn: plugins", "churn: threads", "compare", "forks", "healthy", "healthy-again", "leaking", "pace: 2 threads",
        "plain", "serve", "top"]'
    jqr "$FILE_DIR/result.json" '[.measures[] | select(.name | test("wrapped")) | .held] | length == 5 and all'
    jqr "$FILE_DIR/result.json" '[.measures[] | select(.name == "events dropped") | .value] | length == 9 and all(. == 0)'
    jqr "$FILE_DIR/result.json" '.measures[] | select(.part == "leaking" and (.name | test("replies leaked"))) | .value > 100'
}

@test "a service that leaks where a healthy one is expected breaks bounds: exit 1, and they are named" {
    other_tree
    ln -sf "$ROOT/build/tests/llm_cache_before" "$DIR/tree/build/tests/llm_cache_after"
    run --separate-stderr soak SOAK=service SOAK_SECONDS=3
    [ "$status" -eq 1 ]
    # shellcheck disable=SC2154
    [[ $stderr == *"soak: healthy: leaks: 1 "* ]]
    [[ $output == *"BROKEN"* ]]
    jqr "$DIR/result.json" '.held == false and any(.measures[]; .part == "healthy" and .name == "leaks" and .held == false)'
}

@test "a shim that records nothing is a failure" {
    other_tree
    ln -sf "$ROOT/build/tests/plugin_spare.so" "$DIR/tree/build/libleakey.so"
    run soak SOAK=pace SOAK_SECONDS=1
    [ "$status" -eq 1 ]
    jqr "$DIR/result.json" '.held == false and (.failures | length == 1)'
}

@test "a soak that is ended leaves neither processes nor captures" {
    start soak env SOAK_SECONDS=600 SOAK=forks TMPDIR="$DIR" RESULT="$DIR/result.json" "$ROOT/scripts/soak"
    wait_until 60 pgrep -f "churn forks $DIR/"
    stop soak TERM
    [ "$STOPPED_STATUS" -eq 143 ]
    same_text "what is left" '' "$(find "$DIR" -name 'leakey-soak.*')"
    same_text "what still runs" '' "$(pgrep -af "$DIR/leakey-soak")"
}

@test "usage: settings that make no sense are refused with exit 2" {
    for wrong in SOAK_SECONDS=0 SOAK_SECONDS=long 'SOAK=(' SOAK=nonsense; do
        run soak "$wrong"
        [ "$status" -eq 2 ]
        [[ $output == "soak: "* ]]
    done
}

@test "the arithmetic is right on known numbers" {
    cd "$ROOT"
    run python3 -B -m unittest discover tests/soak
    echo "$output"
    [ "$status" -eq 0 ]
    [[ $output == *OK ]]
}
