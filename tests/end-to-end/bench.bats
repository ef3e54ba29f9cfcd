#!/usr/bin/env bats
# That `make bench` works, not what it measures: one tiny round, its table, its JSON, its arithmetic.

load lib

# bench SETTING...: a round so small that its numbers mean nothing.
bench() {
    env ROUNDS=1 SCALE=0.002 TMPDIR="$DIR" RESULT="$DIR/result.json" "$@" "$ROOT/scripts/bench"
}

nothing_is_left() {
    same_text "what is left" '' "$(find "$DIR" -name 'leakey-bench.*')"
}

@test "two workloads under the shim: table and JSON hold every sample" {
    bench BENCH='^(malloc-1|tight)$' VARIANTS='^(leakey-(512k|4k|all)|plain)' >"$DIR/table"
    jqr "$DIR/result.json" '.schema == "leakey.bench/1" and .rounds_count == 1 and .failures == []'
    jqr "$DIR/result.json" '[.workloads[].name] == ["malloc-1", "tight"]'
    for workload in 0 1; do
        jqr "$DIR/result.json" "[.workloads[$workload].contenders[].name] ==
            [\"plain\", \"leakey-512k\", \"leakey-4k\", \"leakey-all\", \"plain-again\"]"
        jqr "$DIR/result.json" "[.workloads[$workload].contenders[].samples_ns | length == 1 and .[0] > 0] | all"
        jqr "$DIR/result.json" "[.workloads[$workload].contenders[] | select(.name == \"leakey-all\") |
            .ratio.median == .samples_ns[0] / \$plain and .ratio.interval == [.ratio.median, .ratio.median]] | all" \
            --argjson plain "$(jq ".workloads[$workload].contenders[0].samples_ns[0]" "$DIR/result.json")"
    done
    jqr "$DIR/result.json" '.machine.cpu_model and .machine.kernel and .started and (.versions | length) > 0'
    jqr "$DIR/result.json" '[.targets[] | select(.met != null) | .what] | length == 3'
    for row in 'malloc-1: ' '  leakey-all ' 'Fewer than 6 rounds' 'the resolution: ' \
        'stack capture, repeated stacks, depth 10: .* not measured'; do
        grep -qE "$row" "$DIR/table"
    done
    nothing_is_left
}

@test "redis, stacks, memory and analysis are measured too" {
    bench BENCH='^(hiredis-pipelined|stack-20|resident|analysis)$' VARIANTS='^leakey-512k$' >"$DIR/table"
    jqr "$DIR/result.json" '.failures == []'
    jqr "$DIR/result.json" '[.workloads[] | .contenders[].name] == ["plain", "leakey-512k", "unw_backtrace", "leakey"]'
    jqr "$DIR/result.json" '[.resident[] | select(.variant == "leakey-512k") | .samples_kib[0].shim > 0] == [true, true, true]'
    jqr "$DIR/result.json" '[.analysis.cases[] | .events_count == .kept_events_count] == [true, true, true]'
    jqr "$DIR/result.json" '[.analysis.cases[].samples["leakey report"][0].seconds > 0] | all'
    nothing_is_left
}

@test "sockets: CPU of a command with hiredis and without, and HTTP between two processes" {
    bench BENCH='^(hiredis-cpu|wire-.*|http)$' VARIANTS='^leakey-512k$' >"$DIR/table"
    jqr "$DIR/result.json" '.failures == []'
    jqr "$DIR/result.json" '[.workloads[].name] == ["hiredis-cpu", "wire-pipelined-cpu", "wire-round-trip-cpu", "http"]'
    jqr "$DIR/result.json" '[.workloads[].contenders[].samples_ns[0] > 0] | all'
    grep -qE 'the wire, round trip: CPU added +400 ns +-?[0-9.]+ .* ns' "$DIR/table"
    nothing_is_left
}

@test "what is not on the machine is said to be missing, and the rest is measured" {
    mkdir "$DIR/bin"
    ln -s "$(command -v env)" /usr/bin/python3 "$DIR/bin/"
    bench PATH="$DIR/bin" BENCH=tight VARIANTS='heaptrack-raw|512k' >"$DIR/table"
    jqr "$DIR/result.json" '[.workloads[0].contenders[] | select(.name == "heaptrack-raw").unavailable] ==
        ["could not be measured: libheaptrack_preload.so is not loaded"]'
    jqr "$DIR/result.json" '[.workloads[0].contenders[] | select(.name == "leakey-512k").samples_ns[0] > 0] == [true]'
    grep -q 'heaptrack-raw .* could not be measured' "$DIR/table"
}

@test "a workload that fails is named, and the exit status is 1" {
    # The path of a unix socket has 107 characters at most.
    local deep
    deep=$DIR/$(printf 'd%.0s' {1..120})
    mkdir "$deep"
    run bench TMPDIR="$deep" BENCH='hiredis-round-trip|tight' VARIANTS=plain-again
    [ "$status" -eq 1 ]
    [[ $output == *"bench: hiredis-round-trip under plain: "* ]]
    jqr "$DIR/result.json" '.failures | length == 2'
    jqr "$DIR/result.json" '[.workloads[] | select(.name == "tight").contenders[].samples_ns[0] > 0] | all'
}

@test "usage: settings that make no sense are refused with exit 2" {
    for wrong in ROUNDS=0 ROUNDS=many SCALE=-1 'BENCH=(' BENCH=nonsense; do
        run bench "$wrong"
        [ "$status" -eq 2 ]
        [[ $output == "bench: "* ]]
    done
}

@test "the arithmetic is right on known numbers" {
    cd "$ROOT"
    run python3 -B -m unittest discover tests/bench
    echo "$output"
    [ "$status" -eq 0 ]
    [[ $output == *OK ]]
}

@test "a run that is ended half way leaves neither processes nor captures" {
    start bench env ROUNDS=9 BENCH=hiredis-round-trip VARIANTS=leakey-all TMPDIR="$DIR" RESULT="$DIR/result.json" \
        "$ROOT/scripts/bench"
    wait_until 20 pgrep -f "redis_client $DIR/"
    stop bench TERM
    [ "$STOPPED_STATUS" -eq 143 ]
    nothing_is_left
    same_text "what still runs" '' "$(pgrep -af "$DIR/leakey-bench")"
}
