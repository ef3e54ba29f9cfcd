#!/usr/bin/env bats
# The heap side: counts against the truth that the test programs print, and which sites are called leaks.

load lib

report() { leakey report --format json -o "$DIR/report.json" "$DIR/captures"; }

# site FUNCTION FIELD: a field of the sites in whose stack the function stands, added up.
site() {
    jq --arg function "$1" "[.heap.sites[] | select(any(.stack[]; .function == \$function)) | .$2] | add // 0" \
        "$DIR/report.json"
}

# made_in FUNCTION FIELD: the same of the sites whose innermost frame it is.
made_in() {
    jq --arg function "$1" "[.heap.sites[] | select(.stack[0].function == \$function) | .$2] | add // 0" \
        "$DIR/report.json"
}

@test "every allocation: the whole malloc family is counted exactly, in threads, across fork and vfork" {
    export LEAKEY_SAMPLE=all
    truth=$(with_shim "$ROOT/build/tests/heap_forms") || status=$?
    [ "${status:-0}" -eq 3 ]
    [ "$(find "$DIR/captures" -name 'heap_forms.*' | wc -l)" -eq 2 ]
    report
    [ "$(site all_forms allocated_count)" -eq "$(jq .forms_count <<<"$truth")" ]
    [ "$(site all_forms allocated_bytes)" -eq "$(jq .forms_bytes <<<"$truth")" ]
    [ "$(site all_forms live_bytes)" -eq 0 ]
    [ "$(site failures allocated_count)" -eq 1 ]
    [ "$(made_in main live_bytes)" -eq 5000 ]
    [ "$(made_in child_of_its_own live_bytes)" -eq 777 ]
    jqr "$DIR/report.json" '.heap.exact and (.captures | length == 2)'
    jqr "$DIR/report.json" 'all(.captures[]; .events.dropped_count == 0 and .end == "exit")'
}

@test "a child by fork has a capture of its own that does not count what the parent had allocated" {
    export LEAKEY_SAMPLE=all
    with_shim "$ROOT/build/tests/heap_forms" || true
    for capture in "$DIR"/captures/*.leakey; do
        leakey report --format json "$capture" >"$DIR/one.json"
        if jq -e '.heap.allocated_count == 1' "$DIR/one.json" >/dev/null; then
            child=yes
            jqr "$DIR/one.json" '.heap.live_bytes == 777 and .heap.freed_count == 0'
            leakey dump --what header --format json "$capture" | grep -q forked
        else
            run ! grep -q forked <(leakey dump --what header --format json "$capture")
        fi
    done
    [ "$child" = yes ]
}

@test "every allocation: a steady leak is found with its exact bytes, and its healthy neighbours are not" {
    export LEAKEY_SAMPLE=all
    truth=$(with_shim "$ROOT/build/tests/leak_steady")
    report
    jqr "$DIR/report.json" '[.leaks[] | select(.rule == "heap-leak")] | length == 1'
    jqr "$DIR/report.json" ".leaks[0].live_bytes == $(jq .leaked_bytes <<<"$truth")"
    jqr "$DIR/report.json" ".leaks[0].live_count == $(jq .leaked_count <<<"$truth")"
    jqr "$DIR/report.json" 'any(.leaks[0].site.stack[]; .function == "forget_session" and (.file | endswith("leak_steady.c")))'
    jqr "$DIR/report.json" '.leaks[0].growth_bytes_per_second > 0 and .leaks[0].confidence_ratio > 0.9'
    [ "$(site churn allocated_count)" -eq "$(jq .churn_count <<<"$truth")" ]
    [ "$(site churn temporary_count)" -eq "$(jq .churn_count <<<"$truth")" ]
    [ "$(site load_table live_count)" -eq "$(jq .table_live_count <<<"$truth")" ]
    [ "$(site refill_cache live_count)" -eq "$(jq .cache_live_count <<<"$truth")" ]
}

@test "every allocation: the healthy twin gets no leak and no finding" {
    export LEAKEY_SAMPLE=all
    with_shim "$ROOT/build/tests/leak_steady" --healthy
    report
    jqr "$DIR/report.json" '(.leaks | length == 0) and (.findings | length == 0)'
}

@test "sampled: the steady leak is found, its true bytes lie within the interval" {
    export LEAKEY_SAMPLE=16K
    truth=$(with_shim "$ROOT/build/tests/leak_steady")
    report
    jqr "$DIR/report.json" '.leaks | length == 1'
    jqr "$DIR/report.json" 'any(.leaks[0].site.stack[]; .function == "forget_session")'
    # Four intervals wide each way: a fair sample falls outside of it once in 10^14 runs.
    jqr "$DIR/report.json" "(.leaks[0].live_bytes - $(jq .leaked_bytes <<<"$truth") | fabs) <
        2 * (.leaks[0].live_bytes_interval[1] - .leaks[0].live_bytes_interval[0])"
    jqr "$DIR/report.json" '.heap.exact | not'
}

@test "sampled: the healthy twin gets no leak" {
    for sample in 4K 64K; do
        LEAKEY_SAMPLE=$sample LEAKEY_OUTPUT=$DIR/$sample with_shim "$ROOT/build/tests/leak_steady" --healthy
        leakey report --format json "$DIR/$sample" >"$DIR/$sample.json"
        jqr "$DIR/$sample.json" '.leaks | length == 0'
    done
}

@test "a ring that wrapped a hundred times loses events, and not one of the exact totals" {
    LEAKEY_SAMPLE=all LEAKEY_RING=1M with_shim "$ROOT/build/tests/heap_forms" >"$DIR/truth.json" || true
    report
    jqr "$DIR/report.json" '[.captures[].events.overwritten_count] | add > 50000'
    [ "$(site all_forms allocated_bytes)" -eq "$(jq .forms_bytes "$DIR/truth.json")" ]
    [ "$(made_in main live_bytes)" -eq 5000 ]
    [ "$(made_in child_of_its_own live_bytes)" -eq 777 ]
}

@test "signals that interrupt malloc, free and realloc change nothing" {
    for sample in 512K 4K all; do
        LEAKEY_SAMPLE=$sample run with_shim "$ROOT/build/tests/signals_in_malloc"
        [ "$status" -eq 0 ]
        [ "$output" = '{"signals":500}' ]
    done
}

@test "heap off: no allocation is recorded" {
    export LEAKEY_HEAP=off LEAKEY_SAMPLE=all
    with_shim "$ROOT/build/tests/leak_steady" 10
    [ -z "$(ls -A "$DIR/captures")" ]
}
