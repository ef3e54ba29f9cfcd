#!/usr/bin/env bats
# Replies and contexts that leak: exactly counted by call site and branch, against the program's own truth.

load lib

run_branches() { # ARGUMENT...
    rm -rf "$DIR/captures"
    with_shim "$ROOT/build/tests/leaky_branches" "$REDIS" "$@" >"$DIR/truth.json"
    leakey report --format json -o "$DIR/report.json" "$DIR/captures"
}

# What the report says leaks, in the form of the program's truth: by function, then by branch.
seen() {
    jq -Sc '[.leaks[] | select(.rule == "reply-leak") | {branch, live_count, function: (first(.site.stack[] |
            select(.function | IN("look_up", "look_up_argv", "read_pipeline", "look_up_many", "store"))).function)}]
        | group_by(.function) | map({key: .[0].function,
            value: (map({key: .branch, value: .live_count}) | from_entries)}) | from_entries' "$DIR/report.json"
}

expected() { jq -Sc 'del(.connect_again) | map_values(with_entries(select(.value > 0)))' "$DIR/truth.json"; }

# A call site's own split, from any of its leaks.
splits() {
    jq -Sc '[.leaks[] | select(.rule == "reply-leak") | {value: (.branches | map({key: .branch, value: .count}) |
            from_entries), key: (first(.site.stack[] |
            select(.function | IN("look_up", "look_up_argv", "read_pipeline", "look_up_many", "store"))).function)}]
        | from_entries' "$DIR/report.json"
}

@test "one call site that leaks on hits, misses and error replies: each branch exactly, in one thread and in eight" {
    redis_start
    for threads in 1 8; do
        run_branches $threads
        same_text "$threads threads" "$(expected)" "$(seen)"
        same_text "$threads threads: the sites' splits" "$(expected)" "$(splits)"
        jqr "$DIR/report.json" 'all(.leaks[]; .exact)'
        # Errors are no outcome of the contract; they are told beside it.
        jqr "$DIR/report.json" 'all(.leaks[] | select(.branch == "error"); .outcome == null)'
        jqr "$DIR/report.json" 'all(.leaks[] | select(.branch == "hit" or .branch == "miss"); .outcome == .branch)'
    done
    leakey report "$DIR/captures" | tr -s ' \n' ' ' >"$DIR/text"
    grep -Eq 'look_up \([^)]*\) leaks 0.5 replies per error reply on item:hash' "$DIR/text"
    grep -q 'at this call site 2,400 on error replies, 1,200 on misses, 800 on hits' "$DIR/text"
    grep -q 'Call freeReplyObject on the error branch too' "$DIR/text"
}

@test "the ring does not matter: branches are exact after it has wrapped" {
    redis_start
    LEAKEY_RING=1M run_branches 8
    jqr "$DIR/report.json" '.captures[0].events.overwritten_count > 0'
    same_text "a small ring" "$(expected)" "$(seen)"
}

@test "connections that leak are counted exactly, those that failed to connect too; the healthy twin leaks nothing" {
    redis_start
    run_branches 4
    same_text "connections" "$(jq -Sc .connect_again "$DIR/truth.json")" "$(jq -Sc '[.leaks[] |
        select(.rule == "context-leak") | {key: .branch, value: .live_count}] | from_entries' "$DIR/report.json")"
    run_branches --healthy 4
    jqr "$DIR/report.json" '.leaks | length == 0'
}

@test "a comparison counts what each branch leaks" {
    redis_start
    run_branches 2
    leakey compare --format json "$DIR/captures" "$DIR/captures" >"$DIR/compare.json"
    leaked=$(jq '([.leaks[].live_bytes] | add) / .cache.reads' "$DIR/report.json")
    jqr "$DIR/compare.json" ".before.leaked_bytes_per_read / $leaked - 1 | fabs < 0.000001"
    jqr "$DIR/compare.json" '(.metrics[] | select(.name == "leaked_bytes_per_read")).verdict == "same"'
    jqr "$DIR/compare.json" '(.fixed | length == 0) and (.new | length == 0)'
}
