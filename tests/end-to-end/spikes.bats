#!/usr/bin/env bats
# memory-spike: a program that spikes every second, against its own truth; and its healthy twin, which allocates as much.

load lib

# run_spikes NAME SETTING... -- ARGUMENT...: a run in the background, its capture in $DIR/NAME.
run_spikes() {
    local name=$1 settings=()
    shift
    while [ "$1" != -- ]; do settings+=("$1") && shift; done
    shift
    mkdir "$DIR/$name"
    start "$name" env LD_PRELOAD="$SHIM" LEAKEY_OUTPUT="$DIR/$name" "${settings[@]}" \
        "$ROOT/build/tests/memory_spikes" "$@"
}

wait_for() { # NAME...
    local name
    for name in "$@"; do
        wait_until 60 process_ended "$(<"$DIR/$name.pid")"
        leakey report --format json -o "$DIR/$name.json" "$DIR/$name"
    done
}

truth() { jq ".$2" "$DIR/$1.log"; }

spike='(.findings[] | select(.rule == "memory-spike"))'

@test "spikes are found with their period, height and count, sampled and with every allocation; the twin has none" {
    run_spikes sampled -- 7 1000
    run_spikes all LEAKEY_SAMPLE=all -- 7 1000
    run_spikes healthy -- --healthy 7 1000
    run_spikes healthy_all LEAKEY_SAMPLE=all -- --healthy 7 1000
    wait_for sampled all healthy healthy_all
    for name in sampled all; do
        jqr "$DIR/$name.json" '[.findings[] | select(.rule == "memory-spike")] | length == 1'
        jqr "$DIR/$name.json" "$spike.metrics.count == $(truth $name count)"
        jqr "$DIR/$name.json" "$spike.metrics.period_seconds / $(truth $name period_seconds) - 1 | fabs < 0.05"
        jqr "$DIR/$name.json" "$spike.spike.sites[0] | .share_ratio > 0.9 and
            any(.stack[]; .function == $(truth $name function) and (.file | endswith(\"memory_spikes.c\")))"
    done
    jqr "$DIR/all.json" "$spike.metrics.height_bytes / $(truth all height_bytes) - 1 | fabs < 0.02"
    # 98 samples a spike: the median of seven, the top of a flat curve, is off by more once in a million runs.
    jqr "$DIR/sampled.json" "$spike.metrics.height_bytes / $(truth sampled height_bytes) - 1 | fabs < 0.25"
    jqr "$DIR/healthy.json" '.findings | length == 0'
    jqr "$DIR/healthy_all.json" '.findings | length == 0'
    leakey report "$DIR/all" >"$DIR/all.text"
    head -3 "$DIR/all.text" | tr -s ' \n' ' ' |
        grep -Eq 'Live memory spikes by 48 MiB every [0-9.]+ s \(7 times\): 100 % of it is allocated in load_snapshot'
    run leakey report --fail-on memory-spike "$DIR/all"
    [ "$status" -eq 1 ]
}

@test "a ring that no longer holds the spikes' allocations: they are told all the same, and why their site is not" {
    run_spikes kept LEAKEY_SAMPLE=4K LEAKEY_RING=1M -- 8 500
    run_spikes lost LEAKEY_SAMPLE=4K LEAKEY_RING=1M -- --busy-end 8 500
    wait_for kept lost
    jqr "$DIR/kept.json" "$spike | .metrics.count == 8 and .spike.covered_count == 8"
    jqr "$DIR/lost.json" '.captures[0].events.overwritten_count > 0'
    jqr "$DIR/lost.json" "$spike | .metrics.count == 8 and .spike.covered_count == 0"
    jqr "$DIR/lost.json" "$spike | (.spike.sites | length == 0) and (.call_sites | length == 0)"
    jqr "$DIR/lost.json" "$spike | .message | contains(\"the ring no longer holds\")"
    jqr "$DIR/lost.json" "$spike.metrics | .height_bytes / $(truth lost height_bytes) - 1 | fabs < 0.1"
}
