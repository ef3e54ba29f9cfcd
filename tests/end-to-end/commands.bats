#!/usr/bin/env bats
# Cache commands: each counted once, each outcome right, against the program's own truth and the server's.

load lib

# seen: what the report says, in the form of the program's truth.
seen() {
    jq -Sc '.cache | {commands, reads, hits, misses, writes, written_bytes, errors, distinct_keys}' "$DIR/report.json"
}

expected() { jq -Sc '{commands, reads, hits, misses, writes, written_bytes, errors, distinct_keys}' <<<"$1"; }

# leaked FUNCTION: replies that the report says leak there.
leaked() {
    jq --arg function "$1" '[.leaks[] | select(.rule == "reply-leak" and any(.site.stack[]; .function == $function))
        | .live_count] | add // 0' "$DIR/report.json"
}

run_commands() { # OPTION...
    redis flushall >/dev/null
    rm -rf "$DIR/captures"
    truth=$(with_shim "$ROOT/build/tests/cache_commands" "$REDIS" "$@")
    leakey report --format json -o "$DIR/report.json" "$DIR/captures"
}

@test "sync, argv, pipelined, formatted, from the reader, MULTI: counts are exact in one thread and in eight" {
    redis_start
    for threads in 1 8; do
        run_commands --threads $threads
        same_text "$threads threads" "$(expected "$truth")" "$(seen)"
        jqr "$DIR/report.json" '.captures[0].events.dropped_count == 0'
        jqr "$DIR/report.json" '(.cache.miss_causes | add) == .cache.misses'
    done
}

@test "calls agree with the server's own count" {
    redis_start
    redis config resetstat >/dev/null
    run_commands --threads 4
    redis info commandstats | tr -d '\r' | sed -n 's/^cmdstat_\([a-z]*\):calls=\([0-9]*\),.*/\U\1\E \2/p' |
        grep -vE '^(CONFIG|INFO|FLUSHALL|COMMAND) ' | sort >"$DIR/server"
    # A SET that DISCARD dropped was sent, and never called.
    jq -r '.cache.commands | to_entries[] | "\(.key) \(.value)"' "$DIR/report.json" | sort >"$DIR/report"
    discarded=$(awk '$1 == "DISCARD" { print $2 }' "$DIR/report")
    awk -v discarded="$discarded" '$1 == "SET" { $2 += discarded } { print }' "$DIR/server" >"$DIR/sent"
    same_text "calls" "$(<"$DIR/sent")" "$(<"$DIR/report")"
}

@test "replies that leak on two branches are counted exactly, each by its function; the healthy twin leaks none" {
    redis_start
    run_commands --threads 4
    [ "$(leaked look_up_missing)" -eq "$(jq .leaked.look_up_missing <<<"$truth")" ]
    [ "$(leaked look_up_wrong_type)" -eq "$(jq .leaked.look_up_wrong_type <<<"$truth")" ]
    run_commands --threads 4 --healthy
    jqr "$DIR/report.json" '.leaks | length == 0'
}

@test "every-allocation mode and hashed keys count the same, and the ring's size does not matter to the counts" {
    redis_start
    LEAKEY_SAMPLE=all run_commands --threads 2
    same_text "every allocation" "$(expected "$truth")" "$(seen)"
    LEAKEY_KEYS="hash" run_commands --threads 2
    same_text "hashed keys" "$(expected "$truth")" "$(seen)"
    LEAKEY_RING=1M run_commands --threads 8
    jqr "$DIR/report.json" '.captures[0].events.overwritten_count > 0'
    same_text "a small ring" "$(expected "$truth" | jq -c 'del(.distinct_keys)')" "$(seen | jq -c 'del(.distinct_keys)')"
    # Distinct keys come from the sketch then: three standard errors of 0.81 %.
    jqr "$DIR/report.json" "(.cache.distinct_keys / $(jq .distinct_keys <<<"$truth") - 1 | fabs) < 0.025"
    jqr "$DIR/report.json" '(.cache.miss_causes | add) == .cache.misses'
}

@test "values are never stored, and with hashed keys no text of a key or an input is" {
    redis_start
    LEAKEY_OUTPUT=$DIR/hashed LEAKEY_KEYS=hash start_with_shim service "$ROOT/build/tests/llm_cache_before" \
        --socket "$DIR/service.sock" --redis "$REDIS"
    "$ROOT/build/tests/llm_load" --socket "$DIR/service.sock" --requests 200 --distinct 20 --seed 3 >/dev/null
    redis keys '*' | cut -d: -f2 | head -50 >"$DIR/keys"
    redis get "$(redis keys '*' | head -1)" | grep -qF 'Help article'
    stop service
    [ -s "$DIR/keys" ]
    run grep -caiF -f "$DIR/keys" "$DIR"/hashed/*.leakey
    [ "$output" -eq 0 ]
    for word in prompt request_id Aurora temperature max_tokens; do
        run grep -caiF "$word" "$DIR"/hashed/*.leakey
        [ "$output" -eq 0 ]
    done
    leakey report --format json -o "$DIR/report.json" "$DIR/hashed"
    jqr "$DIR/report.json" 'any(.findings[]; .rule == "duplicate-input-miss" and
        ([.varying[].class] | index("timestamp") and index("uuid")))'
    # Text mode: keys and inputs are there, values are not.
    LEAKEY_OUTPUT=$DIR/text start_with_shim again "$ROOT/build/tests/llm_cache_before" \
        --socket "$DIR/again.sock" --redis "$REDIS"
    "$ROOT/build/tests/llm_load" --socket "$DIR/again.sock" --requests 50 --distinct 20 --seed 3 >/dev/null
    stop again
    grep -qaF request_id "$DIR"/text/*.leakey
    run grep -caF 'Help article' "$DIR"/text/*.leakey
    [ "$output" -eq 0 ]
}
