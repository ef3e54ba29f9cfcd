#!/usr/bin/env bats
# leakey export: each format read back, and its numbers beside the JSON report's.

load planted

# heap_capture: a program with two leaking sites, every allocation recorded; the report beside it.
heap_capture() {
    plant heap all two_sites
    reap
}

# reported FIELD: that field of all sites together, as the report has it.
reported() { jq "[.heap.sites[].$1] | add" "$DIR/heap.json"; }

@test "collapsed: what all stacks hold adds up to the report's, whichever metric" {
    heap_capture
    while read -r metric field; do
        leakey export "$DIR/heap" --to collapsed --metric "$metric" -o "$DIR/$metric.txt"
        [ "$(awk '{ sum += $NF } END { printf "%.0f", sum }' "$DIR/$metric.txt")" -eq "$(reported "$field")" ]
    done <<<'live live_bytes
allocated allocated_bytes
peak peak_live_bytes
temporary temporary_count'
    leakey export "$DIR/heap" --to collapsed --metric leaked -o "$DIR/leaked.txt"
    [ "$(awk '{ sum += $NF } END { printf "%.0f", sum }' "$DIR/leaked.txt")" -eq "$(jq '[.leaks[].live_bytes] | add' "$DIR/heap.json")" ]
}

@test "collapsed: each line is the stack outermost first, and a whole number" {
    heap_capture
    leakey export "$DIR/heap" --to collapsed -o "$DIR/live.txt"
    ! grep -vE '^[^;]+(;[^;]+)* [0-9]+$' "$DIR/live.txt" || false
    grep -qE '(^|;)main;(.*;)?forget_large(;.*)? [0-9]+$' "$DIR/live.txt"
}

@test "what cannot be exported is said, and nothing is left" {
    heap_capture
    run -2 leakey export "$DIR/heap" --to nothing -o "$DIR/out"
    [[ $output == *'no format "nothing"; there are: '*collapsed* ]]
    run -2 leakey export "$DIR/heap" --to collapsed --metric nothing
    run -2 leakey export --to collapsed
    run -2 leakey export "$DIR/nowhere" --to collapsed -o "$DIR/out"
    [ ! -e "$DIR/out" ]
}
